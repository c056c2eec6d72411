"""Carries a restore by hand out: looks, restores, deletes, and compares what came of it."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

from runner import asked as asking
from runner import nodes, putback, retrieval, verification
from runner.asked import Asked, Done, Json
from runner.conversation import failed
from runner.nodes import Node
from runner.place import Place, shown
from runner.removal import Removal
from runner.restic import Door
from runner.session import Session
from runner.sparing import Sparing
from runner.survey import Survey
from runner.tally import Tally
from runner.verification import Verified
from runner.wanted import Kept

_BESIDE = ("-wal", "-shm", "-journal")  # of a database that is replaced: they belong to the old one


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is restored of a snapshot. ``main``: paths in it that are no copies of databases;
    ``copies``: nodes around and of those, under the databases' own paths.
    """

    kept: Kept
    snapshot: Json
    main: tuple[str, ...]
    copies: tuple[Node, ...] = ()

    @property
    def databases(self) -> tuple[str, ...]:
        """Where databases come back from their copies."""
        return tuple(node.path for node in self.copies if node.is_file)

    def beside(self) -> list[str]:
        """Return files that belong to the databases that are replaced."""
        return [f"{each}{end}" for each in self.databases for end in _BESIDE]


@dataclass(slots=True)
class Restoring:
    """One restore by hand: its parts share what was seen before."""

    session: Session
    door: Door
    asked: Asked
    root: str
    chosen: Chosen
    done: Done = field(default_factory=Done)
    _errors: dict[str, str] = field(default_factory=dict)

    def run(self) -> Done:
        """Restore; raise Ended or ValueError where nothing, or nobody knows what, was done."""
        chosen, dry_run = self.chosen, self.asked.dry_run
        place = Place(self.root, self.asked.to or self.root)
        survey = self._survey(place)
        removal = self._removal(place, survey) if self.asked.delete else None
        conflicts = self._make_way(place, survey, removal)
        if chosen.main:
            self._restic(chosen.kept.id, self.root, place, chosen.main)
        databases = self._clear_databases(place)
        if databases:
            above = [] if dry_run else list(_above(place, databases))
            around = [(path, place.lstat(path)) for path in above]
            self._restic(chosen.kept.id, f"{chosen.kept.copies}{self.root}", place, databases)
            self._give_back(place, around)
        if removal:
            for folder, names in survey.extra.items():
                removal.clear(folder, names)
            self.done.kept, self.done.kept_total = removal.kept, removal.kept_total
            self.done.failed |= removal.failed
        if dry_run:
            self.done.tally.retract(conflicts)
        else:
            self._verify(place, databases)
        return self.done

    def _survey(self, place: Place) -> Survey:
        chosen = self.chosen
        survey = Survey(place, deletes=self.asked.delete)
        survey.above((*chosen.main, *chosen.databases))
        if chosen.main:
            step = retrieval.nodes(chosen.kept.id, chosen.main, survey.hear, deep=True)
            done = self.door.execute(step)
            if done.code or done.stopped:
                raise failed(done, "the snapshot cannot be read")
        survey.end()
        copies = Survey(place, before=survey.before)
        copies.above(chosen.databases)
        for node in chosen.copies:
            copies.note(node)
        survey.folders += copies.folders
        self.done.tally = Tally(survey.before)
        return survey

    def _removal(self, place: Place, survey: Survey) -> Removal:
        session, chosen = self.session, self.chosen
        sparing = Sparing(session.config, session.state, chosen.snapshot, survey)
        ours = frozenset((*chosen.databases, *chosen.beside()))
        return Removal(place, sparing, self.done.tally, self.asked.dry_run, ours)

    def _make_way(self, place: Place, survey: Survey, removal: Removal | None) -> list[str]:
        """Delete folders in whose place the snapshot has something else, if all in them may go.

        Return those that will be in the way.
        """
        conflicts = []
        for folder in survey.folders:
            if removal and removal.can_clear(folder):
                removal.replace(folder)
            elif self.asked.dry_run and _holds_anything(place.of(folder)):
                hint = "it holds files that no backup has" if removal else "--delete replaces it"
                why = f"is a folder in place of a file: {hint}"
                self.done.failed[shown(place.of(folder))] = why
                conflicts.append(folder)
        return conflicts

    def _clear_databases(self, place: Place) -> tuple[str, ...]:
        """Return the databases that can be replaced, of which nothing is in the way any more."""
        ready: list[str] = []
        for path in self.chosen.databases:
            try:
                if _is_behind_a_link(place, path):
                    ready.append(path)  # the link gives way to a folder
                    continue
                if not self.asked.dry_run:
                    _must_be_replaceable(place.of(path))
                for end in _BESIDE:
                    self._remove_beside(place, f"{path}{end}")
            except OSError as error:
                why = (error.strerror or str(error)).lower()
                which = shown(error.filename or place.of(path))
                self.done.failed[shown(place.of(path))] = f"cannot be replaced: {which}: {why}"
                continue
            ready.append(path)
        return tuple(ready)

    def _remove_beside(self, place: Place, path: str) -> None:
        found = place.lstat(path)
        if found is None:
            return
        if not self.asked.dry_run:
            os.unlink(place.of(path))  # noqa: PTH108 -- a str
        self.done.tally.count("deleted", shown(place.of(path)), found.st_size)

    def _restic(self, snapshot: str, inside: str, place: Place, paths: tuple[str, ...]) -> None:
        """Restore these paths, which lie in the folder ``inside`` of the snapshot."""
        tally = self.done.tally
        dry_run = ("--dry-run",) if self.asked.dry_run else ()
        # By content, not by time: what a disk spoiled, or a restore that failed, looks unchanged.
        options = ("--overwrite", "always", *dry_run, *asking.including(place.inside, paths))
        tally.summary = {}
        step = retrieval.restore_by_hand(
            f"{snapshot}:{inside}", place.target, options,
            lambda message: tally.hear(message, place.inside),
        )  # fmt: skip
        done = self.door.execute(step)
        if tally.summary:
            done = replace(done, messages=(tally.summary,))
        put = putback.came_back(done, inside)
        self._errors |= put.errors if put else {}

    def _give_back(self, place: Place, around: list[tuple[str, os.stat_result | None]]) -> None:
        """Give folders around databases what they had: those around copies are our own."""
        new = tuple(path for path, found in around if found is None)
        for path, found in around:
            if found is not None:
                owner, mode = (found.st_uid, found.st_gid), stat.S_IMODE(found.st_mode)
                _set(place.of(path), owner, mode, (found.st_atime_ns, found.st_mtime_ns))

        def hear(message: Json) -> None:
            node = nodes.read(message)
            if node is not None and node.path in new:
                time = (node.mtime or 0) * 1000
                _set(place.of(node.path), (node.uid, node.gid), node.mode, (time, time))

        if new:
            step = retrieval.nodes(self.chosen.kept.id, new, hear, deep=False)
            self.door.execute(step)

    def _verify(self, place: Place, databases: tuple[str, ...]) -> None:
        chosen, door = self.chosen, self.door
        found = Verified()
        if chosen.main:
            found.add(verification.verify(door, chosen.kept.id, place, chosen.main, self._errors))
        if databases:
            copies = Place(f"{chosen.kept.copies}{self.root}", place.target)
            paths = tuple(f"{chosen.kept.copies}{path}" for path in databases)
            copied = verification.verify(
                door, chosen.kept.id, copies, paths, self._errors, folders=False
            )
            copied.paths = {path.removeprefix(chosen.kept.copies) for path in copied.paths}
            found.add(copied)
        self.done.failed |= found.failed
        self.done.failed |= dict.fromkeys(found.devices, "is missing: only CAP_MKNOD may make it")
        self.done.tally.retract(found.paths)
        self.done.refused, self.done.refusals = found.refused, found.refusals


def _is_behind_a_link(place: Place, path: str) -> bool:
    above = path.rpartition("/")[0]
    while len(above) > len(place.inside):
        found = place.lstat(above)
        if found is not None and stat.S_ISLNK(found.st_mode):
            return True
        above = above.rpartition("/")[0]
    return False


def _must_be_replaceable(path: str) -> None:
    """Raise OSError where a file cannot be written: what belongs to it must not go then."""
    flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return
        try:
            descriptor = os.open(path, flags)
        except PermissionError:
            os.chmod(path, 0o600)  # noqa: PTH101 -- as restic does it, too
            descriptor = os.open(path, flags)
        os.close(descriptor)


def _above(place: Place, paths: tuple[str, ...]) -> Iterator[str]:
    """Yield the folders that these paths lie in, the innermost first."""
    seen: set[str] = set()
    for path in paths:
        above = path.rpartition("/")[0]
        while len(above) > len(place.inside) and above not in seen:
            seen.add(above)
            yield above
            above = above.rpartition("/")[0]


def _holds_anything(folder: str) -> bool:
    with suppress(OSError):
        return bool(os.listdir(folder))  # noqa: PTH208 -- a str
    return True


def _set(path: str, owner: tuple[int, int], mode: int, times: tuple[int, int]) -> None:
    with suppress(OSError):
        if stat.S_ISDIR(os.lstat(path).st_mode):
            with suppress(PermissionError):
                os.chown(path, *owner, follow_symlinks=False)
            os.chmod(path, mode)  # noqa: PTH101 -- a str
            os.utime(path, ns=times, follow_symlinks=False)
