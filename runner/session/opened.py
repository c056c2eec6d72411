"""Remembers which repositories opened only with a newline after their password.

It lies beside the state, since commands that have no state open repositories too, and containers
under different users read it.
"""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from contract import exit_codes
from runner.config.model import Config
from runner.process.log import Log
from runner.restic.repository import newline
from runner.steps.result import Completed
from runner.steps.step import Step

_FILE = "opened.json"
_AGE = 86400  # seconds; then the password alone is tried again, for a key may have been added


def by(
    config: Config, log: Log, step: Step, execute: Callable[[Step, Mapping[str, str]], Completed]
) -> Completed:
    """Execute a step, with the other password too where the first one opens nothing."""
    if not config.repository.spare:
        return execute(step, {})
    tries = newline.tries(config, step, with_newline(config.paths.state))
    for given in tries:
        done = execute(step, given)
        if not done.wrong_password:
            break
    if (
        step.argv[0] == "restic"
        and not step.hook
        and done.code in exit_codes.OPENED
        and not done.stopped
    ):
        new = _remember(config.paths.state, newline.opened(config, step.target, given))
        for problem in newline.problems(config, new) if new else ():
            log.line("warning", str(problem))
    return done


def by_hand(
    config: Config, words: tuple[str, ...], look: Step, execute: Callable[[Step], Completed]
) -> dict[str, str]:
    """Return the password for a custom command: variables in addition to the Secret's."""
    if not config.repository.spare or "init" in words:
        return {}
    execute(look)  # whichever opens it is remembered
    given = newline.tries(config, look, with_newline(config.paths.state))[0]
    if words[:1] == ("key",):
        _forget(config.paths.state)
    return given


def with_newline(state_dir: str) -> frozenset[str]:
    """Return the repositories, by the variable of their password; none if it is unknown."""
    file = Path(state_dir) / _FILE
    try:
        if abs(time.time() - file.stat().st_mtime) > _AGE:
            return frozenset()
        return frozenset(map(str, json.loads(file.read_bytes())))
    except (OSError, ValueError, TypeError):
        return frozenset()


def _remember(state_dir: str, found: Mapping[str, bool]) -> frozenset[str]:
    """Save for each repository whether it opened with the newline; return the changes."""
    known = with_newline(state_dir)
    now = {key for key in known if found.get(key, True)} | {key for key in found if found[key]}
    if now == known:
        return frozenset()
    file = Path(state_dir) / _FILE
    part = file.with_name(f"{_FILE}.part")
    with suppress(OSError):  # it is tried again; nothing depends on it
        part.unlink(missing_ok=True)
        part.write_text(json.dumps(sorted(now)), "utf-8")
        part.chmod(0o644)
        part.replace(file)
    return frozenset(now - known)


def _forget(state_dir: str) -> None:
    """Drop the saved key: keys are about to change."""
    with suppress(OSError):
        (Path(state_dir) / _FILE).unlink(missing_ok=True)
