"""What manifests are put together from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

Json = dict[str, Any]

PVC = "persistentVolumeClaim"
RESTRICTED: Json = {
    "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"},
}  # fmt: skip
EMPTY: Json = {"emptyDir": {}}
SCRATCH, MEMORY = "/tmp", "/dev/shm"  # noqa: S108 -- where containers have them

# What people write to have an app backed up, from the one annotation to what they mistype.
WISHES: tuple[Mapping[str, str], ...] = (
    {"backup.enabled": "true"},
    {"backup.enabled": "true", "backup.schedule": "17 3 * * *", "backup.keep-daily": "14"},
    {"backup.enabled": "true", "backup.volumes": "data"},
    {"backup.enabled": "true", "backup.exclude": "cache/\n*.tmp", "backup.restore": "if-empty"},
    {"backup.enabled": "true", "backup.run-as": "1000:1000"},
    {"backup.enabled": "yes please"},
    {"backup.enable": "true"},
    {"backup.enabled": "false"},
    {},
)
DUMPS: Mapping[str, Mapping[str, str]] = {
    "postgres": {"backup.enabled": "true", "backup.dump": "postgres"},
    "mysql": {"backup.enabled": "true", "backup.dump": "mysql"},
    "redis": {"backup.enabled": "true", "backup.dump": "redis"},
}


@dataclass(frozen=True)
class Written:
    """A file: its objects, and how its authors write YAML."""

    name: str
    objects: Sequence[Json]
    style: str = "plain"


@dataclass(frozen=True)
class App:
    """A program: its image, the user it runs as, and where it keeps files."""

    name: str
    image: str
    path: str = "/data"
    user: int | None = None
    port: int = 8080
    env: Mapping[str, object] = field(default_factory=dict)


def container(app: App, *mounts: Json, **more: object) -> Json:
    """Return a container; None leaves a field out."""
    env = [{"name": key, "value": str(value)} for key, value in app.env.items()]
    made = {
        "name": app.name, "image": app.image, "env": env or None,
        "ports": [{"containerPort": app.port}], "volumeMounts": list(mounts) or None, **more,
    }  # fmt: skip
    return without_none(made)


def mount(name: str, path: str, **more: object) -> Json:
    """Return a mount."""
    return {"name": name, "mountPath": path, **more}


def claimed(name: str, claim: str, **more: object) -> Json:
    """Return a volume of a claim."""
    return {"name": name, PVC: {"claimName": claim, **more}}


def claim(name: str, size: str = "10Gi", mode: str = "ReadWriteOnce") -> Json:
    """Return a claim."""
    spec = {"accessModes": [mode], "resources": {"requests": {"storage": size}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
            "spec": spec}  # fmt: skip


def template(app: App, wish: Mapping[str, str], spec: Json, **annotations: str) -> Json:
    """Return a template of pods."""
    meta: Json = {"labels": {"app.kubernetes.io/name": app.name}}
    if wish or annotations:
        meta["annotations"] = {**annotations, **wish}
    return {"metadata": meta, "spec": without_none(spec)}


def workload(kind: str, app: App, pods: Json, **spec: object) -> Json:
    """Return a workload of Kubernetes' own kinds."""
    labels = {"matchLabels": {"app.kubernetes.io/name": app.name}}
    inside: Json
    if kind == "CronJob":
        inside = {"schedule": "*/30 * * * *", "jobTemplate": {"spec": {"template": pods}}}
    elif kind == "Job":
        inside = {"backoffLimit": 3, "template": pods}
    else:
        inside = {"selector": labels, "template": pods}
    if kind == "StatefulSet":
        inside = {"serviceName": app.name, **inside}
    group = "batch/v1" if kind in {"Job", "CronJob"} else "apps/v1"
    return {"apiVersion": group, "kind": kind,
            "metadata": {"name": app.name, "labels": labels["matchLabels"]},
            "spec": {**inside, **without_none(spec)}}  # fmt: skip


def service(app: App) -> Json:
    """Return what stands beside nearly every workload."""
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": app.name},
            "spec": {"ports": [{"port": 80, "targetPort": app.port}],
                     "selector": {"app.kubernetes.io/name": app.name}}}  # fmt: skip


def without_none(found: Json) -> Json:
    """Return a mapping without what is None."""
    return {key: value for key, value in found.items() if value is not None}


def every(*choices: Iterable[Any], take: int = 1) -> Iterator[tuple[Any, ...]]:
    """Yield combinations of choices, each ``take``-th of them.

    ``take`` divides no number of choices: each of them is met.
    """
    for number, found in enumerate(product(*choices)):
        if not number % take:
            yield found
