"""What the repository knows of this workload: its snapshots, and what they held. Pure."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from runner import maintainer, retrieval, steps
from runner.config import Config
from runner.conversation import Effect, Result, failed, must
from runner.lists import array
from runner.output import Completed

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """When a snapshot was made, and how many files and bytes it holds; None if unknown."""

    made: datetime
    held: tuple[int, int] | None


def last_snapshot(config: Config) -> Generator[Effect, Result, tuple[Snapshot | None, bool]]:
    """Return what is known of the last backup with all its dumps, and whether that is certain.

    None if there was none. Raises Ended where the repository cannot be reached.
    """
    done: Completed = yield retrieval.snapshots(config)
    if done.stopped:
        raise failed(done, "the repository cannot be opened")
    found = array(done.text)
    volumes = _latest(each for each in found if _counts(each))
    whole = [each for each in found if not is_doubtful(each)]
    dumps = [_latest_dump(whole, dump.name) for dump in config.dumps]
    made = [maintainer.moment(each) for each in (volumes, *dumps)]
    known = [moment for moment in made if moment is not None]
    last = Snapshot(min(known), _held(volumes)) if len(known) == len(made) else None
    return last, done.no_repository or not done.code


def _latest(snapshots: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the newest of these, empty if there is none."""
    return max(snapshots, key=lambda each: maintainer.moment(each) or _LONG_AGO, default={})


def _held(snapshot: dict[str, Any]) -> tuple[int, int] | None:
    """Return how many files and bytes there were; None where an older restic does not say."""
    try:
        summary = snapshot["summary"]
        return int(summary["total_files_processed"]), int(summary["total_bytes_processed"])
    except (KeyError, TypeError, ValueError):
        return None


def once_full(config: Config, paths: list[str]) -> Generator[Effect, Result, set[str]]:
    """Return those of the folders that held something in this workload's latest snapshot.

    Raises Ended where that cannot be told.
    """
    listed: Completed = yield retrieval.snapshots(config)
    if (listed.code or listed.stopped) and not listed.no_repository:
        raise failed(listed, "what the volumes held cannot be told")
    latest = of_volumes(listed)
    found = set()
    for path in paths if latest else ():
        done = yield from must(retrieval.listing(latest, path), "the snapshot cannot be read")
        nodes = [m for m in done.messages if m.get("message_type") == "node"]
        inside = path.rstrip("/") + "/"
        if any(str(node.get("path")).startswith(inside) for node in nodes):
            found.add(path)
    return found


def of_volumes(listed: Completed) -> str:
    """Return the id of the latest of this workload's snapshots that is no dump; "" if none is."""
    latest = _latest(each for each in array(listed.text) if _counts(each))
    return str(latest.get("id", ""))


def of_dump(listed: Completed, name: str) -> tuple[str, bool]:
    """Return the id of the latest dump of this name, "" if there is none; and whether it is whole.

    Whole as far as its tags tell.
    """
    latest = _latest_dump(array(listed.text), name)
    return str(latest.get("id", "")), not is_doubtful(latest)


def _latest_dump(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    tag = steps.DUMP_TAG + name
    return _latest(each for each in found if tag in (each.get("tags") or ()))


def kind(found: dict[str, Any]) -> str:
    """Return the tag of a dump that a snapshot, or a group of them, has; "" for the volumes."""
    tags = map(str, found.get("tags") or ())
    return next((tag for tag in tags if tag.startswith(steps.DUMP_TAG)), "")


def is_dump(found: dict[str, Any]) -> bool:
    """Whether a snapshot, or a group of them, is of a dump and not of the volumes."""
    return bool(kind(found))


def is_doubtful(snapshot: dict[str, Any]) -> bool:
    """Whether a snapshot is marked as one that lacks something."""
    return steps.DOUBTFUL_TAG in (snapshot.get("tags") or ())


def _counts(snapshot: dict[str, Any]) -> bool:
    """Whether a snapshot is of the volumes as they should be."""
    return not is_dump(snapshot) and not is_doubtful(snapshot)
