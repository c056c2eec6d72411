"""The real `backup-runner`, with a restic of ours on its PATH: the outermost edge."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.runner.config.workload import ENVIRONMENT, SECRET
from tests.runner.events import opening
from tests.runner.steps.conversation import SUMMARY

# Notes its arguments; its answer to a command is in files named after it.
RESTIC = """#!/bin/sh
cd "$(dirname "$0")"
echo "$*" >> log
cat "$1.out" 2>/dev/null
cat "$1.err" >&2 2>/dev/null
[ ! -e gate ] || cat gate
exit "$(cat "$1.code" 2>/dev/null || echo 0)"
"""


class Runner:
    """Calls `backup-runner` as the supervisor does, in folders of its own."""

    def __init__(self, root: Path) -> None:
        self.bin, self.state, self.volumes = root / "bin", root / "state", root / "backup"
        self.secret, self.pod = root / "secret", root / "pod"
        for folder in (self.bin, self.secret, self.pod, self.volumes / "pages"):
            folder.mkdir(parents=True)
        (self.volumes / "pages" / "index").touch()
        (self.bin / "restic").write_text(RESTIC)
        (self.bin / "restic").chmod(0o755)
        self.environment = {
            **ENVIRONMENT,
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "BACKUP_STATE_DIR": str(self.state),
            "BACKUP_VOLUMES_DIR": str(self.volumes),
            "BACKUP_SECRET_DIR": str(self.secret),
            "BACKUP_ANNOTATIONS_FILE": str(self.pod / "annotations"),
            "BACKUP_INIT_SPREAD_SECONDS": "0",
            "BACKUP_INIT_SETTLE_SECONDS": "0",
        }
        for key, value in SECRET.items():
            (self.secret / key).write_text(value)
        self.answer("backup", out=json.dumps(SUMMARY))
        self.answer("snapshots", out="[]")
        self.answer("forget", out="[]")
        self.answer("version", out="restic 0.19.1 compiled with go1.24.4 on linux/amd64\n")

    def answer(self, command: str, *, out: str = "", err: str = "", code: int = 0) -> None:
        """Let restic answer a command so from now on."""
        for kind, text in (("out", out), ("err", err), ("code", str(code))):
            (self.bin / f"{command}.{kind}").write_text(text)

    def annotate(self, **values: str) -> None:
        """Set the pod's annotations; ``_`` in a name stands for a dash."""
        lines = [f'backup.{key.replace("_", "-")}="{value}"\n' for key, value in values.items()]
        (self.pod / "annotations").write_text("".join(lines))

    def begin(self, *arguments: str, stdout: int = subprocess.PIPE) -> "subprocess.Popen[str]":
        """Start `backup-runner`."""
        program = Path(sys.executable).with_name("backup-runner")
        return subprocess.Popen(
            [program, *arguments],
            env=self.environment,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
        """Run `backup-runner` to its end; return its status and its log."""
        return self.end(self.begin(*arguments))

    def end(self, process: "subprocess.Popen[str]") -> tuple[int, list[dict[str, Any]]]:
        """Wait for its end; return its status and its log."""
        out, err = process.communicate(timeout=120)
        assert err == "", err
        return process.returncode, [json.loads(line) for line in out.splitlines()]

    def hold(self) -> None:
        """Let restic wait at the end of each command until it is let go on."""
        os.mkfifo(self.bin / "gate")

    def let_go_on(self) -> None:
        """Let the command that waits go on, and later ones not wait at all."""
        with opening(self.bin / "gate"):
            pass

    @property
    def asked(self) -> list[str]:
        """The commands that restic was given, by their first word; not those for its version."""
        return [word for word in self._words if word != "version"]

    @property
    def asked_for_version(self) -> int:
        """How often restic was asked who it is."""
        return self._words.count("version")

    @property
    def _words(self) -> list[str]:
        log = self.bin / "log"
        return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []

    @property
    def known(self) -> dict[str, Any]:
        """What state holds."""
        state: dict[str, Any] = json.loads((self.state / "state.json").read_text())
        return state

    @property
    def published(self) -> dict[str, Any]:
        """What whoever only reads is shown."""
        status: dict[str, Any] = json.loads((self.state / "status.json").read_text())
        return status

    def change(self, **values: object) -> None:
        """Change what state holds."""
        (self.state / "state.json").write_text(json.dumps({**self.known, **values}))

    @property
    def announced(self) -> float:
        """When the supervisor is to call again."""
        return (self.state / "next").stat().st_mtime
