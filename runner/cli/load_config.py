"""Reads the configuration from the environment, the Secret's files and annotations."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from contract import names
from contract.annotations import commands
from contract.secret import variables
from runner.config import build, downward_api, parse
from runner.config.build import Files
from runner.config.model import Config
from runner.config.network.routes import AUTHORITIES, Authorities
from runner.process.folders import ownership
from runner.sandbox import rights
from runner.state.store import Store

_SHOWN = 200  # characters of a path that cannot be read
# Files that other programs read themselves; their secrets are masked too.
_OTHERS_READ = re.compile(r".*_FILE|PGPASSFILE|GOOGLE_APPLICATION_CREDENTIALS")
_NO_SECRET = re.compile(r".*(CERT|CA|KNOWN_HOSTS)_FILE")
_LONGEST_SECRET = 1 << 16  # bytes of such a file


def read_config(*, fills: bool = False, writes: bool = False) -> Config:
    """Return the current configuration.

    ``fills`` and ``writes`` say what the command does to volumes, as in `rights`.
    """
    state_dir = ownership.home(os.environ.get(names.ENV_STATE_DIR, names.STATE_DIR))
    environment = {**os.environ, names.ENV_STATE_DIR: state_dir}
    file = Path(environment.get(names.ENV_ANNOTATIONS_FILE, names.ANNOTATIONS_FILE))
    try:
        text = file.read_text("utf-8", "replace")
    except OSError:
        text = ""
    known = Store(Path(state_dir)).load()
    good = known.given.good if known else {}
    resolved = _from_files(parse.of_secret(environment, _secret()))
    secret = resolved.secret
    given = secret or environment
    beyond = rights.beyond_a_sidecar(environment, fills=fills, writes=writes)
    others = tuple(_read_by_others(given))
    files = Files(resolved.unread, others, _authorities(given), _settings(given))
    return build.config(environment, secret, downward_api.parse(text), good, files, beyond)


def _authorities(given: Mapping[str, str]) -> Authorities:
    if not any(given.get(key, "").strip() for key in AUTHORITIES):
        return Authorities()
    from runner.process.environment import authorities  # noqa: PLC0415 -- TLS costs memory, and few have their own

    return authorities.read(given)


def _secret_dir() -> Path:
    return Path(os.environ.get(names.ENV_SECRET_DIR, names.SECRET_DIR))


def _secret() -> Mapping[str, str]:
    """Return the Secret's files by name; the kubelet's own entries start with dots."""
    try:
        files = [path for path in _secret_dir().iterdir() if not path.name.startswith(".")]
        return {
            path.name: path.read_bytes().decode("utf-8", "surrogateescape")
            for path in sorted(files)
            if path.is_file()
        }
    except OSError:
        return {}


@dataclass(frozen=True, slots=True)
class _Resolved:
    """The Secret, with ``X`` read from the file in ``X_FILE``, and the unreadable variables."""

    secret: Mapping[str, str]
    unread: Mapping[str, str]  # why, by variable


def _from_files(secret: Mapping[str, str]) -> _Resolved:
    """Return the Secret with the contents of files in place of their paths."""
    found, unread = dict(secret), {}
    for key, value in secret.items():
        name, path = key.removesuffix("_FILE"), value.strip()
        if name == key or name not in variables.IN_FILES or name in secret or not path:
            continue
        try:
            found[name] = Path(path).read_text("utf-8", "surrogateescape").rstrip("\r\n")
        except (OSError, ValueError) as error:  # a NUL in a path is a ValueError
            why = getattr(error, "strerror", None) or "is not a path"
            # An invalid path may be the secret itself.
            shown = path[:_SHOWN] if path.startswith("/") else "the value (not shown)"
            unread[key] = f"{shown}: {why}"
        del found[key]
    return _Resolved(found, unread)


def _read_by_others(given: Mapping[str, str]) -> list[str]:
    """Return the content of secret files that restic and others read themselves."""
    found = []
    for key, value in given.items():
        if not _OTHERS_READ.fullmatch(key) or _NO_SECRET.fullmatch(key):
            continue
        try:
            path = Path(value.strip())
            if path.is_file() and path.stat().st_size <= _LONGEST_SECRET:
                found.append(path.read_text("utf-8", "surrogateescape"))
        except (OSError, ValueError):
            continue  # the program that reads it reports the error
    return found


def _settings(given: Mapping[str, str]) -> dict[str, str]:
    """Return the texts of the readable files that programs read their settings from."""
    found = {}
    for key, value in given.items():
        if not commands.FILES.fullmatch(key) or not value.strip():
            continue
        with suppress(OSError, ValueError):
            path = Path(value.strip())
            if path.is_file() and path.stat().st_size <= _LONGEST_SECRET:
                found[key] = path.read_text("utf-8", "surrogateescape")
    return found


def secret_changed() -> float:
    """Return when the Secret's files last changed, in epoch seconds; 0 without files."""
    try:
        return _secret_dir().stat().st_mtime
    except OSError:
        return 0
