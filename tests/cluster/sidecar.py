"""The sidecar of a running pod: what it says of itself, and runs on demand."""

import json
from typing import Any

from contract import names
from tests.cluster.kubectl import Kubectl
from tests.cluster.work import until

Json = dict[str, Any]
CONTAINER = names.CONTAINER
_SKIPPED = 75  # what `backup-runner run` ends with while another run is under way


def injected(pod: Json) -> bool:
    """Tell whether a pod has the sidecar."""
    return CONTAINER in {each["name"] for each in pod["spec"].get("initContainers") or ()}


def reason(pod: Json) -> str:
    """Return what the webhook wrote about a pod, empty where it wrote nothing."""
    text = pod["metadata"].get("annotations", {}).get("backup.status")
    return str(json.loads(text)["reason"]) if text else ""


def status(kubectl: Kubectl, pod: str) -> Json:
    """Return what `backup-runner status --json` says in a pod."""
    text = kubectl(
        "exec", pod, "--container", CONTAINER, "--", "sh", "-c",
        "backup-runner status --json || true",
    )  # fmt: skip
    found: Json = json.loads(text)
    return found


def run_now(kubectl: Kubectl, pod: str) -> Json:
    """Run a backup and return how it ended, as `status` shows it."""
    script = "backup-runner run >/dev/null 2>&1; echo $?"
    before = status(kubectl, pod)["last"]

    def ran() -> bool:
        return int(kubectl.exec(pod, "sh", "-c", script, container=CONTAINER)) != _SKIPPED

    until(ran, f"{pod} runs nothing else", 60)
    return await_run(kubectl, pod, before, 1)


def await_run(kubectl: Kubectl, pod: str, before: Json | None, timeout: float = 120) -> Json:
    """Wait for a run that began after ``before`` and return how it ended."""
    last: Json = {}

    def ended() -> bool:
        nonlocal last
        last = status(kubectl, pod)["last"] or {}
        return bool(last) and last["started"] != (before or {}).get("started")

    until(ended, f"{pod} has run", timeout)
    return last


def log(kubectl: Kubectl, pod: str) -> str:
    """Return the sidecar's log."""
    return kubectl("logs", pod, "--container", CONTAINER)


def restarts(kubectl: Kubectl, pod: str) -> int:
    """Return how often the sidecar was restarted."""
    statuses = kubectl.get("pod", pod)["status"]["initContainerStatuses"]
    return sum(int(each["restartCount"]) for each in statuses if each["name"] == CONTAINER)


def snapshots(kubectl: Kubectl, pod: str) -> list[Json]:
    """Return the repository's snapshots, as restic lists them from within the sidecar."""
    script = (
        'set -a; for f in /etc/backup/secret/*; do export "$(basename $f)=$(cat $f)"; done; '
        "restic snapshots --json --no-lock --no-cache"
    )
    found: list[Json] = json.loads(
        kubectl("exec", pod, "--container", CONTAINER, "--", "sh", "-c", script)
    )
    return found
