"""Restores files of this workload because somebody asks for it: in place, or into a folder."""

import os
from datetime import UTC
from pathlib import Path

from runner import inputs, loading, nodes, refill, retrieval, verification, wanted
from runner.asked import Asked, Done, Json, Restored, absolute, is_below
from runner.config import Config
from runner.conversation import Ended, failed
from runner.nodes import Node
from runner.outcome import Failure, Status
from runner.restic import Door
from runner.restoring import Chosen, Restoring
from runner.session import Session
from runner.steps import Step
from runner.wanted import Kept, Wanted

_PROGRESS = 5  # seconds between progress lines: somebody waits


def restore(session: Session, asked: Asked) -> Restored:
    """Restore; return what came of it, which the log tells too."""
    try:
        ended = _Restore(session, asked).run()
    except Ended as error:
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


class _Restore:
    """One restore by hand."""

    def __init__(self, session: Session, asked: Asked) -> None:
        self._session = session
        self._config: Config = session.config
        self._log = session.log
        self._asked = asked
        self._door = Door(session.config, session.log, session.stop, _PROGRESS, hurry=True)
        self._listed: list[Json] = []

    def run(self) -> Restored:
        """Find the snapshot and restore from it."""
        asked, config = self._asked, self._config
        if asked.at and asked.snapshot:
            raise ValueError("give --at or --snapshot, not both")
        moment, snapshot = wanted.read(asked.at)
        if asked.at and snapshot:
            raise ValueError(f"--at {asked.at}: write a time; --snapshot takes an id")
        want = Wanted(config.host, config.tags, moment, asked.snapshot)
        groups = self._groups()
        paths = tuple(path for group in groups for path in group)
        kept, held, copies = self._choose(want, groups)
        databases = [node.path for node in copies if node.is_file]
        chosen = tuple(path for path in paths if path in held or copies_of(databases, path))
        if not asked.to and not asked.dry_run:
            _must_be_writable(chosen)
        self._log.line("info", f"restoring {', '.join(chosen)} from {kept}")
        known = next((each for each in self._listed if each.get("id") == kept.id), {})
        main = tuple(path for path in chosen if path in held)
        work = Chosen(kept, known, main, tuple(copies))
        done = Restoring(self._session, self._door, asked, config.volumes_dir, work).run()
        for line in loading.offered(self._listed, kept.made):
            self._log.line("info", line)
        return self._ended(kept, chosen, done)

    def _ended(self, kept: Kept, held: tuple[str, ...], done: Done) -> Restored:
        status, failure = Status.SUCCESS, None
        if done.failed:
            status, failure = Status.FAILURE, verification.failure_of(done.failed.values())
        elif done.refusals:
            status, failure = Status.WARNING, Failure.SOURCE
        made = kept.made.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
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
        """Return the paths of each path that was named, else of all volumes.

        Of a volume of which only folders are mounted, nothing else can be written in place.
        """
        named = absolute(self._config, self._asked.paths)
        if self._asked.to:
            return [[path] for path in named] or [inputs.folders(self._config)]
        return [inputs.parts(path) for path in named] or [inputs.folders(self._config)]

    def _choose(self, want: Wanted, groups: list[list[str]]) -> tuple[Kept, set[str], list[Node]]:
        """Return the snapshot, which paths it has, and the nodes of copies of databases.

        That is the newest good one that has files of each path that was named, else of any volume.
        """
        paths = tuple(path for group in groups for path in group)
        listed = refill.listed(self._config, self._door, want, by_hand=True)
        known = refill.choice(self._config, want, listed)
        self._listed = listed
        doubted = ""
        for kept in known:
            if not any(kept.may_hold(path) for path in paths):
                continue
            held, copies = self._look(kept, paths)
            databases = [node.path for node in copies if node.is_file]
            if not all(
                any(path in held or copies_of(databases, path) for path in group)
                for group in groups
            ):
                continue
            if not kept.doubtful or want.snapshot:
                return kept, held, copies
            doubted = doubted or f"; --snapshot {kept.id[:8]} takes {kept}"
        named = ", ".join(paths) or "any volume"
        raise LookupError(f"there is no {want} with files of {named}{doubted or _held(known)}")

    def _look(self, kept: Kept, paths: tuple[str, ...]) -> tuple[set[str], list[Node]]:
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

        self._must(retrieval.nodes(kept.id, paths, hear, deep=False), "the snapshot cannot be read")
        if kept.copies:
            step = retrieval.nodes(kept.id, (kept.copies,), hear_copy, deep=True)
            self._must(step, "the snapshot cannot be read")
        held = {path for path, folder in folders.items() if path in full or not folder}
        return held, copies

    def _must(self, step: Step, what: str) -> None:
        done = self._door.execute(step)
        if done.code or done.stopped:
            raise failed(done, what)


def _held(known: list[Kept]) -> str:
    """Return what the newest snapshot holds, for whoever mistyped a path; "" if there is none."""
    return f"; {known[0]} holds {', '.join(known[0].paths)}" if known else ""


def copies_of(copies: list[str], path: str) -> bool:
    """Whether any of these databases is at a path or below it."""
    return any(is_below(each, path) for each in copies)


def _must_be_writable(paths: tuple[str, ...]) -> None:
    """Raise Ended where files cannot be put back where they belong."""
    for path in paths:
        there = next(each for each in (Path(path), *Path(path).parents) if each.exists())
        if os.statvfs(there).f_flag & os.ST_RDONLY:
            line = (
                f"{path} is mounted read-only here, as in every sidecar: use `kubectl backup "
                "restore`, a pod that mounts the volume read-write, or --to DIR"
            )
            raise Ended(Status.FAILURE, line, Failure.CONFIG)
