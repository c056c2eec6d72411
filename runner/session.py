"""What a look or a run works with, handed from one to the next."""

from dataclasses import dataclass

from runner import cache, status
from runner.config import Config
from runner.log import Log
from runner.state import State
from runner.stop import Stop
from runner.store import Store


@dataclass(frozen=True, slots=True)
class Session:
    """One call of the runner; ``state`` is what changes.

    ``limit``: seconds that the backup may take, and nothing may follow it; 0 where there is time.
    ``maintains``: it is the maintenance job's.
    """

    config: Config
    state: State
    store: Store
    log: Log
    stop: Stop
    limit: float = 0
    maintains: bool = False

    def save(self) -> None:
        """Keep the state, and show it; where that cannot be, a backup is still better than none."""
        found = cache.problem()
        self.state.cache = self.state.cache if found is None else found
        try:
            self.store.save(self.state)
            self.store.publish(self.log.masked(status.describe(self.config, self.state)))
        except OSError as error:
            self.log.line("error", f"the state cannot be kept: {error.strerror}")
