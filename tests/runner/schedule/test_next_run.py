"""The next run comes when it was announced: pods that live through days of all kinds of events.

What is announced is compared with what then happens, and with the schedule's own slots.
"""

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from contract.annotations import settings
from runner.config.model import Config
from runner.schedule import deadlines, due
from runner.state import model
from runner.state.model import Last, State
from tests.runner.config.workload import changed, configured, remembered
from tests.runner.schedule.test_due import HOUR, HOURLY, MINUTE, NOW, SLOT, failing, served

DAY = 24 * HOUR
POLL = 30.0  # seconds; the supervisor's
CATCH_UP = 900.0
SCHEDULES = {
    "*/5": ("*/5 * * * *", "UTC", DAY),
    "hourly": ("0 * * * *", "UTC", 6 * DAY),
    "H": ("H * * * *", "UTC", 6 * DAY),
    "daily": ("@daily", "UTC", 60 * DAY),
    "around midnight": ("*/20 0,23 * * *", "Pacific/Auckland", 20 * DAY),
    "a clock change": ("30 2 * * *", "Europe/Berlin", 60 * DAY),
    "half hours": ("H/30 8-18 * * 1-5", "Asia/Kolkata", 12 * DAY),
    "off": ("off", "UTC", 3 * DAY),
}
START = datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp()  # Europe's clocks change on the 29th
EVENTS = ("restart", "new pod", "new pod, unread", "outage", "pause", "run-now", "lock", "manual")


def config_of(name: str, **more: str) -> Config:
    """Return the workload with this schedule."""
    schedule, zone, _ = SCHEDULES[name]
    annotations = {"backup.schedule": schedule, "backup.timezone": zone, **more}
    return configured({"BACKUP_CATCH_UP_SECONDS": str(CATCH_UP)}, annotations=annotations)


@dataclass
class Pod:
    """A sidecar as tick drives it: looks, and runs that take their time and may fail."""

    config: Config
    chance: random.Random
    now: float = START
    failing: float = 0.0
    state: State = field(default_factory=lambda: model.new(START, ""))
    repository: float = 0.0  # when the last good backup was made, by whichever pod
    announced: float | None = None
    wake: float = START
    runs: list[float] = field(default_factory=list)

    def look(self, *, start: bool = False, changed: bool = False, reads: bool = True) -> None:
        """Do what is due, and announce; ``reads``: the repository answers."""
        known, before = self.state, self.announced
        if start and not known.runs.derived and reads:
            self._recover()
        if start:
            due.remember_start(self.now, self.config, known)
        decided = due.due(self.now, self.config, known)
        was_unknown = decided.probe  # and what was announced is to ask the repository
        if was_unknown:
            self._recover()
            decided = due.due(self.now, self.config, known)
        if decided.backup:
            if not start and not changed:
                assert before is not None, "nothing was announced"
                assert before <= self.now <= before + POLL + 1, "it was announced for another time"
            self._run()
        elif not (start or changed or was_unknown) and before is not None:
            assert self.now < before, "it did not come"
        self._plan()

    def manual(self) -> None:
        """Back up at once, by a person's command; a tick follows."""
        self._run()
        self._plan()

    def _recover(self) -> None:
        self.state.runs.derived = True
        self.state.runs.last_success = max(self.state.runs.last_success, self.repository)
        self.state.runs.attempted = max(self.state.runs.attempted, self.state.runs.last_success)

    def _run(self) -> None:
        known, began = self.state, self.now
        self.runs.append(began)
        known.runs.attempted, known.runs.derived = began, True
        known.runs.run_now = self.config.settings.get(settings.RUN_NOW) or known.runs.run_now
        self.now += self.chance.choice((2, 20, 200, 2000))
        good = self.chance.random() >= self.failing
        status = "success" if good else self.chance.choice(("failure", "interrupted", "skipped"))
        known.runs.last = Last(began, self.now, status, "")
        known.runs.failures = 0 if good else known.runs.failures + 1
        self.repository = self.now if good else self.repository

    def _plan(self) -> None:
        self.announced = due.next_run(self.now, self.config, self.state)
        self.wake = due.due(self.now, self.config, self.state).next
        assert self.now < self.wake
        assert self.announced is None or self.wake <= max(self.announced, self.now + 1)


def slots(config: Config, after: float, until: float) -> list[float]:
    """Return the schedule's own slots in a time, by nothing of what is tested."""
    values, found = config.settings, []
    moment: float | None = after
    while moment is not None:
        moment = values[settings.SCHEDULE].next_after(
            moment, values[settings.TIMEZONE], config.identity.seed
        )
        if moment is None or moment > until:
            break
        found.append(moment)
    return found


@pytest.mark.parametrize("failures", [0.0, 0.4, 1.0], ids=["good", "flaky", "failing"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_each_run_starts_when_announced(name: str, failures: float) -> None:
    """Whatever happens to the pod meanwhile; and no look leaves a slot behind it unserved."""
    # A seed of its own for each, the same in each process.
    pod = Pod(config_of(name), random.Random(f"{name} {failures}"), failing=failures)  # noqa: S311 -- no secret
    end = START + SCHEDULES[name][2]
    pod.look(start=True)
    looked = pod.now  # when the last look began: slots of its run's time count as well
    while pod.now < end:
        free = pod.now
        pod.now = max(pod.wake, pod.now) + pod.chance.uniform(0, POLL)
        passed, ran, began = slots(pod.config, looked, pod.now), len(pod.runs), pod.now
        pod.look()
        if passed:
            assert len(pod.runs) == ran + 1, f"no run for {passed}"
            assert began - max(passed[0], free) <= POLL + 1
        looked = began
        if pod.chance.random() < 0.2:
            happen(pod, pod.chance.choice(EVENTS))
            looked = pod.now

    assert bool(pod.runs) or name == "off"


def happen(pod: Pod, event: str) -> None:
    """Let something happen to a pod, and bring it back to where it waits."""
    chance = pod.chance
    match event:
        case "restart" | "outage":
            pod.now += chance.choice((1, 70, 400)) if event == "restart" else chance.uniform(0, DAY)
            started(pod)
        case "new pod" | "new pod, unread":
            pod.now += chance.uniform(1, 3 * HOUR)
            pod.state = model.new(pod.now, "")
            started(pod, reads=event == "new pod")
        case "pause":
            usual = pod.config
            pod.config = replace(pod.config, settings=paused(pod.config).settings)
            pod.look(changed=True)
            assert pod.announced is None
            pod.now += chance.uniform(0, 8 * HOUR)
            pod.look()
            pod.config = usual
            pod.look(changed=True)
        case "run-now":
            pod.now += 1
            ran, usual = len(pod.runs), pod.config
            asked = {"backup.run-now": str(pod.now)}
            pod.config = replace(usual, settings=annotated(usual, asked).settings)
            pod.look(changed=True)
            assert len(pod.runs) == ran + 1
            pod.config = usual
            pod.look(changed=True)
        case "lock":  # another process is at work over some looks, which change nothing
            pod.now += chance.uniform(0, HOUR)
            pod.look(changed=True)
        case _:
            pod.now += 1
            pod.manual()


def started(pod: Pod, *, reads: bool = True) -> None:
    """Start the container; what was missed is caught up in time, and no slot is put off for it."""
    began, ran, kept = pod.now, len(pod.runs), pod.state.runs.not_before
    pod.look(start=True, reads=reads)
    missed = pod.state.runs.missed_slot > pod.state.runs.attempted
    if len(pod.runs) == ran and missed:
        upcoming = slots(pod.config, began, began + CATCH_UP)[:1]
        latest = min([began + CATCH_UP, *upcoming])
        assert pod.announced is not None
        assert began <= pod.announced <= latest
        if began < kept <= began + CATCH_UP and not upcoming:
            assert pod.announced <= kept, "what was announced is put off"


def annotated(config: Config, more: dict[str, str]) -> Config:
    """Return the workload with further annotations."""
    values = config.settings
    known = {
        "backup.schedule": values[settings.SCHEDULE].text,
        "backup.timezone": values[settings.TIMEZONE].key,
    }
    return configured(annotations={**known, **more})


def paused(config: Config) -> Config:
    """Return the workload while it is paused."""
    return annotated(config, {"backup.paused": "true"})


EVERY_5 = configured(annotations={"backup.schedule": "*/5 * * * *"})
MISSED = served(attempted=SLOT - HOUR, missed_slot=SLOT, not_before=NOW + 500)


@pytest.mark.parametrize(
    ("state", "annotations", "at"),
    [
        (served(), HOURLY, SLOT + HOUR),
        (MISSED, HOURLY, NOW + 500),
        (changed(MISSED, not_before=NOW + 800), {"backup.schedule": "*/30 * * * *"}, NOW),
        (changed(MISSED, not_before=NOW - 5), HOURLY, NOW),
        (changed(MISSED, not_before=NOW + 40 * MINUTE), HOURLY, NOW),  # a clock was set back
        (failing(1, ended=NOW - MINUTE), HOURLY, NOW + 4 * MINUTE),
        (failing(3, ended=NOW - MINUTE), HOURLY, SLOT + HOUR),
        (failing(4, ended=NOW - MINUTE), HOURLY, SLOT + HOUR),
        (served(run_now="1"), {**HOURLY, "backup.run-now": "2"}, NOW),
        (served(), {**HOURLY, "backup.paused": "true"}, None),
        (served(run_now="1"), {"backup.run-now": "2", "backup.paused": "true"}, None),
        (served(), {"backup.schedule": "off"}, None),
        (failing(1), {"backup.schedule": "off"}, None),
        (remembered(derived=True), HOURLY, NOW),
        (remembered(), HOURLY, NOW),
    ],
)
def test_the_next_run_is_announced(
    state: State, annotations: dict[str, str], at: float | None
) -> None:
    config = configured(annotations=annotations)

    assert due.next_run(NOW, config, state) == at
    if at is not None:
        assert due.due(max(at - 1, NOW - 60), config, state).backup == "" or at == NOW
        assert due.due(at, config, state).backup != ""


def test_a_missed_slot_of_a_frequent_schedule_waits_for_the_next_slot_at_most() -> None:
    """`*/5`: at the latest within five minutes, by a slot that is served in time."""
    state = served(attempted=NOW - HOUR)
    due.remember_start(NOW, EVERY_5, state)
    state.runs.not_before = NOW + 800

    assert due.next_run(NOW, EVERY_5, state) == NOW + MINUTE  # 12:35
    assert due.due(NOW + MINUTE, EVERY_5, state).backup == "schedule"
    state.runs.attempted = NOW + MINUTE
    assert due.next_run(NOW + MINUTE + 1, EVERY_5, state) == NOW + 6 * MINUTE


@pytest.mark.parametrize("restarts", [[60, 120, 180], [200, 400, 600], [290, 310, 880]])
def test_a_container_that_restarts_does_not_put_off_a_catch_up(restarts: list[int]) -> None:
    """As it did where each start found another missed slot."""
    state = served(attempted=NOW - HOUR)
    due.remember_start(NOW, EVERY_5, state)
    announced = state.runs.not_before

    for later in restarts:
        if NOW + later < announced:
            due.remember_start(NOW + later, EVERY_5, state)

    assert state.runs.not_before == announced


@pytest.mark.parametrize(
    ("schedule", "next_due", "interval"),
    [
        ("0 * * * *", SLOT + HOUR, HOUR),
        ("0 * * * *", NOW + 500, HOUR),
        ("0 * * * *", SLOT + HOUR - 10, HOUR),
        ("0 0 * * *", SLOT + 11 * HOUR + 59 * MINUTE, DAY),
        ("0 0 * * *", NOW + 0.25, DAY),
        ("0 0 * * *", 0, 0),
        ("off", NOW, 0),
    ],
)
def test_the_interval_is_that_of_the_schedule_despite_runs_in_between(
    schedule: str, next_due: float, interval: float
) -> None:
    """Alerts and dashboards multiply it: a catch-up right before a slot must not shorten it."""
    config = configured(annotations={"backup.schedule": schedule})

    assert deadlines.interval(config, remembered(next_due=next_due)) == interval
