"""Manifests of the apps that tests run: shell scripts on volumes, with or without annotations."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from tests.cluster.programs.kubectl import Kubectl

Json = dict[str, Any]

SECRET = "backup-env-configuration"
ENABLED = {"backup.enabled": "true"}
NEVER = "0 0 29 2 *"  # a schedule that does not come due while tests run
# A first backup comes of itself, at any moment of such a time: of so long a one, none meanwhile.
QUIET = {"BACKUP_CATCH_UP_SECONDS": "999999"}
# No other sidecar makes the same repository: none waits before it does.
AT_ONCE = {"BACKUP_INIT_SPREAD_SECONDS": "0", "BACKUP_INIT_SETTLE_SECONDS": "0", **QUIET}
# Ends at once when it is told to, so that what takes longer is not the app.
SERVE = "trap 'exit 0' TERM; echo ready > /tmp/ready; while :; do sleep 3600 & wait $!; done"
_SERVES: Json = {
    "exec": {"command": ["test", "-e", "/tmp/ready"]},  # noqa: S108 -- in the container
    "periodSeconds": 1, "timeoutSeconds": 60, "failureThreshold": 600,
}  # fmt: skip
RESTRICTED: Json = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def container(image: str, script: str = SERVE, *, mount: str = "data", **more: object) -> Json:
    """Return a container that runs a script, with the volume ``mount`` at /data ("": none).

    One that serves is Ready when it has done what comes before.
    """
    mounts = [{"name": mount, "mountPath": "/data"}] if mount else []
    if SERVE in script:
        more = {"startupProbe": _SERVES, **more}
    return {
        "name": "app",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", script],
        "volumeMounts": mounts,
        **more,
    }


def claimed(claim: str = "data") -> Json:
    """Return the volume `data` of a pod that mounts a claim."""
    return {"name": "data", "persistentVolumeClaim": {"claimName": claim}}


def claim(name: str = "data", size: str = "1Gi") -> Json:
    """Return a claim of the default class."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
    }


def template(
    containers: Sequence[Json],
    volumes: Sequence[Json],
    annotations: Mapping[str, str] = ENABLED,
    **spec: object,
) -> Json:
    """Return a pod template labelled app=app; ``spec`` are more fields of the pod's."""
    return {
        "metadata": {"labels": {"app": "app"}, "annotations": dict(annotations)},
        "spec": {"containers": [*containers], "volumes": [*volumes], **spec},
    }


def pod(name: str, template: Json) -> Json:
    """Return a bare pod."""
    metadata = {**template["metadata"], "name": name}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def workload(kind: str, name: str, template: Json, **spec: object) -> Json:
    """Return a Deployment, StatefulSet or DaemonSet; ``spec`` are more fields of its own."""
    selector = {"matchLabels": {"app": "app"}}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"selector": selector, "template": template, **spec},
    }


def opted_in(kubectl: Kubectl, **labels: str) -> None:
    """Label the namespace, so that the webhook sees its pods."""
    wanted = {"backup.enabled": "true", **labels}
    assert kubectl.namespace
    words = [f"{key}={value}" for key, value in wanted.items()]
    kubectl("label", "namespace", kubectl.namespace, "--overwrite", *words)


def secret(kubectl: Kubectl, repository: str, **values: str) -> None:
    """Create or replace the Secret that the namespace's sidecars use."""
    data = {
        "RESTIC_REPOSITORY": repository,
        "RESTIC_PASSWORD": "correct horse",
        "BACKUP_SCHEDULE": NEVER,
        **AT_ONCE,
        **values,
    }
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": SECRET},
            # Not `stringData`: what that lacks, `kubectl apply` leaves there.
            "data": {key: b64encode(text.encode()).decode() for key, text in data.items()},
        }
    )
