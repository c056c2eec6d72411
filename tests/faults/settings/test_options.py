"""Options of restic in the Secret: one that would make no snapshot is never taken for a backup."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.network.line import Line
from tests.faults.night import Night
from tests.integration.sidecars import Json

PARAMETERS = "RESTIC_ADDITIONAL_BACKUP_PARAMETERS"


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """A night with one snapshot behind it."""
    return Night(tmp_path)


def test_an_option_that_would_change_what_a_backup_is(night: Night) -> None:
    """It is left out, and named unless it is only needless."""
    for number, given in enumerate((
        "--dry-run", "-vn -x", "--help", "--stdin-from-command --no-lock", "-q --json",
        "--host other --group-by paths --time '2001-01-01 00:00:00' --parent 00000000",
        "--repo /nowhere --password-command 'echo no' --tag doubtful", "--pack-size 1 --exclude",
    )):  # fmt: skip
        night.sidecar.change_secret(**{PARAMETERS: given})
        night.write(f"new {number}", 10)

        ended = night.back_up()

        assert ended["files_new"] == 1
        first, *_, last = night.sidecar.snapshots()
        assert last["short_id"] == ended["snapshot"]
        assert (last["hostname"], last["tags"]) == ("wiki", first["tags"])
        assert not last["time"].startswith("2001")
        named = [text for text in night.sidecar.status()["problems"] if PARAMETERS in text]
        assert bool(named) is (given != "-q --json")
    night.sidecar.change_secret(**{PARAMETERS: ""})
    assert night.ends()["status"] == "success"
    assert not night.sidecar.status()["problems"]


@pytest.fixture
def quiet() -> Iterator[Night]:
    """One whose folders lie in none that others write to: restic compares those above, too."""
    with tempfile.TemporaryDirectory(prefix=".backup-webhook-", dir=Path.home()) as folder:
        yield Night(Path(folder))


def _until_unchanged(night: Night) -> Json:
    """Back up until nothing has changed; the first ones find changes of the folders above."""
    for _ in range(20):
        before = night.sidecar.snapshots()
        night.make_tasks_due()
        ended = night.back_up()
        if night.sidecar.snapshots() == before:
            break
    assert night.sidecar.snapshots() == before
    assert ended["snapshot"] == before[-1]["short_id"]
    assert "nothing changed" in ended["message"]
    return ended


def test_an_unchanged_backup(quiet: Night) -> None:
    """It is a success without a new snapshot: the last success, drills and retention go on."""
    quiet.sidecar.change_secret(**{PARAMETERS: "-x --skip-if-unchanged=true"}, KEEP_LAST="99")
    since = quiet.sidecar.status()["last_success"]

    _until_unchanged(quiet)

    known = quiet.sidecar.status()
    assert known["last_success"] >= since
    assert {name: each["status"] for name, each in known["tasks"].items()} == dict.fromkeys(
        ("check", "forget", "prune", "verify"), "success"
    )
    (quiet.sidecar.path("/var/lib/backup") / "state.json").unlink()  # nor does a new pod mind
    quiet.told.begin_anew()
    quiet.back_up()
    quiet.write("new", 10)
    assert quiet.back_up()["snapshot"] == quiet.sidecar.snapshots()[-1]["short_id"]


def test_a_volume_that_lost_its_files_where_unchanged_ones_are_skipped(night: Night) -> None:
    """No earlier snapshot is taken for one of it, and none is marked."""
    night.sidecar.change_secret(**{PARAMETERS: "--skip-if-unchanged"})
    kept = night.sidecar.volume / "kept"
    content = kept.read_bytes()
    kept.unlink()

    for _ in range(2):
        night.back_up("failure", "source")

    first, *others = night.sidecar.snapshots()
    assert "doubtful" not in first["tags"]
    assert all("doubtful" in each["tags"] for each in others)
    kept.write_bytes(content)
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("variable", ["RESTIC_OPTIONS", PARAMETERS])
def test_a_global_option(tmp_path: Path, way: Line, variable: str) -> None:
    """Once in the Secret it counts for backups, maintenance, drills, restores and by hand."""
    night = Night(tmp_path, RESTIC_REPOSITORY=f"rest:{way.url}/repository/")
    night.sidecar.change_secret(**{variable: "--http-user-agent 'me 1' -o rest.connections=1"})
    way.agents.clear()

    night.make_tasks_due()
    night.back_up()
    said = night.sidecar.run("backup-runner", "restore", "--dry-run")
    assert said.returncode == 0, said.stdout
    listed = night.sidecar.run("backup-runner", "restic", "snapshots", "--json")

    assert len(json.loads(listed.stdout)) == 2
    assert set(way.agents) == {"me 1"}


def test_an_invalid_global_option(night: Night) -> None:
    for given in ("--limit-upload fast --no-cache", "--exclude x", "-o nothing", "'open"):
        night.sidecar.change_secret(RESTIC_OPTIONS=given)

        night.back_up()

        assert "RESTIC_OPTIONS" in str(night.sidecar.status()["problems"])
    assert night.ends()["status"] == "success"


def test_a_backup_command_that_backs_nothing_up(night: Night) -> None:
    """It ends well, and the repository holds nothing new, or nothing with a file in it."""
    for command, failure in (
        ("true", "restic"),
        ("restic backup -q --dry-run /etc/hostname", "restic"),
        ("mkdir -p $HOME/none/x && restic backup -q --host mine $HOME/none", "source"),
    ):
        night.sidecar.change_secret(RESTIC_BACKUP_COMMAND=command)
        night.back_up("failure", failure)
    night.sidecar.change_secret(RESTIC_BACKUP_COMMAND="")
    assert night.ends()["status"] == "success"
