"""Pods as the API server gives them, and what their sidecars say, for the plugin's tests."""

import json
from copy import deepcopy
from typing import Any

Json = dict[str, Any]

NOW = 1_789_997_600.0  # 2026-09-21T13:33:20Z
SIDECAR = {
    "name": "backup",
    "image": "registry.example.com/sidecar:1",
    "command": ["backup-supervise"],
    "restartPolicy": "Always",
    "envFrom": [{"secretRef": {"name": "backup-env-configuration", "optional": True}}],
    "env": [{"name": "BACKUP_HOST", "value": "wiki"}],
    "volumeMounts": [
        {"name": "data", "mountPath": "/backup/data", "readOnly": True},
        {"name": "backup-state", "mountPath": "/var/lib/backup"},
        {"name": "backup-secret", "mountPath": "/etc/backup/secret", "readOnly": True},
        {"name": "backup-pod", "mountPath": "/etc/backup/pod", "readOnly": True},
    ],
}
VOLUMES = [
    {"name": "data", "persistentVolumeClaim": {"claimName": "wiki-data"}},
    {"name": "other", "persistentVolumeClaim": {"claimName": "wiki-other"}},
    {"name": "backup-state", "emptyDir": {}},
    {"name": "backup-secret", "secret": {"secretName": "backup-env-configuration"}},
    {"name": "backup-pod", "downwardAPI": {"items": []}},
    {"name": "backup-no-token", "projected": {"sources": []}},
]


def pod(
    name: str = "wiki-5f8b9c-abcde",
    *,
    kind: str = "ReplicaSet",
    of: str = "wiki-5f8b9c",
    reason: str = "injected",
    namespace: str = "prod",
    annotations: dict[str, str] | None = None,
    state: Json | None = None,
    restarts: int = 0,
) -> Json:
    """Return a pod; ``kind`` and ``of`` are its controller, ``of`` "" for none; ``reason`` is the
    webhook's, "" where it was never asked; ``state`` is the sidecar's."""
    told = json.dumps({"injected": reason == "injected", "reason": reason, "volumes": ["data"]})
    given = {"backup.enabled": "true", **({"backup.status": told} if reason else {})}
    injected = reason == "injected"
    running = state or {"running": {"startedAt": "2026-09-21T12:00:00Z"}}
    labels = {"pod-template-hash": "5f8b9c"} if kind == "ReplicaSet" else {}
    owners = [{"kind": kind, "name": of, "controller": True, "uid": of}] if of else []
    statuses = [{"name": "backup", "state": running, "restartCount": restarts}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": name,
            "creationTimestamp": "2026-09-21T12:00:00Z",
            "labels": labels,
            "annotations": {**given, **(annotations or {})},
            "ownerReferences": owners,
        },
        "spec": {
            "containers": [{"name": "app", "volumeMounts": [{"name": "data", "mountPath": "/d"}]}],
            "initContainers": deepcopy([SIDECAR] if injected else []),
            "volumes": deepcopy(VOLUMES if injected else VOLUMES[:2]),
            "nodeName": "node1",
            "securityContext": {"fsGroup": 1000},
        },
        "status": {
            "phase": "Running",
            "initContainerStatuses": statuses if injected else [],
        },
    }


def known(**changed: object) -> Json:
    """Return the status of a sidecar whose last run was good, but for what is changed."""
    return {
        "host": "wiki",
        "tags": ["ns=prod", "kind=Deployment", "workload=wiki"],
        "schedule": "H * * * *",
        "timezone": "UTC",
        "paused": False,
        "running_since": None,
        "last": last(),
        "last_success": "2026-09-21T13:03:20Z",
        "next": "2026-09-21T14:03:20Z",
        "failures_in_a_row": 0,
        "held": False,
        "append_only": False,
        "tasks": {
            "forget": task("success"),
            "verify": task("success", "2026-09-18T13:33:20Z"),
        },
        "snapshots": 31,
        "receivers": ["ntfy"],
        "notify_failures": 0,
        "missing": "",
        "problems": [],
        **changed,
    }


def last(**changed: object) -> Json:
    """Return what a status says of the last run."""
    return {
        "started": "2026-09-21T13:02:20Z", "ended": "2026-09-21T13:03:20Z", "status": "success",
        "message": "10 files", "failure": None, "exit_code": 0, "snapshot": "4f8a1c2e9b",
        "source_bytes": 5 << 20, "added_bytes": 1024, "read_errors": 0, "unreadable": [],
        **changed,
    }  # fmt: skip


def task(status: str, success: str | None = "2026-09-21T12:00:00Z", message: str = "") -> Json:
    """Return what a status says of a task."""
    return {"status": status, "message": message, "last_success": success}
