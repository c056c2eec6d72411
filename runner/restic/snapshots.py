"""This workload's snapshots in the repository, and their content. Pure."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from contract import snapshots
from contract.snapshots import COPIES, Size, Snapshot
from contract.workloads import predecessors
from contract.workloads.predecessors import History
from runner.config.model import Config
from runner.restic import queries
from runner.restic.lists import of_snapshots
from runner.steps.result import Completed
from runner.steps.step import Effect, Result, failed, must


@dataclass(frozen=True, slots=True)
class LastBackup:
    """The time of the last backup, None if never; ``size`` of its content, None if unknown.

    ``is_certain``: whether the repository, or the mirror, proved it.
    """

    made: datetime | None
    size: Size | None = None
    is_certain: bool = True


def last_backup(config: Config, limit: float = 0) -> Generator[Effect, Result, LastBackup]:
    """Return what is known of the last backup with all its dumps.

    Raises RunEnded if the repository cannot be reached, or not in ``limit`` seconds if that is
    not 0.
    """
    done: Completed = yield replace(queries.history(config), limit=limit)
    if done.stopped:
        raise failed(done, "the repository cannot be opened")
    last = last_of(config, history(config, done))
    return replace(last, is_certain=done.no_repository or not done.code)


def last_of(config: Config, found: Iterable[Snapshot]) -> LastBackup:
    """Return the last backup with all its dumps among this workload's snapshots."""
    found = list(found)
    volumes = latest(each for each in found if each.is_whole)
    dumps = [latest(_whole_dumps(found, dump.name)) for dump in config.commands.dumps]
    made = [each.time for each in (volumes, *dumps) if each is not None and each.is_dated]
    if volumes is None or len(made) <= len(dumps):
        return LastBackup(None)
    return LastBackup(min(made), volumes.size)


def newest(found: Iterable[Snapshot]) -> list[Snapshot]:
    """Return the newest of the volumes and of each dump: by these `last_of` judges."""
    chosen: dict[str, Snapshot] = {}
    for each in found:
        kind = snapshots.dump_tag(each.tags)
        if each.is_dated and (kind or each.is_whole):
            chosen[kind] = max(chosen.get(kind, each), each, key=lambda one: one.time)
    return list(chosen.values())


def latest(found: Iterable[Snapshot]) -> Snapshot | None:
    """Return the newest of these, None if there is none."""
    return max(found, key=lambda each: each.time, default=None)


def once_full(config: Config, paths: list[str]) -> Generator[Effect, Result, set[str]]:
    """Return those of the folders that held a file in this workload's latest snapshot.

    Raises RunEnded if that is unknown.
    """
    listed: Completed = yield queries.history(config)
    if (listed.code or listed.stopped) and not listed.no_repository:
        raise failed(listed, "the content of the volumes is unknown")
    newest = of_volumes(history(config, listed))
    found = set()
    for path in paths if newest else ():
        files: list[str] = []

        def hear(node: dict[str, Any], files: list[str] = files) -> None:
            if node.get("type") == "file" and not files:
                files.append(str(node.get("path")))

        # A copy of a database lies elsewhere in the snapshot.
        where = (path, f"{config.paths.state}/{COPIES}{path}")
        step = queries.nodes(newest, where, hear, deep=True)
        yield from must(step, "the snapshot cannot be read")
        if files:
            found.add(path)
    return found


def history(config: Config, listed: Completed, *, settled: bool = False) -> list[Snapshot]:
    """Return this workload's snapshots, under earlier names too, of those that a query listed.

    ``settled``: of earlier names only what retention may count.
    """
    own = config.identity
    return history_of(own.host, own.tags, listed, settled=settled).snapshots


def history_of(
    host: str, tags: tuple[str, ...], listed: Completed, *, settled: bool = False
) -> History:
    """Return the same of any workload, and what is doubted."""
    found = of_snapshots(listed.text)
    if not predecessors.are_possible(host, tags):
        return History(found)  # by restic's own filter
    return predecessors.history(host, tags, found, settled=settled)


def of_volumes(found: Iterable[Snapshot]) -> str:
    """Return the id of the latest of these snapshots that is no dump; "" if none is."""
    newest = latest(each for each in found if each.is_whole)
    return newest.id if newest else ""


def of_dump(found: Iterable[Snapshot], name: str) -> Snapshot | None:
    """Return the latest dump of this name among these, or None if there is none."""
    return latest(each for each in found if each.has_dump(name))


def _whole_dumps(found: Iterable[Snapshot], name: str) -> Iterable[Snapshot]:
    return (each for each in found if each.has_dump(name) and not each.is_doubtful)
