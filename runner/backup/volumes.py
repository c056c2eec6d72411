"""One backup, as a conversation with the executor; it returns an Outcome."""

from collections.abc import Generator
from dataclasses import replace

from contract import exit_codes
from contract.snapshots import DOUBTFUL
from runner.backup import custom_command
from runner.config.model import Config
from runner.databases import dump_snapshots
from runner.databases.dump_snapshots import Dumped
from runner.restic import commands, queries, snapshots
from runner.restic.lists import of_snapshots
from runner.restic.repository import init
from runner.steps.evaluate import Facts, Source, errors_by_source, is_shrunk, worth
from runner.steps.outcome import Counts, Failure, Outcome, Status
from runner.steps.questions import Count
from runner.steps.result import Completed
from runner.steps.step import Effect, Result, RunEnded, failed, must


def before(config: Config) -> Generator[Effect, Result, Outcome | None]:
    """Run the pre-backup hook; return an Outcome if the run must not continue."""
    if why := config.obstacle or config.commands.confined.hooks:
        return Outcome(Status.FAILURE, f"{why}; no backup was made", Failure.CONFIG)
    if not config.commands.pre:
        return None
    done: Completed = yield commands.pre(config)
    if not done.code and not done.stopped:
        return None
    return failed(done, "the pre-backup hook failed; no backup was made", Failure.CONFIG).outcome


def after(config: Config, outcome: Outcome) -> Generator[Effect, Result, Outcome]:
    """Run the post-backup hook in every case; its failure turns a success into a warning."""
    if not config.commands.post or config.obstacle or config.commands.confined.hooks:
        return outcome
    done: Completed = yield commands.post(config)
    if not done.code and not done.stopped:
        return outcome
    line = f"{outcome.message}; the post-backup hook failed: {done.said}"
    if outcome.status != Status.SUCCESS:
        return replace(outcome, message=line)
    return replace(outcome, status=Status.WARNING, message=line, failure=Failure.CONFIG)


def backup(config: Config, facts: Facts, limit: float = 0) -> Generator[Effect, Result, Outcome]:
    """Back up all sources that exist, in ``limit`` seconds if that is not 0, and judge the result.

    With a limit there is no time for dumps.
    """
    dumped = dump_snapshots.NONE
    try:
        if not limit:
            dumped = yield from dump_snapshots.dump_all(config, facts)
        outcome = yield from _volumes(config, facts, dumped, limit)
    except RunEnded as ended:
        outcome = ended.outcome
    return dump_snapshots.joined(config, outcome, dumped, limit)


def _volumes(
    config: Config, facts: Facts, dumped: Dumped, limit: float
) -> Generator[Effect, Result, Outcome]:
    sources = _sources(config, facts)
    if config.commands.backup:
        return (yield from custom_command.backup(config, facts))
    copied = (facts.copies.folder,) if facts.copies.folder else ()
    step = commands.backup(
        config, (*sources, *copied), dumped.raw, limit, facts.inside, facts.copies
    )
    written = yield from init.written(config, step, facts)
    done = written.done
    try:
        outcome = yield from _judged(config, _comparable(facts, dumped), done)
    except RunEnded as ended:
        outcome = ended.outcome
    outcome = replace(outcome, left_out=dumped.left_out)
    if outcome.lost_files and outcome.snapshot and not outcome.unchanged:
        outcome = yield from _marked(config, outcome, limit)
    met = (
        written.stale
        if written.stale or done.code in exit_codes.MADE_SNAPSHOT
        else outcome.stale_locks
    )
    return replace(outcome, initialised=written.initialised, stale_locks=met)


def _comparable(facts: Facts, dumped: Dumped) -> Facts:
    """Return the facts to judge by; earlier counts apply only to the same set of raw files."""
    same = (facts.left_out or ()) == dumped.left_out
    return replace(facts, left_out=dumped.left_out, usual=facts.usual if same else None)


def _marked(config: Config, outcome: Outcome, limit: float) -> Generator[Effect, Result, Outcome]:
    """Tag the snapshot of a source that lost its files, for later pods."""
    done: Completed = yield commands.mark_doubtful(config, outcome.snapshot, limit)
    if done.code or done.stopped:
        line = f"{outcome.message}; the snapshot cannot be marked as {DOUBTFUL}"
        return replace(outcome, message=f"{line}: {done.said}")
    new = done.message("changed").get("new_snapshot_id")  # an older restic does not say
    return replace(outcome, snapshot=str(new or outcome.snapshot))


def _sources(config: Config, facts: Facts) -> tuple[str, ...]:
    """Return the folders that restic gets; raise RunEnded if there are none."""
    unread = {Source.MISSING, Source.REFUSED}
    present = tuple(path for path, state in facts.sources.items() if state not in unread)
    if not present and not config.commands.backup:
        missing = [path for path, state in facts.sources.items() if state == Source.MISSING]
        found = [f"{path} {why}" for path, why in facts.refused.items()]
        found += [f"missing: {', '.join(missing)}"] if missing else []
        line = "; ".join(found) or "no folder to back up"
        raise RunEnded(Status.FAILURE, f"{line}; no backup was made", Failure.SOURCE)
    return present


def _judged(config: Config, facts: Facts, done: Completed) -> Generator[Effect, Result, Outcome]:
    """Return the outcome of a finished ``restic backup``."""
    if done.stopped == "time":
        line = "stopped: the pod's grace period is too short for a last backup"
        raise RunEnded(Status.INTERRUPTED, line, None, done.code)
    summary = done.message("summary")
    # A dry run names a snapshot too, which it did not make.
    snapshot = "" if summary.get("dry_run") else str(summary.get("snapshot_id", ""))
    skips = config.repository.options.skips
    same = skips and bool(summary) and not (snapshot or summary.get("dry_run"))
    if same and done.code in exit_codes.MADE_SNAPSHOT and not done.stopped:
        snapshot = yield from _still_held(config)
    if done.stopped or done.code not in exit_codes.MADE_SNAPSHOT or not snapshot:
        what = "the backup failed" if done.code else "restic made no snapshot"
        raise failed(done, what)
    counts = Counts(
        new=int(summary.get("files_new", 0)),
        changed=int(summary.get("files_changed", 0)),
        unmodified=int(summary.get("files_unmodified", 0)),
        source_bytes=int(summary.get("total_bytes_processed", 0)),
        added_bytes=int(summary.get("data_added", 0)),
    )
    wounded = tuple(errors_by_source(facts, done))
    files = (yield Count(wounded)) if wounded else {}
    verdict = worth(facts, done, counts, files)
    message = verdict.message
    if same:
        held = f"nothing changed: the newest snapshot, {snapshot[:8]}, is still current"
        message = held if verdict.status == Status.SUCCESS else f"{message}; {held}"
    return Outcome(
        status=verdict.status,
        message=message,
        failure=verdict.failure,
        exit_code=done.code,
        snapshot=snapshot,
        counts=counts,
        unreadable=done.unreadable,
        read_errors=done.read_errors,
        shrunk=is_shrunk(facts, counts),
        unchanged=same,
    )


def _still_held(config: Config) -> Generator[Effect, Result, str]:
    """Return the newest snapshot, after restic reported that nothing changed."""
    listed = yield from must(queries.snapshots(config), "it is unknown whether a snapshot was made")
    return snapshots.of_volumes(of_snapshots(listed.text))
