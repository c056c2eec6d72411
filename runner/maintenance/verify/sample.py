"""Restore drills: chooses the files to test, and judges the result. Pure.

Small folders are tested completely, large ones by a random sample; every source contributes at
least one file.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from contract.text import counted
from contract.units import size
from runner.config.redaction.mask import heard
from runner.steps import damage
from runner.steps.outcome import Failure, Status
from runner.steps.result import Completed
from runner.steps.task import TaskResult

_FILES = 500  # in one drill: restic compares each name in the snapshot with each of these
_BLOCK = 4096  # bytes that a file takes at least
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNSAID = "\ufffd"  # in restic's JSON, replaces a byte that is not UTF-8
# What a container without rights over owners is refused: a drill asks for contents alone.
_OWNERS_ONLY = re.compile(r"(lchown|chmod) .*: operation not permitted")
_REPAIR = (
    "run `restic check --read-data` on the repository, and back up again with --force in "
    "RESTIC_ADDITIONAL_BACKUP_PARAMETERS: older snapshots may need restic's repair commands"
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class File:
    """A file in a snapshot. ``mtime``: microseconds since the epoch, None where not known."""

    path: str
    size: int
    mtime: int | None

    @property
    def room(self) -> int:
        """The bytes that it takes in scratch."""
        return self.size + _BLOCK


@dataclass(frozen=True, slots=True)
class Tried:
    """A restored file. ``wrong`` is its difference, "" if there is none.

    ``compared``: with the live file; a ``sound`` one is a database that passed its own check.
    """

    file: File
    wrong: str = ""
    compared: bool = False
    sound: bool = False


@dataclass(slots=True)
class Folder:
    """A folder that was backed up: how much it holds, and a random part of it."""

    path: str
    files: int = 0
    bytes: int = 0
    room: int = 0
    kept: list[File] = field(default_factory=list)
    smallest: File | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """What to restore, and the folders of which nothing can be tried."""

    files: tuple[File, ...]
    untried: tuple[str, ...]


class Sample:
    """Hears of all files of a snapshot and remembers a few: memory does not grow with it."""

    def __init__(self, random: Random) -> None:
        self.snapshot = ""
        self._random = random
        self._folders: list[Folder] = []

    def hear(self, message: Json) -> None:
        """Take one message of ``restic ls --json``: the snapshot first, then its nodes."""
        if message.get("message_type") == "snapshot":
            self.snapshot = str(message.get("id", ""))
            paths = sorted(message.get("paths") or (), key=len, reverse=True)
            self._folders = [Folder(str(path).rstrip("/")) for path in paths]
        elif message.get("message_type") == "node" and message.get("type") == "file":
            self._add(File(str(message["path"]), int(message.get("size", 0)), _mtime(message)))

    def _add(self, file: File) -> None:
        folder = next((f for f in self._folders if _holds(f.path, file.path)), None)
        if folder is None:
            return
        folder.files += 1
        folder.bytes += file.size
        folder.room += file.room
        if _UNSAID in file.path:
            return  # its name is unknown
        if folder.smallest is None or file.size < folder.smallest.size:
            folder.smallest = file
        if len(folder.kept) < self._most:
            folder.kept.append(file)
        elif (place := self._random.randrange(folder.files)) < self._most:
            folder.kept[place] = file

    @property
    def _most(self) -> int:
        return max(1, _FILES // len(self._folders))

    @property
    def total(self) -> str:
        """How much the snapshot holds, in words."""
        files = sum(folder.files for folder in self._folders)
        return f"{counted(files, 'file')} ({size(sum(folder.bytes for folder in self._folders))})"

    def chosen(self, bound: int) -> Chosen:
        """Return the sample that fits in ``bound`` bytes: large folders get the rest."""
        full = sorted((f for f in self._folders if f.files), key=lambda folder: folder.room)
        files: list[File] = []
        untried: list[str] = []
        for number, folder in enumerate(full):
            part = self._part(folder, bound // (len(full) - number), bound)
            bound -= sum(file.room for file in part)
            files += part
            if not part:
                untried.append(folder.path)
        return Chosen(tuple(files), tuple(untried))

    def _part(self, folder: Folder, share: int, left: int) -> list[File]:
        part = []
        self._random.shuffle(folder.kept)
        for file in folder.kept:
            if file.room <= share:
                share -= file.room
                part.append(file)
        if not part and folder.smallest and folder.smallest.room <= left:
            return [folder.smallest]
        return part


def _holds(folder: str, path: str) -> bool:
    return path.startswith(folder) and path[len(folder) : len(folder) + 1] in {"", "/"}


def _mtime(node: Json) -> int | None:
    try:
        return (datetime.fromisoformat(node["mtime"]) - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, KeyError, TypeError, OverflowError):
        return None


def patterns(files: Iterable[File]) -> str:
    """Return the text of a file for ``--include-file`` that names these files alone."""
    return "".join(f"{_pattern(file.path)}\n" for file in files)


def _pattern(path: str) -> str:
    # A line is a glob in which variables are expanded and spaces at the end are cut off.
    text = re.sub(r"[\\*?\[]", r"\\\g<0>", path).replace("$", "$$").replace("\n", "[\t-\v]")
    return f"{text[:-1]}[{text[-1]}]" if text[-1].isspace() else text


def judged(sample: Sample, chosen: Chosen, done: Completed, tried: Iterable[Tried]) -> TaskResult:
    """Return the result of a drill; ``done`` is restic's restore, ``tried`` are its files."""
    errors = [
        (path, why)
        for path, why in zip(done.unreadable, done.reasons, strict=True)
        if not _OWNERS_ONLY.match(heard(why))
    ]
    if errors:
        names = {file.path for file in chosen.files}
        path, why = next((each for each in errors if each[0] in names), errors[0])
        failure = replace(done, tail=(*done.tail, why)).failure
        line = f"{path} cannot be restored: {why}"
        if failure == Failure.REPOSITORY:
            line += f"; {damage.cure([why, *done.tail])}"
        if failure in {Failure.RESTIC, Failure.REPOSITORY}:
            line += f"; {_REPAIR}"
        return TaskResult(Status.FAILURE, line, failure)
    if done.code and not done.unreadable:
        return TaskResult(Status.FAILURE, f"restoring failed: {done.said}", done.failure)
    return _compared(sample, chosen, list(tried))


def _compared(sample: Sample, chosen: Chosen, tried: list[Tried]) -> TaskResult:
    if found := [each for each in tried if each.wrong]:
        more = f" (and {len(found) - 1} more)" if found[1:] else ""
        line = f"{found[0].file.path}{more} {found[0].wrong}; {_REPAIR}"
        return TaskResult(Status.FAILURE, line, Failure.RESTIC)
    restored = size(sum(each.file.size for each in tried))
    line = (
        f"{counted(len(tried), 'file')} ({restored}) of {sample.total} restored, "
        f"{sum(each.compared for each in tried)} of them equal to the live ones"
    )
    if databases := sum(each.sound for each in tried):
        line += f", {counted(databases, 'database')} intact"
    if chosen.untried:
        line += f"; {untried(chosen)}"
        return TaskResult(Status.SKIPPED, line)
    return TaskResult(Status.SUCCESS, line)


def untried(chosen: Chosen) -> str:
    """Return which folders no drill can try, and why."""
    return (
        f"nothing could be tested of {', '.join(chosen.untried)}: its files are too large for the "
        f"sidecar's scratch or their names are not UTF-8; restore some manually"
    )
