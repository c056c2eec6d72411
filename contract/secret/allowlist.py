"""Which keys of the Secret become variables of the programs that the runner starts. Pure.

An allow-list: variables of restic and rclone go to both, because restic starts rclone; variables of
database clients go to dumps, loads and the user's commands; BACKUP_ENV_PASS adds names. Every other
key is only a file of the Secret.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from contract import names
from contract.annotations import settings
from contract.annotations.settings import Problem
from contract.secret import loaders, variables

PASS = "BACKUP_ENV_PASS"  # noqa: S105 -- the name of a variable
_WHERE = "Secret variable"
_NAMED = 20  # keys that have a line of their own
_LONGEST = 4000  # characters of the line that the others share
_COPY = "COPY_"
_LONGEST_NAME = 60  # characters of a bad name that a message repeats

# Of RESTIC_…, what the runner reads itself, or what would change what restic does.
_NOT_RESTICS = re.compile(
    r"RESTIC_(SOURCE|HOST|HOSTNAME|BACKUP_COMMAND|ADDITIONAL_BACKUP_PARAMETERS|OPTIONS"
    r"|RETENTION_POLICIES_ENABLED|PROGRESS_FPS)"
)
_RESTIC = re.compile(
    r"RESTIC_.*|RCLONE_.*"
    # S3, Azure, B2, Google Cloud Storage, Swift and Oracle: of restic's own, and of rclone's.
    r"|AWS_.*|MINIO_.*|AZURE_.*|IDENTITY_(ENDPOINT|HEADER|SERVER_THUMBPRINT)|IMDS_ENDPOINT|B2_.*|OS_.*|ST_.*|SWIFT_.*|OCI_.*"
    r"|MSI_(ENDPOINT|SECRET)|GOOGLE_(PROJECT_ID|APPLICATION_CREDENTIALS|ACCESS_TOKEN|CLOUD_.*)|GCE_METADATA_.*"
    r"|STORAGE_EMULATOR_HOST|SSH_AUTH_SOCK"
    r"|(HTTP|HTTPS|ALL|NO)_PROXY|(http|https|all|no)_proxy|SSL_CERT_(FILE|DIR)"
    # Bounds of restic's own: less memory, fewer processors.
    r"|GOMEMLIMIT|GOGC|GOMAXPROCS|TZ|LANG|LANGUAGE|LC_[A-Z]+"
)
_DATABASES = re.compile(r"PG[A-Z]+|PG_COLORS?|MYSQL_.*|REDISCLI_.*")
_OWN = frozenset(
    {*variables.NAMES, *(each.variable for each in settings.ALL if each.variable), "RESTIC_HOST"}
)


def for_restic(name: str) -> bool:
    """Whether restic and rclone get a variable."""
    known = _RESTIC.fullmatch(name) and not _NOT_RESTICS.fullmatch(name)
    return bool(known) and not loaders.reason(name)


def for_databases(name: str) -> bool:
    """Whether the clients of databases get a variable."""
    return bool(_DATABASES.fullmatch(name)) and not loaders.reason(name)


def passed(given: Mapping[str, str]) -> frozenset[str]:
    """Return the names that BACKUP_ENV_PASS adds."""
    return frozenset(name for name in _words(given) if not refusal(name))


def restic(given: Mapping[str, str]) -> dict[str, str]:
    """Return what restic and rclone get of a Secret."""
    more = passed(given)
    return {key: text for key, text in given.items() if for_restic(key) or key in more}


def databases(given: Mapping[str, str]) -> dict[str, str]:
    """Return what the clients of databases get of a Secret, and BACKUP_ENV_PASS to hand it on."""
    more = passed(given)
    found = {key: text for key, text in given.items() if for_databases(key) or key in more}
    return {**found, PASS: " ".join(sorted(more))} if more else found


def second(given: Mapping[str, str]) -> dict[str, str]:
    """Return what restic gets of a Secret for the second repository, without the ``COPY_``."""
    more = passed(given)
    return {
        key.removeprefix(_COPY): text
        for key, text in given.items()
        if key.startswith(_COPY) and _is_for_copies(key, more)
    }


def _is_for_copies(key: str, more: frozenset[str]) -> bool:
    name = key.removeprefix(_COPY)
    return for_restic(name) or (name in more and bool(names.VARIABLE.fullmatch(name)))


def refusal(name: str) -> str:
    """Return why BACKUP_ENV_PASS cannot add a name; "" where it can."""
    if not names.VARIABLE.fullmatch(name):
        return "is not a variable name"
    if why := loaders.reason(name):
        return f"is never passed to a program: {why}"
    if name.startswith("BACKUP_"):
        return "is never passed to a program: only the webhook and the runner read it"
    return ""


def problems(given: Mapping[str, str]) -> list[Problem]:
    """Return a problem for each key of a Secret that looks like a variable and reaches no program.

    A key that another value names, by its path or as a whole, is a file and meant as one.
    """
    files = set(_files(given))
    more = passed(given)
    dropped = [
        Problem(_WHERE, key, "", why, "")
        for key in given
        if key not in files and (why := _why_dropped(key, more))
    ]
    rest = [each.key for each in dropped[_NAMED:]]
    shown = ", ".join(rest)
    if len(shown) > _LONGEST:
        shown = f"{shown[:_LONGEST]}… (keys in all: {len(dropped)})"
    why = f"{shown}: are not passed to any program; see {PASS}"
    shared = [Problem("Secret", "variables", "", why, "")] if rest else []
    return [*dropped[:_NAMED], *shared, *_bad_words(given)]


def _why_dropped(key: str, more: Iterable[str]) -> str:
    """Return why no program gets a key; "" if one does, if it is ours, or if it is no variable."""
    if not names.VARIABLE.fullmatch(key) or key in _OWN or key in more:
        return ""
    name = key.removeprefix(_COPY)
    if name in _OWN or for_restic(name) or for_databases(name) or _is_file_of(name):
        return ""
    if why := loaders.reason(name):
        return f"is not passed to any program, and {PASS} cannot change that: {why}"
    if key.startswith("BACKUP_"):
        return (
            "is not a variable of the Secret and has no effect: the webhook sets it, or it is "
            "misspelled"
        )
    return (
        f"is not passed to any program: restic, rclone and the database clients do not read it; "
        f"if a command of yours does, add its name to {PASS}"
    )


def _is_file_of(key: str) -> bool:
    name = key.removesuffix("_FILE")
    return name != key and name in variables.IN_FILES


def _bad_words(given: Mapping[str, str]) -> Iterator[Problem]:
    for name in sorted(_words(given)):
        shown = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
        if why := refusal(name):
            yield Problem(_WHERE, PASS, "", f"{shown!r} {why}", "")
        elif name not in given and f"{_COPY}{name}" not in given:
            yield Problem(_WHERE, PASS, "", f"{shown!r} is not a key of the Secret", "")


def _words(given: Mapping[str, str]) -> frozenset[str]:
    return frozenset(given.get(PASS, "").replace(",", " ").split())


def _files(given: Mapping[str, str]) -> Iterator[str]:
    """Yield the keys that a value refers to: by name, or as a file in the Secret's folder."""
    path = re.compile(re.escape(names.SECRET_DIR) + r"/([-._a-zA-Z0-9]+)")
    for key, text in given.items():
        word = text.strip()
        if word in given and word != key:
            yield word
        yield from path.findall(text)
