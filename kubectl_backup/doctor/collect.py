"""Collects the facts that the doctor judges, one request after the other."""

import base64
import math
import re
import ssl
import time
from collections.abc import Callable
from typing import Any

from contract import names
from contract.annotations import settings
from contract.secret import passwords
from kubectl_backup.cluster.api import Cluster, Json, below
from kubectl_backup.cluster.errors import ClusterError, NotFoundError
from kubectl_backup.doctor import cluster_checks, workload_checks
from kubectl_backup.doctor.findings import WEBHOOK, Facts, Repository
from kubectl_backup.workload import scope, stalls, target
from kubectl_backup.workload.sidecar import Sidecar

_ADMISSION = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
_GROUPS = {
    "Deployment": ("apps/v1", "deployments"), "StatefulSet": ("apps/v1", "statefulsets"),
    "DaemonSet": ("apps/v1", "daemonsets"), "ReplicaSet": ("apps/v1", "replicasets"),
}  # fmt: skip
# Opens the repository without a lock, which restic itself would await for a quarter of an hour.
_OPEN = ("timeout", "60", "backup-runner", "restic", "cat", "config", "--no-lock", "--quiet")
_KEYS = (
    f'cd "${{{names.ENV_SECRET_DIR}:-{names.SECRET_DIR}}}" 2>/dev/null || exit 0; '
    'for key in *; do [ -e "$key" ] || continue; '
    '[ -s "$key" ] && echo "+$key" || echo "-$key"; done'
)
_FEW = 10  # pods whose restores are read


def facts(cluster: Cluster, workload: str | None) -> Facts:
    """Return all facts on the cluster's chain and, if one is named, on a workload."""
    return _Collector(cluster).facts(workload)


class _Collector:
    """Reads what it can; a fact that cannot be read is `untold`, and the others are still read."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._untold: dict[str, str] = {}
        self._newlines: tuple[str, ...] = ()

    def facts(self, workload: str | None) -> Facts:
        """Return all facts."""
        cluster, name = self._cluster, self._cluster.namespace
        major, minor = _version(cluster.get("/version"))
        found: dict[str, Any] = {"server": cluster.server, "version": (major, minor)}
        found |= self._chart()
        found["labels"] = self._read("labels", lambda: self._labels(name)) or {}
        if found["labels"].get(names.ENABLED_LABEL) == "true":
            pods, trial = below(name, "pods"), cluster_checks.trial_pod(name)
            found["trial"] = self._read("trial", lambda: cluster.create(pods, trial, dry_run=True))
        if workload:
            found |= self._workload(target.parse(workload))
        return Facts(now=time.time(), namespace=name, untold=self._untold, **found)

    def _chart(self) -> dict[str, Any]:
        listed = self._read("configurations", lambda: self._cluster.items(_ADMISSION)) or []
        ours = tuple(
            each
            for each in listed
            if WEBHOOK in {hook.get("name") for hook in each.get("webhooks") or ()}
        )
        found: dict[str, Any] = {"configurations": ours}
        hook = Facts(0, "", configurations=ours).webhook
        if hook is None:
            return found
        client = hook.get("clientConfig") or {}
        found["bundle_ends"] = _ends(client.get("caBundle") or "")
        service = client.get("service") or {}
        where, name = str(service.get("namespace") or ""), str(service.get("name") or "")
        found["deployment"] = self._read("deployment", lambda: self._deployment(where, name))
        prepull = "app.kubernetes.io/component=prepull"
        pods = below(where, "pods")
        found["prepull"] = tuple(
            self._read("prepull", lambda: self._cluster.items(pods, labelSelector=prepull)) or ()
        )
        return found

    def _deployment(self, namespace: str, name: str) -> Json | None:
        """Return the webhook's Deployment, which the chart names like its Service."""
        try:
            return self._cluster.get(below(namespace, "deployments", name, "apps/v1"))
        except NotFoundError:
            return None

    def _labels(self, namespace: str) -> dict[str, str]:
        found = self._cluster.get(below("", "namespaces", namespace))
        return dict(found["metadata"].get("labels") or {})

    def _workload(self, reference: target.Reference) -> dict[str, Any]:
        pods, owner = self._pods(reference)
        found: dict[str, Any] = {"workload": str(owner), "pods": tuple(pods)}
        found["template"] = self._read("template", lambda: self._template(owner))
        pod = pods[0] if pods else None
        if pod is None:
            if found["template"] is None:
                raise target.TargetError(f"{owner} does not exist, and no pod belongs to it")
            return found
        waiting = [each for each in pods if stalls.waits_for_restore(each)][:_FEW]
        said = {
            each["metadata"]["name"]: Sidecar(self._cluster, each).restoring() for each in waiting
        }
        found["said"] = {name: each for name, each in said.items() if each is not None}
        unstarted = [each for each in pods if stalls.waits_for_node(each)]
        found["warnings"] = scope.warnings(self._cluster, unstarted)
        found["secret"] = target.annotations(pod).get(
            settings.SECRET.annotation, settings.SECRET.default
        )
        part = Sidecar(self._cluster, pod) if target.running(pod) else None
        found["keys"] = self._read("keys", lambda: self._keys(part, str(found["secret"])))
        found["newlines"] = self._newlines
        if part is not None:
            found["known"] = self._read("known", part.known)
            if any(found["keys"] or {}) and not workload_checks.mirrors(pod):
                found["repository"] = self._read("repository", lambda: _opened(part))
        return found

    def _pods(self, reference: target.Reference) -> tuple[list[Json], target.Owner]:
        listed = self._cluster.pods()
        try:
            pods = target.matching(reference, listed, self._cluster.place)
        except target.TargetError:
            if reference.kind not in _GROUPS:
                raise
            return [], target.Owner(reference.kind, reference.name)
        return pods, target.owner(pods[0])

    def _template(self, owner: target.Owner) -> Json | None:
        if owner.kind not in _GROUPS:
            return None
        group, plural = _GROUPS[owner.kind]
        try:
            return self._cluster.get(below(self._cluster.namespace, plural, owner.name, group))
        except NotFoundError:
            return None

    def _keys(self, part: Sidecar | None, secret: str) -> dict[str, bool]:
        """Return for each key of the Secret whether it has a value; the values are dropped."""
        if part is not None:
            said = part.execute("sh", "-c", _KEYS).out.decode("utf-8", "replace")
            return {line[1:]: line[0] == "+" for line in said.splitlines() if line[1:]}
        try:
            found = self._cluster.get(below(self._cluster.namespace, "secrets", secret))
        except NotFoundError:
            return {}
        data = found.get("data") or {}
        self._newlines = tuple(
            key for key in passwords.KEYS if passwords.ends_with_newline(_decoded(data.get(key)))
        )
        return {key: bool(value) for key, value in data.items()}

    def _read(self, what: str, read: Callable[[], Any]) -> Any:  # noqa: ANN401 -- any answer
        try:
            return read()
        except ClusterError as error:
            self._untold[what] = str(error)
            return None


def _opened(part: Sidecar) -> Repository:
    answer = part.execute(*_OPEN)
    return Repository(answer.code, answer.said)


def _decoded(value: object) -> str:
    try:
        return base64.b64decode(str(value or "")).decode("utf-8", "replace")
    except ValueError:
        return ""


def _version(found: Json) -> tuple[int, int]:
    digits = [re.match(r"\d*", str(found.get(key, ""))) for key in ("major", "minor")]
    major, minor = (int(each[0] or 0) if each else 0 for each in digits)
    return major, minor


def _ends(bundle: str) -> float:
    """Return when the last CA of a bundle expires: 0 if it cannot be read, infinity if it holds
    only a server's own certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=base64.b64decode(bundle).decode())
        ends = [str(each["notAfter"]) for each in context.get_ca_certs()]
        return float(max(map(ssl.cert_time_to_seconds, ends), default=math.inf))
    except (ValueError, ssl.SSLError):
        return 0.0
