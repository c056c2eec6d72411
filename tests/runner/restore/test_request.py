"""What somebody asks a restore by hand for: paths, and what is counted and said of it."""

import pytest

from runner.restore import request
from runner.restore.request import Done, Restored
from runner.restore.tally import Tally
from runner.steps.outcome import Status
from tests.runner.config.workload import configured


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("pages", "/backup/pages"),
        ("pages/", "/backup/pages"),
        ("pages/two words/ü", "/backup/pages/two words/ü"),
        ("/backup/pages/x", "/backup/pages/x"),
        ("pages/../uploads", "/backup/uploads"),
        ("./pages", "/backup/pages"),
    ],
)
def test_paths_are_relative_to_a_volume_or_absolute(typed: str, path: str) -> None:
    assert request.absolute(configured(), (typed, typed)) == (path,)


@pytest.mark.parametrize("typed", ["", ".", "/", "/backup", "/backups/x", "../x", "/etc/passwd"])
def test_paths_outside_of_volumes_are_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="write VOLUME/FOLDER"):
        request.absolute(configured(), (typed,))


def test_patterns_select_exactly_one_path() -> None:
    assert request.including("/backup", ("/backup/pages/a*[b]?\\",)) == (
        "--include", "/pages/a\\*\\[b]\\?\\\\",
    )  # fmt: skip


def message(action: str, item: str, size: int = 0) -> dict[str, object]:
    """Return what restic says of a file."""
    return {"message_type": "verbose_status", "action": action, "item": item, "size": size}


def test_files_are_counted_and_the_first_ones_are_named() -> None:
    tally = Tally()
    tally.before.kinds[hash("/backup/folder")] = "others"
    for number in range(30):
        tally.count("deleted", f"/{number}", 100)
    for action, item, size in (
        ("restored", "/new", 5), ("restored", "/folder", 0), ("restored", "/empty", 0),
        ("updated", "/x", 7), ("unchanged", "/same", 9),
    ):  # fmt: skip
        tally.hear(message(action, item, size), "/backup")
    tally.hear({"message_type": "summary", "total_files": 34})

    done = Restored(Status.SUCCESS, "done", done=Done(tally), dry_run=True)
    said = done.as_json()
    counts = ("created", "changed", "deleted", "unchanged", "others", "bytes", "deleted_bytes")
    assert [said[key] for key in counts] == [2, 1, 30, 1, 1, 12, 3000]
    assert len(said["first"]["deleted"]) == 20
    assert done.done.named(dry_run=True)[1].endswith("/18, /19 and 10 more")
    line = tally.line(dry_run=True)
    assert "30 files would be deleted (12 B restored, 2.9 KiB deleted)" in line
    assert "2 files would be created, 1 file would be changed" in line
    assert line.endswith(", 1 is as it was")


def test_a_file_that_restic_calls_new_may_replace_another() -> None:
    """It says so of links, of what it cannot read, and of further names of a file."""
    tally = Tally()
    tally.before.there.add(hash("/v/closed"))
    tally.before.kinds |= {hash("/v/linked"): "unchanged", hash("/v/a folder now"): "changed"}
    for item, size in (("/closed", 5), ("/linked", 0), ("/a folder now", 0)):
        tally.hear(message("restored", item, size), "/v")

    assert tally.counts == {"changed": 2, "unchanged": 1}


def test_a_failed_file_is_not_counted_as_updated() -> None:
    tally = Tally()
    for item in ("/spoiled", "/good"):
        tally.hear(message("updated", item, 5), "/v")

    tally.retract(["/v/spoiled"])

    assert (tally.counts, tally.names, tally.bytes) == ({"changed": 1}, {"changed": ["/v/good"]}, 5)


def test_the_summary_names_failed_kept_and_wrongly_owned_files() -> None:
    done = Done(failed={"/a": "is missing: no"}, kept=["/b", "/c"], kept_total=7,
                refused=["/d"], refusals=3)  # fmt: skip

    line = done.line(dry_run=False)

    assert "1 file could NOT be restored: /a is missing: no" in line
    assert "7 files kept that no backup includes: /b and 6 more" in line
    assert "attributes of 3 files could not be restored: /d and 2 more" in line
    assert done.named(dry_run=False) == [
        "not restored: /a is missing: no",
        "kept: /b, /c and 5 more",
    ]
