"""One call of the maintenance job: what it forgets by, and how old and whole that has to be."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runner.maintenance.central.job import Job
from runner.maintenance.retention import policy_records
from runner.maintenance.retention.policy_records import HOST, Owner
from runner.process.log import Log
from runner.process.signals import Stop
from runner.session.executor import Executor
from runner.session.session import Session
from runner.state import model
from runner.state.store import Store
from runner.steps.result import Completed
from tests.runner.config.workload import configured

Json = dict[str, Any]
WIKI = Owner("prod", "wiki", "Deployment", "wiki")
IGNORED = 'Ignoring "4f8a1c2e": could not load snapshot\n'
# Notes its repository and arguments; its answer to a command is in files named after both.
RESTIC = """#!/bin/sh
cd "$(dirname "$0")"
name="$(basename "$RESTIC_REPOSITORY").$1"
echo "$name" >> log
cat "$name.out" 2>/dev/null
cat "$name.err" >&2 2>/dev/null
exit "$(cat "$name.code" 2>/dev/null || echo 0)"
"""


def records(*tags: str) -> list[Json]:
    """Return three snapshots of a workload, and what it says of its retention."""
    now = datetime.now(UTC)
    made = [
        {"id": f"{day}", "hostname": "wiki", "time": (now - timedelta(days=day)).isoformat(),
         "tags": ["ns=prod", "kind=Deployment", "workload=wiki"]}
        for day in (1, 2, 3)
    ]  # fmt: skip
    said = {"id": "9", "hostname": HOST, "time": now.isoformat(), "paths": [WIKI.path],
            "tags": [policy_records.RETENTION, *tags]}  # fmt: skip
    return [*made, said]


class World:
    """A job with a restic of ours on its PATH, and a clock that can be moved on."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin = root / "bin"
        self.bin.mkdir()
        (self.bin / "restic").write_text(RESTIC)
        (self.bin / "restic").chmod(0o755)
        monkeypatch.setenv("PATH", f"{self.bin}:/usr/bin:/bin")
        environment = {
            "PATH": f"{self.bin}:/usr/bin:/bin", "BACKUP_STATE_DIR": str(root / "state"),
            "BACKUP_NAMESPACE": "backup-webhook", "BACKUP_HOST": "maintenance",
            "BACKUP_DEFAULTS": '{"shrink-grace": "0d"}',
        }  # fmt: skip
        secret = {"RESTIC_REPOSITORY": str(root / "first")}
        secret["COPY_RESTIC_REPOSITORY"] = str(root / "second")
        config = configured(environment, secret)
        log, stop = Log(), Stop()
        (root / "state").mkdir()
        store = Store(root / "state")
        self.state = model.new(time.time(), "")
        self.session = Session(config, self.state, store, log, stop, maintains=True)
        for name in ("first.forget", "second.forget"):
            self.answer(name, out="[]")

    def answer(self, name: str, *, out: str = "", err: str = "", code: int = 0) -> None:
        """Let restic answer a command on a repository so."""
        for kind, text in (("out", out), ("err", err), ("code", str(code))):
            (self.bin / f"{name}.{kind}").write_text(text)

    def job(self, listed: list[Json]) -> Job:
        """Return a job that has listed these snapshots just now."""
        session = self.session
        executor = Executor(session.config, session.log, session.stop)
        return Job(session, executor, Completed(0, text=json.dumps(listed)), b"key")

    @property
    def asked(self) -> list[str]:
        """What restic was asked, and of which repository."""
        log = self.bin / "log"
        return log.read_text().split() if log.exists() else []


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def minute_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a minute pass at once."""
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + 61)


def test_a_list_is_valid_for_a_minute(world: World) -> None:
    world.job(records("keep-last=2")).work()

    assert world.asked[:1] == ["first.forget"]


def test_after_a_minute_snapshots_are_listed_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile a source has lost its files: its older snapshots must stay."""
    job = world.job(records("keep-last=2"))
    world.answer("first.snapshots", out=json.dumps(records("keep-last=2", "held=yes")))
    minute_later(monkeypatch)

    job.work()

    assert world.asked[0] == "first.snapshots"
    assert "first.forget" not in world.asked
    assert world.state.job.workloads["held"] == 1


def test_an_incomplete_list_forgets_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may lack the record by which more is kept; a second look may find it again."""
    job = world.job(records("keep-last=2"))
    world.answer("first.snapshots", out=json.dumps(records("keep-last=2")), err=IGNORED)
    minute_later(monkeypatch)

    job.work()

    assert world.asked[:2] == ["first.snapshots"] * 2
    assert "first.forget" not in world.asked
    assert world.state.repository.tasks["forget"].status == "failure"


def test_copies_are_forgotten_only_by_a_complete_list(world: World) -> None:
    whole = json.dumps(records("keep-last=2"))
    world.answer("first.snapshots", out=whole)
    for damaged in (True, False):
        world.answer("second.snapshots", out=whole, err=IGNORED if damaged else "")
        world.job(records("keep-last=2")).work()

        assert ("second.forget" in world.asked) is not damaged
        status = world.state.repository.tasks["copy_forget"].status
        assert status == ("failure" if damaged else "success")


def test_failed_copies_suspend_retention_of_copies(world: World) -> None:
    world.answer("first.snapshots", out=json.dumps(records("keep-last=2")))
    world.answer("second.snapshots", out=json.dumps(records("keep-last=2")))
    world.answer("second.copy", err="Fatal: no such host\n", code=1)

    world.job(records("keep-last=2")).work()

    assert "second.copy" in world.asked
    assert world.state.repository.tasks["copy"].status == "failure"
    assert "copy_forget" not in world.state.repository.tasks
