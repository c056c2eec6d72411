"""The lists of all snapshots, in the repository and in the second, that the job uses."""

import time

from contract.snapshots import Snapshot
from runner.maintenance import tasks
from runner.restic import queries
from runner.restic.lists import of_snapshots
from runner.session.executor import Executor
from runner.steps import task
from runner.steps.outcome import Failure, Status
from runner.steps.result import Completed, unread
from runner.steps.task import TaskResult

_FRESH = 60  # seconds for which a list of snapshots is good enough to forget by
_LOOKS = 2  # at a list: what others removed while it was made is not missed again


class Listing:
    """All snapshots in the repository, as ``listed``, and when that was."""

    def __init__(self, executor: Executor, listed: Completed) -> None:
        self._executor = executor
        self._take(listed)

    def _take(self, listed: Completed) -> None:
        self.snapshots, self.unread = of_snapshots(listed.text), unread(listed)
        self.at = time.monotonic()

    @property
    def is_fresh(self) -> bool:
        """Whether others can hardly have changed anything since."""
        return time.monotonic() - self.at < _FRESH

    def again(self) -> TaskResult | None:
        """List all snapshots again; return a failure where some are missing in the list."""
        for _ in range(_LOOKS):
            listed = self._executor.execute(queries.everyones_snapshots())
            if listed.code or listed.stopped:
                return task.failed("listing the snapshots", listed)
            self._take(listed)
            if not self.unread:
                break
        return _missing(self.unread)

    def copies(self) -> list[Snapshot] | TaskResult:
        """Return what is in the second repository, or a failure where some may be missing."""
        listed = self._executor.execute(queries.everyones_snapshots(tasks.SECOND))
        if listed.code or listed.stopped:
            return task.failed("listing the copies", listed)
        return _missing(unread(listed)) or of_snapshots(listed.text)


def _missing(line: str) -> TaskResult | None:
    """Return a failure where restic has left something out of its list: it may be a record."""
    if not line:
        return None
    why = f"nothing is forgotten because a snapshot cannot be read: {line}"
    return TaskResult(Status.FAILURE, why, Failure.RESTIC)
