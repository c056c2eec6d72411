"""Pods that wait for a restore: what real restic says is what `kubectl backup` shows of them."""

import json
import time
from pathlib import Path

import pytest

from contract import names
from kubectl_backup.workload import restoring, stalls
from tests.integration.restore.restores import Start, lose, with_repository
from tests.integration.sidecars import Sidecar

PREFIX = f"waiting for {names.RESTORE_CONTAINER}"
BLOCKED: dict[str, tuple[dict[str, str], dict[str, str], str, str]] = {
    "a wrong password": (
        {"RESTIC_PASSWORD": "mistyped"}, {}, "auth", "put the right password"),
    "a server that is away": (
        {"RESTIC_REPOSITORY": "rest:http://127.0.0.1:9/"}, {}, "network", "NetworkPolicies"),
    "no password": ({"RESTIC_PASSWORD": ""}, {}, "config", "correct what the message names"),
    "a moment that is none": (
        {}, {"BACKUP_RESTORE_AS_OF": "yesterday"}, "config", "correct the annotation"),
    "a moment before all snapshots": (
        {}, {"BACKUP_RESTORE_AS_OF": "2001-01-01T00:00:00Z"}, "config", "backup.restore-as-of"),
    "a required snapshot that nobody has": (
        {}, {"BACKUP_RESTORE": "required", "BACKUP_RESTORE_FROM": "prod/nobody"}, "source",
        "backup.restore: if-empty"),
}  # fmt: skip


@pytest.fixture
def lost(tmp_path: Path) -> Sidecar:
    """A sidecar with a good snapshot of a volume that is lost."""
    made = with_repository(Sidecar(tmp_path))
    (made.volume / "file").write_text("one\n")
    made.back_up()
    lose(made)
    return made


def pod(state: dict[str, object], message: str = "") -> dict[str, object]:
    """Return a pod as the API server has it while the restore is in this state."""
    ended = {"exitCode": 1, "reason": "Error", "message": message}
    last = {"lastState": {"terminated": ended}} if message else {}
    listed = [
        {"name": names.RESTORE_CONTAINER, "state": state, **last},
        {"name": names.CONTAINER, "state": {"waiting": {"reason": "PodInitializing"}}},
    ]
    return {
        "metadata": {"name": "wiki-0", "namespace": "prod"},
        "spec": {"initContainers": [{"name": each["name"]} for each in listed]},
        "status": {"phase": "Pending", "initContainerStatuses": listed},
    }


@pytest.mark.parametrize("case", BLOCKED)
def test_each_cause_of_a_waiting_restore_is_shown(lost: Sidecar, case: str) -> None:
    """By its log, and by its termination message alone: the same class, words and next step."""
    secret, variables, failure, remedy = BLOCKED[case]
    lost.change_secret(**secret)

    start = Start(lost, BACKUP_OPEN_TIMEOUT_SECONDS="1", **variables).run(1)

    said = restoring.heard(json.dumps(line).encode() for line in start.lines)
    running = stalls.find(pod({"running": {}}), said)
    crashed = stalls.find(pod({"waiting": {"reason": "CrashLoopBackOff"}}, start.told))
    for found in (running, crashed):
        assert found is not None
        assert (found.subject, found.reason) == ("restore", failure)
        assert found.text == f"{PREFIX} ({failure}): {' '.join(start.told.split())}"
        assert remedy in found.remedy


def test_a_restore_in_progress_is_no_failure(lost: Sidecar) -> None:
    start = Start(lost).run()
    lines = [json.dumps(line).encode() for line in start.lines]
    begun = next(number for number, line in enumerate(lines) if b"restoring from" in line)

    found = stalls.find(pod({"running": {}}), restoring.heard(lines[: begun + 1]))

    assert found is not None
    assert found.status == stalls.RESTORING
    assert "restoring from snapshot" in found.line(time.time())
