"""Settings without effect: globs and patterns that match nothing.

Restic does not say which pattern matched, so once a day the volumes are walked for it. A walk of
100,000 files takes a second; a walk that takes too long reports nothing.
"""

import os
import time
from collections.abc import Iterable, Iterator

from contract.annotations import settings
from runner.config.model import Config
from runner.config.options import restic
from runner.restic import patterns
from runner.session.session import Session
from runner.state.model import State
from runner.steps.evaluate import Copies

_DAY = 86_400
_LONG = 7 * _DAY  # seconds without a match after which a pattern counts as without effect
_MOST = 500_000  # files and folders that one walk visits
_SECONDS = 20


def look(session: Session, sources: list[str], copies: Copies) -> None:
    """Note which settings have no effect; log those that are new."""
    config, state = session.config, session.state
    if session.limit or config.mirrors:
        return
    now = time.time()
    _find_unmatched(config, state, sources, now)
    notes = [f"{settings.SQLITE.annotation} {line}" for line in copies.notes]
    notes += [
        f"{key} {pattern!r}: has matched nothing for more than a week; correct or remove it"
        for key, pattern in _patterns(config)
        if 0 < (state.given.unmatched.get(pattern) or now) <= now - _LONG
    ]
    for note in notes:
        if note not in state.given.notes:
            session.log.line("warning", note)
    state.given.notes = notes


def _patterns(config: Config) -> Iterator[tuple[str, str]]:
    """Yield the exclude patterns that may have no effect, with the setting they come from."""
    for pattern in config.settings.get(settings.EXCLUDE) or ():
        if not pattern.startswith("!"):
            yield settings.EXCLUDE.annotation, pattern
    for pattern in config.repository.options.excludes:
        if not pattern.startswith("!"):
            yield restic.PARAMETERS, pattern


def _find_unmatched(config: Config, state: State, sources: list[str], now: float) -> None:
    """Record since when each pattern matches nothing; once a day, or when there is a new one."""
    given = [pattern for _, pattern in _patterns(config)]
    is_new = set(given) - state.given.unmatched.keys()
    if not is_new and 0 <= now - state.given.walked < _DAY:
        return
    state.given.walked = now
    left = _unmatched(given, sources, time.monotonic() + _SECONDS)
    # 0 stands for one that matched, so that it is not new any more.
    state.given.unmatched = {
        pattern: (state.given.unmatched.get(pattern) or now) if pattern in left else 0
        for pattern in given
    }


def _unmatched(given: Iterable[str], sources: list[str], until: float) -> set[str]:
    """Return the patterns that match nothing; none if the walk takes too long."""
    left = set(given)
    for looked, path in enumerate(_paths(sources)):
        if not left:
            break
        if looked > _MOST or (not looked % 1000 and time.monotonic() > until):
            return set()
        left -= {pattern for pattern in left if patterns.matches(pattern, path)}
    return left


def _paths(sources: list[str]) -> Iterator[str]:
    left = list(sources)
    while left:
        folder = left.pop()
        yield folder
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
                    else:
                        yield entry.path
        except OSError:
            continue  # a file; or restic names what it cannot read
