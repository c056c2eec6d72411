"""`python -m tests.bench.cluster`: what the sidecar costs apps on the cluster that runs here.

Pods with and without it take turns, one at a time, the images being there.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from kubernetes import client, config, watch

from contract import names
from tests.cluster.node.cluster import Cluster
from tests.cluster.programs import images
from tests.cluster.programs.kubectl import Json, Kubectl
from tests.cluster.programs.release import NAME, Release
from tests.cluster.work import until
from tests.cluster.workloads import apps
from tests.cluster.workloads.s3 import serve

_ASKED = 5  # times
_NEXT = f"{names.STATE_DIR}/next"  # is there when a tick has ended and only the shell is left


class Pods:
    """Creates and deletes pods of one namespace, and takes the time by watch events."""

    def __init__(self, kubectl: Kubectl) -> None:
        load: Any = config  # its functions have no annotations
        self._core: Any = client.CoreV1Api(load.new_client_from_config(str(kubectl.kubeconfig)))
        self._namespace = kubectl.namespace

    def ready(self, pod: Json) -> float:
        """Return the seconds from sending a pod to its being Ready."""
        name = pod["metadata"]["name"]
        return self._timed(
            name, lambda: self._core.create_namespaced_pod(self._namespace, pod), _is_ready
        )

    def gone(self, name: str) -> float:
        """Return the seconds from deleting a pod to its being gone."""
        return self._timed(
            name, lambda: self._core.delete_namespaced_pod(name, self._namespace), _is_gone
        )

    def _timed(self, name: str, act: Callable[[], object], done: Callable[[Json], bool]) -> float:
        version = self._core.list_namespaced_pod(self._namespace, limit=1).metadata.resource_version
        began = time.monotonic()
        act()
        stream: Any = watch.Watch()  # type: ignore[no-untyped-call] # has no annotations
        for event in stream.stream(
            self._core.list_namespaced_pod, self._namespace, resource_version=version,
            field_selector=f"metadata.name={name}", timeout_seconds=120,
        ):  # fmt: skip
            if done(event):
                return time.monotonic() - began
        raise TimeoutError(name)


def _is_ready(event: Json) -> bool:
    conditions = event["raw_object"]["status"].get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _is_gone(event: Json) -> bool:
    return bool(event["type"] == "DELETED")


def _pod(name: str, *, backed_up: bool) -> Json:
    annotations = apps.ENABLED if backed_up else {}
    container = apps.container(images.APP, startupProbe=None)  # which would take a second
    return apps.pod(name, apps.template([container], [apps.claimed()], annotations))


def _times(pods: Pods, count: int) -> None:
    ready: dict[bool, list[float]] = {True: [], False: []}
    gone: dict[bool, list[float]] = {True: [], False: []}
    for number in range(count):
        for backed_up in (True, False) if number % 2 else (False, True):
            name = f"pod-{number}-{'with' if backed_up else 'without'}"
            ready[backed_up].append(pods.ready(_pod(name, backed_up=backed_up)))
            gone[backed_up].append(pods.gone(name))
    for what, found in (("created to Ready", ready), ("deleted to gone", gone)):
        _show(f"{what}, without", found[False], "s")
        _show(f"{what}, with", found[True], "s")
        difference = statistics.median(found[True]) - statistics.median(found[False])
        print(f"{what}: {difference:+.2f} s in the median")


def _idle(kubectl: Kubectl, count: int) -> None:
    pods = [f"idle-{number}" for number in range(count)]
    kubectl.apply(*[_pod(pod, backed_up=True) for pod in pods])
    for pod in pods:
        kubectl.wait(f"pod/{pod}", "condition=Ready", 120)
        wait = f"until test -e {_NEXT}; do sleep 0.1; done"
        kubectl.exec(pod, "sh", "-c", wait, container=names.CONTAINER)
    idle = datetime.now(UTC)
    found: list[Json] = []

    def measured() -> bool:
        found[:] = _memory(kubectl)
        return len(found) == count and all(
            datetime.fromisoformat(memory["time"]) > idle for memory in found
        )

    until(measured, "the node has measured all of them", 120)
    sizes = [memory["workingSetBytes"] / 2**20 for memory in found]
    _show("working set of an idle sidecar", sizes, "MiB")


def _status(kubectl: Kubectl, count: int) -> None:
    """Ask for the status of many pods, with whatever else the cluster has; time with Python's."""
    pods = [f"idle-{number}" for number in range(count)]
    kubectl.apply(*[_pod(pod, backed_up=True) for pod in pods])
    kubectl.wait("pod --selector=app=app", "condition=Ready", 900)
    until(lambda: not _unknown(kubectl), "each pod has shown its status", 600)
    spent = []
    for _ in range(_ASKED):
        began = time.monotonic()
        subprocess.run(_status_of(kubectl), capture_output=True, check=False)
        spent.append(time.monotonic() - began)
    _show(f"kubectl backup status -A over {count} pods", spent, "s")


def _unknown(kubectl: Kubectl) -> list[Json]:
    """Return those of the pods whose status says nothing of a schedule yet."""
    done = subprocess.run((*_status_of(kubectl), "-o", "json"), capture_output=True, check=False)
    rows: list[Json] = json.loads(done.stdout or b"[{}]")
    return [row for row in rows if row.get("protected", True) and row.get("next") is None]


def _status_of(kubectl: Kubectl) -> tuple[str, ...]:
    program = str(Path(sys.executable).with_name("kubectl-backup"))
    return (program, "status", "-A", "--kubeconfig", str(kubectl.kubeconfig))


def _memory(kubectl: Kubectl) -> list[Json]:
    """Return what the nodes last measured of every sidecar: `time` and `workingSetBytes`."""
    nodes = (name.partition("/")[2] for name in kubectl.names("nodes"))
    summaries = [
        json.loads(kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/stats/summary"))
        for node in nodes
    ]
    return [
        container["memory"]
        for summary in summaries
        for pod in summary["pods"]
        if pod["podRef"]["namespace"] == kubectl.namespace
        for container in pod["containers"]
        if container["name"] == names.CONTAINER
    ]


def _show(what: str, values: Sequence[float], unit: str) -> None:
    middle = statistics.median(values)
    print(f"{what}: {middle:.2f} {unit} ({min(values):.2f}-{max(values):.2f}, n={len(values)})")


def main() -> int:
    """Start what does not run yet, measure, and leave the cluster as it was."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cluster", description=__doc__)
    parser.add_argument("--pods", type=int, default=20, help="of each kind (default: 20)")
    parser.add_argument(
        "--status",
        type=int,
        default=0,
        metavar="PODS",
        help="only `status` of so many (at most 95)",
    )
    parsed = parser.parse_args()
    count = parsed.pods
    cluster = Cluster()
    was_running = cluster.is_running()
    cluster.start()
    release = Release(cluster.kubectl.within(NAME), {"registry": images.REGISTRY})
    kubectl = cluster.kubectl.within(f"bench-{uuid4().hex[:6]}")
    try:
        release.uninstall()
        release.install()
        cluster.kubectl("create", "namespace", str(kubectl.namespace))
        apps.opted_in(kubectl)
        with tempfile.TemporaryDirectory() as folder, serve(cluster.host, Path(folder)) as s3:
            s3.make_bucket("bench")
            apps.secret(
                kubectl, s3.repository("bench"), AWS_ACCESS_KEY_ID=s3.key,
                AWS_SECRET_ACCESS_KEY=s3.secret, BACKUP_SCHEDULE="0 0 1 1 *",
            )  # fmt: skip
            kubectl.apply(apps.claim())
            pods = Pods(kubectl)
            if parsed.status:
                _status(kubectl, parsed.status)
                return 0
            for backed_up in (True, False):  # whatever is slow only once
                pods.ready(_pod("first", backed_up=backed_up))
                pods.gone("first")
            _times(pods, count)
            _idle(kubectl, count)
    finally:
        cluster.kubectl("delete", "namespace", str(kubectl.namespace), "--wait=false")
        kubectl("delete", "pod", "--all", "--grace-period=1", "--wait=false")
        cluster.kubectl.wait(f"namespace/{kubectl.namespace}", "delete", 180)
        release.uninstall()
        if not was_running:
            cluster.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
