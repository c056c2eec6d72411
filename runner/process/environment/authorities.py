"""Certificates of additional CAs: reads them, and passes them to TLS and to other programs."""

import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from contract.annotations.settings import Problem
from runner.config.network.routes import AUTHORITIES, Authorities, Network
from runner.process.environment import handed_files
from runner.process.log import Log

_OURS, _RESTICS, _FILE, _FOLDER = AUTHORITIES
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_LARGEST = 4 << 20  # bytes of a file; the authorities of a whole system are a quarter of one MiB
# Where systems keep all they trust, in the order in which Go, and so restic, looks for it.
_SYSTEMS = (
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem", "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
)  # fmt: skip


class _UnusableError(Exception):
    """There is no certificate; the message is the cause."""


def read(given: Mapping[str, str]) -> Authorities:
    """Return the authorities that a Secret names: by a path, or by their text itself.

    A variable is used as a whole or not at all: a certificate in it that cannot be read is a
    problem, and no other of that variable is trusted.
    """
    found: list[str] = []
    problems: list[Problem] = []
    for_all = False
    for key in AUTHORITIES:
        value = given.get(key, "").strip()
        if not value:
            continue
        try:
            text = "\n".join(_checked(each) for each in _texts(key, value))
        except _UnusableError as error:
            shown = "" if _is_text(value) else value
            used = "the system's CAs only"
            problems.append(Problem("Secret variable", key, shown, str(error), used))
            continue
        found.append(text)
        # restic reads only a path: if its variable contains text, it gets our file.
        for_all = for_all or key == _OURS or (key == _RESTICS and _is_text(value))
    return Authorities("".join(f"{text}\n" for text in found), for_all, tuple(problems))


def context(authorities: Authorities) -> ssl.SSLContext:
    """Return a context for requests: the system's authorities, and these."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.set_alpn_protocols(["http/1.1"])
    system = _system()
    if system:
        made.load_verify_locations(cafile=system)
    else:
        made.load_default_certs()
    if authorities.pem:
        made.load_verify_locations(cadata=authorities.pem)
    return made


def bundle(authorities: Authorities, folder: str) -> str:
    """Return the path of a file with the system's authorities and these; "" where there is none.

    It is written into ``folder`` if needed, for any later user. Raises OSError.
    """
    system = _system()
    if not authorities.pem:
        return system
    text = Path(system).read_bytes() if system else b""
    text += b"\n" + authorities.pem.encode()
    return handed_files.over(folder, "authorities", text)


def environment(network: Network, given: Mapping[str, str], log: Log) -> dict[str, str]:
    """Return the variables by which restic and rclone trust the same, and go the same way.

    ``given`` are those that they get anyway. A file of restic's own that the Secret names stays.
    """
    found = {key: text for key, text in network.for_go.items() if not given.get(key, "").strip()}
    if not network.authorities.for_all:
        return found
    own = given.get(_RESTICS, "").strip()
    try:
        path = bundle(network.authorities, given["TMPDIR"])
    except OSError as error:
        log.line("warning", f"own CAs are not used: {error.filename}: {error.strerror}")
        return found
    return {**found, _FILE: path, _RESTICS: own if own and not _is_text(own) else path}


def _is_text(value: str) -> bool:
    return "-----BEGIN" in value


def _texts(key: str, value: str) -> Iterator[str]:
    if _is_text(value):
        yield value.replace("\\n", "\n")  # as a text of one line writes it
    elif key == _FOLDER:
        yield _of_folders(value.split(":"))
    else:
        for path in value.split(",") if key == _RESTICS else [value]:
            yield _of_file(Path(path))


def _of_file(path: Path) -> str:
    try:
        # A pipe would be waited for, a device has no end.
        if path.exists() and not path.is_file():
            raise _UnusableError(f"{path} is not a file")
        with path.open("rb") as file:
            return file.read(_LARGEST).decode("ascii", "replace")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "is not a path"
        raise _UnusableError(f"{path} cannot be read: {why}") from error


def _of_folders(folders: list[str]) -> str:
    """Return the contents of all files, as Go does: unreadable ones are skipped."""
    found = []
    for folder in folders:
        with suppress(OSError):
            for path in sorted(Path(folder).iterdir()):
                with suppress(_UnusableError):
                    found.append(_of_file(path))
    return "\n".join(found)


def _checked(text: str) -> str:
    """Return only the certificates in a text: a key may be beside them."""
    blocks = _CERTIFICATE.findall(text)
    if not blocks:
        raise _UnusableError("contains no certificate (-----BEGIN CERTIFICATE-----)")
    pem = "\n".join(block.replace("\r", "") for block in blocks)
    store = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        store.load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError) as error:
        raise _UnusableError("contains a damaged certificate") from error
    return pem


def _system() -> str:
    return next((path for path in _SYSTEMS if Path(path).is_file()), "")
