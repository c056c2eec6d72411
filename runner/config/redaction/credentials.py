"""Finds credentials in values of the Secret, by key and by form. Pure."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from contract.secret import redaction
from runner.config.repository.mirror import CONF

# Variables whose values help in messages, but for what stands before an @ in their addresses.
# User names, topics and hosts are no secrets.
_SHOWN = re.compile(
    r"BACKUP_(?!MAINTENANCE_KEY).*|KEEP_.*|DEBUG|RESTIC_SOURCE|RESTIC_HOST(NAME)?|RESTIC_CACHE_DIR"
    r"|RESTIC_REPOSITORY|RESTIC_RETENTION_POLICIES_ENABLED|RESTIC_COMPRESSION|RESTIC_REST_USERNAME"
    r"|NTFY_(ENABLED|PRIO|TAG|TITLE|SERVER|TOPIC)|PUSHGATEWAY_(ENABLED|URL)|.*_(REGION|FILE|DIR)"
    r"|.*_CACERT|.*_(PROXY|proxy)|(COPY_)?SFTP_KNOWN_HOSTS|PATH|HOME|PWD|SHLVL|LANG|LC_.*|TERM|HOSTNAME|TZ|BUP_(SRC|ENABLED)"
    r"|KUBERNETES_.*|RCLONE_CONFIG_.*_(TYPE|PROVIDER|REGION|ENDPOINT|ENV_AUTH|USER|HOST|PORT|URL)"
    r"|PG(HOST|HOSTADDR|PORT|USER|DATABASE|SSL[A-Z]*|PASSFILE|SERVICEFILE|SERVICE)"
    r"|MYSQL_(HOST|TCP_PORT|USER|DATABASE)|REDISCLI_(HOST|PORT|USER)|ST_(AUTH|USER)"
    r"|OS_(AUTH_URL|USERNAME|.*_NAME|.*_ID|REGION.*|IDENTITY_API_VERSION|STORAGE_URL)"
    r"|AZURE_(ACCOUNT_NAME|ENDPOINT_SUFFIX)|GOOGLE_(PROJECT_ID|APPLICATION_CREDENTIALS)"
)
_PLAIN_IDS = re.compile(r"OS_.*CREDENTIAL.*")  # of which the name sounds public
_CREDENTIAL = re.compile(
    r".*(PASS|PWD|SECRET|KEY|TOKEN|CRED|AUTH|ACCOUNT|SAS).*|NOTIFY_URLS|PING_URL"
)
# Shell text: its words are mostly programs.
_COMMANDS = {
    "PRE_HOOK", "POST_HOOK", "RESTIC_BACKUP_COMMAND", "RESTIC_ADDITIONAL_BACKUP_PARAMETERS",
    "RESTIC_OPTIONS", "RESTIC_PASSWORD_COMMAND",
}  # fmt: skip
_ADDRESSES = {"NOTIFY_URLS", "PING_URL"}  # to services, of which each part may be the token
_REPOSITORIES = re.compile(r"(COPY_)?RESTIC_REPOSITORY(_FILE)?|BUP_DST")
_LOGINS = (
    ("RESTIC_REST_USERNAME", "RESTIC_REST_PASSWORD"), ("MYSQL_USER", "MYSQL_PWD"),
    ("PGUSER", "PGPASSWORD"), ("REDISCLI_USER", "REDISCLI_AUTH"), ("OS_USERNAME", "OS_PASSWORD"),
    ("ST_USER", "ST_KEY"), ("B2_ACCOUNT_ID", "B2_ACCOUNT_KEY"),
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
)  # fmt: skip
_KINDS = {
    "type", "provider", "region", "env_auth", "acl", "remote", "endpoint", "vendor", "host", "user",
    "port", "url", "bucket", "root", "location_constraint", "storage_class",
}  # fmt: skip
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]*://[^\s\"'<>]+")
_BETWEEN_WORDS = re.compile(r"""[\s"',;=]+""")
_BETWEEN_PARTS = re.compile(r"[/?&=@:,#]+")
_BETWEEN_PIECES = re.compile(r"[^A-Za-z0-9_.~-]+")
_PARAMETER = re.compile(r"(?:^|[?&;])([\w.-]+)=([^&;#\s]+)")
_PARAMETERS = re.compile(r"(?i).*(sig|token|secret|pass|pwd|key|auth|cred).*")
_OPTION = re.compile(
    r"(?i)(?:--?[\w-]*(?:pass|secret|token|key|cred)[\w-]*|\b\w*(?:PASS|PWD|SECRET|TOKEN|KEY)\w*)"
    r"[= ](\"[^\"]*\"|'[^']*'|[^\s\"';|&]+)"
)
_LOGIN = re.compile(r"(?:^|\s)(?:-u|--user)[= ]?([\"']?)([^\s:\"']+):([^\s\"']+)\1")
_TOKEN = 8  # characters
_HEADLINE = "-----"  # of a key in PEM


@dataclass(slots=True)
class Credentials:
    """``values`` are secret wherever they stand; of ``logins``, users and passwords, the password
    beside its user, however short it is. ``tokens`` stand alone before an ``@``.
    """

    values: set[str] = field(default_factory=set)
    logins: set[tuple[str, str]] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)


def found(
    variables: Mapping[str, str], files: Iterable[str] = (), *, all_secret: bool
) -> Credentials:
    """Return the credentials in variables, and in the files that they name.

    ``all_secret``: the variables are a Secret's; otherwise only those named like credentials count.
    """
    known = Credentials()
    for key, value in variables.items():
        _add_addresses(known, value, whole=bool(_REPOSITORIES.fullmatch(key)))
        if key == CONF:
            known.values.update(_of_conf(value))
        elif key in _COMMANDS:
            _add_command(known, value)
        elif not _is_shown(key) and (all_secret or _CREDENTIAL.fullmatch(key)):
            _add(known, value)
            if key == "NTFY_CREDS":
                _add_login(known, value)
        if key in _ADDRESSES:
            known.values.update(_parts(value))
    for text in files:
        _add_addresses(known, text, whole=True)
        _add(known, text)
    known.logins.update(_logins(variables))
    return known


def _logins(variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for prefix in ("", "COPY_"):
        for user, password in _LOGINS:
            if login := variables.get(prefix + password, ""):
                yield variables.get(prefix + user, "").strip(), login


def _is_shown(key: str) -> bool:
    name = key.removeprefix("COPY_")
    return bool(_SHOWN.fullmatch(name)) and not _PLAIN_IDS.fullmatch(name)


def _add(known: Credentials, value: str) -> None:
    """Add a value, its lines, and text in them that resembles a password."""
    lines = [line.strip() for line in value.splitlines()]
    lines = [line for line in lines if not line.startswith(_HEADLINE)]
    known.values.update((value, value.strip(), *lines, *_of_json(value), *_of_query(value)))
    for line in lines:
        if line != value.strip() or " " in line:
            known.values.update(_words(line))


def _words(line: str) -> Iterator[str]:
    """Yield each word, and the part after its last colon, as in a line of ``.pgpass``."""
    for word in _BETWEEN_WORDS.split(line):
        if "://" not in word:
            tail = word.rpartition(":")[2]
            yield from (each for each in (word, tail) if is_token(each))


def _add_login(known: Credentials, value: str) -> None:
    """Add the credentials in NTFY_CREDS: curl's ``-u user:password``, or a token."""
    word = value.strip().removeprefix("-u").removeprefix("--user").strip(" \t=").strip("'\"")
    user, colon, password = word.partition(":")
    known.values.add(password if colon else word)
    if colon:
        known.logins.add((user, password))


def _add_command(known: Credentials, value: str) -> None:
    """Add a command as a whole, and its arguments in the place of passwords."""
    known.values.add(value.strip())
    known.values.update(match[1].strip("\"'") for match in _OPTION.finditer(value))
    for _, user, password in _LOGIN.findall(value):
        known.logins.add((user, password))
        known.values.add(password)


def _add_addresses(known: Credentials, value: str, *, whole: bool) -> None:
    """Add the text before an ``@``; if the ``whole`` value is an address, with spaces."""
    addresses = [match[0] for match in _URL.finditer(value)]
    if whole or value.count("://") == 1:
        addresses.append(value.strip())
    for each in addresses:
        user, password, _ = redaction.parts(each)
        for login in {(user, password), (unquote(user), unquote(password))}:
            if password:
                known.logins.add(login)
                known.values.update((login[1], *_BETWEEN_PIECES.split(login[1])))
            elif user:
                known.tokens.add(login[0])
                known.values.add(login[0])
        known.values.update(_of_query(each))


def _of_query(value: str) -> Iterator[str]:
    for name, text in _PARAMETER.findall(value):
        if _PARAMETERS.fullmatch(name):
            yield from (text, unquote(text))


def _of_json(value: str) -> Iterator[str]:
    """Yield the strings in JSON, such as a service account's, that are named like credentials."""
    try:
        given = json.loads(value) if value.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        given = None
    for name, text in given.items() if isinstance(given, dict) else ():
        if isinstance(text, str) and _PARAMETERS.fullmatch(name) and "://" not in text:
            yield from (
                text,
                *(line for line in text.splitlines() if not line.startswith(_HEADLINE)),
            )


def _of_conf(value: str) -> Iterator[str]:
    """Yield the values in an rclone.conf except types of remotes."""
    for line in value.splitlines():
        name, _, text = (part.strip() for part in line.partition("="))
        if text and name not in _KINDS:
            yield text
            yield from re.findall(r'"([^"]{12,})"', text)  # tokens are JSON


def _parts(value: str) -> Iterator[str]:
    """Yield each address, the part after its scheme, and parts that resemble a token."""
    for url in value.split():
        rest = url.partition("://")[2]
        server = re.split("[/?#]", rest)[0].rpartition("@")[2].partition(":")[0]
        parts = (part for part in _BETWEEN_PARTS.split(rest) if part != server or "." not in part)
        yield from (url, rest, *filter(_is_key, parts))


def _is_key(part: str) -> bool:
    # Shorter ones, and plain words, would blank out half of every message.
    return len(part) >= _TOKEN and any(letter.isdigit() for letter in part)


def is_token(word: str) -> bool:
    """Whether a word is long and mixed enough to be no word of a sentence."""
    kinds = (str.islower, str.isupper, str.isdigit, lambda letter: not letter.isalnum())
    return len(word) >= _TOKEN and sum(any(map(kind, word)) for kind in kinds) > 1
