"""Restores, deletions and drills on volumes that an app has spoiled on purpose, by real restic.

Whatever it leaves in the place of what comes, nothing outside of the volume is read, changed or
removed: not by root with the restorer's capabilities, and not by the app's own user.
"""

import json
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from contract import names
from runner.restore.staging import Staging
from runner.volume.seal import Seal
from tests import needs
from tests.integration.restore.hostile_tree import (
    ANYWHERE,
    ODD_NAMES,
    canary,
    mounted,
    outside,
    swapping,
)
from tests.integration.restore.restores import with_repository
from tests.integration.sidecars import PASSWORD, other_user

_CAPABILITIES = "-all,+chown,+dac_override,+fowner,+fsetid"
_WHO = {
    "root with the restorer's capabilities": (
        "--reuid", "0", "--regid", "0", "--clear-groups",
        "--inh-caps=-all", f"--bounding-set={_CAPABILITIES}",
    ),
    "the app's own user": ("--reuid", "1000", "--regid", "1000", "--clear-groups"),
}  # fmt: skip
pytestmark = needs.root.mark


class Pod:
    """Volumes of one pod, a tree outside of them, and a repository, as one of two users."""

    def __init__(self, root: Path, who: str) -> None:
        self.root, self._who = root, _WHO[who]
        self.user = 1000 if "app" in who else 0
        self.volumes, self.repository = root / "volumes", root / "repository"
        self.outside = outside(self.volumes / "outside")  # as another container's volume is
        for name in ("volumes/data", "state", "secret"):
            (root / name).mkdir(parents=True)
        with_repository(self)
        for key, text in (("REPOSITORY", str(self.repository)), ("PASSWORD", PASSWORD)):
            (root / "secret" / f"RESTIC_{key}").write_text(text)
        self.environment = {
            **other_user(root),
            "BACKUP_NAMESPACE": "prod", "BACKUP_HOST": "wiki", "BACKUP_POD": "wiki-0",
            "BACKUP_STATE_DIR": str(root / "state"), "BACKUP_VOLUMES_DIR": str(self.volumes),
            "BACKUP_SECRET_DIR": str(root / "secret"), "BACKUP_ANNOTATIONS_FILE": str(root / "-"),
            "BACKUP_INIT_SPREAD_SECONDS": "0", "BACKUP_INIT_SETTLE_SECONDS": "0",
            "BACKUP_RESTORE_SECONDS": "1", "BACKUP_RESTORE_PAUSE_SECONDS": "2",
            "BACKUP_RESTORE_STALE_SECONDS": "1", "BACKUP_RESTORE": "if-empty",
            "BACKUP_TERMINATION_LOG": str(root / "state" / "message"), "BACKUP_VOLUMES": '["data"]',
        }  # fmt: skip

    @property
    def volume(self) -> Path:
        """The first volume."""
        return self.volumes / "data"

    @property
    def own(self) -> list[Path]:
        """All volumes of the app."""
        return [path for path in self.volumes.iterdir() if path != self.outside]

    def give(self) -> None:
        """Make the user the owner of what is on the volumes, and of what else a pod writes."""
        for folder in (*self.own, self.repository, self.root / "state"):
            for path in (folder, *folder.rglob("*")):
                if path.name != "linked" and not (path.is_file() and path.lstat().st_nlink > 1):
                    os.chown(path, self.user, self.user, follow_symlinks=False)

    def call(self, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run the runner as this user."""
        self.give()
        return subprocess.run(
            ["setpriv", *self._who, "backup-runner", *words], cwd="/",
            env={**self.environment, **more}, capture_output=True, text=True, timeout=300,
            check=False,
        )  # fmt: skip

    def clear(self) -> None:
        """Empty each volume."""
        for volume in self.own:
            shutil.rmtree(volume)
            volume.mkdir()


@pytest.fixture(params=list(_WHO))
def pod(request: pytest.FixtureRequest) -> Iterator[Pod]:
    """A pod in a folder that other users reach."""
    with TemporaryDirectory() as own:
        Path(own).chmod(0o755)
        yield Pod(Path(own), request.param)


def _write(volume: Path, *files: str) -> None:
    for name in files:
        path = volume / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"ours {name}\n")


def _backed_up(pod: Pod, *files: str) -> None:
    for volume in pod.own:
        _write(volume, *files)
    done = pod.call("run")
    assert done.returncode == 0, done.stdout + done.stderr


def _lines(text: str) -> str:
    return "\n".join(str(json.loads(line)["message"]) for line in text.splitlines())


def _is_back(path: Path) -> bool:
    plain = stat.S_ISREG(path.lstat().st_mode) and path.stat().st_nlink == 1
    inside = str(path).partition("/volumes/data/")[2]
    return plain and path.read_text() == f"ours {inside}\n"


_FILES = [f"files/{name}" for name in ANYWHERE]
_FOLDERS = [f"folders/{name}/inner/file" for name in ANYWHERE]


@pytest.mark.parametrize("words", [(), ("--delete",), ("--delete", "--dry-run")], ids=" ".join)
def test_a_restore_in_place_stays_in_the_volume(pod: Pod, words: tuple[str, ...]) -> None:
    """Each planting in the place of a file, of a folder, and where the snapshot has nothing."""
    _backed_up(pod, *_FILES, *_FOLDERS, "plain/file")
    for kind in ("files", "folders"):
        shutil.rmtree(pod.volume / kind)
    for name, plant in ANYWHERE.items():
        for kind in ("files", "folders", "extra", "plain/inner"):
            path = pod.volume / kind / name
            path.parent.mkdir(parents=True, exist_ok=True)
            plant(path, pod.outside)
    for name in ODD_NAMES:
        (pod.volume / "extra" / name).symlink_to(pod.outside)
    pod.give()
    before = canary(pod.outside)

    done = pod.call("restore", *words)

    assert canary(pod.outside) == before
    assert "internal error" not in done.stdout + done.stderr
    assert not done.stderr
    if "--dry-run" not in words:
        back = [name for name in (*_FILES, *_FOLDERS) if _is_back(pod.volume / name)]
        for name in {*_FILES, *_FOLDERS} - set(back):
            assert f"{pod.volume}/{name} " in _lines(done.stdout), "it is told what is not back"
        assert len(back) > 30, done.stdout
    for name in ANYWHERE if words == ("--delete",) else ():
        left = pod.volume / "extra" / name
        # A hard link looks like what was there before the backup.
        assert not os.path.lexists(left) or name in {"socket", "hard link"}, done.stdout


def _by_a_link(path: Path, target: Path) -> None:
    (path.parent / "other").symlink_to(target)
    path.symlink_to("other")


def _in_the_volume(path: Path, _target: Path) -> None:
    (path.parent / "uploads" / "inner").mkdir(parents=True)
    path.symlink_to("uploads")


_LINKS: dict[str, Callable[[Path, Path], object]] = {
    "absolute": lambda path, target: path.symlink_to(target),
    "relative": lambda path, target: path.symlink_to(os.path.relpath(target, path.parent)),
    "by a link": _by_a_link,
    "in the volume": _in_the_volume,
}


def test_a_restore_behind_a_link_is_refused(pod: Pod) -> None:
    """Of a folder whose parent, or the parent's, leads elsewhere; nothing is deleted there."""
    _backed_up(pod, *(f"{name}/{deep}inner/file" for name in _LINKS for deep in ("", "a/")))
    for name, plant in _LINKS.items():
        shutil.rmtree(pod.volume / name)
        plant(pod.volume / name, pod.outside)
    (pod.volume / "uploads" / "inner" / "photo").write_text("precious\n")
    before = canary(pod.outside)
    for name in _LINKS:
        asked: list[tuple[str, ...]] = [(f"data/{name}/inner", "--delete")]
        if name == "absolute":
            asked += [(f"data/{name}/inner",), (f"data/{name}/a/inner/file",)]
        for words in asked:
            done = pod.call("restore", "--path", *words)
            assert done.returncode == 1, done.stdout
            assert f"/data/{name} is a link, and the requested files" in done.stdout
            assert canary(pod.outside) == before
            assert (pod.volume / name).is_symlink()
    assert (pod.volume / "uploads" / "inner" / "photo").read_text() == "precious\n"


def test_a_restore_into_a_folder_of_the_volume_follows_no_link(pod: Pod) -> None:
    _backed_up(pod, "file", "inner/file")
    (pod.volume / "to").symlink_to(pod.outside)
    (pod.volume / "deep").mkdir()
    (pod.volume / "deep" / "to").symlink_to("../../outside/inner")
    before = canary(pod.outside)

    for target in ("to", "to/new", "deep/to/inner"):
        done = pod.call("restore", "--to", str(pod.volume / target), "--path", "data/file")
        assert done.returncode == 1, done.stdout
        assert "--to" in _lines(done.stdout), done.stdout
    assert canary(pod.outside) == before

    assert pod.call("restore", "--to", str(pod.volume / "new" / "one")).returncode == 0
    assert (pod.volume / "new" / "one" / "data" / "inner" / "file").read_text()


def test_a_mount_inside_a_volume_is_not_deleted(pod: Pod) -> None:
    _backed_up(pod, "file", "there/file")
    (pod.volume / "extra").mkdir()
    other = outside(pod.root / "later")  # what is older than the backup is kept anyway
    other.chmod(0o777)
    before = canary(other)
    with mounted(pod.volume, pod.volume), mounted(other, pod.volume / "extra"):
        (pod.volume / "new").write_text("new\n")
        done = pod.call("restore", "--delete")

    assert done.returncode == 0, "what is not ours is kept, and no failure"
    assert "kept: " in _lines(done.stdout)
    seen = {name: entry[3:] for name, entry in canary(other).items()}
    assert seen == {name: entry[3:] for name, entry in before.items()}, done.stdout
    assert not (pod.volume / "new").exists(), done.stdout


def test_a_drill_reads_no_file_outside(pod: Pod) -> None:
    """Not even where what is there looks like the file of the snapshot."""
    for name in ANYWHERE:
        file = pod.volume / name / "file"
        file.parent.mkdir()
        file.write_text("a text\n")
        os.utime(file, (1_500_000_000, 1_500_000_000))
    known = file.stat()
    _backed_up(pod, "plain")
    for name, plant in ANYWHERE.items():
        shutil.rmtree(pod.volume / name)
        plant(pod.volume / name, pod.outside)
    (pod.volume / "linked").symlink_to(pod.outside)
    for path in (pod.outside / "file", pod.outside / "inner" / "file"):
        os.truncate(path, known.st_size)
        os.utime(path, ns=(1, known.st_mtime_ns))
    pod.give()
    before = canary(pod.outside)

    done = pod.call("verify")

    assert done.returncode == 0, done.stdout
    assert canary(pod.outside) == before


def _sealed_files(stage: Path, target: Path) -> None:
    """Leave what a restore had begun, with links in it that were not there."""
    snapshot = (stage.parents[2] / "snapshot").read_text()
    work = Staging(stage.parent, stage.parent, Seal(PASSWORD.encode()))
    work.make()
    work.begin(snapshot)
    (stage / "files" / "data").mkdir(exist_ok=True)
    (stage / "files" / stage.parent.name).symlink_to(target)


def _linked_whole(stage: Path, target: Path) -> None:
    (stage / "whole").mkdir()
    (stage / "whole" / "whole").symlink_to(target)


_STAGED: dict[str, Callable[[Path, Path], object]] = {
    "whole": _linked_whole,
    "done": lambda stage, _target: (stage / "done").mkdir(),
    "files": lambda stage, target: (stage / "files").symlink_to(target),
    "begun": _sealed_files,
    "modes": lambda stage, target: (stage / "modes").write_text(
        json.dumps([str(target / "file"), 0o4777]) + "\n"),
    "claim": lambda stage, target: (stage / "claim.4").symlink_to(target / "file"),
    "lease": lambda stage, _target: (stage / "claim.5").write_text('{"pod": "other"}'),
}  # fmt: skip


def test_new_pods_restore_despite_anything_the_app_left_of_a_restore(pod: Pod) -> None:
    """All volumes of one pod; and the files come from the repository, not from there."""
    for name in _STAGED:
        (pod.volumes / name).mkdir()
    pod.environment["BACKUP_VOLUMES"] = json.dumps(["data", *_STAGED])
    _backed_up(pod, "file", "inner/file", "closed/file")
    listed = json.loads(pod.call("restic", "snapshots", "--json").stdout)
    pod.clear()
    (pod.root / "snapshot").write_text(listed[-1]["id"])
    for name, plant in _STAGED.items():
        stage = pod.volumes / name / names.STAGING
        stage.mkdir(mode=0o700)
        plant(stage, pod.outside)
    before = canary(pod.outside)

    done = pod.call("populate")

    assert done.returncode == 0, done.stdout + done.stderr
    assert canary(pod.outside) == before
    for name in ("data", *_STAGED):
        found = sorted(path.name for path in (pod.volumes / name).iterdir())
        assert found == ["closed", "file", "inner"], name
        assert (pod.volumes / name / "inner" / "file").read_text() == "ours inner/file\n"


@pytest.mark.parametrize("full", [True, False])
def test_a_new_pod_names_the_obstacle_and_removes_nothing(pod: Pod, full: bool) -> None:
    _backed_up(pod, "file")
    if not full:
        pod.clear()
    for name in ("relative link to a folder", "hard link") if full else ("link to a folder",):
        stage = pod.volume / names.STAGING
        ANYWHERE[name](stage, pod.outside)
        before, found = canary(pod.outside), stage.lstat()

        done = pod.call("populate")

        assert done.returncode == 1
        told = (pod.root / "state" / "message").read_text()
        assert f"{stage}: is not a restore's folder: " in told
        assert "nothing was changed" in told
        assert canary(pod.outside) == before
        assert stage.lstat().st_mode == found.st_mode
        stage.unlink()


@needs.landlock.mark
@pytest.mark.parametrize("words", [(), ("--delete",)], ids=" ".join)
def test_a_folder_exchanged_while_restic_writes_leads_nowhere(
    pod: Pod, words: tuple[str, ...]
) -> None:
    """The app exchanges it for a link all the time: restic may fail, and writes nothing there."""
    _backed_up(pod, *(f"dir/{number}" for number in range(100)), "dir/inner/new")
    link = pod.volume / "lost+found"  # which no deletion takes
    link.symlink_to(pod.outside)
    before = canary(pod.outside)
    pod.give()
    for _ in range(2):
        real = pod.volume / "dir" if link.is_symlink() else link
        for path in real.iterdir():
            if path.is_file():
                path.write_text("spoiled\n")
        with swapping(pod.volume / "dir", link) as count:
            done = subprocess.run(
                ["setpriv", *pod._who, "backup-runner", "restore", *words], cwd="/",
                env=pod.environment, capture_output=True, text=True, timeout=300, check=False,
            )  # fmt: skip
            assert count() > 100
        assert "internal error" not in done.stdout
        assert not done.stderr
        now = canary(pod.outside)
        assert {name: entry[-1] for name, entry in now.items()} == {
            name: entry[-1] for name, entry in before.items()
        }, done.stdout


def test_a_new_pod_with_a_constantly_changing_volume_is_safe(pod: Pod) -> None:
    """The folder of the work is now there and now a link: it is held open, or refused."""
    _backed_up(pod, *(f"dir/{number}" for number in range(50)), "inner/file")
    before = canary(pod.outside)
    for _ in range(2):
        pod.clear()
        pod.give()
        with subprocess.Popen(
            ["setpriv", *pod._who, "backup-runner", "populate"], cwd="/", env=pod.environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as process:  # fmt: skip
            stage, ends = pod.volume / names.STAGING, time.monotonic() + 60
            while not stage.exists() and process.poll() is None and time.monotonic() < ends:
                time.sleep(0.01)
            link = pod.volume / "lost+found"  # which counts as nothing
            link.symlink_to(pod.outside)
            with swapping(stage, link):
                said = process.communicate(timeout=120)[0]
        assert "internal error" not in said, said
        assert canary(pod.outside) == before
