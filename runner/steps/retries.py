"""What a running restic says that it will try again, and whether it has tried enough. Pure."""

import re
from dataclasses import dataclass, field

from contract.units import go_duration
from runner.steps import failure_patterns
from runner.steps.outcome import Failure
from runner.steps.result import FINAL, RETRYING

_SUCCEEDED = "operation successful after"
_OPENING = re.compile(r"[<(](config|key|lock|index|snapshot)\b")  # files read before any data
_HEARD_ENOUGH = 2  # times, where a first one may come of a gateway that starts
_REFUSED_FOR_GOOD = 4  # times in a row for one file, in about seven seconds


@dataclass(slots=True)
class Retries:
    """Failures that are tried again. Times are seconds of any steady clock."""

    first: float | None = None  # time of the first failure to open the repository
    gives_up_at: float | None = None  # time of the next retry of opening it
    refused: int = 0  # how often the server permanently refused opening it
    refusals: dict[str, int] = field(default_factory=dict)  # the same, of each file
    full: dict[str, tuple[float, float]] = field(default_factory=dict)  # from when, until when
    backend: Failure | None = None  # what rclone said that a retry is about

    def hear(self, said: str, now: float, *, is_open: bool) -> None:
        """Take in a line; ``is_open``: data was read, and with it the repository opened."""
        if _SUCCEEDED in said:
            self.first = None
            self.refusals.clear()
            self.full.clear()
        if match := RETRYING.search(said):
            self._retry(said, match, now, is_open=is_open)
        elif failure_patterns.meaning(said) == Failure.SPACE:
            self.backend = Failure.SPACE

    def _retry(self, said: str, match: re.Match[str], now: float, *, is_open: bool) -> None:
        why = said[match.end() :]
        meaning = failure_patterns.meaning(why)
        if meaning != Failure.SPACE:  # which some servers call a lack of rights
            meaning = failure_patterns.meaning(why.rpartition(": ")[2]) or meaning
        pause = go_duration(match[1])
        what = said[: match.start()]  # such as Save(<data/70282ea467>)
        if Failure.SPACE in {meaning, self.backend}:
            since, _ = self.full.get(what, (now, now))
            self.full[what] = since, now + pause
        if meaning in FINAL or self.backend:
            self.refusals[what] = self.refusals.get(what, 0) + 1
        if _OPENING.search(said) and not is_open:
            self.first = now if self.first is None else self.first
            self.gives_up_at = now + pause
            self.refused += meaning in FINAL - {Failure.SPACE}  # room may be made meanwhile
        self.backend = None

    def go_on(self, limit: float, *, is_open: bool) -> bool:
        """Whether its own words say that it will still be trying after ``limit`` seconds.

        Room may be made meanwhile; keys and buckets stay as they are.
        """
        for what, times in self.refusals.items():
            since, until = self.full.get(what, (0, limit + 1))
            if times >= _REFUSED_FOR_GOOD and until - since > limit:
                return True
        if self.first is None or self.gives_up_at is None or is_open:
            return False  # once data is read, the repository is open; the rest is restic's matter
        return self.refused >= _HEARD_ENOUGH or self.gives_up_at - self.first > limit
