"""Snapshots, and which one a word means."""

import json

import pytest

from kubectl_backup.commands import snapshot_table
from kubectl_backup.output import draw
from kubectl_backup.workload import snapshots
from kubectl_backup.workload.snapshots import NoSnapshotError
from tests.kubectl_backup.pods import NOW, Json

MINE = ["ns=prod", "kind=Deployment", "workload=wiki"]


def snapshot(identifier: str, time: str, *tags: str, paths: str = "/backup/data") -> Json:
    """Return a snapshot as ``restic snapshots --json`` has it."""
    return {
        "id": identifier * 8, "short_id": identifier * 2, "time": f"2026-09-{time}:00:00Z",
        "tags": [*MINE, *tags], "paths": [paths], "hostname": "wiki",
        "summary": {"total_files_processed": 12, "total_bytes_processed": 5 << 20, "data_added": 9},
    }  # fmt: skip


OLD = snapshot("aaaa", "20T10")
NEW = snapshot("bbbb", "21T10", "keep")
DUMP = snapshot("cccc", "21T11", "dump=postgres", paths="/postgres.sql")
EMPTIED = snapshot("dddd", "21T12", "doubtful")
ALL = [EMPTIED, NEW, OLD, DUMP]


def test_latest_is_the_newest_complete_snapshot_of_volumes() -> None:
    """A dump is none, and an emptied volume is the last thing that anybody wants back."""
    assert snapshots.chosen(ALL, "latest") == NEW["id"]
    assert snapshots.chosen([EMPTIED, DUMP], "latest") == EMPTIED["id"]


def test_a_short_id_is_enough() -> None:
    assert snapshots.chosen(ALL, "cc") == DUMP["id"]


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("", "no snapshot"),
        ("eeee", "no snapshot"),
        ("Latest", "no snapshot"),
        ("a", "more than one snapshot"),
    ],
)
def test_a_foreign_snapshot_is_refused(word: str, why: str) -> None:
    """Others share the repository."""
    both = [*ALL, snapshot("abab", "19T10")]

    with pytest.raises(NoSnapshotError, match=f"matches {why} of this workload"):
        snapshots.chosen(both, word)


def test_without_snapshots_the_next_step_is_named() -> None:
    with pytest.raises(NoSnapshotError, match="kubectl backup now"):
        snapshots.chosen([DUMP], "latest")


def test_the_table_has_the_newest_last_and_marks_doubtful_and_kept_ones() -> None:
    lines = draw.table(snapshot_table.table(ALL, NOW), None, paint=False)

    assert [line.split("   ")[-1] for line in lines] == [
        "WHAT", "data", "data, [keep]", "/postgres.sql, [dump=postgres]", "data, [doubtful]",
    ]  # fmt: skip
    assert lines[1].startswith("aaaaaaaa   2026-09-20T10:00:00Z   27h ago")
    assert "5.0 MiB" in lines[1]


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("data", "/backup/data"),
        ("data/a b/ü/", "/backup/data/a b/ü"),
        ("/var/lib/backup/tmp", "/var/lib/backup/tmp"),
        ("data/../../etc", "/etc"),
    ],
)
def test_a_path_is_resolved_inside_the_snapshot(path: str, meant: str) -> None:
    assert snapshots.inside(path) == meant


def node(path: str, kind: str = "file", size: int = 4) -> Json:
    """Return what ``restic ls --json`` says of a file."""
    return {
        "struct_type": "node", "name": path.rpartition("/")[2], "path": path, "type": kind,
        "uid": 1000, "gid": 7, "size": size, "permissions": "-rw-r--r--",
        "mtime": "2026-09-20T10:00:00.123456789Z",
    }  # fmt: skip


def test_a_folder_lists_its_direct_entries() -> None:
    """restic lists the folder itself, too, and the snapshot."""
    found = [
        {"struct_type": "snapshot", "id": "4f"}, node("/backup/data", "dir"),
        node("/backup/data/a b"), node("/backup/data/sub", "dir"), node("/backup/data/sub/x"),
    ]  # fmt: skip

    assert snapshot_table.entries(found, "/backup/data") == [
        "-rw-r--r--  1000:7  4 B  2026-09-20T10:00:00  a b",
        "-rw-r--r--  1000:7    -  2026-09-20T10:00:00  sub/",
    ]


def test_a_file_lists_itself_and_an_empty_folder_nothing() -> None:
    assert len(snapshot_table.entries([node("/backup/data/a")], "/backup/data/a")) == 1
    assert snapshot_table.entries([node("/backup/data", "dir")], "/backup/data") == []


def test_a_name_cannot_move_the_cursor() -> None:
    (line,) = snapshot_table.entries([node("/backup/data/\x1b[2Jx")], "/backup/data")

    assert line.endswith("  ?[2Jx")


def test_the_restored_snapshot_is_the_newest_complete_one_of_the_volume() -> None:
    other = snapshot("eeee", "21T13", paths="/backup/other")

    assert snapshots.to_restore([*ALL, other], "data", "", None)["id"] == NEW["id"]
    assert snapshots.to_restore([*ALL, other], "other", "latest", None)["id"] == other["id"]
    assert snapshots.to_restore(ALL, "data", "dd", None)["id"] == EMPTIED["id"]  # by name


def test_a_time_selects_the_newest_snapshot_before_it() -> None:
    then = snapshots.when("2026-09-21T09:59:59Z", NOW)

    assert snapshots.to_restore(ALL, "data", "", then)["id"] == OLD["id"]
    with pytest.raises(NoSnapshotError, match="the oldest is from 2026-09-20T10:00:00Z"):
        snapshots.to_restore(ALL, "data", "", snapshots.when("2026-09-19", NOW))
    with pytest.raises(NoSnapshotError, match=r"volume dat has no snapshot; others have: data$"):
        snapshots.to_restore(ALL, "dat", "", None)
    with pytest.raises(NoSnapshotError, match="see `kubectl backup snapshots`"):
        snapshots.to_restore([], "data", "", None)


def test_a_folder_of_a_volume_belongs_to_the_volume() -> None:
    part = snapshot("ffff", "21T10", paths="/backup/data/sub")

    assert snapshots.to_restore([part], "data", "", None)["id"] == part["id"]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", None), ("90m", NOW - 5400), ("2h", NOW - 7200), ("3d", NOW - 3 * 86400),
        ("1w", NOW - 7 * 86400), ("2026-09-21T13:33:20Z", NOW),
        ("2026-09-21T15:33:20+02:00", NOW), ("2026-09-21", NOW + 10.4444 * 3600),
    ],
)  # fmt: skip
def test_times_and_durations_are_read(text: str, moment: float | None) -> None:
    assert snapshots.when(text, NOW) == (moment and pytest.approx(moment, abs=2))


@pytest.mark.parametrize("text", ["yesterday", "3 d", "-1d", "25:00"])
def test_an_invalid_time_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(NoSnapshotError, match="is not a time: use"):
        snapshots.when(text, NOW)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"message_type": "change", "path": "/a\nb\x85", "modifier": "+"}, "+    /a?b?"),
        ({"message_type": "change", "path": "/ü x", "modifier": "M"}, "M    /ü x"),
        (
            {"message_type": "statistics", "changed_files": 3,
             "added": {"files": 2, "bytes": 4707}, "removed": {"files": 1, "bytes": 4361}},
            "2 files more, 1 fewer, 3 changed; 4.6 KiB more in the repository, 4.3 KiB less",
        ),
        ({"message_type": "change"}, '{"message_type": "change"}'),
        ({"message_type": "statistics", "added": 1}, '{"message_type": "statistics", "added": 1}'),
    ],
)  # fmt: skip
def test_a_difference_is_one_line_for_any_file_name(said: object, shown: str) -> None:
    assert snapshot_table.difference(json.dumps(said).encode()) == shown


def test_output_of_diff_that_is_not_json_is_shown_unchanged() -> None:
    assert snapshot_table.difference(b"comparing \x1b[2J\xff") == "comparing ?[2J\ufffd"
