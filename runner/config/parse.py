"""Reads values of environment and Secret: an invalid value is a Problem, not an exception. Pure."""

import json
import re
from collections.abc import Mapping

from contract import names
from contract.annotations import values
from contract.annotations.settings import Problem
from contract.annotations.values import Dump
from contract.secret import passwords, required_keys

_LONGEST = 100_000  # characters of a variable; Linux starts no process with one of 128 KiB


def defaults(environment: Mapping[str, str], problems: list[Problem]) -> Mapping[str, str]:
    """Return the chart's values, by setting; none if the webhook's variable is no object."""
    return _texts(names.ENV_DEFAULTS, environment, problems)


def admitted(environment: Mapping[str, str], problems: list[Problem]) -> Mapping[str, str]:
    """Return the annotations about retention that the pod was admitted with."""
    return _texts(names.ENV_ADMITTED, environment, problems)


def _texts(key: str, environment: Mapping[str, str], problems: list[Problem]) -> Mapping[str, str]:
    """Return the JSON object in a variable; anything else is a problem."""
    try:
        given = json.loads(environment.get(key) or "{}")
    except (ValueError, RecursionError):
        given = None
    if isinstance(given, dict):
        return {str(name): str(value) for name, value in given.items()}
    problems.append(Problem("variable", key, "", "is not a JSON object", "none"))
    return {}


def words(
    key: str, environment: Mapping[str, str], problems: list[Problem]
) -> tuple[str, ...] | None:
    """Return the JSON list of words that the webhook wrote, or None if there is none."""
    text = environment.get(key)
    if not text:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, list) and all(isinstance(word, str) for word in found):
        return tuple(found)
    problems.append(Problem("variable", key, "", "is not a JSON list of words", "none"))
    return None


def command(
    key: str, hook: str, environment: Mapping[str, str], variables: Mapping[str, str],
    problems: list[Problem],
) -> tuple[str, ...]:  # fmt: skip
    """Return the words that the webhook wrote, else shell text of the Secret's, else none."""
    text = variables.get(hook, "").strip()
    return words(key, environment, problems) or (("sh", "-c", text) if text else ())


def subsets(environment: Mapping[str, str], problems: list[Problem]) -> int:
    """Return in how many parts the maintenance job reads all data, one a check; 0: none."""
    key = "BACKUP_CHECK_SUBSETS"
    text = environment.get(key, "").strip()
    if not text or re.fullmatch(r"[0-9]{1,4}", text):
        return int(text or 0)
    problems.append(Problem("variable", key, text, "write a whole number, 0 or more", "0"))
    return 0


def of_secret(environment: Mapping[str, str], files: Mapping[str, str]) -> Mapping[str, str]:
    """Return the Secret by key: its files; without any, the variables that envFrom made of it.

    Empty where there is neither: then plain variables count, of whoever started the process.
    """
    prefix = names.SECRET_PREFIX
    return files or {
        key.removeprefix(prefix): text
        for key, text in environment.items()
        # The folder's own name begins like them; the webhook sets it, whatever the Secret holds.
        if key.startswith(prefix) and key not in {prefix, names.ENV_SECRET_DIR}
    }


def usable(given: Mapping[str, str], problems: list[Problem]) -> Mapping[str, str]:
    """Return the variables that a process can be given; one too many would keep restic from it."""
    found = {}
    for key, value in given.items():
        if "\0" in value:
            why = "contains a NUL character"
        elif len(value) > _LONGEST:
            why = f"is longer than {_LONGEST} characters"
        else:
            found[key] = value
            continue
        problems.append(Problem("Secret variable", key, "", why, "none"))
    return found


def values_of(given: Mapping[str, str]) -> dict[str, str]:
    """Return variables without the one newline that may follow each; files keep theirs."""
    return {
        key: passwords.without_newline(value) if names.VARIABLE.fullmatch(key) else value
        for key, value in given.items()
    }


def spare(given: Mapping[str, str], used: Mapping[str, str]) -> dict[str, str]:
    """Return passwords of repositories with the newline that they had, by their variables.

    A second repository without a password of its own has the first's.
    """
    found = {
        key: given[key] for key in passwords.KEYS if passwords.ends_with_newline(given.get(key, ""))
    }
    copies = any(used.get(f"COPY_{key}") for key in required_keys.REPOSITORY)
    own = any(used.get(f"COPY_{key}") for key in required_keys.PASSWORD)
    if copies and not own:
        found |= {f"COPY_{key}": value for key, value in found.items()}
    return found


def dumps(
    environment: Mapping[str, str], problems: list[Problem], mirrored: bool
) -> tuple[Dump, ...]:
    """Return the dumps that the webhook wrote; a problem where that is not what it writes."""
    try:
        listed = json.loads(environment.get(names.ENV_DUMP) or "[]")
        dumps = tuple(Dump(name, tuple(words)) for name, *words in listed)
    except (ValueError, TypeError, RecursionError):
        dumps = (Dump(""),)
    if dumps and mirrored:
        why = "a mirror cannot hold dumps: use backup.engine restic"
        problems.append(Problem("variable", names.ENV_DUMP, "", why, "none"))
        return ()
    if all(dump.name in (*values.DATABASES, values.COMMAND_DUMP) for dump in dumps):
        return dumps
    problems.append(Problem("variable", names.ENV_DUMP, "", "is not a JSON list of dumps", "none"))
    return ()


def flag(variables: Mapping[str, str], key: str, problems: list[Problem], *, default: bool) -> bool:
    """Return a variable that is true or false."""
    text = variables.get(key, "").strip()
    try:
        return values.boolean(text) if text else default
    except ValueError as error:
        used = str(default).lower()
        problems.append(Problem("Secret variable", key, text, str(error), used))
        return default
