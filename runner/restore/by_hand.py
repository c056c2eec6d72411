"""Executes a requested restore: inspects, restores, deletes, and verifies the result."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from contract.snapshots import Snapshot
from runner.restic import queries
from runner.restore import folder as restore_folder
from runner.restore import request as asking
from runner.restore.files import beside, place, verification
from runner.restore.files.nodes import Json, Node
from runner.restore.files.old_logs import OldLogs
from runner.restore.files.place import Place, shown
from runner.restore.files.removal import Removal
from runner.restore.files.sparing import Sparing
from runner.restore.files.survey import Survey
from runner.restore.files.verification import Verified
from runner.restore.request import Asked, Done
from runner.restore.tally import Tally
from runner.session.executor import Executor
from runner.session.session import Session
from runner.steps.step import failed
from runner.volume.beneath import Folder


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is restored of a snapshot. ``main``: paths in it that are no copies of databases;
    ``copies``: nodes around and of those, under the databases' own paths.
    """

    snapshot: Snapshot
    main: tuple[str, ...]
    copies: tuple[Node, ...] = ()

    @property
    def databases(self) -> tuple[str, ...]:
        """Where databases come back from their copies."""
        return tuple(node.path for node in self.copies if node.is_file)


@dataclass(frozen=True, slots=True)
class _Target:
    """The target of a restore, and the folders that restic writes to, held open."""

    place: Place
    folders: list[Folder]


@dataclass(slots=True)
class Restoring:
    """One restore manually: its parts share what was seen before."""

    session: Session
    executor: Executor
    asked: Asked
    root: str
    chosen: Chosen
    done: Done = field(default_factory=Done)
    _errors: dict[str, str] = field(default_factory=dict)
    _plain: tuple[str, ...] = ()  # databases that come back as files

    def run(self) -> Done:
        """Restore; raise RunEnded or ValueError if nothing, or an unknown part, was done."""
        target = self._target()
        place = target.place
        with self.executor.only_into(*target.folders):
            survey = self._survey(place)
            with _held_open(place, survey.pipes):
                self._run(place, survey)
        return self.done

    def _target(self) -> _Target:
        """Return the target of the restore."""
        asked, chosen = self.asked, self.chosen
        if asked.to:
            folder = place.opened(asked.to, self.root, make=not asked.dry_run)
            reached = folder.link if folder else ""
            to = Place(self.root, asked.to, folder, reached=reached)
            return _Target(to, [folder] if folder else [])
        paths = (*chosen.main, *chosen.databases)
        volumes = {path[len(self.root) + 1 :].partition("/")[0] for path in paths}
        folders = [Path(self.root, volume) for volume in sorted(volumes)]
        there = [Folder.at(folder if folder.exists() else self.root) for folder in folders]
        return _Target(Place(self.root, self.root, parts=paths), there)

    def _run(self, place: Place, survey: Survey) -> None:
        chosen, dry_run = self.chosen, self.asked.dry_run
        removal = self._removal(place, survey) if self.asked.delete else None
        conflicts = self._make_way(place, survey, removal)
        beside.clear(place, self._plain, self.done, dry_run=dry_run)
        if chosen.main:
            self._restic(chosen.snapshot.id, self.root, place, chosen.main)
        databases = beside.clear(place, chosen.databases, self.done, dry_run=dry_run)
        if databases:
            around = [] if dry_run else list(beside.above(place, databases))
            self._restic(
                chosen.snapshot.id, f"{chosen.snapshot.copies}{self.root}", place, databases
            )
            beside.give_back(self.executor, chosen.snapshot.id, place, around)
        if removal:
            for folder, names in survey.extra.items():
                removal.clear(folder, names)
            self.done.kept, self.done.kept_total = removal.kept, removal.kept_total
            self.done.failed |= removal.failed
        if dry_run:
            self.done.tally.retract(conflicts)
        else:
            self._verify(place, databases)

    def _survey(self, place: Place) -> Survey:
        chosen = self.chosen
        asked = frozenset((*chosen.main, *chosen.databases))
        survey = Survey(place, deletes=self.asked.delete, asked=asked)
        survey.above((*chosen.main, *chosen.databases))
        if chosen.main:
            logs = OldLogs(place)

            def hear(message: Json) -> None:
                survey.hear(message)
                logs.hear(message)

            step = queries.nodes(chosen.snapshot.id, chosen.main, hear, deep=True)
            done = self.executor.execute(step)
            if done.code or done.stopped:
                raise failed(done, "the snapshot cannot be read")
            self._plain = logs.databases
        survey.end()
        copies = Survey(place, before=survey.before)
        copies.above(chosen.databases)
        for node in chosen.copies:
            copies.note(node)
        survey.folders += copies.folders
        survey.files |= set(chosen.databases)
        if link := survey.followed(asked):
            why = "is a link, and the requested files would be restored through it"
            raise ValueError(f"{shown(place.of(link))} {why}: remove it, or restore its folder")
        self.done.tally = Tally(survey.before)
        return survey

    def _removal(self, place: Place, survey: Survey) -> Removal:
        session, chosen = self.session, self.chosen
        sparing = Sparing(session.config, session.state, chosen.snapshot, survey)
        ours = frozenset(beside.named((*chosen.databases, *self._plain)))
        return Removal(place, sparing, self.done.tally, self.asked.dry_run, ours)

    def _make_way(self, place: Place, survey: Survey, removal: Removal | None) -> list[str]:
        """Delete folders that the snapshot replaces with another type, if all files in them may go.

        Return those that stay in the way.
        """
        conflicts = []
        for folder in survey.folders:
            if removal and removal.can_clear(folder):
                removal.replace(folder)
            elif self.asked.dry_run and _holds_anything(place, folder):
                hint = "it has files that no backup has" if removal else "--delete replaces it"
                why = f"is a folder instead of a file: {hint}"
                self.done.failed[shown(place.of(folder))] = why
                conflicts.append(folder)
        return conflicts

    def _restic(self, snapshot: str, inside: str, place: Place, paths: tuple[str, ...]) -> None:
        """Restore these paths, which are in the folder ``inside`` of the snapshot."""
        tally = self.done.tally
        dry_run = ("--dry-run",) if self.asked.dry_run else ()
        # By content, not by time: what a disk spoiled, or a restore that failed, looks unchanged.
        options = ("--overwrite", "always", *dry_run, *asking.including(place.inside, paths))
        tally.summary = {}
        step = queries.restore_by_hand(
            f"{snapshot}:{inside}", place.reached, options,
            lambda message: tally.hear(message, place.inside),
        )  # fmt: skip
        done = self.executor.execute(step)
        place.forget()
        if tally.summary:
            done = replace(done, messages=(tally.summary,))
        put = restore_folder.came_back(done, inside)
        self._errors |= put.errors if put else {}

    def _verify(self, place: Place, databases: tuple[str, ...]) -> None:
        chosen, executor = self.chosen, self.executor
        found = Verified()
        if chosen.main:
            found.add(
                verification.verify(executor, chosen.snapshot.id, place, chosen.main, self._errors)
            )
        if databases:
            copies = place.inside_of(f"{chosen.snapshot.copies}{self.root}")
            paths = tuple(f"{chosen.snapshot.copies}{path}" for path in databases)
            copied = verification.verify(
                executor, chosen.snapshot.id, copies, paths, self._errors, folders=False
            )
            copied.paths = {path.removeprefix(chosen.snapshot.copies) for path in copied.paths}
            found.add(copied)
        self.done.failed |= found.failed
        self.done.failed |= dict.fromkeys(found.devices, "is missing: only CAP_MKNOD can create it")
        self.done.tally.retract(found.paths)
        self.done.refused, self.done.refusals = found.refused, found.refusals


@contextmanager
def _held_open(place: Place, pipes: Iterable[str]) -> Iterator[None]:
    """Open the other end of pipes: restic opens them to compare, and would wait forever."""
    held = []
    for pipe in pipes:
        with suppress(OSError), place.above(pipe) as (folder, name):
            flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            held.append(os.open(name, flags, dir_fd=folder.descriptor))
    try:
        yield
    finally:
        for descriptor in held:
            os.close(descriptor)


def _holds_anything(place: Place, folder: str) -> bool:
    with suppress(OSError):
        return bool(place.names(folder))
    return True
