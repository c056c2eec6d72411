"""Whatever container wrote to the state folder, and as whom: the next one works as another user."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from contract import names
from tests import needs
from tests.cluster.work import until
from tests.integration.sidecars import PASSWORD, other_user

pytestmark = needs.root.mark

_CAPS = "--inh-caps=-all", "--bounding-set=-all"
_WHO = {
    "root": (),
    "1000": ("--reuid", "1000", "--regid", "1000", "--clear-groups"),
    "2000": ("--reuid", "2000", "--regid", "2000", "--clear-groups"),
    "root without rights": ("--reuid", "0", "--regid", "0", "--clear-groups", *_CAPS),
    "root as a sidecar is": (
        "--reuid", "0", "--regid", "0", "--clear-groups",
        "--inh-caps=-all,+dac_override", "--bounding-set=-all,+dac_override",
    ),
    "1000 by fsGroup": ("--reuid", "1000", "--regid", "3000", "--clear-groups"),
    "2000 by fsGroup": ("--reuid", "2000", "--regid", "3000", "--clear-groups"),
}  # fmt: skip


class Pod:
    """A state folder that containers of several users share, a volume that each can read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state, self.volume, self.secret = root / "state", root / "backup" / "data", root / "s"
        for folder in (self.state, self.volume, self.secret, root / "repository"):
            folder.mkdir(parents=True)
        self.state.chmod(0o777)  # as an emptyDir is
        (root / "out").mkdir()
        (root / "out").chmod(0o777)
        self.volume.chmod(0o777)
        (self.volume / "page").write_text("text")
        (self.volume / "page").chmod(0o644)
        for key, value in {
            "RESTIC_REPOSITORY": str(root / "repository"),
            "RESTIC_PASSWORD": PASSWORD,
        }.items():
            (self.secret / key).write_text(value)
        self.environment = {
            "BACKUP_NAMESPACE": "prod", "BACKUP_HOST": "wiki", "BACKUP_VERIFY": "off",
            "BACKUP_STATE_DIR": str(self.state), "BACKUP_VOLUMES_DIR": str(root / "backup"),
            "BACKUP_SECRET_DIR": str(self.secret), "BACKUP_ANNOTATIONS_FILE": str(root / "none"),
            "BACKUP_INIT_SPREAD_SECONDS": "0", "BACKUP_INIT_SETTLE_SECONDS": "0",
            "BACKUP_RESTORE_SECONDS": "1", "BACKUP_RESTORE_PAUSE_SECONDS": "1",
        }  # fmt: skip

    def call(self, who: str, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run the runner as this user."""
        self._open_repository()
        return subprocess.run(
            ["setpriv", *_WHO[who], "backup-runner", *words] if _WHO[who]
            else ["backup-runner", *words],
            env={**self.environment, **more}, capture_output=True, text=True, timeout=300,
            check=False,
        )  # fmt: skip

    def _open_repository(self) -> None:
        """Let each user at the repository, as a server does."""
        for path, folders, files in os.walk(self.root / "repository"):
            for name in (*folders, *files, "."):
                Path(path, name).chmod(0o777)


@pytest.fixture
def pod() -> Iterator[Pod]:
    """A pod in a folder that other users reach."""
    with TemporaryDirectory() as own:
        made = Pod(Path(own))
        made.environment.update(other_user(Path(own)))
        yield made


_ORDERS = [
    ("root", "1000"), ("1000", "root as a sidecar is"), ("1000", "2000"),
    ("1000", "root without rights"), ("1000 by fsGroup", "2000 by fsGroup"),
]  # fmt: skip


@pytest.mark.parametrize(("first", "then"), _ORDERS, ids=[" then ".join(each) for each in _ORDERS])
def test_each_user_can_run_after_any_other(pod: Pod, first: str, then: str) -> None:
    """Backup, tick, drill, restore, status and restic itself; nothing of another's is needed."""
    for number, who in enumerate((first, then, first)):
        (pod.volume / f"file{number}").write_text(str(number))
        (pod.volume / f"file{number}").chmod(0o644)
        if "fsGroup" in who:
            os.chown(pod.state, 0, 3000)
            pod.state.chmod(0o2775)
        done = pod.call(who, "tick", "--start")
        assert done.returncode == 0, done.stdout + done.stderr
        done = pod.call(who, "run")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "cache" not in done.stdout, done.stdout
        for words in (
            ("verify",),
            ("restore", "--to", f"{pod.root}/out/{number}"),
            ("restic", "snapshots", "--json"),
        )[: 3 if number == 1 else 0]:
            done = pod.call(who, *words)
            assert done.returncode == 0, (who, words, done.stdout + done.stderr)
            assert "denied" not in done.stdout + done.stderr, (who, words, done.stdout)
        known = json.loads(pod.call(who, "status", "--json").stdout)
        assert known["last"]["status"] == "success"
        assert not [each for each in known["problems"] if "cache" in each]


@pytest.mark.parametrize(
    ("who", "sticky"), [("1000", False), ("1000", True), ("root without rights", False)]
)
def test_a_sidecar_backs_up_after_the_init_container_of_a_restore(
    pod: Pod, who: str, sticky: bool
) -> None:
    """It runs as root and fills the volume; the sidecar runs as the app's user."""
    assert pod.call("root", "run").returncode == 0
    shutil.rmtree(pod.state)
    pod.state.mkdir()
    pod.state.chmod(0o1777 if sticky else 0o777)
    (pod.volume / "page").unlink()

    done = pod.call("root", "populate", BACKUP_RESTORE="if-empty")

    assert done.returncode == 0, done.stdout
    assert (pod.volume / "page").read_text() == "text"
    # Neither cache nor scratch; what it knows of the repository, for everybody to read.
    assert [path.name for path in pod.state.iterdir()] == [names.HANDOVER_FILE]
    for words in (("tick", "--start"), ("run",), ("restic", "snapshots"), ("verify",)):
        done = pod.call(who, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "cache cannot" not in done.stdout + done.stderr


@pytest.mark.parametrize("sticky", [False, True], ids=["an emptyDir", "a sticky folder"])
def test_files_of_an_older_version_block_no_run(pod: Pod, sticky: bool) -> None:
    """All of it root's own: folders that nobody else can empty, files that nobody else can open."""
    for name in ("cache", "tmp"):
        (pod.state / name / "full").mkdir(parents=True, mode=0o700)
        (pod.state / name / "full" / "file").write_text("x")
        (pod.state / name).chmod(0o700)
    for name in (
        "state.json",
        "state.json.part",
        "status.json",
        "status.json.part",
        "lock",
        "next",
        "next.part",
        "clock",
        "seen",
        "supervisor",
        "on-exit",
    ):
        (pod.state / name).write_text("x")
        (pod.state / name).chmod(0o600)
    pod.state.chmod(0o1777 if sticky else 0o777)

    for words in (("tick", "--start"), ("run",), ("restic", "snapshots"), ("verify",)):
        done = pod.call("1000", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "denied" not in done.stdout + done.stderr

    own = pod.state / "uid-1000" if sticky else pod.state
    assert json.loads((own / "status.json").read_text())["last"]["status"] == "success"
    assert (own / "next").stat().st_uid == 1000
    assert pod.call("root", "run").returncode == 0
    assert not list(pod.state.glob(".left-*"))


def _belongs(path: Path, uid: int) -> bool:
    try:
        return path.stat().st_uid == uid
    except FileNotFoundError:  # between the one that was there and its own
        return False


def test_the_supervisor_works_with_files_of_another_user(pod: Pod) -> None:
    """It looks at their times, and writes its own."""
    for name in ("clock", "seen", "supervisor"):
        (pod.state / name).write_text("x")
        (pod.state / name).chmod(0o600)
    supervisor, tick = pod.root / "supervise.sh", pod.root / "tools" / "backup-runner"
    shutil.copy(Path(__file__).parents[3] / "runner" / "supervise.sh", supervisor)
    tick.write_text("#!/bin/sh\ntouch -d '1 hour' \"$BACKUP_STATE_DIR/next\"\n")
    tick.chmod(0o755)
    with subprocess.Popen(
        ["setpriv", *_WHO["1000"], "sh", supervisor],
        env={**pod.environment, "BACKUP_POLL_SECONDS": "0.2"}, stdout=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            until(lambda: _belongs(pod.state / "clock", 1000), "it looks at the clock", 60)
        finally:
            process.terminate()
    assert (pod.state / "supervisor").read_text().strip() == str(process.pid)
