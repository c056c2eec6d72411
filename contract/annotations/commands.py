"""All variables of the Secret that make a program run a command. Pure.

Whoever writes the Secret can run commands in the sidecar, which reads the volumes. A container with
more permissions than the sidecar drops these variables, except those that an annotation names.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from contract import names
from contract.annotations import values

Reader = Callable[[str], str | None]
"""Returns the text of the file that a variable names; None if it cannot be read."""

BACKUP, TITLE, SECOND, ALWAYS = "backup", "title", "second", "always"
"""Who runs a command: a backup, a message, a copy to a second repository, every restic."""
OTHER = "other"
"""Releases of programs to come, by the variable's name; nothing needs it."""

FILES = re.compile(
    r"(COPY_)?(RESTIC_REPOSITORY_FILE|RCLONE_CONFIG|AWS_CONFIG_FILE"
    r"|(RCLONE_(\w+_)?|AWS_)SHARED_CREDENTIALS_FILE)"
)
"""Variables that name a file which may hold a command."""

_CLOUD = frozenset({"gs", "rclone"})
_AWS = frozenset({"s3", "rclone"})
_RCLONE = frozenset({"rclone"})
_BY_NAME: tuple[tuple[re.Pattern[str], frozenset[str]], ...] = tuple(
    (re.compile(pattern), users)
    for pattern, users in (
        (r"RESTIC_PASSWORD_COMMAND", frozenset({ALWAYS})),
        (r"RESTIC_FROM_PASSWORD_COMMAND", frozenset({SECOND})),
        (r"PRE_HOOK|POST_HOOK|RESTIC_BACKUP_COMMAND", frozenset({BACKUP})),
        (r"RCLONE_(PASSWORD_COMMAND|METADATA_MAPPER|AUTH_PROXY|PLUGIN_PATH)", _RCLONE),
        (r"RCLONE_(RC|RC_\w+|NAME_TRANSFORM|(\w+_)?(SSH|BEARER_TOKEN_COMMAND|USE_AZ))", _RCLONE),
        (r"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", _CLOUD),
        (r"GOOGLE_API_(CERTIFICATE_CONFIG|USE_CLIENT_CERTIFICATE)", _CLOUD),
        (r"AZURE_FORCE_CLI_CREDENTIAL", frozenset({"azure"})),
        (
            r"(?!RESTIC_BACKUP_)[A-Z0-9]+_(\w+_)?(COMMAND|CMD|PROGRAM|EXEC|HELPER)",
            frozenset({OTHER}),
        ),
    )
)
_BY_VALUE = re.compile(
    r"NTFY_TITLE|RESTIC_REPOSITORY|RESTIC_OPTIONS|RESTIC_ADDITIONAL_BACKUP_PARAMETERS"
    r"|BUP_DST|rclone\.conf|RCLONE_\w+"
)
# Parameters of rclone's remotes, in a connection string or a line of its configuration.
_PARAMETERS = (
    "ssh|bearer_token_command|password_command|metadata_mapper|use_az|auth_proxy|plugin_path"
    "|name_transform|shared_credentials_file|rc_[a-z_]+"
)
_QUOTE = "[\"'`]*"
_REMOTE = re.compile(rf"(?i)(?<![a-z0-9_])(?:{_PARAMETERS}){_QUOTE}\s*=")
_LINE = re.compile(rf"(?im)^\s*{_QUOTE}(?:(?:global|override)\.)?(?:{_PARAMETERS}){_QUOTE}\s*:")
_ENCRYPTED = re.compile(r"(?m)^\s*RCLONE_ENCRYPT_")
_PROCESS = re.compile(r"(?i)credential_process")
_OPTION = re.compile(r"(sftp|rclone)\.(?!connections\b|timeout\b)([a-z-]+)\s*=", re.IGNORECASE)
_DASHED_HOST = re.compile(r"sftp:(//)?([^/@]*@)*-")
_SUBSTITUTION = frozenset("$`")
_SHOWN = 60  # characters of what is no name
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@dataclass(frozen=True, slots=True)
class Command:
    """A variable that makes ``users`` run a command: kinds of repositories, or one of the above."""

    key: str
    users: frozenset[str]


def found(variables: Mapping[str, str], read: Reader) -> Iterator[Command]:
    """Yield each variable that makes a program run a command; ``read`` opens files they name."""
    for key, value in variables.items():
        if not value.strip():
            continue
        name = key.removeprefix("COPY_")
        if users := _by_name(name) | _by_value(name, value) | _by_file(key, read):
            yield Command(key, users if name == key else frozenset({SECOND}))


def is_known(key: str) -> bool:
    """Whether a variable of this name may make a program run a command."""
    name = key.removeprefix("COPY_")
    return bool(_by_name(name) - {OTHER} or _BY_VALUE.fullmatch(name) or FILES.fullmatch(key))


def needed(variables: Mapping[str, str], read: Reader) -> list[str]:
    """Return the variables whose commands opening the repository takes."""
    repository = variables.get("RESTIC_REPOSITORY", "")
    if not repository.strip() and variables.get("RESTIC_REPOSITORY_FILE", "").strip():
        repository = read("RESTIC_REPOSITORY_FILE") or ""
    users = _users_of(repository)
    has_keys = all(variables.get(key, "").strip() for key in _KEYS)
    return [
        each.key
        for each in found(variables, read)
        if each.users & users and not (has_keys and "s3" in each.users & users)
    ]


def allowed(text: str) -> tuple[str, ...]:
    """Read names of variables that make a program run a command; raise ValueError."""
    found = values.words(text)
    if unknown := [name for name in found if not is_known(name)]:
        shown = repr(unknown[0][:_SHOWN])
        raise ValueError(
            f"{shown} is not a variable that runs a command: write names such as "
            "RESTIC_PASSWORD_COMMAND"
        )
    return tuple(dict.fromkeys(found))


def option_users(words: str) -> frozenset[str]:
    """Return the kinds of repositories for which these options of restic's start a program."""
    return frozenset(match[1].lower() for match in _OPTION.finditer(words))


def in_secret(given: Mapping[str, str]) -> Reader:
    """Return what reads the files that a mounted Secret makes of its keys."""
    prefix = f"{names.SECRET_DIR}/"

    def read(key: str) -> str | None:
        path = given.get(key, "").strip()
        return given.get(path.removeprefix(prefix)) if path.startswith(prefix) else None

    return read


def _users_of(repository: str) -> frozenset[str]:
    kind = repository.strip().partition(":")[0]
    # An `sftp:` repository is reached by rclone.
    return frozenset({ALWAYS, kind, "rclone"} if kind == "sftp" else {ALWAYS, kind})


def _by_name(name: str) -> frozenset[str]:
    users = (users for pattern, users in _BY_NAME if pattern.fullmatch(name))
    return frozenset[str]().union(*users)


def _by_value(name: str, value: str) -> frozenset[str]:
    match name:
        case "NTFY_TITLE":
            return frozenset({TITLE} if _SUBSTITUTION & set(value) else ())
        case "RESTIC_REPOSITORY":
            return _of_repository(value)
        case "RESTIC_OPTIONS" | "RESTIC_ADDITIONAL_BACKUP_PARAMETERS":
            return option_users(_unquoted(value))
        case "BUP_DST":
            return _of_remote(value)
        case "rclone.conf":
            return _of_configuration(value)
    is_rclones = name.startswith("RCLONE_")
    return _RCLONE if is_rclones and _REMOTE.search(value) else frozenset()


def _by_file(key: str, read: Reader) -> frozenset[str]:
    if not FILES.fullmatch(key) or (text := read(key)) is None:
        return frozenset()
    if "REPOSITORY" in key:
        return _of_repository(text)
    if "RCLONE_CONFIG" in key and not key.endswith("_FILE"):
        return _of_configuration(text)
    return _AWS if _PROCESS.search(text) else frozenset()


def _of_repository(value: str) -> frozenset[str]:
    kind, _, remote = value.strip().partition(":")
    if kind == "rclone":
        return _of_remote(remote)
    # ssh takes such a host for an option.
    return frozenset({"sftp"} if _DASHED_HOST.match(value.strip()) else ())


def _of_remote(value: str) -> frozenset[str]:
    # What begins with a dash is an option of rclone's.
    return _RCLONE if value.lstrip().startswith("-") or _REMOTE.search(value) else frozenset()


def _of_configuration(text: str) -> frozenset[str]:
    # What an encrypted one holds is unknown here.
    patterns = (_REMOTE, _LINE, _ENCRYPTED)
    return _RCLONE if any(each.search(text) for each in patterns) else frozenset()


def _unquoted(text: str) -> str:
    """Return arguments as restic gets them: quotes within one hide nothing."""
    try:
        return " ".join(shlex.split(text))
    except ValueError:
        return text
