"""Mirrors that are killed, that have no room, that cannot read or that begin without a state."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import needs
from tests.cluster.work import until
from tests.cluster.workloads import s3
from tests.faults.mirror.mirrors import Mirror, files, reason
from tests.faults.night import argv, children, is_outcome, last_line
from tests.faults.node.test_disks import fill, small
from tests.integration.secrets.watch import Watch

_CANARY = "canary-7Qx2Lw9"
# Root reads everything unless this right is taken away.
_WITHOUT_RIGHTS = (
    ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
)


@contextmanager
def _running(sidecar: Mirror, *before: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        (*before, "backup-runner", "run"), env=sidecar._process_environment(),
        stdout=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        yield run


def _rclone_in(run: subprocess.Popen[str], word: str) -> int:
    found: list[int] = []

    def at_work() -> bool:
        found[:] = [pid for pid in children(run.pid) if word in argv(pid)]
        return bool(found)

    until(at_work, f"rclone does {word}", 120)
    return found[0]


@pytest.mark.parametrize("whom", ["rclone", "all"])
def test_a_mirror_that_is_killed_midway(tmp_path: Path, whom: str) -> None:
    sidecar = Mirror(tmp_path)
    sidecar.back_up()
    old = (sidecar.volume / "file 1 ä").read_bytes()
    (sidecar.volume / "file 1 ä").write_bytes(os.urandom(64))
    (sidecar.volume / "new").write_bytes(os.urandom(4 << 20))
    sidecar.change_secret(RCLONE_BWLIMIT="128k")
    with _running(sidecar) as run:
        rclone = _rclone_in(run, "sync")
        until(lambda: any(sidecar.mirror.glob("new*")), "the new file is on its way", 120)
        if whom == "all":
            run.kill()
        os.kill(rclone, signal.SIGKILL)
        if whom == "rclone":
            assert reason(last_line(run, is_outcome)) == ("failure", "memory")

    sidecar.change_secret(RCLONE_BWLIMIT="off")
    assert reason(sidecar.back_up()) == ("success", None)
    assert files(sidecar.mirror) == files(sidecar.volume)
    assert old in [path.read_bytes() for path in sidecar.base.glob("archive-*/data/file 1 ä")]


def test_mirrored_files_that_cannot_be_read(tmp_path: Path) -> None:
    sidecar = Mirror(tmp_path)
    closed = sidecar.volume / "closed"
    closed.mkdir()
    (closed / "inside").write_text("inside")
    sidecar.back_up()
    before = files(sidecar.mirror)
    (sidecar.volume / "file 2 ä").unlink()
    (sidecar.volume / "file 1 ä").write_text("new")
    for path in (closed, sidecar.volume / "file 1 ä"):
        path.chmod(0)

    with _running(sidecar, *_WITHOUT_RIGHTS) as run:
        ended = last_line(run, is_outcome)

    assert reason(ended) == ("warning", "source")
    assert "file 1 ä" in ended["message"]
    assert "closed" in ended["message"]
    held = {**files(sidecar.mirror), **_replaced(sidecar)}
    assert held == before
    assert sidecar.status()["held"], "the only copy may lie in an archive"
    closed.chmod(0o755)
    (sidecar.volume / "file 1 ä").chmod(0o644)
    assert reason(sidecar.back_up()) == ("success", None)
    assert sidecar.archived() == ["file 1 ä", "file 2 ä"]
    assert not sidecar.status()["held"]


def _replaced(sidecar: Mirror) -> dict[str, Any]:
    archives = sorted(sidecar.base.glob("archive-*/data"))
    return {name: text for folder in archives for name, text in files(folder).items()}


def test_one_mirrored_file_that_cannot_be_read(tmp_path: Path) -> None:
    """Of a single error, rclone speaks in other words."""
    sidecar = Mirror(tmp_path)
    (sidecar.volume / "file 1 ä").chmod(0)

    with _running(sidecar, *_WITHOUT_RIGHTS) as run:
        ended = last_line(run, is_outcome)

    assert reason(ended) == ("warning", "source")
    assert len(files(sidecar.mirror)) == 29


def test_two_volumes_of_which_one_lost_its_files(tmp_path: Path) -> None:
    sidecar = Mirror(tmp_path)
    other = sidecar.volume.with_name("media")
    other.mkdir()
    (other / "film").write_text("film")
    sidecar.back_up()
    (other / "film").unlink()
    (sidecar.volume / "new").write_text("new")

    ended = sidecar.back_up(expected=1)

    assert reason(ended) == ("failure", "source")
    assert str(other) in ended["message"]
    assert files(sidecar.base / "mirror" / "media") == {"film": b"film"}
    assert files(sidecar.mirror) == files(sidecar.volume)


def test_a_mirror_of_one_folder(tmp_path: Path) -> None:
    sidecar = Mirror(tmp_path)
    folder = sidecar.volume / "folder"
    folder.mkdir()
    (folder / "page").write_text("page")
    sidecar.change_secret(BUP_SRC=f"{folder}/")

    done = sidecar.run("backup-runner", "run")

    assert done.returncode == 0, done.stdout
    assert files(sidecar.base / "mirror") == {"data/folder/page": b"page"}


def test_a_mirror_whose_state_is_lost(tmp_path: Path) -> None:
    """A new pod asks the mirror for the last success, without any rclone.conf of its own yet."""
    conf = f"[there]\ntype = alias\nremote = {tmp_path / 'destination'}\n"
    sidecar = Mirror(tmp_path, **{"BUP_DST": "there:", "rclone.conf": conf})
    sidecar.annotate({"backup.schedule": "0 0 1 1 *"})
    sidecar._extra = {**sidecar._extra, "BACKUP_CATCH_UP_SECONDS": "0"}
    sidecar.back_up()
    for path in sidecar.state.iterdir():
        if path.is_file():
            path.unlink()

    with sidecar.running():
        until(lambda: sidecar.status()["last_success"], "the last success is known", 120)

    assert not [line for line in sidecar.log if "backup started" in line]


@needs.root.mark
def test_a_mirror_without_space(tmp_path: Path) -> None:
    sidecar = Mirror(tmp_path)
    sidecar.back_up()
    with small(sidecar.destination, "2m"):
        before = files(sidecar.mirror)
        (sidecar.volume / "file 1 ä").unlink()
        (sidecar.volume / "new").write_bytes(os.urandom(4 << 20))

        assert reason(sidecar.back_up(expected=1)) == ("failure", "space")

        assert files(sidecar.mirror).items() >= before.items()
        (sidecar.volume / "new").write_text("small")
        assert reason(sidecar.back_up()) == ("success", None)
        assert files(sidecar.mirror) == files(sidecar.volume)


@needs.root.mark
def test_a_full_disk_of_the_sidecars_own_and_a_new_rclone_conf(tmp_path: Path) -> None:
    sidecar = Mirror(tmp_path)
    sidecar.back_up()
    with small(sidecar.state, "1m"):
        fill(sidecar.state)
        sidecar.change_secret(**{"rclone.conf": "[there]\ntype = memory\n"})
        done = sidecar.run("backup-runner", "run")

        assert done.returncode == 1
        assert "rclone.conf cannot be written" in done.stdout
        assert '"class": "space"' in done.stdout
        (sidecar.state / "ballast").unlink()
        assert reason(sidecar.back_up()) == ("success", None)


def test_no_secret_of_a_mirror_appears_anywhere(tmp_path: Path) -> None:
    conf = f"[other]\ntype = s3\nsecret_access_key = {_CANARY}-conf\n"
    sidecar = Mirror(tmp_path, **{"rclone.conf": conf, "RCLONE_CONFIG_X_PASS": f"{_CANARY}-x"})
    # Long enough to be watched.
    (sidecar.volume / "large").write_bytes(os.urandom(1 << 20))
    sidecar.change_secret(RCLONE_BWLIMIT="1M")
    seen: list[str] = []
    with s3.serve("127.0.0.1", tmp_path / "s3") as server, Watch(seen, "rclone\0sync"):
        done = [sidecar.run("backup-runner", "run")]
        sidecar.change_secret(
            BUP_DST=f":s3,provider=Rclone,endpoint='{server.url}',access_key_id={_CANARY}-id,"
            f"secret_access_key={_CANARY}-key:bucket"
        )
        done.append(sidecar.run("backup-runner", "run"))
    seen += [text for each in done for text in (each.stdout, each.stderr)]
    seen += [sidecar.run("backup-runner", "status", *flag).stdout for flag in ((), ("--json",))]
    seen.append((sidecar.state / "state.json").read_text())

    assert [each.returncode for each in done] == [0, 1]
    assert '"class": "auth"' in done[1].stdout
    assert not [text for text in seen if _CANARY in text]
