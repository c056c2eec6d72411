"""Limits the Secret in containers with more permissions than the sidecar: no commands. Pure."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from contract import names
from contract.annotations import commands, settings
from contract.annotations.settings import Problem
from contract.secret import variables
from runner.config.options import flags

HOME = "/dev/null"
"""Home folder for programs: no configuration of theirs is below it."""

_KNOWN = {each.variable for each in settings.ALL if each.variable} | variables.NAMES
# What restic, rclone and clients of databases read; no shell, loader or library is among them.
_HANDED = re.compile(
    r"(COPY_)?((RESTIC|AWS|B2|AZURE|GOOGLE|OS|ST|SWIFT|RCLONE|MINIO|MYSQL|REDISCLI)_\w+|PG[A-Z]+"
    r"|BACKUP_\w+|KUBERNETES_\w+|SSL_CERT_(FILE|DIR)|\w+_FILE|\w+_(PROXY|proxy)|TZ|HOSTNAME)"
)
_CONF = "RCLONE_CONFIG"
_OPTIONS = ("RESTIC_OPTIONS", "RESTIC_ADDITIONAL_BACKUP_PARAMETERS")
_ANNOTATION = settings.RESTORE_COMMANDS.annotation
_INSTEAD = {"RESTIC_PASSWORD_COMMAND": "set RESTIC_PASSWORD instead"}


@dataclass(frozen=True, slots=True)
class Confined:
    """``why``: no command of the Secret runs here; "" where they do.

    ``line`` says why the repository cannot be opened without one, ``hooks`` why there is no backup,
    ``second`` why the second repository cannot be opened. ``files``: texts that programs get
    instead of the files that these variables name; they were read once and hold no command.
    """

    why: str = ""
    line: str = ""
    hooks: str = ""
    second: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


OPEN = Confined()


@dataclass(frozen=True, slots=True)
class Permitted:
    """The permitted variables of the Secret, and what is missing without the others."""

    variables: Mapping[str, str]
    confined: Confined


def of(
    given: Mapping[str, str], texts: Mapping[str, str], why: str, allowed: str,
    problems: list[Problem],
) -> Permitted:  # fmt: skip
    """Return the permitted variables of the Secret, and what is missing without the others.

    ``texts`` are those of the files that variables name; ``allowed`` are names, as an annotation
    has them.
    """
    if not why:
        return Permitted(given, OPEN)
    permitted = _permitted(allowed, problems)
    risky = {
        each.key: each.users
        for each in commands.found(given, texts.get)
        if each.key not in permitted
    }
    dropped = {key for key in given if key not in permitted and not _is_handed(key)}
    dropped |= risky.keys() - set(_OPTIONS)
    kept = {key: value for key, value in given.items() if key not in dropped}
    kept |= {key: _without_programs(kept[key]) for key in _OPTIONS if key in risky}
    files = _files(kept, texts, permitted, problems)
    kept.setdefault(_CONF, HOME)
    needed = [key for key in commands.needed(given, texts.get) if key in risky]
    hooks = [key for key, users in risky.items() if commands.BACKUP in users]
    second = [key for key, users in risky.items() if commands.SECOND in users]
    limits = Confined(why, _line(needed, why), _line(hooks, why), _line(second, why), files)
    return Permitted(kept, limits)


def _permitted(allowed: str, problems: list[Problem]) -> set[str]:
    try:
        return set(settings.RESTORE_COMMANDS.parse(allowed)) if allowed.strip() else set()
    except ValueError as error:
        key = names.ENV_RESTORE_COMMANDS
        problems.append(Problem("variable", key, allowed, str(error), "none"))
        return set()


def _files(
    kept: dict[str, str], texts: Mapping[str, str], permitted: set[str], problems: list[Problem]
) -> Mapping[str, str]:
    """Return the contents of files by their variables; an address in one replaces its variable.

    A file opened a second time might have other content.
    """
    found: dict[str, str] = {}
    named = [key for key in kept if commands.FILES.fullmatch(key) and key not in permitted]
    for key in named:
        if key not in texts:
            problems.append(Problem("Secret variable", key, "", "cannot be read", "none"))
            del kept[key]
        elif "REPOSITORY" in key:
            kept[key.removesuffix("_FILE")] = texts[key].strip()
            del kept[key]
        else:
            found[key] = texts[key]
    return found


def _without_programs(text: str) -> str:
    """Return restic's options without those that start a program."""
    kept = (
        option.words
        for option in flags.options(shlex.split(text))
        if not commands.option_users(option.value or "")
    )
    return shlex.join(word for words in kept for word in words)


def _is_handed(key: str) -> bool:
    """Whether a key is a variable of ours or of a program; others are no variables."""
    return not names.VARIABLE.fullmatch(key) or key in _KNOWN or bool(_HANDED.fullmatch(key))


def _line(keys: list[str], why: str) -> str:
    """Return one line about these variables; "" if there are none."""
    if not keys:
        return ""
    listed, *_ = keys
    instead = f"{_INSTEAD[listed]}, or " if listed in _INSTEAD else ""
    named = ", ".join(keys)
    verb = "runs a command" if len(keys) == 1 else "run commands"
    return (
        f"{named} {verb}, and commands of the Secret do not run here, because {why}: {instead}"
        f'allow them on the pod template by {_ANNOTATION}: "{" ".join(keys)}"'
    )
