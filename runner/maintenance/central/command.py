"""`backup-runner maintain`: the maintenance job of a shared repository.

Its volume is empty at each start: it keeps its state in the repository, where others can write too,
so only authentic state counts.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path

from contract.snapshots import Snapshot
from contract.text import counted
from runner.config.model import Config
from runner.maintenance.central import policy
from runner.maintenance.central.job import Job
from runner.maintenance.retention import policy_records
from runner.notify import dispatch, metrics
from runner.policy import attestation
from runner.process import waiting
from runner.process.folders import ownership, scratch
from runner.process.log import Log
from runner.process.signals import Stop
from runner.restic.lists import of_snapshots
from runner.session import executor
from runner.session.executor import Executor
from runner.session.session import Session
from runner.state import model as states
from runner.state.model import Last, State
from runner.state.store import FILE as STATE_FILE
from runner.state.store import Store
from runner.steps.outcome import Failure, Outcome, Status
from runner.steps.step import RunEnded

HOST = "maintenance"
"""What metrics and messages call it."""

_NAMED = 5  # workloads of which a message says that they ask to keep less
_TRIES = 20  # of states that claim to be the newest
_UNBELIEVED = (
    "no earlier job's state is authentic: it was written with other credentials, by an older "
    "version or by another member of the repository"
)
_OTHERS = "ignored, of unknown origin or superseded; using the newest authentic state"
_BEGUN = "every policy that keeps less than everything waits for its grace period"
_NEW = (
    "a new repository was created: keep its password safe; if one existed before, check "
    "RESTIC_REPOSITORY"
)


def maintain(
    config: Config, log: Log, stop: Stop, *, dry_run: bool, accepted: tuple[str, ...] = ()
) -> Status | None:
    """Run what is due; return the outcome, None if another process is running it.

    ``accepted`` names workloads, NAMESPACE/HOST, whose retention may shrink immediately.
    """
    config = _of_job(config)
    store = Store(Path(config.paths.state))
    wait = waiting.for_turn(log, stop, config.timing.wait)
    with store.lock(wait) as mine:
        if not mine:
            return None
        executor.lower_priority()
        scratch.fresh(ownership.scratch(config.paths.state))
        session = Session(config, states.new(time.time(), ""), store, log, stop, maintains=True)
        return _try(session) if dry_run else _run(session, accepted)


def _of_job(config: Config) -> Config:
    """Return the configuration with the job in place of a workload."""
    own = replace(
        config.identity, host=HOST, admitted=HOST, kind="CronJob", workload=HOST, cluster=""
    )
    paths = replace(config.paths, state=f"{config.paths.state}/{HOST}")
    least = config.maintenance.floor.of_job()
    maintenance = replace(config.maintenance, retention_enabled=True, floor=least)
    return replace(config, identity=own, paths=paths, maintenance=maintenance)


@dataclass(frozen=True, slots=True)
class _Opened:
    """The job that maintains an open repository, and whether we created the repository."""

    job: Job
    made: bool


def _run(session: Session, accepted: tuple[str, ...]) -> Status:
    started = time.time()
    session.log.line("info", "maintenance started")
    dispatch.began(session)
    job = None
    try:
        opened = _open(session)
        job = opened.job
        unknown = job.prepare(accepted)
        outcome = _announced(job.work(), job.session.state, unknown)
        outcome = _of_new(outcome) if opened.made else outcome
    except RunEnded as ended:
        outcome = ended.outcome
    except Exception as error:  # noqa: BLE001 -- a bug of ours is a failure, and is reported
        line = session.config.mask(f"internal error: {error!r}")
        outcome = Outcome(Status.FAILURE, line, Failure.INTERNAL)
    session = job.session if job else session
    _tell(session, outcome, started)
    if job and not job.keep():
        return Status.FAILURE
    return outcome.status


def _tell(session: Session, outcome: Outcome, started: float) -> None:
    ended = time.time()
    session.state.runs.last = Last(
        started=started,
        ended=ended,
        status=outcome.status.value,
        message=outcome.message,
        failure=outcome.failure.value if outcome.failure else None,
    )
    if outcome.status in {Status.SUCCESS, Status.WARNING}:
        session.state.runs.last_success = ended
    line = f"maintenance {outcome.status}: {outcome.message}"
    session.log.line(
        metrics.level(outcome.status), line,
        status=outcome.status.value, workloads=session.state.job.workloads,
    )  # fmt: skip
    dispatch.deliver(session, ended)


def _try(session: Session) -> Status:
    """Report what would be done without doing it."""
    try:
        job = _open(session, may_make=False).job
    except RunEnded as ended:
        session.log.line(metrics.level(ended.outcome.status), ended.outcome.message)
        return ended.outcome.status
    job.say()
    return Status.SUCCESS


def _of_new(outcome: Outcome) -> Outcome:
    """Report a new repository, since the job does not know about earlier ones."""
    message = f"{_NEW}; {outcome.message}"
    status = Status.WARNING if outcome.status == Status.SUCCESS else outcome.status
    return replace(outcome, status=status, message=message)


def _announced(outcome: Outcome, state: State, unknown: tuple[str, ...]) -> Outcome:
    """Report pending shrinks of retention, and names that could not be accepted."""
    said = [*state.policy.shrinks[:_NAMED]]
    if left := len(state.policy.shrinks) - len(said):
        said.append(
            f"{counted(left, 'more workload requests', 'more workloads request')} a "
            f"shorter retention"
        )
    status, failure = outcome.status, outcome.failure
    if said and status == Status.SUCCESS:
        status = Status.WARNING
    if unknown:
        said.insert(
            0, f"--accept {', '.join(unknown)}: no such workload has a shorter retention pending"
        )
        status, failure = Status.FAILURE, failure or Failure.CONFIG
    message = "; ".join([*said, outcome.message])
    return replace(outcome, status=status, message=message, failure=failure)


def _open(session: Session, *, may_make: bool = True) -> _Opened:
    """Open or create the repository; raise RunEnded if that fails."""
    config = session.config
    if config.mirrors:
        line = "backup.engine is rclone: there is a mirror and no repository to maintain"
        raise RunEnded(Status.FAILURE, line, Failure.CONFIG)
    if line := config.obstacle:
        raise RunEnded(Status.FAILURE, line, Failure.CONFIG)
    executor = Executor(config, session.log, session.stop)
    opened = executor.follow(policy.opened(config, may_make=may_make))
    key = attestation.key(config.maintenance.seal)
    state = _recalled(session, executor, of_snapshots(opened.listed.text), key)
    job = Job(replace(session, state=state), executor, opened.listed, key)
    return _Opened(job, opened.made)


def _recalled(session: Session, executor: Executor, snapshots: list[Snapshot], key: bytes) -> State:
    """Return the state of the last job; a new one if there is none that can be trusted."""
    known = policy_records.found(snapshots, policy_records.MAINTENANCE)
    ours = [each for each in known if attestation.number(key, each.tags)]
    ours.sort(key=lambda each: attestation.number(key, each.tags), reverse=True)
    why = _UNBELIEVED
    for each in ours[:_TRIES]:
        done = executor.execute(policy_records.read_state(each.id))
        if done.code or done.stopped:  # it may be a forged one, with the tag of another
            why = f"the last job's state cannot be read: {done.said}"
            continue
        if not attestation.fits(key, each.tags, done.text.strip().encode()):
            continue
        (Path(session.config.paths.state) / STATE_FILE).write_text(done.text, "utf-8")
        if state := session.store.load():
            if len(known) > 1:
                session.log.line("warning", f"{counted(len(known) - 1, 'state')} {_OTHERS}")
            state.repository.append_only = False  # or it was; the next task shows it
            return state
    if known:
        session.log.line("warning", f"{why}; starting with an empty state: {_BEGUN}")
    session.state.job.began = time.time()
    return session.state
