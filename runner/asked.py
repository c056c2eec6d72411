"""What somebody asks a restore by hand for, and what came of it. Pure."""

import posixpath
from dataclasses import dataclass, field
from typing import Any

from contract import settings
from contract.wording import counted
from runner.config import Config
from runner.outcome import Failure, Status, size
from runner.steps import NEVER_BACKED_UP, literal

_NAMED = 20  # files of each kind that are named

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be restored. ``paths`` as they were typed; without any, all volumes.

    ``to`` is a folder for it, "" for its own place.
    """

    at: str = ""
    snapshot: str = ""
    paths: tuple[str, ...] = ()
    to: str = ""
    delete: bool = False
    dry_run: bool = False


def absolute(config: Config, paths: tuple[str, ...]) -> tuple[str, ...]:
    """Return paths as they are in snapshots, from such as ``data/some/file``; raise ValueError."""
    found = []
    for path in paths:
        full = posixpath.normpath(posixpath.join(config.volumes_dir, path))
        if not full.startswith(f"{config.volumes_dir}/"):
            why = f"write VOLUME/FOLDER, or an absolute path below {config.volumes_dir}"
            raise ValueError(f"{path!r} is in no volume: {why}")
        found.append(full)
    return tuple(dict.fromkeys(found))


def is_below(path: str, folder: str) -> bool:
    """Whether a path is a folder, or in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


@dataclass(slots=True)
class Tally:
    """Counts what restic tells of a restore. Folders, links and empty files are ``others``."""

    counts: dict[str, int] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    bytes: int = 0
    summary: Json = field(default_factory=dict)

    def hear(self, message: Json) -> None:
        """Take one message."""
        if message.get("message_type") == "summary":
            self.summary = message
        if message.get("message_type") != "verbose_status":
            return
        taken = int(message.get("size", 0))
        kinds = {"restored": "created", "updated": "changed"}
        kind = kinds.get(str(message.get("action")), str(message.get("action")))
        if kind == "created" and not taken:
            kind = "others"
        if kind in {"created", "changed"}:
            self.bytes += taken
        self.counts[kind] = self.counts.get(kind, 0) + 1
        named = self.names.setdefault(kind, [])
        if len(named) < _NAMED:
            named.append(str(message.get("item", "")))


@dataclass(frozen=True, slots=True)
class Restored:
    """The end of a restore by hand; ``message`` is one line for people."""

    status: Status
    message: str
    failure: Failure | None = None
    snapshot: str = ""
    made: str = ""
    dry_run: bool = False
    paths: tuple[str, ...] = ()
    tally: Tally = field(default_factory=Tally)

    def as_json(self) -> Json:
        """Return what `--json` prints."""
        counts = {
            kind: self.tally.counts.get(kind, 0)
            for kind in ("created", "changed", "deleted", "unchanged", "others")
        }
        named = {kind: self.tally.names.get(kind, []) for kind in ("created", "changed", "deleted")}
        return {
            "status": self.status.value,
            "class": self.failure.value if self.failure else "",
            "message": self.message,
            "snapshot": self.snapshot,
            "snapshot_time": self.made,
            "dry_run": self.dry_run,
            "paths": list(self.paths),
            **counts,
            "bytes": self.tally.bytes,
            "first": named,
        }

    def named(self) -> list[str]:
        """Return lines that name what a dry run would change, beyond what is only added."""
        lines = []
        for kind in ("changed", "deleted"):
            names, count = self.tally.names.get(kind, []), self.tally.counts.get(kind, 0)
            more = f" and {count - len(names)} more" if count > len(names) else ""
            lines += [f"would be {kind}: {', '.join(names)}{more}"] if names else []
        return lines


def line(tally: Tally, *, dry_run: bool) -> str:
    """Return how much was done, or would be."""
    counts = tally.counts
    would = "would be " if dry_run else ""
    told = [
        f"{counted(counts.get(kind, 0), 'file')} {would}{kind}"
        for kind in ("created", "changed", "deleted")
    ]
    same = counted(counts.get("unchanged", 0), "is as it was", "are as they were")
    return f"{', '.join(told)} ({size(tally.bytes)}), {same}"


def spared(config: Config) -> tuple[str, ...]:
    """Return restic options by which a deletion leaves alone what backups leave out.

    Raises ValueError where that cannot be told: patterns that begin with a slash are about paths
    from the root, and restic compares them with paths in the folder that it restores.
    """
    given: tuple[str, ...] = config.settings.get(settings.EXCLUDE) or ()
    if rooted := [pattern for pattern in given if pattern.removeprefix("!").startswith("/")]:
        why = "would delete what it leaves out of backups: make it relative, or delete by hand"
        raise ValueError(f"backup.exclude {rooted[0]}: --delete {why}")
    return tuple(word for each in (*NEVER_BACKED_UP, *given) for word in ("--exclude", each))


def including(folder: str, paths: tuple[str, ...]) -> tuple[str, ...]:
    """Return restic options that choose these paths, as they are called in a folder of theirs."""
    inside = [path.removeprefix(folder.rstrip("/")) for path in paths]
    return tuple(word for path in inside for word in ("--include", literal(path)))
