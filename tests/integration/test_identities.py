"""Whatever container wrote to the state folder, and as whom: the next one works as another user."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.integration.sidecars import PASSWORD

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes others")

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
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
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
                os.chown(Path(path, name), -1, -1)


@pytest.fixture
def pod() -> Iterator[Pod]:
    """A pod in a folder that other users reach."""
    with TemporaryDirectory() as own:
        Path(own).chmod(0o755)
        programs = Path(own) / "bin"
        programs.mkdir()
        found = shutil.which("restic")
        assert found
        shutil.copy(found, programs / "restic")  # the user's own cache is closed to others
        made = Pod(Path(own))
        made.environment["PATH"] = f"{programs}:{made.environment['PATH']}"
        yield made


_ORDERS = [
    ("root", "1000"), ("1000", "root as a sidecar is"), ("1000", "2000"), ("root", "2000"),
    ("root", "root without rights"), ("1000", "root without rights"),
    ("root as a sidecar is", "1000"), ("1000 by fsGroup", "2000 by fsGroup"),
    ("root", "1000 by fsGroup"),
]  # fmt: skip


@pytest.mark.parametrize(("first", "then"), _ORDERS, ids=[" then ".join(each) for each in _ORDERS])
def test_each_user_works_after_another(pod: Pod, first: str, then: str) -> None:
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
