"""One run of the maintenance job: runs each due task on an open repository."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from contract import exit_codes
from contract.snapshots import Snapshot
from runner.maintenance import operations, tasks
from runner.maintenance.central import pending, policy
from runner.maintenance.central.listing import Listing
from runner.maintenance.central.ruling import Ruling, Verdict, rulings
from runner.maintenance.retention import policy_records
from runner.maintenance.retention.policy_records import Owner
from runner.notify import metrics
from runner.policy import attestation
from runner.restic import commands
from runner.schedule import due
from runner.session.executor import Executor
from runner.session.session import Session
from runner.state import store
from runner.steps import step as steps_step
from runner.steps.outcome import Outcome, Status
from runner.steps.result import Completed
from runner.steps.task import TaskResult

_SECOND = tasks.SECOND


@dataclass(frozen=True, slots=True)
class _Applied:
    """The rulings, the result of each, and how the job ended if it could not continue."""

    rulings: list[Ruling]
    done: dict[Owner, TaskResult]
    ended: TaskResult | None = None


class Job:
    """One call: an open repository, and all snapshots in it, as ``listed``."""

    def __init__(self, session: Session, executor: Executor, listed: Completed, key: bytes) -> None:
        self.session = session
        self._key = key
        self._executor = executor
        self._listing = Listing(executor, listed)
        self._ends = self._listing.at + session.config.timing.maintenance

    def prepare(self, accepted: tuple[str, ...]) -> tuple[str, ...]:
        """Accept and announce what is to keep less; return names that could not be accepted."""
        if self._listing.unread:
            return accepted  # the newest record may be missing
        session = self.session
        unknown = pending.accept(session.state, self._rulings(), accepted, session.log)
        pending.announce(session.state, self._rulings(), session.log)
        return unknown

    def work(self) -> Outcome:
        """Do each task that is due; none keeps the next from being done."""
        config, state = self.session.config, self.session.state
        done: dict[str, TaskResult] = {}
        self._do(done, "forget", self._forget)
        if not state.repository.append_only:
            self._do(done, "prune", lambda: self._alone(commands.prune(config, self._share)))
        self._do(done, "check", self._check)
        if config.repository.second is not None:
            self._copies(done)
        elif wrong := policy.uncopied(self._listing.snapshots, datetime.now(UTC)):
            self._do(done, "copy", lambda: wrong)
        else:
            state.repository.tasks.pop("copy", None)  # nobody wants any, or no longer
        return policy.outcome(done)

    def _copies(self, done: dict[str, TaskResult]) -> None:
        config = self.session.config
        self._do(done, "copy", self._copy)
        if self.session.state.repository.of_task("copy").status == Status.SUCCESS:
            self._do(done, "copy_forget", self._forget_copies)
            prune = commands.prune(config, self._left, _SECOND)
            self._do(done, "copy_prune", lambda: self._alone(prune))

    def _do(self, done: dict[str, TaskResult], name: str, task: Callable[[], TaskResult]) -> None:
        state = self.session.state
        if not self._is_due(name):
            return
        if self.session.stop.asked or self._ends <= time.monotonic():
            done[name] = TaskResult(Status.INTERRUPTED, "no time was left")
            state.repository.of_task(name).again = True
            return
        done[name] = tasks.begin(self.session, name, task)

    def _is_due(self, name: str) -> bool:
        state = self.session.state
        if name == "copy" or state.repository.of_task(name).status not in {"", Status.SUCCESS}:
            return True  # what came to no good end is tried whenever we are here
        return due.has_come(name, time.time(), self.session.config, state)

    @property
    def _left(self) -> float:
        return max(1, self._ends - time.monotonic())

    @property
    def _share(self) -> float:
        """Return the time budget of a task that starts again each time: others wait for it."""
        return self._left / 2

    def _alone(self, step: steps_step.Step) -> TaskResult:
        task = policy.unlocked(lambda: operations.alone(step), datetime.now(UTC), step.target)
        return self._executor.follow(task)

    def _forget(self) -> TaskResult:
        if self._listing.unread and (bad := self._listing.again()):
            return bad
        applied = self._apply(self._rulings())
        self.session.state.job.workloads = policy.counts(applied.rulings, applied.done)
        strangers = sum(policy_records.is_strange(each) for each in self._listing.snapshots)
        return applied.ended or policy.summed(applied.rulings, applied.done, strangers)

    def _forget_copies(self) -> TaskResult:
        """Apply the same rulings to the second repository; records are in the first."""
        if bad := self._listing.again():  # copying may have taken hours
            return bad
        copies = self._listing.copies()
        if isinstance(copies, TaskResult):
            return copies
        applied = self._apply(self._rulings(copies), copies)
        strangers = sum(policy_records.is_strange(each) for each in copies)
        return applied.ended or policy.summed(applied.rulings, applied.done, strangers)

    def _rulings(self, copies: list[Snapshot] | None = None) -> list[Ruling]:
        snapshots = self._listing.snapshots if copies is None else copies
        policies, now = self.session.state.job.policies, datetime.now(UTC)
        return rulings(self.session.config, snapshots, self._listing.snapshots, now, policies)

    def _apply(self, found: list[Ruling], copies: list[Snapshot] | None = None) -> _Applied:
        """Apply each ruling."""
        target = "" if copies is None else _SECOND
        done: dict[Owner, TaskResult] = {}
        judged: list[Ruling] = []
        for earlier in found:
            ruling = earlier if target else self._current(earlier)
            judged.append(ruling)
            name, log = str(ruling.owner), self.session.log
            if ruling.verdict != Verdict.APPLIED:
                bad = ruling.verdict in {Verdict.HELD, Verdict.FAILED}
                log.line("warning" if bad else "info", f"{name} {ruling.verdict}: {ruling.why}")
                continue
            snapshots = self._listing.snapshots if copies is None else copies
            task = policy.forget(ruling, snapshots, self._left, datetime.now(UTC), target)
            one = self._executor.follow(task)
            if one.status in {Status.INTERRUPTED, Status.SKIPPED}:
                return _Applied(judged, done, one)
            log.line(metrics.level(one.status), f"{name}: {one.message} ({ruling.why})")
            done[ruling.owner] = one
        return _Applied(judged, done)

    def _current(self, ruling: Ruling) -> Ruling:
        """Return the current ruling: earlier ones may have taken long."""
        if self._listing.is_fresh:
            return ruling
        if bad := self._listing.again():
            return replace(ruling, verdict=Verdict.FAILED, why=bad.message)
        gone = replace(ruling, verdict=Verdict.KEPT, why="it has no snapshots any more")
        return next((each for each in self._rulings() if each.owner == ruling.owner), gone)

    def _check(self) -> TaskResult:
        config, state = self.session.config, self.session.state
        if not config.maintenance.subsets:
            return self._alone(commands.check(config, self._share))
        part = policy.next_subset(state.job.subset, config.maintenance.subsets)
        subset = f"{part}/{config.maintenance.subsets}"
        done = self._alone(commands.check(config, self._share, subset))
        if done.status != Status.SUCCESS:
            return done
        state.job.subset = part
        return replace(done, message=f"done, including part {subset} of the data")

    def _copy(self) -> TaskResult:
        owners = {
            owner for each in self._listing.snapshots if (owner := policy_records.owner_of(each))
        }
        if not owners:
            return TaskResult(Status.SUCCESS, "there is nothing yet")
        config, state = self.session.config, self.session.state
        namespaces = tuple(sorted({owner.namespace for owner in owners}))
        step = commands.copy_all(config, namespaces, self._left)
        had = bool(state.repository.of_task("copy").success)
        return self._executor.follow(
            operations.copy(config, self._left, had_success=had, step=step)
        )

    def say(self) -> None:
        """Say what would be done."""
        config, log = self.session.config, self.session.log
        for ruling in self._rulings():
            line = f"{ruling.owner} {ruling.verdict}: {ruling.why}"
            if ruling.verdict == Verdict.APPLIED:
                one = self._executor.follow(
                    operations.forget(ruling.config, self._left, trial=True)
                )
                line = f"{ruling.owner} would have {one.message} ({ruling.why})"
            log.line("info", line)
        ready = [name for name in due.central(config) if self._is_due(name)]
        log.line("info", f"due now: {', '.join(ready) or 'nothing'}; nothing was done")

    def keep(self) -> bool:
        """Leave in the repository what the next job has to know; return whether that worked."""
        session = self.session
        session.state.job.number = max(session.state.job.number + 1, int(time.time()))
        session.save()
        file = Path(session.config.paths.state) / store.FILE
        try:
            tag = attestation.tag(self._key, session.state.job.number, file.read_bytes())
        except OSError:
            return False  # it was logged when it was written
        done = self._executor.execute(policy_records.write_state(session.config, str(file), tag))
        if done.code or done.stopped:
            line = f"the job's state was not saved, the next job repeats its work: {done.said}"
            session.log.line("error", line)
            # The process that holds the lock was in our way before, and was reported then.
            return done.code == exit_codes.LOCKED
        old = policy_records.replaced(self._listing.snapshots, datetime.now(UTC))
        if old and not session.state.repository.append_only:
            cleaned = self._executor.execute(policy_records.forget(session.config, old))
            if (cleaned.code or cleaned.stopped) and not session.stop.asked:
                session.log.line("warning", f"old records cannot be removed: {cleaned.said}")
        return True
