"""The session of a tick or a command."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from contract.annotations import settings
from runner.config.model import Config
from runner.process import lock
from runner.process.environment import cache
from runner.process.log import Log
from runner.process.signals import Stop
from runner.schedule import due
from runner.session import status
from runner.state import model as states
from runner.state.model import State
from runner.state.store import Store


@dataclass(frozen=True, slots=True)
class Session:
    """One call of the runner; ``state`` is what changes.

    ``limit``: seconds that the backup may take, and nothing may follow it; 0 if there is time.
    ``maintains``: it is the maintenance job's.
    """

    config: Config
    state: State
    store: Store
    log: Log
    stop: Stop
    limit: float = 0
    maintains: bool = False

    def plan(self) -> None:
        """Save the time of the next run, for everything that shows it."""
        if not self.maintains:
            self.state.runs.next_due = due.next_run(time.time(), self.config, self.state) or 0

    def save(self) -> None:
        """Keep the state, and show it; if that is impossible, a backup is still better than
        none.
        """
        self.plan()
        found = cache.problem()
        self.state.repository.cache = self.state.repository.cache if found is None else found
        try:
            self.store.save(self.state)
            self.store.publish(status.describe(self.config, self.state))
        except OSError as error:
            self.log.line("error", f"the state cannot be written: {error.strerror}")


@contextmanager
def alone(
    config: Config, log: Log, stop: Stop, *, limit: float = 0, wait: lock.Wait = lock.never
) -> Iterator[Session | None]:
    """Yield a session that no other process works beside; None if one keeps on working.

    The state is new where there is none; what is annotated already starts no run.
    """
    store = Store(Path(config.paths.state))
    with store.lock(wait) as mine:
        if not mine:
            yield None
            return
        run_now = config.settings.get(settings.RUN_NOW) or ""
        state = store.load() or states.new(time.time(), run_now)
        yield Session(config, state, store, log, stop, limit)
