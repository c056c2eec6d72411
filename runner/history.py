"""What the repository knows of this workload: its snapshots, and what they held. Pure."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from runner import maintainer, retrieval, steps
from runner.config import Config
from runner.conversation import Effect, Result, failed, must
from runner.lists import array
from runner.output import Completed

COPIES = "tmp/sqlite"  # below the state, where a run copies databases to
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """When a snapshot was made, and how many files and bytes it holds; None if unknown."""

    made: datetime
    held: tuple[int, int] | None


def last_snapshot(
    config: Config, limit: float = 0
) -> Generator[Effect, Result, tuple[Snapshot | None, bool]]:
    """Return what is known of the last backup with all its dumps, and whether that is certain.

    None if there was none. Raises Ended where the repository cannot be reached, or not in
    ``limit`` seconds if that is not 0.
    """
    done: Completed = yield replace(retrieval.snapshots(config), limit=limit)
    if done.stopped:
        raise failed(done, "the repository cannot be opened")
    return last_of(config, array(done.text)), done.no_repository or not done.code


def last_of(config: Config, found: Iterable[dict[str, Any]]) -> Snapshot | None:
    """Return the last backup with all its dumps among this workload's snapshots; None if none."""
    found = list(found)
    volumes = latest(each for each in found if _counts(each))
    whole = [each for each in found if not is_doubtful(each)]
    dumps = [_latest_dump(whole, dump.name) for dump in config.dumps]
    made = [maintainer.moment(each) for each in (volumes, *dumps)]
    known = [moment for moment in made if moment is not None]
    return Snapshot(min(known), held(volumes)) if len(known) == len(made) else None


def newest(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the snapshots by which `last_of` judges: the newest of the volumes and of each dump.

    Only what is read of them, without names of files.
    """
    chosen: dict[str, dict[str, Any]] = {}
    for each in found:
        if not maintainer.moment(each) or not (is_dump(each) or _counts(each)):
            continue
        tags = [str(tag) for tag in each.get("tags") or ()]
        kind = next((tag for tag in tags if tag.startswith(steps.DUMP_TAG)), "")
        chosen[kind] = latest([chosen.get(kind, {}), each])
    return [
        {key: each[key] for key in ("time", "tags", "summary") if key in each}
        for each in chosen.values()
    ]


def latest(snapshots: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the newest of these, empty if there is none."""
    return max(snapshots, key=lambda each: maintainer.moment(each) or _LONG_AGO, default={})


def held(snapshot: dict[str, Any]) -> tuple[int, int] | None:
    """Return how many files and bytes there were; None where an older restic does not say."""
    try:
        summary = snapshot["summary"]
        return int(summary["total_files_processed"]), int(summary["total_bytes_processed"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def once_full(config: Config, paths: list[str]) -> Generator[Effect, Result, set[str]]:
    """Return those of the folders that held a file in this workload's latest snapshot.

    Raises Ended where that cannot be told.
    """
    listed: Completed = yield retrieval.snapshots(config)
    if (listed.code or listed.stopped) and not listed.no_repository:
        raise failed(listed, "what the volumes held cannot be told")
    newest = of_volumes(listed)
    found = set()
    for path in paths if newest else ():
        files: list[str] = []

        def hear(node: dict[str, Any], files: list[str] = files) -> None:
            if node.get("type") == "file" and not files:
                files.append(str(node.get("path")))

        # A copy of a database lies elsewhere in the snapshot.
        where = (path, f"{config.state_dir}/{COPIES}{path}")
        step = retrieval.nodes(newest, where, hear, deep=True)
        yield from must(step, "the snapshot cannot be read")
        if files:
            found.add(path)
    return found


def of_volumes(listed: Completed) -> str:
    """Return the id of the latest of this workload's snapshots that is no dump; "" if none is."""
    newest = latest(each for each in array(listed.text) if _counts(each))
    return str(newest.get("id", ""))


def of_dump(listed: Completed, name: str) -> tuple[str, bool]:
    """Return the id of the latest dump of this name, "" if there is none; and whether it is whole.

    Whole as far as its tags tell.
    """
    found = _latest_dump(array(listed.text), name)
    return str(found.get("id", "")), not is_doubtful(found)


def _latest_dump(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    tag = steps.DUMP_TAG + name
    return latest(each for each in found if tag in (each.get("tags") or ()))


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
