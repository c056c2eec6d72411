"""What a workload's pods have in common: claims that they share, and how they follow each other."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from contract.annotations import settings
from webhook.lint.findings import Finding, Severity, Subject
from webhook.manifests import objects as manifests_objects
from webhook.manifests.documents import Document
from webhook.manifests.objects import Objects

_ONE_NODE = {"ReadWriteOnce", "ReadWriteOncePod"}
_SCALED = {
    **dict.fromkeys(
        ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController", "Rollout"),
        ("spec", "replicas"),
    ),
    "Job": ("spec", "parallelism"),
    "CronJob": ("spec", "jobTemplate", "spec", "parallelism"),
}


def advise(subject: Subject, objects: Objects) -> Iterator[Finding]:
    """Yield what is to be known of a workload's pods beside and after each other."""
    yield from _shared(subject)
    yield from _rollout(subject, objects)


@dataclass(frozen=True, slots=True)
class Scale:
    """The field by which a workload has several pods, and how many, such as `replicas 3`."""

    field: str
    text: str


def scale(item: Document) -> Scale | None:
    """Return by what a workload has several pods; None for one."""
    path = _SCALED.get(item["kind"], ())
    count = _at(item, *path) if path else None
    if isinstance(count, int) and not isinstance(count, bool) and count > 1:
        return Scale(".".join(path), f"{path[-1]} {count}")
    return Scale("kind", "DaemonSet") if item["kind"] == "DaemonSet" else None


def _shared(subject: Subject) -> Iterator[Finding]:
    found = scale(subject.item)
    claims = shared_claims(subject)
    if found is None or not claims:
        return
    own = [mount.volume for mount in subject.plan.mounts if mount.volume not in claims]
    remedy = "back it up from one pod only, such as a Deployment with replicas 1 that mounts it"
    if own:
        named = ",".join(dict.fromkeys(own))
        remedy = f'name only what each pod has of its own: {settings.VOLUMES.annotation}: "{named}"'
    shared = [f"{claim} (volume {name})" for name, claim in claims.items()]
    yield Finding(
        Severity.WARNING, found.field,
        f"{found.text}: all pods share claim {', '.join(shared)}, and each would back up the same "
        f"data; {remedy}",
    )  # fmt: skip


def _rollout(subject: Subject, objects: Objects) -> Iterator[Finding]:
    strategy = _at(subject.item, "spec", "strategy") or {}
    surge = (strategy.get("rollingUpdate") or {}).get("maxSurge")
    if (
        subject.item["kind"] != "Deployment"
        or _at(subject.item, "spec", "replicas") not in (None, 1)
        or strategy.get("type", "RollingUpdate") != "RollingUpdate"
        or surge in (0, "0", "0%")
    ):
        return
    for claim in shared_claims(subject).values():
        found = objects.find("PersistentVolumeClaim", claim, subject.namespace)
        modes = set(_at(found, "spec", "accessModes") or ())
        if modes and modes <= _ONE_NODE:
            yield Finding(
                Severity.NOTE, "spec.strategy.type",
                f"claim {claim} is {', '.join(sorted(modes))}, and RollingUpdate starts the new "
                "pod before the old one ends: on another node it waits for the volume for ever; "
                "write spec.strategy.type: Recreate",
            )  # fmt: skip


def shared_claims(subject: Subject) -> dict[str, str]:
    """Return the claims, by volume, that are backed up and that the workload's pods share."""
    chosen = {mount.volume for mount in subject.plan.mounts}
    claims = manifests_objects.claims(subject.item, subject.pod)
    return {name: claim for name, claim in claims.items() if name in chosen}


def _at(value: Any, *path: str) -> Any:  # noqa: ANN401 -- whatever the manifest holds there
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
