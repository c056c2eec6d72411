"""Restores files of this workload on request: in place, or into a folder."""

import os
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from contract.snapshots import Snapshot
from runner.config.model import Config
from runner.databases.load import sql
from runner.process import mounts
from runner.restic import queries, selection
from runner.restic.selection import Wanted
from runner.restore import volumes
from runner.restore.by_hand import Chosen, Restoring
from runner.restore.files import nodes, verification
from runner.restore.files.nodes import Node
from runner.restore.request import Asked, Done, Json, Restored, absolute
from runner.session.executor import Executor
from runner.session.session import Session
from runner.steps.outcome import Failure, Status
from runner.steps.step import RunEnded, Step, failed
from runner.volume.paths import is_below

_PROGRESS = 5  # seconds between progress lines: a user waits


def restore(session: Session, asked: Asked) -> Restored:
    """Restore; return the result, which is also logged."""
    try:
        ended = _Restore(session, asked).run()
    except RunEnded as error:
        end = error.outcome
        ended = Restored(end.status, end.message, end.failure)
    except (ValueError, LookupError) as error:
        ended = Restored(Status.FAILURE, str(error), Failure.CONFIG)
    except OSError as error:
        line = f"{error.filename or 'a volume'}: {error.strerror}"
        ended = Restored(Status.FAILURE, line, Failure.INTERNAL)
    level = {Status.SUCCESS: "info", Status.WARNING: "warning"}.get(ended.status, "error")
    for line in ended.done.named(dry_run=ended.dry_run):
        session.log.line("error" if line.startswith("not restored") else "info", line)
    session.log.line(level, f"restore {ended.status}: {ended.message}")
    return ended


@dataclass(frozen=True, slots=True)
class _Found:
    """A snapshot: which of the requested paths it has, and the nodes of copies of databases."""

    snapshot: Snapshot
    held: set[str]
    copies: list[Node]


class _Restore:
    """One restore manually."""

    def __init__(self, session: Session, asked: Asked) -> None:
        self._session = session
        self._config: Config = session.config
        self._log = session.log
        self._asked = asked
        self._executor = Executor(session.config, session.log, session.stop, _PROGRESS, hurry=True)
        self._listed: list[Snapshot] = []

    def run(self) -> Restored:
        """Find the snapshot and restore from it."""
        asked, config = self._asked, self._config
        if asked.at and asked.snapshot:
            raise ValueError("give either --at or --snapshot")
        when = selection.read(asked.at)
        if when.snapshot:
            raise ValueError(f"--at {asked.at} is not a time; for an id, use --snapshot")
        want = Wanted(config.identity.host, config.identity.tags, when.at, asked.snapshot)
        groups = self._groups()
        paths = tuple(path for group in groups for path in group)
        found = self._choose(want, groups)
        kept, held, copies = found.snapshot, found.held, found.copies
        databases = [node.path for node in copies if node.is_file]
        chosen = tuple(path for path in paths if path in held or copies_of(databases, path))
        if not asked.to and not asked.dry_run:
            _must_be_writable(chosen)
        self._log.line("info", f"restoring {', '.join(chosen)} from {kept}")
        main = tuple(path for path in chosen if path in held)
        work = Chosen(kept, main, tuple(copies))
        done = Restoring(self._session, self._executor, asked, config.paths.volumes, work).run()
        for line in sql.offered(self._listed, kept.time):
            self._log.line("info", line)
        return self._ended(kept, chosen, done)

    def _ended(self, kept: Snapshot, held: tuple[str, ...], done: Done) -> Restored:
        status, failure = Status.SUCCESS, None
        if done.failed:
            status, failure = Status.FAILURE, verification.failure_of(done.failed.values())
        elif done.refusals:
            status, failure = Status.WARNING, Failure.SOURCE
        made = kept.time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return Restored(
            status=status,
            message=f"{kept}: {done.line(dry_run=self._asked.dry_run)}",
            failure=failure,
            snapshot=kept.id,
            made=made,
            dry_run=self._asked.dry_run,
            paths=held,
            done=done,
        )

    def _groups(self) -> list[list[str]]:
        """Return the paths of each requested path, or else of all volumes.

        If only sub-paths of a volume are mounted, nothing else can be written in place.
        """
        named = absolute(self._config, self._asked.paths)
        if self._asked.to:
            return [[path] for path in named] or [mounts.folders(self._config)]
        return [mounts.parts(path) for path in named] or [mounts.folders(self._config)]

    def _choose(self, want: Wanted, groups: list[list[str]]) -> _Found:
        """Return the newest complete one with files of each requested path, else of any volume."""
        paths = tuple(path for group in groups for path in group)
        listed = volumes.listed(self._config, self._executor, want, by_hand=True)
        known = volumes.choice(self._config, want, listed)
        self._listed = listed
        doubted = ""
        for kept in known:
            if not any(kept.may_hold(path) for path in paths):
                continue
            found = self._look(kept, paths)
            held, copies = found.held, found.copies
            databases = [node.path for node in copies if node.is_file]
            if not all(
                any(path in held or copies_of(databases, path) for path in group)
                for group in groups
            ):
                continue
            if not kept.is_doubtful or want.snapshot:
                return found
            doubted = doubted or f"; --snapshot {kept.id[:8]} takes {kept}"
        named = ", ".join(paths) or "any volume"
        raise LookupError(f"there is no {want} with files of {named}{doubted or _held(known)}")

    def _look(self, kept: Snapshot, paths: tuple[str, ...]) -> _Found:
        folders: dict[str, bool] = {}
        full: set[str] = set()
        copies: list[Node] = []

        def hear(node: Json) -> None:
            path = str(node.get("path", ""))
            if path in paths:
                folders[path] = node.get("type") == "dir"
            full.update(each for each in paths if path.startswith(f"{each}/"))

        def hear_copy(node: Json) -> None:
            found = nodes.read({**node, "path": str(node.get("path", ""))[len(kept.copies) :]})
            if found and (found.is_folder or any(is_below(found.path, each) for each in paths)):
                copies.append(found)

        self._must(queries.nodes(kept.id, paths, hear, deep=False), "the snapshot cannot be read")
        if kept.copies:
            step = queries.nodes(kept.id, (kept.copies,), hear_copy, deep=True)
            self._must(step, "the snapshot cannot be read")
        held = {path for path, folder in folders.items() if path in full or not folder}
        return _Found(kept, held, copies)

    def _must(self, step: Step, what: str) -> None:
        done = self._executor.execute(step)
        if done.code or done.stopped:
            raise failed(done, what)


def _held(known: list[Snapshot]) -> str:
    """Return the content of the newest snapshot, for a mistyped path, or "" if there is
    none.
    """
    return f"; {known[0]} holds {', '.join(known[0].paths)}" if known else ""


def copies_of(copies: list[str], path: str) -> bool:
    """Whether any of these databases is at a path or below it."""
    return any(is_below(each, path) for each in copies)


def _must_be_writable(paths: tuple[str, ...]) -> None:
    """Raise RunEnded if files cannot be restored in place."""
    for path in paths:
        there = next(each for each in (Path(path), *Path(path).parents) if each.exists())
        if os.statvfs(there).f_flag & os.ST_RDONLY:
            line = (
                f"{path} is mounted read-only, as in every sidecar: use `kubectl backup restore`, "
                f"a pod that mounts the volume read-write, or --to DIR"
            )
            raise RunEnded(Status.FAILURE, line, Failure.CONFIG)
