"""Selects one of a workload's snapshots. Pure."""

import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Any

from contract import names
from contract.snapshots import DOUBTFUL, DUMP
from contract.units import SECONDS
from kubectl_backup.output import formats

Snapshot = Mapping[str, Any]
_AGO = re.compile(r"([0-9]{1,5})([smhdw])")


class NoSnapshotError(Exception):
    """The workload has no such snapshot; the text has the next step."""


def without_root(path: str) -> str:
    """Return the path VOLUME/path of an absolute path in a snapshot."""
    return str(path).removeprefix(f"{names.VOLUMES_DIR}/")


def taken(each: Snapshot) -> float:
    """Return when a snapshot was taken, in epoch seconds; 0 if that is invalid."""
    return formats.moment(each.get("time")) or 0.0


def chosen(snapshots: Sequence[Snapshot], word: str) -> str:
    """Return the id of a snapshot by ``latest`` or the beginning of its id.

    ``latest`` is the newest of volumes, not of dumps, and a doubtful one only if all are.
    """
    if word == "latest":
        volumes = [each for each in snapshots if not _is_dump(each)]
        good = [each for each in volumes if not is_doubtful(each)]
        if not volumes:
            raise NoSnapshotError("there is no snapshot yet; run `kubectl backup now`")
        return str(max(good or volumes, key=taken)["id"])
    found = [str(each["id"]) for each in snapshots if word and str(each["id"]).startswith(word)]
    if len(found) != 1:
        what = "more than one snapshot" if found else "no snapshot"
        raise NoSnapshotError(
            f"{word!r} matches {what} of this workload; see `kubectl backup snapshots`"
        )
    return found[0]


def to_restore(
    snapshots: Sequence[Snapshot], volume: str, word: str, until: float | None
) -> dict[str, Any]:
    """Return the snapshot to restore a volume from: by its id, or the newest ``until`` a time."""
    if word and word != "latest":
        identifier = chosen(snapshots, word)
        return next(dict(each) for each in snapshots if each["id"] == identifier)
    root = f"{names.VOLUMES_DIR}/{volume}"
    of_it = [
        each for each in snapshots
        if any(f"{path}/".startswith(f"{root}/") for path in each.get("paths") or ())
    ]  # fmt: skip
    found = [each for each in of_it if until is None or taken(each) <= until]
    good = [each for each in found if not is_doubtful(each)]
    if not found and of_it:
        oldest = formats.rfc3339(min(map(taken, of_it)))
        raise NoSnapshotError(
            f"volume {volume} has no snapshot that old; the oldest is from {oldest}"
        )
    if not found:
        known = sorted({without_root(path) for each in snapshots for path in each.get("paths") or ()
                        if str(path).startswith(f"{names.VOLUMES_DIR}/")})  # fmt: skip
        raise NoSnapshotError(
            f"volume {volume} has no snapshot; "
            + (f"others have: {', '.join(known)}" if known else "see `kubectl backup snapshots`")
        )
    newest = max(good or found, key=taken)
    return dict(newest)


def when(text: str, now: float) -> float | None:
    """Return the epoch seconds of an RFC 3339 time, the end of a date, or a time ago (``2h``).

    The sidecar reads dates the same way. None if there is no text.
    """
    if not text:
        return None
    if match := _AGO.fullmatch(text):
        return now - int(match[1]) * SECONDS[match[2]]
    found = formats.moment(text)
    if found is not None and "T" not in text.upper() and ":" not in text:
        found += SECONDS["d"]
    if found is None:
        raise NoSnapshotError(
            f"{text!r} is not a time: use 2026-11-25T03:00:00Z, 2026-11-25, or 2h, 3d for ago"
        )
    return found


def is_doubtful(each: Snapshot) -> bool:
    """Whether a volume had lost files when the snapshot was made."""
    return DOUBTFUL in (each.get("tags") or ())


def _is_dump(each: Snapshot) -> bool:
    return any(str(tag).startswith(DUMP) for tag in each.get("tags") or ())


def inside(path: str) -> str:
    """Return the absolute path in a snapshot of ``VOLUME/path``, or of an absolute path."""
    if path.startswith("/"):
        return posixpath.normpath(path)
    return posixpath.normpath(posixpath.join(names.VOLUMES_DIR, path))
