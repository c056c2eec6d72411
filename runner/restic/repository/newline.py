"""Newlines after values, and repositories whose password includes one. Pure.

`echo word | base64` encodes a newline too. It is no part of any value. A repository that was
created when it still counted opens only with it: both passwords are tried, the one that opened
last time first.
"""

import shlex
from collections.abc import Collection, Mapping

from contract import names
from contract.annotations.settings import Problem
from contract.secret import passwords
from runner.config.model import Config
from runner.steps.step import Step

FIRST, SECOND = passwords.KEYS
_GIVEN = {
    "": ((FIRST, "RESTIC_PASSWORD"),),
    "second": ((SECOND, "RESTIC_PASSWORD"),),
    "both": ((SECOND, "RESTIC_PASSWORD"), (FIRST, FIRST.replace("RESTIC_", "RESTIC_FROM_"))),
}
"""By a step's target: the repositories that restic opens, and the variable for each password."""


def tries(config: Config, step: Step, known: Collection[str]) -> list[dict[str, str]]:
    """Return the variables that a step is tried with, one set after the other until one opens.

    ``known`` are the repositories that opened only with the newline. A repository is never created
    with it, and what is not restic's own command runs once.
    """
    target = step.target if config.repository.second else ""
    made: list[dict[str, str]] = [{}]
    for repository, variable in _GIVEN[target]:
        spare = config.repository.spare.get(repository)
        if spare is None or (step.name == "init" and variable == "RESTIC_PASSWORD"):
            continue
        with_newline = [{**each, variable: spare} for each in made]
        made = [*with_newline, *made] if repository in known else [*made, *with_newline]
    may_fail = step.argv[0] == "restic" and not step.hook
    return made if may_fail else made[:1]


def opened(config: Config, target: str, given: Mapping[str, str]) -> dict[str, bool]:
    """Return for each repository that opened whether it did with the newline."""
    return {
        repository: variable in given
        for repository, variable in _GIVEN[target if config.repository.second else ""]
        if repository in config.repository.spare
    }


def problems(config: Config, known: Collection[str]) -> list[Problem]:
    """Return what is wrong with passwords that end in a newline; `known` as in `tries`."""
    found = [
        _only_with(config, key) if key in known else _dropped(config, key)
        for key in config.repository.spare
    ]
    found += _odd(FIRST, config.repository.environment)
    found += _odd(SECOND, config.repository.second.alone) if config.repository.second else []
    return list(dict.fromkeys(found))


def _odd(key: str, given: Mapping[str, str]) -> list[Problem]:
    """Return other invisible characters around a password; they may be intended."""
    what = passwords.odd(given.get("RESTIC_PASSWORD", ""))
    if not what:
        return []
    reason = f"{what}, which is part of the password; is that intended?"
    return [Problem("Secret variable", key, "", reason, "the password with it")]


def _dropped(config: Config, key: str) -> Problem:
    reason = f"{passwords.NEWLINE}; {passwords.REMEDY}"
    return Problem("Secret variable", _named(config, key), "", reason, "the password without it")


def _only_with(config: Config, key: str) -> Problem:
    second = " --second" if key == SECOND else ""
    what = "the second repository" if second else "the repository"
    file = shlex.quote(f"{config.paths.secret}/{_named(config, key)}")
    reason = (
        f"ends with a newline, and {what} opens only with it, so the visible password does not "
        f"open it; add a key without the newline with `backup-runner restic{second} key add "
        f"--new-password-file {file}` in container {names.CONTAINER}, then remove the newline "
        f"from the value"
    )
    return Problem("Secret variable", _named(config, key), "", reason, "the password with it")


def _named(config: Config, key: str) -> str:
    """Return the variable of the Secret; it may be the same for both repositories."""
    spare = config.repository.spare
    return FIRST if key == SECOND and spare[key] == spare.get(FIRST) else key
