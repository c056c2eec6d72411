"""`backup-runner maintain`: the job that looks after a repository which many share.

Its volume is empty at each start: what it has to remember lies in the repository itself.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from runner import (
    central,
    chores,
    deliver,
    due,
    records,
    report,
    restic,
    retrieval,
    scratch,
    steps,
    upkeep,
)
from runner import state as states
from runner.central import Ruling, Verdict
from runner.config import Config
from runner.conversation import Ended
from runner.log import Log
from runner.outcome import Chored, Failure, Outcome, Status
from runner.output import array
from runner.records import Json, Owner
from runner.restic import Door
from runner.session import Session
from runner.state import Last, State, Store
from runner.stop import Stop

HOST = "maintenance"
"""What metrics and messages call it."""
_SECOND = chores.SECOND
_LOCKED = 11  # restic's exit code; whoever holds the lock was in our way before, and was told of


def maintain(config: Config, log: Log, stop: Stop, *, dry_run: bool) -> Status | None:
    """Do what is due; return how it ended, None where another process is at it."""
    config = replace(
        config, host=HOST, admitted=HOST, kind="CronJob", workload=HOST, cluster="",
        retention_enabled=True, state_dir=f"{config.state_dir}/{HOST}",
    )  # fmt: skip
    store = Store(Path(config.state_dir))
    with store.lock() as mine:
        if not mine:
            return None
        restic.lower_priority()
        scratch.fresh(Path(config.state_dir) / "tmp")
        session = Session(config, _new(time.time()), store, log, stop, maintains=True)
        return _try(session) if dry_run else _run(session)


def _run(session: Session) -> Status:
    started = time.time()
    session.log.line("info", "maintenance started")
    deliver.began(session)
    job = None
    try:
        job = _open(session)
        outcome = job.work()
    except Ended as ended:
        outcome = ended.outcome
    except Exception as error:  # noqa: BLE001 -- a bug of ours is a failure, and is reported
        outcome = Outcome(Status.FAILURE, f"internal error: {error!r}", Failure.INTERNAL)
    session = job.session if job else session
    _tell(session, outcome, started)
    if job and not job.keep():
        return Status.FAILURE
    return outcome.status


def _tell(session: Session, outcome: Outcome, started: float) -> None:
    ended = time.time()
    session.state.last = Last(
        started=started,
        ended=ended,
        status=outcome.status.value,
        message=session.log.mask(outcome.message),
        failure=outcome.failure.value if outcome.failure else None,
    )
    if outcome.status in {Status.SUCCESS, Status.WARNING}:
        session.state.last_success = ended
    line = f"maintenance {outcome.status}: {outcome.message}"
    session.log.line(
        report.level(outcome.status), line,
        status=outcome.status.value, workloads=session.state.workloads,
    )  # fmt: skip
    deliver.deliver(session, ended)


def _try(session: Session) -> Status:
    """Say what would be done, and do nothing."""
    try:
        job = _open(session, may_make=False)
    except Ended as ended:
        session.log.line(report.level(ended.outcome.status), ended.outcome.message)
        return ended.outcome.status
    job.say()
    return Status.SUCCESS


def _new(now: float) -> State:
    state = states.new(now, "")
    state.began = now
    return state


def _open(session: Session, *, may_make: bool = True) -> "_Job":
    """Open the repository, or make it; raise Ended where that cannot be."""
    config = session.config
    if config.mirrors:
        line = "backup.engine is rclone here: there is a mirror, and no repository to maintain"
        raise Ended(Status.FAILURE, line, Failure.CONFIG)
    if config.missing:
        line = f"{config.missing} is not set: put it into the Secret"
        raise Ended(Status.FAILURE, line, Failure.CONFIG)
    door = Door(config, session.log, session.stop)
    snapshots, made = door.follow(central.opened(config, may_make=may_make))
    if made:
        line = "a new repository was created; keep its password safe"
        session.log.line("warning", line)
    return _Job(replace(session, state=_recalled(session, door, snapshots)), door, snapshots)


def _recalled(session: Session, door: Door, snapshots: list[Json]) -> State:
    """Return what the last job knew; new where there was none, or it cannot be read."""
    known = [each for each in snapshots if records.found([each], records.MAINTENANCE)]
    if not known:
        return session.state
    newest = max(known, key=lambda each: str(each.get("time")))
    done = door.execute(records.read_state(str(newest.get("id"))))
    if not done.code and not done.stopped:
        (Path(session.config.state_dir) / states.FILE).write_text(done.text, "utf-8")
        if state := session.store.load():
            state.append_only = False  # or it was; the next chore shows it
            return state
    session.log.line("warning", f"the last job's state cannot be read: {done.said}; begun anew")
    return session.state


class _Job:
    """One call: an open repository, and all snapshots in it."""

    def __init__(self, session: Session, door: Door, snapshots: list[Json]) -> None:
        self.session = session
        self._door = door
        self._snapshots = snapshots
        self._ends = time.monotonic() + session.config.timing.maintenance

    def work(self) -> Outcome:
        """Do each chore that is due; none keeps the next from being done."""
        config, state = self.session.config, self.session.state
        now = datetime.now(UTC)
        done: dict[str, Chored] = {}
        self._do(done, "forget", lambda: self._forget(now))
        if not state.append_only:
            self._do(done, "prune", lambda: self._alone(steps.prune(config, self._left)))
        self._do(done, "check", self._check)
        if config.second is None:
            if wrong := central.uncopied(self._snapshots):
                self._do(done, "copy", lambda: wrong)
        else:
            self._do(done, "copy", self._copy)
            if state.chore("copy").status == Status.SUCCESS:
                self._do(done, "copy_forget", lambda: self._forget_copies(now))
                prune = steps.prune(config, self._left, _SECOND)
                self._do(done, "copy_prune", lambda: self._alone(prune))
        return central.outcome(done)

    def _do(self, done: dict[str, Chored], name: str, chore: Callable[[], Chored]) -> None:
        state = self.session.state
        if not self._is_due(name):
            return
        if self.session.stop.asked or self._ends <= time.monotonic():
            done[name] = Chored(Status.INTERRUPTED, "there was no time left")
            state.chore(name).again = True
            return
        done[name] = chores.begin(self.session, name, chore)

    def _is_due(self, name: str) -> bool:
        state = self.session.state
        if name == "copy" or state.chore(name).status not in {"", Status.SUCCESS}:
            return True  # what came to no good end is tried whenever we are here
        return due.has_come(name, time.time(), self.session.config, state)

    @property
    def _left(self) -> float:
        return max(1, self._ends - time.monotonic())

    def _alone(self, step: steps.Step) -> Chored:
        chore = central.unlocked(lambda: upkeep.alone(step), datetime.now(UTC), step.target)
        return self._door.follow(chore)

    def _forget(self, now: datetime) -> Chored:
        found = central.rulings(self.session.config, self._snapshots, self._snapshots, now)
        done, ended = self._apply(found, now, "")
        self.session.state.workloads = central.counts(found, done)
        strangers = sum(_is_strange(each) for each in self._snapshots)
        return ended or central.summed(found, done, strangers)

    def _forget_copies(self, now: datetime) -> Chored:
        """Apply the same to the second repository; what is said is said in the first."""
        listed = self._door.execute(retrieval.everyones_snapshots(_SECOND))
        if listed.code or listed.stopped:
            return upkeep.failed("listing the copies", listed)
        copies = array(listed.text)
        found = central.rulings(self.session.config, copies, self._snapshots, now)
        done, ended = self._apply(found, now, _SECOND)
        return ended or central.summed(found, done, sum(_is_strange(each) for each in copies))

    def _apply(
        self, found: list[Ruling], now: datetime, target: str
    ) -> tuple[dict[Owner, Chored], Chored | None]:
        """Apply each rule; return what came of it, and how it ended where it cannot go on."""
        done: dict[Owner, Chored] = {}
        for ruling in found:
            name, log = str(ruling.owner), self.session.log
            if ruling.verdict != Verdict.APPLIED:
                bad = ruling.verdict in {Verdict.HELD, Verdict.FAILED}
                log.line("warning" if bad else "info", f"{name} {ruling.verdict}: {ruling.why}")
                continue
            one = self._door.follow(central.forget(ruling, self._left, now, target))
            if one.status in {Status.INTERRUPTED, Status.SKIPPED}:
                return done, one
            log.line(report.level(one.status), f"{name}: {one.message} ({ruling.why})")
            done[ruling.owner] = one
        return done, None

    def _check(self) -> Chored:
        config, state = self.session.config, self.session.state
        if not config.subsets:
            return self._alone(steps.check(config, self._left))
        part = central.next_subset(state.subset, config.subsets)
        subset = f"{part}/{config.subsets}"
        done = self._alone(steps.check(config, self._left, subset))
        if done.status != Status.SUCCESS:
            return done
        state.subset = part
        return replace(done, message=f"done, with part {subset} of the data")

    def _copy(self) -> Chored:
        owners = {owner for each in self._snapshots if (owner := records.owner_of(each))}
        if not owners:
            return Chored(Status.SUCCESS, "there is nothing yet")
        config, state = self.session.config, self.session.state
        namespaces = tuple(sorted({owner.namespace for owner in owners}))
        step = steps.copy_all(config, namespaces, self._left)
        had = bool(state.chore("copy").success)
        return self._door.follow(upkeep.copy(config, self._left, had_success=had, step=step))

    def say(self) -> None:
        """Say what would be done."""
        config, log, now = self.session.config, self.session.log, datetime.now(UTC)
        for ruling in central.rulings(config, self._snapshots, self._snapshots, now):
            line = f"{ruling.owner} {ruling.verdict}: {ruling.why}"
            if ruling.verdict == Verdict.APPLIED:
                one = self._door.follow(central.forget(ruling, self._left, now, trial=True))
                line = f"{ruling.owner} would have {one.message} ({ruling.why})"
            log.line("info", line)
        names = [name for name in due.LEFT if config.second or not name.startswith("copy")]
        ready = [name for name in names if self._is_due(name)]
        log.line("info", f"due now: {', '.join(ready) or 'nothing'}; nothing was done")

    def keep(self) -> bool:
        """Leave in the repository what the next job has to know; return whether that worked."""
        session = self.session
        session.save()
        file = str(Path(session.config.state_dir) / states.FILE)
        done = self._door.execute(records.write_state(session.config, file))
        if done.code or done.stopped:
            line = f"the next job will not know what was done: {done.said}"
            session.log.line("error", line)
            return done.code == _LOCKED
        if not session.state.append_only:
            cleaned = self._door.execute(records.forget(session.config))
            if (cleaned.code or cleaned.stopped) and not session.stop.asked:
                session.log.line("warning", f"old records were not removed: {cleaned.said}")
        return True


def _is_strange(snapshot: Json) -> bool:
    return records.owner_of(snapshot) is None and snapshot.get("hostname") != records.HOST
