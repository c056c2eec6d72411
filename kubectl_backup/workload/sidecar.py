"""Sidecars of running pods: which pods there are, what they say, what they are told to run."""

import json
import time
from collections.abc import Iterator
from typing import Any

from contract import names
from kubectl_backup.cluster import errors
from kubectl_backup.cluster.api import Cluster, Json
from kubectl_backup.cluster.errors import ClusterError
from kubectl_backup.cluster.exec import Answer, Running
from kubectl_backup.workload import injection, log_status, restoring, stalls, target

_TAIL = "50"  # lines of a log
_SILENCE = 20.0  # seconds in which a pod must answer
_FOLDER = f'"${{{names.ENV_STATE_DIR}:-{names.STATE_DIR}}}"'
_FILE = f"{names.STATE_DIR}/{names.STATUS_FILE}"
_STATUS = "backup-runner status --json || true"
_ASK = f"date +%s; kill -USR1 $(cat {_FOLDER}/{names.SUPERVISOR_FILE} 2>/dev/null || echo 1)"
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
        if answer.code:  # an older one, which does not keep it
            answer = execute(*place, "sh", "-c", _STATUS, silence=_SILENCE)
        try:
            found = json.loads(answer.out)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ClusterError(f"pod {self.name} says nothing that can be read: {answer.said}")
        return found

    def overheard(self) -> Json | None:
        """Return its status as the end of its log tells it; None where that says nothing."""
        return log_status.status(self.log(tailLines=_TAIL))

    def ask(self) -> float:
        """Ask for a backup; return the pod's own time of asking."""
        answer = self.execute("sh", "-c", _ASK)
        clock = answer.out.decode("ascii", "replace").strip()
        if answer.code or not clock.isdigit():
            raise ClusterError(f"pod {self.name} cannot be asked for a backup: {answer.said}")
        return float(clock)

    def stop(self, process: int) -> None:
        """Stop a command of the runner in the pod, if that is what this process still is."""
        words = ("sh", "-c", _STOP, "sh", str(process))
        self._cluster.execute(self.namespace, self.name, *words, silence=_SILENCE)

    def execute(self, *argv: str) -> Answer:
        """Run a command to its end."""
        return self._cluster.execute(self.namespace, self.name, *argv, silence=600)

    def run(self, *argv: str) -> Running:
        """Begin a command whose output is taken as it comes."""
        return self._cluster.run(self.namespace, self.name, *argv)

    def restic(self, *arguments: str) -> list[Any]:
        """Return what restic says in JSON: one array, or an object a line."""
        answer = self.execute("backup-runner", "restic", *arguments)
        if answer.code:
            raise ClusterError(errors.of_restic(arguments[0], answer.code, answer.said))
        text = answer.out.decode("utf-8", "replace").strip()
        try:
            if text.startswith("["):
                return list(json.loads(text))
            # Not by `splitlines`: names of files may hold what that takes for an end of a line.
            return [json.loads(line) for line in text.split("\n") if line.startswith("{")]
        except ValueError as error:
            raise ClusterError(
                f"what restic {arguments[0]} says cannot be read: {error}"
            ) from error

    def mine(self) -> tuple[str, ...]:
        """Return the filter by which restic finds this workload's snapshots and no others."""
        known = self.known()
        return ("--host", str(known["host"]), "--tag", ",".join(map(str, known["tags"])))

    def log(self, container: str = names.CONTAINER, **query: str) -> Iterator[bytes]:
        """Yield the lines of its log, or of another container's in its pod."""
        path = f"/api/v1/namespaces/{self.namespace}/pods/{self.name}/log"
        return self._cluster.text(path, container=container, **query)

    def restoring(self) -> restoring.Said | None:
        """Return what the restore says before the sidecar starts; None where nobody may know."""
        try:
            return restoring.heard(self.log(names.RESTORE_CONTAINER, tailLines=_TAIL))
        except ClusterError:
            return None


def find(cluster: Cluster, text: str) -> Sidecar:
    """Return the sidecar of the workload that ``text`` means, which runs.

    Raises TargetError and ClusterError that name the next step.
    """
    return find_each(cluster, text)[0]


def find_one(cluster: Cluster, text: str) -> Sidecar:
    """Return the one sidecar that has the backups of a workload; raise where they are several."""
    parts = find_each(cluster, text)
    if len(parts) > 1:
        words = ", ".join(f"pod/{each.name}" for each in parts)
        raise ClusterError(f"each pod of {text} has backups of its own: write one of {words}")
    return parts[0]


def find_each(cluster: Cluster, text: str) -> list[Sidecar]:
    """Return a sidecar for each part of a workload that has backups of its own, at least one."""
    pods = target.matching(target.parse(text), cluster.pods(), cluster.place)
    first = pods[0]
    if target.sidecar(first) is None:
        why = injection.uninjected(first) if target.asks(first) else "it has no backup.enabled"
        raise ClusterError(f"pod {first['metadata']['name']} is not backed up: {why}")
    stall = None if target.running(first) else stall_of(cluster, first)
    if stall is not None:
        raise ClusterError(f"{target.owner(first)}: {stall.line(time.time())}; {stall.remedy}")
    running = [pod for pod in pods if target.running(pod) and target.lasting(pod)]
    parts = running if target.apart(first) else running[:1]
    return [Sidecar(cluster, pod) for pod in parts or [first]]


def stall_of(cluster: Cluster, pod: Json, warning: str = "") -> stalls.Stall | None:
    """Return why the sidecar of a pod does not run; None where it does."""
    said = Sidecar(cluster, pod).restoring() if stalls.waits_for_restore(pod) else None
    return stalls.find(pod, said, warning)


def all_of(part: Sidecar) -> list[Json]:
    """Return all snapshots of a sidecar's own."""
    return [dict(each) for each in part.restic("snapshots", "--json", "--no-lock", *part.mine())]
