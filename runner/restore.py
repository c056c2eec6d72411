"""Restores files of this workload because somebody asks for it: in place, or into a folder."""

import os
from contextlib import suppress
from dataclasses import replace
from datetime import UTC
from pathlib import Path

from runner import asked as asking
from runner import inputs, loading, putback, refill, retrieval, wanted
from runner.asked import Asked, Json, Restored, Tally, absolute, is_below
from runner.config import Config
from runner.conversation import Ended, failed
from runner.outcome import Failure, Status
from runner.restic import Door
from runner.session import Session
from runner.steps import Step, literal
from runner.wanted import Kept, Wanted

_PROGRESS = 5  # seconds between progress lines: somebody waits
_BESIDE = ("-wal", "-shm", "-journal")  # of a database that is replaced: they belong to the old one


def restore(session: Session, asked: Asked) -> Restored:
    """Restore; return what came of it, which the log tells too."""
    try:
        done = _Restore(session, asked).run()
    except Ended as ended:
        end = ended.outcome
        done = Restored(end.status, end.message, end.failure)
    except (ValueError, LookupError) as error:
        done = Restored(Status.FAILURE, str(error), Failure.CONFIG)
    except OSError as error:
        line = f"{error.filename or 'a volume'}: {error.strerror}"
        done = Restored(Status.FAILURE, line, Failure.INTERNAL)
    level = {Status.SUCCESS: "info", Status.WARNING: "warning"}.get(done.status, "error")
    for line in done.named() if asked.dry_run else ():
        session.log.line("info", line)
    session.log.line(level, f"restore {done.status}: {done.message}")
    return done


class _Restore:
    """One restore by hand."""

    def __init__(self, session: Session, asked: Asked) -> None:
        self._config: Config = session.config
        self._log = session.log
        self._asked = asked
        self._door = Door(session.config, session.log, session.stop, _PROGRESS, hurry=True)
        self._tally = Tally()
        self._refused: list[str] = []
        self._listed: list[Json] = []
        self._root = session.config.volumes_dir
        self._target = asked.to or self._root

    def run(self) -> Restored:
        """Find the snapshot and restore from it."""
        asked, config = self._asked, self._config
        if asked.at and asked.snapshot:
            raise ValueError("give --at or --snapshot, not both")
        moment, snapshot = wanted.read(asked.at)
        if asked.at and snapshot:
            raise ValueError(f"--at {asked.at}: write a time; --snapshot takes an id")
        want = Wanted(config.host, config.tags, moment, asked.snapshot)
        paths = absolute(config, asked.paths) or tuple(inputs.folders(config))
        kept, folders, copies = self._choose(want, paths)
        held = tuple(path for path in paths if path in folders or copies_of(copies, path))
        if not asked.to and not asked.dry_run:
            _must_be_writable(held)
        self._log.line("info", f"restoring {', '.join(held)} from {kept}")
        self._main(kept, held, folders, tuple(copies))
        self._copies(kept, copies)
        for line in loading.offered(self._listed, kept.made):
            self._log.line("info", line)
        return self._ended(kept, held)

    def _ended(self, kept: Kept, held: tuple[str, ...]) -> Restored:
        line = asking.line(self._tally, dry_run=self._asked.dry_run)
        status, failure = Status.SUCCESS, None
        if self._refused:
            line += f"; owners, devices or the like could not be restored: {self._refused[0]}"
            if self._refused[1:]:
                line += f" and {len(self._refused) - 1} more"
            status, failure = Status.WARNING, Failure.SOURCE
        made = kept.made.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return Restored(
            status=status,
            message=f"{kept}: {line}",
            failure=failure,
            snapshot=kept.id,
            made=made,
            dry_run=self._asked.dry_run,
            paths=held,
            tally=self._tally,
        )

    def _choose(
        self, want: Wanted, paths: tuple[str, ...]
    ) -> tuple[Kept, dict[str, bool], list[str]]:
        """Return the snapshot, which paths it has and whether they are folders, and copies there.

        That is the newest good one that has files of each path that was named, else of any volume.
        """
        listed = refill.listed(self._config, self._door, want, by_hand=True)
        known = refill.choice(self._config, want, listed)
        self._listed = listed
        enough = all if self._asked.paths else any
        doubted = ""
        for kept in known:
            if not any(kept.may_hold(path) for path in paths):
                continue
            folders, copies = self._look(kept, paths)
            if not enough(path in folders or copies_of(copies, path) for path in paths):
                continue
            if not kept.doubtful or want.snapshot:
                return kept, folders, copies
            doubted = doubted or f"; --snapshot {kept.id[:8]} takes {kept}"
        named = ", ".join(paths) or "any volume"
        raise LookupError(f"there is no {want} with files of {named}{doubted or _held(known)}")

    def _look(self, kept: Kept, paths: tuple[str, ...]) -> tuple[dict[str, bool], list[str]]:
        folders: dict[str, bool] = {}
        full: set[str] = set()
        copies: list[str] = []

        def hear(node: Json) -> None:
            path = str(node.get("path", ""))
            if path in paths:
                folders[path] = node.get("type") == "dir"
            full.update(each for each in paths if path.startswith(f"{each}/"))

        def hear_copy(node: Json) -> None:
            path = str(node.get("path", "")).removeprefix(kept.copies)
            if node.get("type") == "file" and any(is_below(path, each) for each in paths):
                copies.append(path)

        self._must(retrieval.nodes(kept.id, paths, hear, deep=False), "the snapshot cannot be read")
        if kept.copies:
            step = retrieval.nodes(kept.id, (kept.copies,), hear_copy, deep=True)
            self._must(step, "the snapshot cannot be read")
        held = {path: folder for path, folder in folders.items() if path in full or not folder}
        return held, copies

    def _must(self, step: Step, what: str) -> None:
        done = self._door.execute(step)
        if done.code or done.stopped:
            raise failed(done, what)

    def _main(
        self, kept: Kept, held: tuple[str, ...], folders: dict[str, bool], copies: tuple[str, ...]
    ) -> None:
        """Restore all that is no copy of a database."""
        common = ("--overwrite", "if-changed", *self._trial())
        deleted = tuple(path for path in held if folders.get(path)) if self._asked.delete else ()
        spared = asking.spared(self._config) if deleted else ()
        for path in deleted:
            inside = [f"{each}{end}" for each in copies if is_below(each, path)
                      for end in ("", *_BESIDE)]  # fmt: skip
            own = tuple(w for each in inside for w in ("--exclude", literal(each[len(path) :])))
            target = f"{self._target}{path.removeprefix(self._root)}"
            self._restore(f"{kept.id}:{path}", target, (*common, "--delete", *spared, *own))
        rest = tuple(path for path in held if path in folders and path not in deleted)
        if rest:
            self._in_root(kept, rest, common, self._tally)
        if deleted and not self._asked.dry_run:
            # restic leaves the folder itself as it is, whose owner and mode were saved too.
            self._in_root(kept, deleted, common, Tally())

    def _in_root(
        self, kept: Kept, paths: tuple[str, ...], common: tuple[str, ...], tally: Tally
    ) -> None:
        options = (*common, *asking.including(self._root, paths))
        self._restore(f"{kept.id}:{self._root}", self._target, options, tally)

    def _copies(self, kept: Kept, copies: list[str]) -> None:
        """Restore copies of databases to their original paths."""
        if not copies:
            return
        for path in () if self._asked.dry_run else copies:
            inside = path.removeprefix(self._root)
            above = Path(f"{self._target}{inside}").parent
            if above.resolve() != Path(f"{Path(self._target).resolve()}{inside}").parent:
                continue  # behind a link, which gives way to a folder
            for end in _BESIDE:
                with suppress(FileNotFoundError):
                    os.unlink(f"{self._target}{inside}{end}")  # noqa: PTH108 -- joined by hand
        options = (
            "--overwrite", "always", *self._trial(), *asking.including(self._root, tuple(copies)),
        )  # fmt: skip
        self._restore(f"{kept.id}:{kept.copies}{self._root}", self._target, options)

    def _trial(self) -> tuple[str, ...]:
        return ("--dry-run",) if self._asked.dry_run else ()

    def _restore(
        self, source: str, target: str, options: tuple[str, ...], tally: Tally | None = None
    ) -> None:
        tally = tally or self._tally
        tally.summary = {}
        done = self._door.execute(retrieval.restore_by_hand(source, target, options, tally.hear))
        if tally.summary:
            done = replace(done, messages=(tally.summary,))
        put = putback.came_back(done)
        self._refused += put.refused if put else ()


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
