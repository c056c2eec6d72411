"""What restic says of a snapshot is read once, and odd answers are no error."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from contract import snapshots
from contract.snapshots import Size, Snapshot, read

ROOT = Path(snapshots.__file__).parents[1]
TAGS = ("ns=prod", "kind=Deployment", "workload=wiki", "cluster=home")


def test_all_fields_that_the_programs_use_are_read() -> None:
    listed = {
        "time": "2026-11-23T12:00:00.123456789+01:00",
        "tree": "00", "paths": ["/backup/pages"], "hostname": "wiki", "username": "root",
        "tags": [*TAGS, "doubtful"], "excludes": ["*.tmp"], "id": "4f8a" * 16,
        "summary": {
            "backup_start": "2026-11-23T11:59:00.5+01:00",
            "total_files_processed": 7, "total_bytes_processed": 900,
        },
    }  # fmt: skip

    found = read(listed)

    assert found == Snapshot(
        "4f8a" * 16, datetime(2026, 11, 23, 11, 0, 0, 123456, UTC), "wiki", (*TAGS, "doubtful"),
        ("/backup/pages",), ("*.tmp",), 7, 900, "2026-11-23T11:59:00.5+01:00",
    )  # fmt: skip
    assert found.size == Size(7, 900)
    assert (found.is_dated, found.is_doubtful, found.is_dump, found.is_whole) == (
        True, True, False, False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "listed",
    [
        {},
        dict.fromkeys(("id", "time", "hostname", "tags", "paths", "excludes", "summary")),
        {"time": "soon", "tags": "doubtful", "summary": 5, "paths": 1, "id": 3},
        {"summary": {"total_files_processed": "many", "total_bytes_processed": None}},
    ],
)
def test_a_missing_field_is_unknown(listed: dict[str, Any]) -> None:
    found = read(listed)

    assert not found.is_dated
    assert found.size is None
    assert (found.id, found.host, found.tags, found.paths) == ("", "", (), ())


def test_a_time_without_a_zone_is_ignored() -> None:
    """It cannot be compared with others."""
    assert not read({"time": "2026-11-23T12:00:00"}).is_dated


def test_the_snapshot_time_stands_for_the_start_that_an_older_restic_omits() -> None:
    assert read({"time": "2026-11-23T12:00:00Z"}).began == "2026-11-23T12:00:00Z"


def test_tags_identify_the_owner_of_a_snapshot() -> None:
    tags = snapshots.owner_tags("prod", "Deployment", "wiki", "home")

    assert tags == TAGS
    assert snapshots.owner_tags("prod", "Deployment", "wiki", "") == TAGS[:3]
    assert set(snapshots.owner_of([*tags, "doubtful", "dump=redis", "photos"])) == set(TAGS)
    assert snapshots.is_owned(TAGS[:3])
    assert not snapshots.is_owned(TAGS[1:])


def test_a_dump_is_identified_by_its_tag() -> None:
    dump = Snapshot(tags=(*TAGS, "dump=redis"))

    assert dump.is_dump
    assert dump.has_dump("redis")
    assert not dump.has_dump("red")
    assert snapshots.dump_tag(dump.tags) == "dump=redis"
    assert snapshots.dump_tag(TAGS) == ""


@pytest.mark.parametrize("program", ["contract", "kubectl_backup", "runner"])
def test_tags_are_defined_once(program: str) -> None:
    """A tag as a text of its own, or as the beginning of one, is written in one module."""
    tag = re.compile(r"""["'](doubtful["'|]|dump=|(ns|kind|workload|cluster)=(["'{]))|tmp/sqlite""")
    found = [
        f"{file.relative_to(ROOT)}: {match[0]}"
        for file in (ROOT / program).rglob("*.py")
        if file != Path(snapshots.__file__).with_name("tags.py")
        for match in tag.finditer(file.read_text("utf-8"))
    ]
    assert found == []
