"""Sidecars of running pods: how to find them, read their status and run commands in them."""

import json
import time
from collections.abc import Iterator
from typing import Any

from contract import names, snapshots
from contract.workloads import predecessors
from kubectl_backup.cluster import errors
from kubectl_backup.cluster.api import Cluster, Json
from kubectl_backup.cluster.errors import ClusterError
from kubectl_backup.cluster.exec import Answer, Running
from kubectl_backup.workload import injection, log_status, restoring, stalls, target

_TAIL = "50"  # lines of a log
_SILENCE = 20.0  # seconds in which a pod must answer
_PATIENCE = 600.0  # seconds without output of a command that may wait for a lock
_FOLDER = f'"${{{names.ENV_STATE_DIR}:-{names.STATE_DIR}}}"'
_FILE = f"{names.STATE_DIR}/{names.STATUS_FILE}"
_STATUS = "backup-runner status --json || true"
_REQUEST = f"date +%s; kill -USR1 $(cat {_FOLDER}/{names.SUPERVISOR_FILE} 2>/dev/null || echo 1)"
_STOP = 'grep -q backup-runner "/proc/$1/cmdline" && kill -TERM "$1"'


class Sidecar:
    """The sidecar of one pod."""

    def __init__(self, cluster: Cluster, pod: Json) -> None:
        self._cluster = cluster
        self.pod = pod
        self.namespace = str(pod["metadata"]["namespace"])
        self.name = str(pod["metadata"]["name"])

    def known(self) -> Json:
        """Return its status."""
        execute, place = self._cluster.execute, (self.namespace, self.name)
        answer = execute(*place, "cat", _FILE, silence=_SILENCE)
        if answer.code:  # an older sidecar, which does not keep it
            answer = execute(*place, "sh", "-c", _STATUS, silence=_SILENCE)
        try:
            found = json.loads(answer.out)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ClusterError(
                f"pod {self.name}: its status cannot be read: {answer.said or 'invalid JSON'}"
            )
        return found

    def logged(self) -> Json | None:
        """Return its status from the end of its log; None if it is not there."""
        return log_status.status(self.log(tailLines=_TAIL))

    def request(self) -> float:
        """Request a backup; return the time by the pod's own clock, in epoch seconds."""
        place = (self.namespace, self.name)
        answer = self._cluster.execute(*place, "sh", "-c", _REQUEST, silence=_SILENCE)
        clock = answer.out.decode("ascii", "replace").strip()
        if answer.code or not clock.isdigit():
            raise ClusterError(f"pod {self.name} cannot start a backup: {answer.said}")
        return float(clock)

    def stop(self, process: int) -> None:
        """Stop a command of the runner in the pod, if this process still is one."""
        words = ("sh", "-c", _STOP, "sh", str(process))
        self._cluster.execute(self.namespace, self.name, *words, silence=_SILENCE)

    def execute(self, *argv: str) -> Answer:
        """Run a command to its end."""
        return self._cluster.execute(self.namespace, self.name, *argv, silence=_PATIENCE)

    def run(self, *argv: str) -> Running:
        """Start a command whose output is read as it arrives."""
        return self._cluster.run(self.namespace, self.name, *argv)

    def restic(self, *arguments: str) -> list[Any]:
        """Return restic's JSON output: one array, or one object for each line."""
        answer = self.execute("backup-runner", "restic", *arguments)
        if answer.code:
            raise ClusterError(errors.of_restic(arguments[0], answer.code, answer.said))
        text = answer.out.decode("utf-8", "replace").strip()
        try:
            if text.startswith("["):
                return list(json.loads(text))
            # Not by `splitlines`: names of files may have characters that it splits at.
            return [json.loads(line) for line in text.split("\n") if line.startswith("{")]
        except ValueError as error:
            raise ClusterError(f"restic {arguments[0]}: invalid JSON: {error}") from error

    def snapshots(self) -> list[Json]:
        """Return the snapshots of this workload only, under earlier names too, as restic's JSON."""
        known = self.known()
        host, tags = str(known["host"]), tuple(map(str, known["tags"]))
        possible = predecessors.are_possible(host, tags)
        own = ("--host", host, "--tag", ",".join(tags))
        shared = ("--tag", ",".join(predecessors.scope(tags)))
        listed = self.restic("snapshots", "--json", "--no-lock", *(shared if possible else own))
        found = [dict(each) for each in listed]
        if not possible:
            return found
        history = predecessors.history(host, tags, map(snapshots.read, found))
        mine = {each.id for each in history.snapshots}
        return [each for each in found if each.get("id") in mine]

    def log(self, container: str = names.CONTAINER, **query: str) -> Iterator[bytes]:
        """Yield the lines of its log, or of the log of another container of its pod."""
        path = f"/api/v1/namespaces/{self.namespace}/pods/{self.name}/log"
        return self._cluster.text(path, container=container, **query)

    def restoring(self) -> restoring.Said | None:
        """Return what the init container that restores logs; None if its log cannot be read."""
        try:
            return restoring.heard(self.log(names.RESTORE_CONTAINER, tailLines=_TAIL))
        except ClusterError:
            return None


def find(cluster: Cluster, text: str) -> Sidecar:
    """Return a running sidecar of the workload that ``text`` names.

    Raise TargetError or ClusterError with the next step.
    """
    return find_each(cluster, text)[0]


def find_one(cluster: Cluster, text: str) -> Sidecar:
    """Return the sidecar of a workload; raise if each of its pods has its own backups."""
    parts = find_each(cluster, text)
    if len(parts) > 1:
        words = ", ".join(f"pod/{each.name}" for each in parts)
        raise ClusterError(f"each pod of {text} has its own backups: name one of {words}")
    return parts[0]


def find_each(cluster: Cluster, text: str) -> list[Sidecar]:
    """Return a sidecar for each part of a workload with its own backups, at least one."""
    pods = target.matching(target.parse(text), cluster.pods(), cluster.place)
    first = pods[0]
    if target.sidecar(first) is None:
        why = injection.uninjected(first)
        if not target.asks(first):
            why = "its annotation backup.enabled is not set"
        raise ClusterError(f"pod {first['metadata']['name']} is not backed up: {why}")
    stall = None if target.running(first) else stall_of(cluster, first)
    if stall is not None:
        raise ClusterError(f"{target.owner(first)}: {stall.line(time.time())}; {stall.remedy}")
    running = [pod for pod in pods if target.running(pod) and target.lasting(pod)]
    parts = running if target.apart(first) else running[:1]
    return [Sidecar(cluster, pod) for pod in parts or [first]]


def stall_of(cluster: Cluster, pod: Json, warning: str = "") -> stalls.Stall | None:
    """Return why the sidecar of a pod does not run; None if it runs."""
    said = Sidecar(cluster, pod).restoring() if stalls.waits_for_restore(pod) else None
    return stalls.find(pod, said, warning)
