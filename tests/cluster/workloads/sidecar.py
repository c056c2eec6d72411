"""The sidecar of a running pod: what it says of itself, and runs on demand."""

import json
from typing import Any

from contract import names
from tests.cluster.programs.kubectl import Kubectl
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


def await_first_look(kubectl: Kubectl, pod: str) -> None:
    """Wait until it has looked once at what is due: what it is asked before, it may not notice."""
    script = f"cat {names.STATE_DIR}/{names.STATUS_FILE} 2>/dev/null || true"

    def looked() -> bool:
        return bool(kubectl.exec(pod, "sh", "-c", script, container=CONTAINER))

    until(looked, f"{pod} has looked at what is due", 180)


def run_now(kubectl: Kubectl, pod: str) -> Json:
    """Run a backup and return how it ended, as `status` shows it."""
    script = "backup-runner run >/dev/null 2>&1; echo $?"
    before = status(kubectl, pod)["last"]

    def ran() -> bool:
        return int(kubectl.exec(pod, "sh", "-c", script, container=CONTAINER)) != _SKIPPED

    until(ran, f"{pod} runs nothing else", 300)
    return await_run(kubectl, pod, before, 1)


def await_run(kubectl: Kubectl, pod: str, before: Json | None, timeout: float = 300) -> Json:
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
    return int(_container(kubectl, pod)["restartCount"])


def runs_again(kubectl: Kubectl, pod: str) -> bool:
    """Tell whether it was restarted once and runs now."""
    found = _container(kubectl, pod)
    return found["restartCount"] == 1 and "running" in found["state"]


def _container(kubectl: Kubectl, pod: str) -> Json:
    statuses = kubectl.get("pod", pod)["status"]["initContainerStatuses"]
    (found,) = (each for each in statuses if each["name"] == CONTAINER)
    return dict(found)


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
