"""Real sidecars for the tests: a pod admitted by the webhook's own code, run with real restic."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonpatch

from demo import app, trees
from demo.kubelet import Container
from tests import needs
from webhook.admission.admit import admit
from webhook.admission.model import Options

Json = dict[str, Any]
Tree = dict[bytes, trees.Entry]

PASSWORD = "correct horse battery staple"
OTHER = 65534  # a user who owns nothing here
SECRET = "backup-env-configuration"
PACE = {
    "BACKUP_POLL_SECONDS": "0.2",
    "BACKUP_INIT_SPREAD_SECONDS": "0",
    "BACKUP_INIT_SETTLE_SECONDS": "0",
    "BACKUP_OPEN_TIMEOUT_SECONDS": "3",
    "BACKUP_LOCK_PATIENCE_SECONDS": "2",
    "GOMAXPROCS": "2",
}


class Sidecar(Container):
    """An injected container whose volume is ``data``, and its repository."""

    def __init__(
        self,
        root: Path,
        *,
        annotations: Mapping[str, str] | None = None,
        secret: Mapping[str, str] | None = None,
        name: str = "wiki",
        namespace: str = "prod",
        pace: Mapping[str, str] | None = None,
        rollout: int = 0,
    ) -> None:
        pod = deepcopy(app.pod())
        pod["metadata"]["annotations"] = {"backup.enabled": "true", **(annotations or {})}
        pod["metadata"]["namespace"] = namespace
        pod["metadata"]["ownerReferences"][0]["name"] = f"{name}-{app.TEMPLATE_HASH}"
        if rollout:  # of a DeploymentConfig
            owner = {"kind": "ReplicationController", "name": f"{name}-{rollout}"}
            pod["metadata"]["ownerReferences"] = [{**owner, "controller": True}]
            pod["metadata"]["labels"]["deploymentconfig"] = name
        options = Options("backup-webhook-sidecar:test", database_image="db:test", defaults=later())
        self.schedule = options.defaults["schedule"]
        admission = admit(pod, namespace, options)
        assert admission.reason == "injected", admission
        patched = jsonpatch.apply_patch(pod, list(admission.operations))
        patched["metadata"]["name"] = f"{name}-{app.TEMPLATE_HASH}-x7k2p"
        self.repository = root / "repository"
        given = {"RESTIC_REPOSITORY": str(self.repository), "RESTIC_PASSWORD": PASSWORD}
        self.secret = given | dict(secret or {})
        super().__init__(
            root / f"{namespace}-{name}", patched, {SECRET: self.secret}, {**PACE, **(pace or {})}
        )
        self.volume = self.path("/backup/data")

    def change_secret(self, **variables: str) -> None:
        """Change variables of the Secret, as an edit of it reaches the mounted files."""
        self.secret |= variables
        self.write_secrets({SECRET: self.secret})

    def back_up(self, expected: int = 0) -> Json:
        """Run one backup and return its last log line about it."""
        done = self.run("backup-runner", "run")
        assert done.returncode == expected, done.stdout + done.stderr
        assert not done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        ended: Json = [line for line in lines if "status" in line][-1]
        return ended

    def status(self) -> Json:
        """Return what `backup-runner status --json` says."""
        known: Json = json.loads(self.run("backup-runner", "status", "--json").stdout)
        return known

    def restic(self, *words: str, check: bool = True) -> str:
        """Run restic by hand on the same repository."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "TZ": "UTC",  # restic reads and writes local times
            "RESTIC_REPOSITORY": str(self.repository),
            "RESTIC_PASSWORD": PASSWORD,
        }
        done = subprocess.run(
            ("restic", "--no-cache", *words),
            env=environment, text=True, errors="replace", capture_output=True, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def snapshots(self) -> list[Json]:
        """Return all snapshots of the repository, the oldest first."""
        found: list[Json] = json.loads(self.restic("snapshots", "--json"))
        return found

    def restored(self, target: Path) -> Tree:
        """Restore the latest snapshot of the volume into ``target`` and capture it."""
        self.restic("restore", f"latest:{self.volume}", "--target", str(target), "--sparse")
        return contents(trees.capture(target))


def later() -> dict[str, str]:
    """Return chart values as often as the usual ones, by which nothing comes due amid a test."""
    now, hourly = datetime.now(UTC), app.schedule()
    daily = f"{hourly.split()[0]} {(now.hour + 12) % 24} * *"
    weekly = f"{daily} {(now.isoweekday() + 3) % 7}"
    tasks = dict.fromkeys(("prune", "check", "verify"), weekly)
    return {"schedule": hourly, "forget": f"{daily} *", **tasks}


def contents(tree: Tree) -> Tree:
    """Return what is in a tree, without its root, which is the volume's mount point."""
    return {name: entry for name, entry in tree.items() if name != b"."}


def other_user(folder: Path) -> Mapping[str, str]:
    """Return PATH and PYTHONPATH with which an unprivileged user can run the runner.

    The interpreter, restic and our code may lie where only root can read.
    """
    folder.chmod(0o755)
    tools = folder / "tools"
    tools.mkdir()
    project = Path(__file__).parents[2]
    for package in ("contract", "runner"):
        shutil.copytree(project / package, tools / package)
    site = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    shutil.copytree(site / "cronsim", tools / "cronsim")
    for program in ("restic", "rclone"):
        if found := shutil.which(program):
            shutil.copy(found, tools / program)
    for python in (sys.executable, "/usr/bin/python3"):
        runner = tools / "backup-runner"
        runner.write_text(f'#!/bin/sh\nPYTHONPATH="{tools}" exec {python} -m runner "$@"\n')
        runner.chmod(0o755)
        done = subprocess.run(
            (str(runner), "--version"), user=OTHER, group=OTHER, extra_groups=[],
            cwd="/", capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            break
    else:
        needs.missing("a Python of 3.11 or newer that other users than root can run")
    return {"PATH": f"{tools}:/usr/bin:/bin"}
