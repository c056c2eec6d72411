"""Variables of the Secret that send credentials without TLS. Pure.

Addresses of the pod itself and of Services by their cluster names (`….svc`) are exempt: whoever can
listen there can read the Secret as well.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from contract.annotations import values

Reader = Callable[[str], str | None]
"""Returns the text of the file that a variable names; None if it cannot be read."""

SERVICES = frozenset({
    "apprise", "bark", "emby", "enigma2", "form", "gotify", "hassio", "jellyfin", "json",
    "kodi", "lametric", "mastodon", "matrix", "misskey", "mmost", "nctalk", "ncloud", "notica",
    "ntfy", "pushdeer", "rocket", "signal", "synology", "toot", "xbmc", "xml",
})  # fmt: skip
"""Schemes of Apprise's that mean HTTP without TLS; with an ``s`` after it, each has TLS."""

WHY = "unencrypted over http://, readable on the network: use https://"
_OPEN_TO_ALL = {"form", "json", "ntfy", "xml"}  # need no credentials
_LOCAL = (".localhost", ".svc", ".svc.cluster.local")
_URL = re.compile(r"(?i)\b(?P<name>url|endpoint|auth)\s*=\s*[\"']?(?P<url>http://[^\s\"',]+)")
_SECTION = re.compile(r"(?m)^\s*\[[^\]\n]*\]\s*$")
_SECRETS = re.compile(
    r"(?i)(?<![a-z0-9])(pass|password|key|secret_access_key|access_key_id|bearer_token|token)\s*="
)
_REMOTE = re.compile(r"RCLONE_(?P<remote>CONFIG_\w+|[A-Z0-9]+)_(URL|ENDPOINT|AUTH)")
_OF_REMOTE = ("PASS", "KEY", "SECRET_ACCESS_KEY", "ACCESS_KEY_ID", "BEARER_TOKEN", "TOKEN")
_AWS = re.compile(r"(COPY_)?AWS_(ACCESS_KEY_ID|SESSION_TOKEN|SHARED_CREDENTIALS_FILE)")
_OPENSTACK = (("OS_AUTH_URL", r"OS_.*(PASSWORD|SECRET|TOKEN)"), ("ST_AUTH", r"ST_KEY"))


def sent(variables: Mapping[str, str], read: Reader) -> Iterator[tuple[str, str]]:
    """Yield each variable with an address to which credentials go without TLS, and whose they are.

    No value is in what is yielded. ``read`` opens the files that variables name.
    """
    given = {key: text.strip() for key, text in variables.items() if text.strip()}
    yield from _of_messages(given)
    for prefix in ("", "COPY_"):
        key = f"{prefix}RESTIC_REPOSITORY"
        where = key if key in given else f"{key}_FILE"
        address = given.get(key) or (read(where) if where in given else "") or ""
        if what := _of_repository(address.strip(), given):
            yield where, what
    if _of_remote(given.get("BUP_DST", "")):
        yield "BUP_DST", "its credentials"
    for key, text in given.items():
        match = _REMOTE.fullmatch(key.removeprefix("COPY_"))
        if match and _is_plain(text) and _has_login(given, key, match["remote"], text):
            yield key, "the credentials of this remote"
    for key, pattern in _OPENSTACK:
        if _is_plain(given.get(key, "")) and any(re.fullmatch(pattern, each) for each in given):
            yield key, "the credentials of OpenStack"
    for key, conf in (
        ("rclone.conf", given.get("rclone.conf")),
        ("RCLONE_CONFIG", read("RCLONE_CONFIG") if "RCLONE_CONFIG" in given else None),
    ):
        if any(_of_remote(section) for section in _SECTION.split(conf or "")):
            yield key, "the credentials of a remote"


def _of_messages(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    server, gateway = given.get("NTFY_SERVER", ""), given.get("PUSHGATEWAY_URL", "")
    if _is_on(given, "NTFY_ENABLED") and _is_plain(server):
        if "NTFY_CREDS" in given:
            yield "NTFY_SERVER", "NTFY_CREDS"
        elif _login(server):
            yield "NTFY_SERVER", "its user and password"
    gateway = gateway if "://" in gateway else f"http://{gateway}"
    if _is_on(given, "PUSHGATEWAY_ENABLED") and _is_plain(gateway) and _login(gateway):
        yield "PUSHGATEWAY_URL", "its user and password"
    if _is_plain(ping := given.get("PING_URL", "")) and (_login(ping) or _path(ping)):
        yield "PING_URL", "the address, which lets anybody ping,"
    urls = dict.fromkeys(given.get("NOTIFY_URLS", "").split())
    numbers = [str(number) for number, url in enumerate(urls, 1) if _is_plain_service(url)]
    if numbers:
        yield "NOTIFY_URLS", f"the credentials of address {', '.join(numbers)}"


def _of_repository(address: str, given: Mapping[str, str]) -> str:
    kind, _, rest = address.partition(":")
    if kind == "rclone":
        return "the credentials of its remote" if _of_remote(rest) else ""
    if not _is_plain(rest):
        return ""
    if kind == "rest":
        keys = [
            key for key in given if key.endswith(("RESTIC_REST_PASSWORD", "RESTIC_REST_USERNAME"))
        ]
        return "its user and password" if keys or _login(rest) else ""
    return "signatures of its keys" if kind == "s3" and any(map(_AWS.fullmatch, given)) else ""


def _of_remote(text: str) -> bool:
    """Whether a connection string, or a section of rclone.conf, sends them without TLS."""
    plain = [match["url"] for match in _URL.finditer(text) if _is_plain(match["url"])]
    return bool(plain) and (bool(_SECRETS.search(text)) or any(map(_login, plain)))


def _has_login(given: Mapping[str, str], key: str, remote: str, url: str) -> bool:
    prefix = "COPY_" if key.startswith("COPY_") else ""
    return _login(url) or any(f"{prefix}RCLONE_{remote}_{name}" in given for name in _OF_REMOTE)


def _is_plain_service(url: str) -> bool:
    scheme, _, rest = url.partition("://")
    address = f"http://{rest}"
    if scheme.lower() not in SERVICES or not _is_plain(address):
        return False
    return _login(address) or (scheme.lower() not in _OPEN_TO_ALL and _path(address))


def _is_plain(url: str) -> bool:
    """Whether an address has no TLS and appears to be outside the cluster."""
    if not url.lower().startswith("http://"):
        return False
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return True
    if host == "localhost" or host.endswith(_LOCAL):
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return bool(host)


def _login(url: str) -> bool:
    return "@" in url.partition("://")[2].partition("/")[0]


def _path(url: str) -> bool:
    return bool(url.partition("://")[2].partition("/")[2].strip("/"))


def _is_on(given: Mapping[str, str], key: str) -> bool:
    try:
        return values.boolean(given.get(key, "false"))
    except ValueError:
        return False
