"""Ensures that a new repository has exactly one key; removes those of simultaneous inits. Pure.

Every simultaneous init writes a key, the last one writes the config. All keys fit the password,
one opens the config, and restic tries them in no order that helps. While no snapshot is there,
nothing can be lost by removing those that open nothing.
"""

import re
from collections.abc import Generator, Iterable

from contract.annotations.schedule import stable_hash
from contract.text import counted
from runner.config.model import Config
from runner.restic.lists import array
from runner.restic.repository import opening
from runner.steps.outcome import Failure, Status
from runner.steps.questions import Names, Wait
from runner.steps.result import Completed
from runner.steps.step import Effect, Result, RunEnded, failed, must

_DIGITS = "0123456789abcdef"
_TURNS = 5  # from the second on, the pause before each is twice as long as the one before
_APART = 5  # times as long as it takes to settle, in which one may remove a few dozen keys
_MOST_TRIES = 1 + 16 + 256  # each costs half a second of CPU; three or four are usual
_CANNOT = "the new repository cannot be opened"
_RACE = "several created this repository at the same time"


def prove(config: Config, target: str = "") -> Generator[Effect, Result, None]:
    """Return when exactly one key is left; raise RunEnded if that is unavailable."""
    if (yield from _is_sole(target)):
        return
    # Whoever else found this out repairs it too. One is first; the others had better sleep until it
    # is done, because simultaneous commands compete for the lock and the processor.
    own = config.identity
    share = stable_hash(f"keys/{own.namespace}/{own.pod or own.host}") % 1000 / 1000
    for turn in range(_TURNS):
        times = (share + 1) * 2**turn if turn else share * _APART
        pause = times * config.timing.init_settle
        if (yield Wait(pause, "before removing unusable repository keys")):
            raise RunEnded(Status.INTERRUPTED, "stopped before the new repository was repaired")
        if (yield from _is_sole(target)):
            return
        yield from _leave_one(config, target)
        if (yield from _is_sole(target)):
            return
    line = f"{_RACE}, and unusable keys could not be removed; retrying"
    raise RunEnded(Status.FAILURE, line, Failure.CONFIG)


def _is_sole(target: str) -> Generator[Effect, Result, bool]:
    listed: Completed = yield opening.keys(target)
    if listed.wrong_key:
        return False
    if listed.code or listed.stopped:
        raise failed(listed, _CANNOT)
    if not (found := array(listed.text)):
        raise RunEnded(Status.FAILURE, f"{_CANNOT}: restic names no key", Failure.CONFIG)
    return len(found) == 1


def _leave_one(config: Config, target: str) -> Generator[Effect, Result, None]:
    key = yield from _working(config, target)
    listed = yield from must(opening.keys(target, key), _CANNOT)
    found = array(listed.text)
    if len(found) == 1:
        return  # another repaired it while we looked
    good = next((str(each["id"]) for each in found if each.get("current")), "")
    held = yield from must(opening.held_snapshots(key, target), _CANNOT)
    if held.text.split() or not good:
        every = counted(len(found), "key")
        line = (
            f"{_RACE}; of its {every} only {good} opens it, and it has snapshots: with "
            f"RESTIC_KEY_HINT={good}, check them and remove the other keys manually"
        )
        raise RunEnded(Status.FAILURE, line, Failure.CONFIG)
    for each in found:
        if not each.get("current"):
            done: Completed = yield opening.remove_key(str(each["id"]), key, target)
            if done.code or done.stopped:
                return  # another is at it


def _working(config: Config, target: str) -> Generator[Effect, Result, str]:
    """Return the key that opens the config: its id, or the unique prefix of it."""
    names = yield from _local(config, target)
    tries = list(names or ("",))
    first = ""  # the key that restic tries where a beginning fits none, or several
    for _ in range(_MOST_TRIES):
        if not tries:
            break
        begins = tries.pop(0)
        looked: Completed = yield opening.look(target, begins)
        if looked.code == 0 and not looked.stopped:
            return begins
        if not looked.wrong_key:
            raise failed(looked, _CANNOT)
        first = first or looked.wrong_key
        if not names and looked.wrong_key == first:
            longer = [begins + digit for digit in _DIGITS]
            tries = sorted([*tries, *longer], key=lambda each: _rank(each, first))
    line = (
        f"{_RACE}, or its config is damaged: no key opens it; bring it back from a copy or, if it "
        f"never had a backup, remove it and it is created again"
    )
    raise RunEnded(Status.FAILURE, line, Failure.CONFIG)


def _rank(begins: str, first: str) -> tuple[int, bool]:
    """Return the order of attempts: short ones first, and ids that certainly exist."""
    return len(begins), not first.startswith(begins[:-1])


def _local(config: Config, target: str) -> Generator[Effect, Result, Iterable[str]]:
    """Return the ids of all keys if the repository is a local folder; otherwise nothing."""
    folder = opening.local_folder(config, target)
    if not folder:
        return ()
    names: list[str] = yield Names(f"{folder}/keys")
    return [name for name in names if re.fullmatch("[0-9a-f]{64}", name)]
