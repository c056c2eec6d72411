"""`make bench-herd`: many sidecars on one repository, simulated over days. It prints what it saw.

What decides is the runner's own code: when a run is due, whose turn maintenance is, what waits for
its slot. What is simulated is time: how long commands take, and restic's locks, for which a
command waits as long as the runner lets it.
"""

import argparse
import heapq
import random
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from contract import names
from contract.snapshots import Snapshot
from runner.config import build
from runner.config.model import Config
from runner.restic import commands, maintainer
from runner.schedule import due
from runner.state import model as states
from runner.state.model import Last, State
from runner.steps.outcome import Status

_DAY = 86_400.0
_BEGIN = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
_POLL = 30.0  # seconds between the supervisor's looks
_TAKES = {"forget": 4.0, "prune": 300.0, "check": 120.0}

Life = Generator[float, float, float]  # yields when to go on, receives that time


@dataclass
class Sidecar:
    """One of the herd; it looks at the clock at times of its own."""

    config: Config
    state: State
    phase: float
    here: bool = True

    def wakes(self, moment: float) -> float:
        """Return its first look at or after a moment."""
        return moment + (self.phase - moment) % _POLL


@dataclass
class Repository:
    """Locks as (until, exclusive), and the newest snapshot of each host."""

    locks: list[tuple[float, bool]] = field(default_factory=list)
    latest: dict[str, Snapshot] = field(default_factory=dict)

    def take(self, now: float, seconds: float, patience: float, *, exclusive: bool) -> Life:
        """Hold a lock for so long; return when it was had, -1 where not within ``patience``."""
        asked, pause = now, 5.0
        while self._is_blocked(now, exclusive=exclusive):
            if now - asked > patience:
                return -1.0
            now = yield now + pause
            pause = min(2 * pause, 60.0)  # as restic asks again
        self.locks.append((now + seconds, exclusive))
        yield now + seconds
        return now

    def _is_blocked(self, now: float, *, exclusive: bool) -> bool:
        self.locks = [held for held in self.locks if held[0] > now]
        return any(exclusive or alone for _, alone in self.locks)


@dataclass
class Herd:
    """All sidecars, their repository, and what was seen."""

    sidecars: list[Sidecar]
    repository: Repository
    takes: float
    runs: list[tuple[float, float]] = field(default_factory=list)
    skipped: int = 0
    tasks: list[tuple[float, str, str]] = field(default_factory=list)  # when, which, whose

    def simulate(self, begin: float, end: float) -> None:
        """Let the time pass."""
        lives = [self._life(sidecar, begin) for sidecar in self.sidecars if sidecar.here]
        order = [(next(life), number) for number, life in enumerate(lives)]
        heapq.heapify(order)
        while order[0][0] < end:
            now, number = order[0]
            heapq.heapreplace(order, (lives[number].send(now), number))

    def _life(self, sidecar: Sidecar, now: float) -> Life:
        now = yield sidecar.wakes(now)
        while True:
            if due.due(now, sidecar.config, sidecar.state).backup:
                now = yield from self._run(sidecar, now)
            upcoming = due.due(now, sidecar.config, sidecar.state).next
            now = yield sidecar.wakes(max(upcoming, now + 1))

    def _run(self, sidecar: Sidecar, now: float) -> Life:
        cfg, state = sidecar.config, sidecar.state
        state.runs.attempted = now
        patience = cfg.timing.lock_patience
        begun = yield from self.repository.take(now, self.takes, patience, exclusive=False)
        if begun < 0:
            self.skipped += 1
            state.runs.failures += 1
            state.runs.last = Last(now, now + patience, Status.SKIPPED, "locked")
            return now + patience
        ended = begun + self.takes
        self.runs.append((begun, ended))
        state.runs.failures, state.runs.last_success = 0, ended
        state.runs.last = Last(now, ended, Status.SUCCESS, "")
        made = datetime.fromtimestamp(ended, UTC)
        snapshot = Snapshot(time=made, host=cfg.identity.host, tags=cfg.identity.tags)
        self.repository.latest[cfg.identity.host] = snapshot
        for name in _TAKES:
            ended = yield from self._task(sidecar, name, ended)
        return ended

    def _task(self, sidecar: Sidecar, name: str, now: float) -> Life:
        cfg, state = sidecar.config, sidecar.state
        if not due.task_is_due(name, now, cfg, state):
            return now
        task = state.repository.of_task(name)
        task.attempted, task.tries = now, task.tries + 1
        when = datetime.fromtimestamp(now, UTC)
        if name != "forget" and maintainer.elected(cfg, self.repository.latest.values(), when):
            task.again, task.tries = False, 0
            return now
        limit = due.time_for_tasks(now, cfg)
        takes, patience = min(_TAKES[name], limit), commands.long_patience(cfg, limit)
        begun = yield from self.repository.take(now, takes, patience, exclusive=True)
        task.again = begun < 0 or takes < _TAKES[name]
        if task.again:
            return now + (patience if begun < 0 else takes)
        task.tries, task.success = 0, begun + takes
        self.tasks.append((begun, name, cfg.identity.host))
        return begun + takes


def _sidecar(number: int, chance: random.Random) -> Sidecar:
    host = f"app-{number}"
    environment = {
        names.ENV_NAMESPACE: f"team-{number % 7}", names.ENV_HOST: host,
        names.ENV_WORKLOAD: host, names.ENV_KIND: "Deployment", names.ENV_POD: f"{host}-x",
    }  # fmt: skip
    secret = {"RESTIC_REPOSITORY": "/r", "RESTIC_PASSWORD": "x"}
    state = states.new(_BEGIN, "")
    state.runs.derived, state.runs.attempted = True, _BEGIN
    return Sidecar(build.config(environment, secret, {}), state, chance.uniform(0, _POLL))


def _at_once(runs: list[tuple[float, float]]) -> tuple[float, int]:
    """Return how many runs there are at a time, on average and at most."""
    moments = sorted([(begun, 1) for begun, _ in runs] + [(ended, -1) for _, ended in runs])
    most = now = 0
    for _, step in moments:
        now += step
        most = max(most, now)
    length = max(ended for _, ended in runs) - min(begun for begun, _ in runs)
    return sum(ended - begun for begun, ended in runs) / length, most


def _say(what: str, value: object) -> None:
    print(f"{what:<52} {value}", flush=True)


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(prog="make bench-herd", description=__doc__)
    parser.add_argument("--sidecars", type=int, default=100)
    parser.add_argument("--takes", type=float, default=120, help="seconds of a backup")
    given = parser.parse_args()
    chance = random.Random(1)  # noqa: S311 -- a simulation
    herd = Herd([_sidecar(n, chance) for n in range(given.sidecars)], Repository(), given.takes)
    herd.simulate(_BEGIN, _BEGIN + _DAY)
    mean, most = _at_once(herd.runs)
    _say(f"a day, {given.sidecars} sidecars, {given.takes:.0f} s each: runs", len(herd.runs))
    _say("  runs that found a lock for too long", herd.skipped)
    _say("  at once: mean, most", f"{mean:.1f}, {most}")
    herd.simulate(_BEGIN + _DAY, _BEGIN + 8 * _DAY)
    _say("a week more: runs that found a lock for too long", herd.skipped)
    for name in ("prune", "check"):
        _say(f"  {name}: by whom", [host for _, which, host in herd.tasks if which == name])
    retained = len({host for _, which, host in herd.tasks if which == "forget"})
    _say("  retention applied by", f"{retained} of {given.sidecars}")
    gone = next((host for _, which, host in herd.tasks if which == "prune"), "app-0")
    next(s for s in herd.sidecars if s.config.identity.host == gone).here = False
    before = len(herd.tasks)
    herd.simulate(_BEGIN + 8 * _DAY, _BEGIN + 22 * _DAY)
    later = {host for _, which, host in herd.tasks[before:] if which == "prune"}
    _say(f"two weeks after {gone} has gone: prune by", sorted(later))
    _restart(herd, _BEGIN + 22 * _DAY + 3 * 3600 + 59 * 60, chance)


def _restart(herd: Herd, now: float, chance: random.Random) -> None:
    """Start all at once, an hour after they were stopped at once."""
    herd.simulate(_BEGIN + 22 * _DAY, now - 3600)
    herd.runs.clear()
    for sidecar in herd.sidecars:
        sidecar.phase = now + chance.uniform(0, 5)
        due.remember_start(now, sidecar.config, sidecar.state)
    herd.simulate(now, now + 1200)
    mean, most = _at_once(herd.runs)
    first = [begun - now for begun, _ in herd.runs]
    _say("all restarted at once: runs, within", f"{len(first)}, {max(first):.0f} s")
    _say("  at once: mean, most", f"{mean:.1f}, {most}")


if __name__ == "__main__":
    main()
