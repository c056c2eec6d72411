"""A backup by the Secret's RESTIC_BACKUP_COMMAND, judged by the snapshot that it made. Pure."""

from collections.abc import Generator, Iterable

from contract.snapshots import Snapshot, is_owned, owner_of
from contract.text import counted
from runner.config.model import Config
from runner.config.options.restic import SKIP
from runner.restic import commands, queries, snapshots
from runner.restic.lists import of_snapshots
from runner.steps.evaluate import Facts
from runner.steps.outcome import Failure, Outcome, Status
from runner.steps.result import Completed
from runner.steps.step import Effect, Result, RunEnded, failed, must

_WHO = "RESTIC_BACKUP_COMMAND"


def backup(config: Config, facts: Facts) -> Generator[Effect, Result, Outcome]:
    """Run the command; it succeeds if the repository then has a new snapshot with files.

    Raises RunEnded if it fails or makes no snapshot.
    """
    listed: Completed = yield queries.everyones_snapshots()
    before = {each.id for each in of_snapshots(listed.text)}
    is_known = listed.no_repository or not (listed.code or listed.stopped)
    yield from must(commands.custom_backup(config), f"{_WHO} failed")
    done: Completed = yield queries.everyones_snapshots()
    if done.code or done.stopped:
        raise failed(done, f"{_WHO} succeeded, but the repository cannot be read")
    mine = [each for each in of_snapshots(done.text) if not _is_anothers(config, each)]
    new = [each for each in mine if each.id not in before and (is_known or _since(facts, each))]
    if not new and mine and SKIP in config.commands.backup:
        line = f"{_WHO} succeeded; nothing changed, the newest snapshot is still current"
        return Outcome(Status.SUCCESS, line, snapshot=_newest(mine))
    if not new:
        line = f"{_WHO} succeeded, but the repository has no new snapshot"
        raise RunEnded(Status.FAILURE, line, Failure.RESTIC)
    held = [each.size for each in new]
    files = sum(each.files for each in held if each)
    if not files and None not in held:
        line = f"{_WHO} succeeded, but its snapshot has no files"
        raise RunEnded(Status.FAILURE, line, Failure.SOURCE)
    many = counted(files, "file") if files else "files"
    line = f"{_WHO} succeeded: {counted(len(new), 'snapshot')} with {many}"
    return Outcome(Status.SUCCESS, line, snapshot=_newest(new))


def _is_anothers(config: Config, snapshot: Snapshot) -> bool:
    """Whether another workload's sidecar made a snapshot, by its tags."""
    tags = set(owner_of(snapshot.tags))
    other = {snapshot.host, *tags} != {config.identity.host, *config.identity.tags}
    return is_owned(tags) and other


def _since(facts: Facts, snapshot: Snapshot) -> bool:
    return snapshot.is_dated and snapshot.time >= facts.now


def _newest(found: Iterable[Snapshot]) -> str:
    newest = snapshots.latest(found)
    return newest.id if newest else ""
