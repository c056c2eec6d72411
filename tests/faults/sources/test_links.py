"""Sources that are links, or without a file: followed or named, and never an empty success."""

import json
import shutil
from pathlib import Path

import pytest

from tests.faults.mirror.mirrors import Mirror, reason
from tests.faults.night import Night


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """A night with a volume of two releases."""
    made = Night(tmp_path)
    for release in ("5", "6"):
        folder = made.sidecar.volume / "releases" / release
        (folder / "app").mkdir(parents=True)
        (folder / "app" / "code").write_text(f"code of {release}")
        (folder / "notes.log").write_text(f"log of {release}")
    return made


def _name(night: Night, folder: str, how: str = "annotation") -> Path:
    """Let this folder of the volume be the only source."""
    path = night.sidecar.volume / folder
    if how == "Secret":
        night.sidecar.change_secret(RESTIC_SOURCE=str(path))
    else:
        sources = {"BACKUP_VOLUMES": json.dumps([f"data/{folder}"])}
        night.sidecar._extra = {**night.sidecar._extra, **sources}
    return path


def _files(night: Night) -> list[str]:
    """Return the files of the latest snapshot, below the volume."""
    lines = night.sidecar.restic("ls", "--json", "latest").splitlines()[1:]
    nodes = [json.loads(line) for line in lines]
    volume = f"{night.sidecar.volume}/"
    return sorted(
        str(node["path"]).removeprefix(volume) for node in nodes if node["type"] == "file"
    )


@pytest.mark.parametrize(("target", "how"), [("releases/5", "annotation"), ("newest", "Secret")])
def test_a_source_that_is_a_link(night: Night, target: str, how: str) -> None:
    """Its files have its own path, and a restore brings them there."""
    (night.sidecar.volume / "newest").symlink_to("releases/5")
    link = _name(night, "current", how)
    link.symlink_to(target)

    ended = night.back_up()

    assert ended["files_new"] == 2
    assert _files(night) == ["current/app/code", "current/notes.log"]
    to = night.root / "to"
    done = night.sidecar.run("backup-runner", "restore", "--path", "data/current", "--to", str(to))
    assert done.returncode == 0, done.stdout
    assert (to / "data/current/app/code").read_text() == "code of 5"
    link.unlink()
    done = night.sidecar.run("backup-runner", "restore", "--path", "data/current/app")
    assert done.returncode == 0, done.stdout
    assert (link / "app/code").read_text() == "code of 5"
    assert night.ends()["status"] == "success"


def test_a_link_that_moves_to_the_next_release(night: Night) -> None:
    """The parent, retention and what is usual go by the source's own path."""
    night.sidecar.change_secret(
        **dict.fromkeys(("KEEP_HOURLY", "KEEP_DAILY", "KEEP_WEEKLY", "KEEP_MONTHLY"), "0")
    )
    link = _name(night, "current")
    link.symlink_to("releases/5")
    night.back_up()
    unchanged = night.back_up()
    link.unlink()
    link.symlink_to("releases/6")

    night.make_tasks_due()
    moved = night.back_up()

    assert (unchanged["files_unmodified"], moved["files_changed"]) == (2, 2)
    assert "code of 6" in night.sidecar.restic("dump", "latest", f"{link}/app/code")
    assert night.sidecar.status()["snapshots"] == 1  # of keep-last 1, whichever release it is


def test_excludes_behind_a_link(night: Night) -> None:
    """Restic excludes nothing that is named to it, and what lies behind a link is."""
    night.sidecar.change_secret(
        BACKUP_EXCLUDE="*.log", RESTIC_ADDITIONAL_BACKUP_PARAMETERS="--exclude 'a?p/c*'"
    )
    _name(night, "current").symlink_to("releases/5")
    (night.sidecar.volume / "releases/5/other").write_text("kept")

    night.back_up()

    assert _files(night) == ["current/other"]
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize(
    ("targets", "how"),
    [
        (("/etc", "../../../etc", "current"), "annotation"),
        (("../media", "releases/9", "kept"), "Secret"),
    ],
)
def test_a_link_that_is_not_followed(night: Night, targets: tuple[str, ...], how: str) -> None:
    """Out of the volume, in circles, nowhere, to a file: it is named, and nothing there is read."""
    media = night.sidecar.path("/backup/media")
    media.mkdir()
    (media / "film").write_text("of another volume")
    link = _name(night, "current", how)
    for target in targets:
        link.symlink_to(target)

        ended = night.back_up("failure", "source")

        assert f"{link} is a link " in ended["message"]
        assert not [file for file in _files(night) if file.startswith("current")]
        link.unlink()
    link.mkdir()
    (link / "file").write_text("there again")
    assert night.ends()["status"] == "success"


def test_a_folder_below_a_link_to_the_outside(night: Night) -> None:
    """Restic itself would follow it: into the Secret, and by a restore into the app's hands."""
    night.sidecar.change_secret(RESTIC_REPOSITORY=str(night.sidecar.repository))
    secret = night.sidecar.path("/etc/backup/secret")
    (night.sidecar.volume / "x").symlink_to(secret.parent)
    _name(night, "x/secret")

    ended = night.back_up("failure", "source")

    assert "leads out of its volume" in ended["message"]
    assert not [file for file in _files(night) if "RESTIC_PASSWORD" in file]


def test_a_mirror_of_a_source_that_is_a_link(tmp_path: Path) -> None:
    sidecar = Mirror(tmp_path)
    release = sidecar.volume / "releases" / "5"
    release.mkdir(parents=True)
    (release / "code").write_text("code of 5")
    link = sidecar.volume / "current"
    link.symlink_to("releases/5")
    sidecar._extra = {**sidecar._extra, "BACKUP_VOLUMES": '["data/current"]'}

    assert reason(sidecar.back_up()) == ("success", None)
    assert (sidecar.mirror / "current" / "code").read_text() == "code of 5"
    link.unlink()
    link.symlink_to("/etc")
    assert reason(sidecar.back_up(expected=1)) == ("failure", "source")
    assert [file.name for file in (sidecar.mirror / "current").iterdir()] == ["code"]


@pytest.mark.parametrize("variable", ["BACKUP_EXCLUDE", "RESTIC_ADDITIONAL_BACKUP_PARAMETERS"])
def test_excludes_that_leave_out_every_file(tmp_path: Path, variable: str) -> None:
    """The snapshot holds folders alone."""
    night = Night(tmp_path)
    option = "" if variable == "BACKUP_EXCLUDE" else "--exclude="
    for pattern in ("*", "kept", "{volume}", "{volume}/**"):
        given = pattern.format(volume=night.sidecar.volume)
        night.sidecar.change_secret(**{variable: f"{option}{given}"})

        ended = night.back_up("failure", "source")

        assert "the snapshot has no files" in ended["message"]
        assert "doubtful" in night.sidecar.snapshots()[-1]["tags"]
    night.sidecar.change_secret(**{variable: ""})
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("left", ["folders", "a link"])
def test_a_volume_that_lost_its_files_but_not_its_folders(tmp_path: Path, left: str) -> None:
    """As after `find -type f -delete`; so it is in a pod that knows nothing of before."""
    night = Night(tmp_path)
    (night.sidecar.volume / "kept").rename(tmp_path / "aside")
    if left == "folders":
        (night.sidecar.volume / "a" / "b").mkdir(parents=True)
    if left == "a link":
        (night.sidecar.volume / "link").symlink_to("kept")

    night.back_up("failure", "source")
    shutil.rmtree(night.sidecar.path("/var/lib/backup") / "tmp", ignore_errors=True)
    (night.sidecar.path("/var/lib/backup") / "state.json").unlink()
    night.told.begin_anew()
    night.back_up("failure", "source")

    (tmp_path / "aside").rename(night.sidecar.volume / "kept")
    assert night.ends()["status"] == "success"


def test_a_volume_that_never_held_a_file(tmp_path: Path) -> None:
    """Folders alone are no success, in a pod that is new neither."""
    night = Night(tmp_path)
    (night.sidecar.path("/backup/media") / "a" / "b").mkdir(parents=True)
    for _ in range(2):
        assert "media" in night.back_up("warning", "source")["message"]
        (night.sidecar.path("/var/lib/backup") / "state.json").unlink()
        night.told.begin_anew()
