"""One call of the maintenance job: an open repository, and each chore that is due for it."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from runner import (
    attestation,
    central,
    chores,
    due,
    pending,
    records,
    report,
    retrieval,
    steps,
    store,
    upkeep,
)
from runner.lists import array, unread
from runner.outcome import Chored, Failure, Outcome, Status
from runner.output import Completed
from runner.records import Json, Owner
from runner.restic import Door
from runner.ruling import Ruling, Verdict, rulings
from runner.session import Session

_SECOND = chores.SECOND
_FRESH = 60  # seconds for which a list of snapshots is good enough to forget by
_LOOKS = 2  # at a list: what others removed while it was made is not missed again
_LOCKED = 11  # restic's exit code; whoever holds the lock was in our way before, and was told of


class Job:
    """One call: an open repository, and all snapshots in it, as ``listed``."""

    def __init__(self, session: Session, door: Door, listed: Completed, key: bytes) -> None:
        self.session = session
        self._key = key
        self._door = door
        self._take(listed)
        self._ends = self._listed + session.config.timing.maintenance

    def _take(self, listed: Completed) -> None:
        self._snapshots, self._unread = array(listed.text), unread(listed)
        self._listed = time.monotonic()

    def prepare(self, accepted: tuple[str, ...]) -> tuple[str, ...]:
        """Accept and announce what is to keep less; return names that could not be accepted."""
        if self._unread:
            return accepted  # the newest record may be missing
        session = self.session
        unknown = pending.accept(session.state, self._rulings(), accepted, session.log)
        pending.announce(session.state, self._rulings(), session.log)
        return unknown

    def work(self) -> Outcome:
        """Do each chore that is due; none keeps the next from being done."""
        config, state = self.session.config, self.session.state
        done: dict[str, Chored] = {}
        self._do(done, "forget", self._forget)
        if not state.append_only:
            self._do(done, "prune", lambda: self._alone(steps.prune(config, self._share)))
        self._do(done, "check", self._check)
        if config.second is not None:
            self._copies(done)
        elif wrong := central.uncopied(self._snapshots, datetime.now(UTC)):
            self._do(done, "copy", lambda: wrong)
        else:
            state.chores.pop("copy", None)  # nobody wants any, or no longer
        return central.outcome(done)

    def _copies(self, done: dict[str, Chored]) -> None:
        config = self.session.config
        self._do(done, "copy", self._copy)
        if self.session.state.chore("copy").status == Status.SUCCESS:
            self._do(done, "copy_forget", self._forget_copies)
            prune = steps.prune(config, self._left, _SECOND)
            self._do(done, "copy_prune", lambda: self._alone(prune))

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

    @property
    def _share(self) -> float:
        """Return for how long a chore may run that begins anew each time: others wait for it."""
        return self._left / 2

    def _alone(self, step: steps.Step) -> Chored:
        chore = central.unlocked(lambda: upkeep.alone(step), datetime.now(UTC), step.target)
        return self._door.follow(chore)

    def _list(self) -> Chored | None:
        """List all snapshots anew; return a failure where some are missing in the list."""
        for _ in range(_LOOKS):
            listed = self._door.execute(retrieval.everyones_snapshots())
            if listed.code or listed.stopped:
                return upkeep.failed("listing the snapshots", listed)
            self._take(listed)
            if not self._unread:
                break
        return _missing(self._unread)

    def _forget(self) -> Chored:
        if self._unread and (bad := self._list()):
            return bad
        found, done, ended = self._apply(self._rulings())
        self.session.state.workloads = central.counts(found, done)
        strangers = sum(_is_strange(each) for each in self._snapshots)
        return ended or central.summed(found, done, strangers)

    def _forget_copies(self) -> Chored:
        """Apply the same to the second repository; what is said is said in the first."""
        if bad := self._list():  # copying may have taken hours
            return bad
        listed = self._door.execute(retrieval.everyones_snapshots(_SECOND))
        if listed.code or listed.stopped:
            return upkeep.failed("listing the copies", listed)
        if bad := _missing(unread(listed)):
            return bad
        copies = array(listed.text)
        found, done, ended = self._apply(self._rulings(copies), copies)
        return ended or central.summed(found, done, sum(_is_strange(each) for each in copies))

    def _rulings(self, copies: list[Json] | None = None) -> list[Ruling]:
        snapshots = self._snapshots if copies is None else copies
        policies, now = self.session.state.policies, datetime.now(UTC)
        return rulings(self.session.config, snapshots, self._snapshots, now, policies)

    def _apply(
        self, found: list[Ruling], copies: list[Json] | None = None
    ) -> tuple[list[Ruling], dict[Owner, Chored], Chored | None]:
        """Apply each rule; return them, what came of it, and how it ended if it cannot go on."""
        target = "" if copies is None else _SECOND
        done: dict[Owner, Chored] = {}
        judged: list[Ruling] = []
        for earlier in found:
            ruling = earlier if target else self._current(earlier)
            judged.append(ruling)
            name, log = str(ruling.owner), self.session.log
            if ruling.verdict != Verdict.APPLIED:
                bad = ruling.verdict in {Verdict.HELD, Verdict.FAILED}
                log.line("warning" if bad else "info", f"{name} {ruling.verdict}: {ruling.why}")
                continue
            snapshots = self._snapshots if copies is None else copies
            chore = central.forget(ruling, snapshots, self._left, datetime.now(UTC), target)
            one = self._door.follow(chore)
            if one.status in {Status.INTERRUPTED, Status.SKIPPED}:
                return judged, done, one
            log.line(report.level(one.status), f"{name}: {one.message} ({ruling.why})")
            done[ruling.owner] = one
        return judged, done, None

    def _current(self, ruling: Ruling) -> Ruling:
        """Return what is true by now: others before it may have taken their time."""
        if time.monotonic() - self._listed < _FRESH:
            return ruling
        if bad := self._list():
            return replace(ruling, verdict=Verdict.FAILED, why=bad.message)
        gone = replace(ruling, verdict=Verdict.KEPT, why="it has none any more")
        return next((each for each in self._rulings() if each.owner == ruling.owner), gone)

    def _check(self) -> Chored:
        config, state = self.session.config, self.session.state
        if not config.subsets:
            return self._alone(steps.check(config, self._share))
        part = central.next_subset(state.subset, config.subsets)
        subset = f"{part}/{config.subsets}"
        done = self._alone(steps.check(config, self._share, subset))
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
        config, log = self.session.config, self.session.log
        for ruling in self._rulings():
            line = f"{ruling.owner} {ruling.verdict}: {ruling.why}"
            if ruling.verdict == Verdict.APPLIED:
                one = self._door.follow(upkeep.forget(ruling.config, self._left, trial=True))
                line = f"{ruling.owner} would have {one.message} ({ruling.why})"
            log.line("info", line)
        ready = [name for name in due.central(config) if self._is_due(name)]
        log.line("info", f"due now: {', '.join(ready) or 'nothing'}; nothing was done")

    def keep(self) -> bool:
        """Leave in the repository what the next job has to know; return whether that worked."""
        session = self.session
        session.state.number = max(session.state.number + 1, int(time.time()))
        session.save()
        file = Path(session.config.state_dir) / store.FILE
        try:
            tag = attestation.tag(self._key, session.state.number, file.read_bytes())
        except OSError:
            return False  # it was logged when it was written
        done = self._door.execute(records.write_state(session.config, str(file), tag))
        if done.code or done.stopped:
            line = f"the next job will not know what was done: {done.said}"
            session.log.line("error", line)
            return done.code == _LOCKED
        old = records.replaced(self._snapshots, datetime.now(UTC))
        if old and not session.state.append_only:
            cleaned = self._door.execute(records.forget(session.config, old))
            if (cleaned.code or cleaned.stopped) and not session.stop.asked:
                session.log.line("warning", f"old records were not removed: {cleaned.said}")
        return True


def _missing(line: str) -> Chored | None:
    """Return a failure where restic has left something out of its list: it may be a record."""
    if not line:
        return None
    why = f"nothing is forgotten, for a snapshot cannot be read: {line}"
    return Chored(Status.FAILURE, why, Failure.RESTIC)


def _is_strange(snapshot: Json) -> bool:
    return records.owner_of(snapshot) is None and snapshot.get("hostname") != records.HOST
