"""A backup by the Secret's own command, RESTIC_BACKUP_COMMAND: proved by what it left. Pure."""

from collections.abc import Generator, Iterable
from typing import Any

from contract.wording import counted
from runner import history, maintainer, retrieval, steps
from runner.config import Config
from runner.conversation import Effect, Ended, Result, failed, must
from runner.judge import Facts
from runner.lists import array
from runner.options import SKIP
from runner.outcome import Failure, Outcome, Status
from runner.output import Completed

_WHO = "RESTIC_BACKUP_COMMAND"
_IDENTITY = ("ns=", "kind=", "workload=", "cluster=")

Json = dict[str, Any]


def backup(config: Config, facts: Facts) -> Generator[Effect, Result, Outcome]:
    """Run the command; it is a success where the repository then holds a new snapshot with files.

    Raises Ended where it fails, or left none.
    """
    listed: Completed = yield retrieval.everyones_snapshots()
    before = {str(each.get("id")) for each in array(listed.text)}
    is_known = listed.no_repository or not (listed.code or listed.stopped)
    yield from must(steps.custom_backup(config), f"{_WHO} failed")
    done: Completed = yield retrieval.everyones_snapshots()
    if done.code or done.stopped:
        raise failed(done, f"{_WHO} succeeded, and the repository cannot be read")
    mine = [each for each in array(done.text) if not _is_anothers(config, each)]
    new = [
        each
        for each in mine
        if str(each.get("id")) not in before and (is_known or _since(facts, each))
    ]
    if not new and mine and SKIP in config.backup_command:
        line = f"{_WHO} succeeded; nothing changed, and the newest snapshot still holds it"
        return Outcome(Status.SUCCESS, line, snapshot=_newest(mine))
    if not new:
        line = f"{_WHO} succeeded, and there is no new snapshot in the repository"
        raise Ended(Status.FAILURE, line, Failure.RESTIC)
    held = [history.held(each) for each in new]
    files = sum(each[0] for each in held if each)
    if not files and None not in held:
        line = f"{_WHO} succeeded, and no file is in its snapshot"
        raise Ended(Status.FAILURE, line, Failure.SOURCE)
    many = counted(files, "file") if files else "files"
    line = f"{_WHO} succeeded: {counted(len(new), 'snapshot')} with {many}"
    return Outcome(Status.SUCCESS, line, snapshot=_newest(new))


def _is_anothers(config: Config, snapshot: Json) -> bool:
    """Whether another workload's sidecar made a snapshot, by its tags."""
    tags = {tag for tag in map(str, snapshot.get("tags") or ()) if tag.startswith(_IDENTITY)}
    other = {str(snapshot.get("hostname")), *tags} != {config.host, *config.tags}
    return len(tags) >= len(_IDENTITY) - 1 and other


def _since(facts: Facts, snapshot: Json) -> bool:
    made = maintainer.moment(snapshot)
    return made is not None and made >= facts.now


def _newest(snapshots: Iterable[Json]) -> str:
    return str(history.latest(snapshots).get("id", ""))
