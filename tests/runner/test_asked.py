"""What somebody asks a restore by hand for: paths, what a deletion spares, and what is counted."""

import pytest

from runner import asked
from runner.asked import Restored, Tally
from runner.outcome import Status
from tests.runner.workload import configured


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
def test_paths_are_of_a_volume_or_absolute(typed: str, path: str) -> None:
    assert asked.absolute(configured(), (typed, typed)) == (path,)


@pytest.mark.parametrize("typed", ["", ".", "/", "/backup", "/backups/x", "../x", "/etc/passwd"])
def test_paths_outside_of_volumes_are_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="write VOLUME/FOLDER"):
        asked.absolute(configured(), (typed,))


def test_patterns_choose_a_path_alone() -> None:
    assert asked.including("/backup", ("/backup/pages/a*[b]?\\",)) == (
        "--include", "/pages/a\\*\\[b]\\?\\\\",
    )  # fmt: skip


def test_a_deletion_spares_what_backups_leave_out() -> None:
    config = configured(annotations={"backup.exclude": "*.tmp\n!kept.tmp"})

    assert asked.spared(config) == (
        "--exclude", "lost+found", "--exclude", ".backup-restore",
        "--exclude", "*.tmp", "--exclude", "!kept.tmp",
    )  # fmt: skip
    for rooted in ("/backup/pages/cache", "!/backup/pages/cache"):
        with pytest.raises(ValueError, match="make it relative"):
            asked.spared(configured(annotations={"backup.exclude": rooted}))


def test_files_are_counted_and_the_first_are_named() -> None:
    tally = Tally()
    for number in range(30):
        tally.hear({"message_type": "verbose_status", "action": "deleted", "item": f"/{number}"})
    for action, taken in (("restored", 5), ("restored", 0), ("updated", 7), ("unchanged", 9)):
        item = {"message_type": "verbose_status", "action": action, "item": "/x", "size": taken}
        tally.hear(item)
    tally.hear({"message_type": "summary", "total_files": 34})

    done = Restored(Status.SUCCESS, "done", tally=tally, dry_run=True)
    said = done.as_json()
    counts = ("created", "changed", "deleted", "unchanged", "others", "bytes")
    assert [said[key] for key in counts] == [1, 1, 30, 1, 1, 12]
    assert len(said["first"]["deleted"]) == 20
    assert done.named()[1].endswith("/18, /19 and 10 more")
    line = asked.line(tally, dry_run=True)
    assert "30 files would be deleted" in line
    assert "1 file would be created, 1 file would be changed" in line
    assert line.endswith(", 1 is as it was")
