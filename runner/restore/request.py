"""Request and result of a restore. Pure."""

import posixpath
from dataclasses import dataclass, field
from typing import Any

from contract.text import counted
from runner.config.model import Config
from runner.restic.commands import literal
from runner.restore.tally import Tally
from runner.steps.outcome import Failure, Status

_NAMED = 20  # files of each kind that lines name

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
        full = posixpath.normpath(posixpath.join(config.paths.volumes, path))
        if not full.startswith(f"{config.paths.volumes}/"):
            why = f"write VOLUME/FOLDER, or an absolute path below {config.paths.volumes}"
            raise ValueError(f"{path!r} is not in a volume: {why}")
        found.append(full)
    return tuple(dict.fromkeys(found))


def including(folder: str, paths: tuple[str, ...]) -> tuple[str, ...]:
    """Return restic options that choose these paths, as they are called in a folder of theirs."""
    inside = [path.removeprefix(folder.rstrip("/")) for path in paths]
    return tuple(word for path in inside for word in ("--include", literal(path)))


@dataclass(slots=True)
class Done:
    """What a restore did. ``failed``: files that are not restored, or not deleted, and why.

    ``kept``: files that the snapshot could not have held, of ``kept_total``. ``refused``: files
    with the right content, and not the right owner, mode, times or attributes.
    """

    tally: Tally = field(default_factory=Tally)
    failed: dict[str, str] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    kept_total: int = 0
    refused: list[str] = field(default_factory=list)
    refusals: int = 0

    def line(self, *, dry_run: bool) -> str:
        """Return it in one line."""
        said = [self.tally.line(dry_run=dry_run)]
        if self.kept_total:
            would = "would be kept" if dry_run else "kept"
            many = counted(self.kept_total, "file")
            named = _listed(self.kept, self.kept_total)
            said.append(f"{many} {would} that no backup includes: {named}")
        if self.failed:
            can = "cannot be" if dry_run else "could NOT be"
            named = _listed([f"{path} {why}" for path, why in self.failed.items()],
                            len(self.failed))  # fmt: skip
            said.append(f"{counted(len(self.failed), 'file')} {can} restored: {named}")
        if self.refusals:
            named = _listed(self.refused, self.refusals)
            said.append(
                f"owners, modes, times or attributes of {counted(self.refusals, 'file')} "
                f"could not be restored: {named}"
            )
        return "; ".join(said)

    def named(self, *, dry_run: bool) -> list[str]:
        """Return lines that name files, beyond those that are only added."""
        lines = [f"not restored: {path} {why}" for path, why in list(self.failed.items())[:_NAMED]]
        for kind in ("changed", "deleted") if dry_run else ():
            names, count = self.tally.names.get(kind, []), self.tally.counts.get(kind, 0)
            lines += [f"would be {kind}: {_listed(names, count, _NAMED)}"] if names else []
        if self.kept:
            lines.append(f"kept: {_listed(self.kept, self.kept_total, _NAMED)}")
        return lines


def _listed(names: list[str], total: int, most: int = 1) -> str:
    shown = names[:most]
    more = f" and {total - len(shown)} more" if total > len(shown) else ""
    return ", ".join(shown) + more


@dataclass(frozen=True, slots=True)
class Restored:
    """The end of a restore manually; ``message`` is one line for people."""

    status: Status
    message: str
    failure: Failure | None = None
    snapshot: str = ""
    made: str = ""
    dry_run: bool = False
    paths: tuple[str, ...] = ()
    done: Done = field(default_factory=Done)

    def as_json(self) -> Json:
        """Return what `--json` prints."""
        done, tally = self.done, self.done.tally
        counts = {
            kind: tally.counts.get(kind, 0)
            for kind in ("created", "changed", "deleted", "unchanged", "others")
        }
        named = {kind: tally.names.get(kind, []) for kind in ("created", "changed", "deleted")}
        return {
            "status": self.status.value,
            "class": self.failure.value if self.failure else "",
            "message": self.message,
            "snapshot": self.snapshot,
            "snapshot_time": self.made,
            "dry_run": self.dry_run,
            "paths": list(self.paths),
            **counts,
            "bytes": tally.bytes,
            "deleted_bytes": tally.deleted_bytes,
            "first": named,
            "failed": [{"path": path, "reason": why} for path, why in done.failed.items()],
            "kept": done.kept,
            "kept_total": done.kept_total,
            "refused": done.refused,
            "refused_total": done.refusals,
        }
