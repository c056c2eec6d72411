"""Which texts of the Secret must never be shown."""

import re
from collections.abc import Iterator, Mapping

from runner.destination import CONF

# Variables whose values help in messages, but for what stands before an @ in their addresses.
_SHOWN = re.compile(
    r"BACKUP_.*|KEEP_.*|DEBUG|RESTIC_SOURCE|RESTIC_HOST(NAME)?|RESTIC_CACHE_DIR|(COPY_)?RESTIC_REPOSITORY"
    r"|RESTIC_RETENTION_POLICIES_ENABLED|RESTIC_COMPRESSION|NTFY_(ENABLED|PRIO|TAG|TITLE|SERVER)"
    r"|PUSHGATEWAY_(ENABLED|URL)|.*_REGION|PATH|HOME|PWD|SHLVL|LANG|LC_.*|TERM|HOSTNAME"
    r"|KUBERNETES_.*|RCLONE_CONFIG_.*_(TYPE|PROVIDER|REGION|ENDPOINT|ENV_AUTH)"
    r"|PG(HOST|PORT|USER|DATABASE|SSLMODE)|MYSQL_(HOST|TCP_PORT|USER|DATABASE)"
    r"|REDISCLI_(HOST|PORT|USER)"
)
# Shell text: its words are mostly programs.
_COMMANDS = {
    "PRE_HOOK",
    "POST_HOOK",
    "RESTIC_BACKUP_COMMAND",
    "RESTIC_ADDITIONAL_BACKUP_PARAMETERS",
    "RESTIC_OPTIONS",
}
_CREDENTIAL = re.compile(r".*(PASS|SECRET|KEY|TOKEN|CRED|AUTH|ACCOUNT).*|NOTIFY_URLS")
_ADDRESSES = "NOTIFY_URLS"  # to services, of which each part may be the token
_USERINFO = re.compile(r"://([^/\s]+)@")
_BETWEEN_WORDS = re.compile(r"""[\s"',;=]+""")
_BETWEEN_PARTS = re.compile(r"[/?&=@:,#]+")
_TOKEN = 8  # characters
_PLACES = {"BUP_SRC", "BUP_DST"}
_KINDS = {"type", "provider", "region", "env_auth", "acl", "remote", "endpoint", "vendor", "host"}
_SHORTEST = 4  # characters; masking less would blank out half of every message


def texts(variables: Mapping[str, str], *, all_secret: bool) -> tuple[str, ...]:
    """Return the texts that no log, message or metric may show, the longest first.

    ``all_secret``: the variables are a Secret's; else only those named like credentials count.
    """
    found: set[str] = set()
    for key, value in variables.items():
        found.update(_userinfo(value))
        if key == CONF:
            found.update(_of_conf(value))
            continue
        if key in _PLACES and "=" not in value:
            continue
        if _SHOWN.fullmatch(key) or not (all_secret or _CREDENTIAL.fullmatch(key)):
            continue
        found.update((value.strip(), *map(str.strip, value.splitlines())))
        if key not in _COMMANDS:
            found.update(_words(value))
        if key == _ADDRESSES:
            found.update(_parts(value))
    return tuple(sorted((text for text in found if len(text) >= _SHORTEST), key=len, reverse=True))


def _of_conf(value: str) -> Iterator[str]:
    """Yield the values in an rclone.conf but for those that say what kind a remote is."""
    for line in value.splitlines():
        name, _, text = (part.strip() for part in line.partition("="))
        if text and name not in _KINDS:
            yield text
            yield from re.findall(r'"([^"]{12,})"', text)  # tokens are JSON


def _userinfo(value: str) -> Iterator[str]:
    for match in _USERINFO.finditer(value):
        user, _, password = match[1].partition(":")
        yield match[1]
        yield password or user
        yield from password.split("@")


def _parts(value: str) -> Iterator[str]:
    """Yield each address, what follows its kind, and what in it looks like a token."""
    for url in value.split():
        rest = url.partition("://")[2]
        yield from (url, rest, *(part for part in _BETWEEN_PARTS.split(rest) if _is_token(part)))


def _is_token(part: str) -> bool:
    # Shorter ones, and plain words, would blank out half of every message.
    return len(part) >= _TOKEN and any(letter.isdigit() for letter in part)


def _words(value: str) -> Iterator[str]:
    """Yield each word, and of ``user:password`` the password, which may be quoted alone."""
    for word in _BETWEEN_WORDS.split(value):
        if "://" not in word:
            yield word
            yield word.partition(":")[2]
