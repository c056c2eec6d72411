"""Findings about a workload's replicas: shared claims, and rollouts."""

from collections.abc import Iterator

from contract.annotations import settings
from webhook.lint.findings import Finding, Scale, Severity, Subject
from webhook.lint.rules import Rule
from webhook.manifests import workloads
from webhook.manifests.objects import Objects
from webhook.manifests.workloads import Workload, name_of

_ONE_POD = "ReadWriteOncePod"
_ONE_NODE = {"ReadWriteOnce"}
_SCALED: dict[str, tuple[str, ...]] = {
    "Job": ("spec", "parallelism"),
    "CronJob": ("spec", "jobTemplate", "spec", "parallelism"),
}


def advise(subject: Subject, objects: Objects) -> Iterator[Finding]:
    """Yield findings about a workload's replicas and rollouts."""
    yield from _shared(subject, objects)
    yield from _rollout(subject, objects)


def scale(workload: Workload, objects: Objects) -> Scale | None:
    """Return by what a workload has several pods; None for one."""
    path = _SCALED.get(workload.kind, ("spec", "replicas"))
    count = workloads.at(workload.item, path)
    if isinstance(count, int) and not isinstance(count, bool) and count > 1:
        return Scale(".".join(path), f"{path[-1]} {count}")
    for each in objects.targeting(workload, "HorizontalPodAutoscaler", "scaleTargetRef"):
        least = workloads.at(each, ("spec", "minReplicas"))
        if isinstance(least, int) and least > 1:
            what = f"HorizontalPodAutoscaler {name_of(each)}, minReplicas {least}"
            return Scale("spec.minReplicas", what)
    return Scale("kind", "DaemonSet") if workload.kind == "DaemonSet" else None


def _shared(subject: Subject, objects: Objects) -> Iterator[Finding]:
    found = subject.scale
    claims = shared_claims(subject)
    if found is None or not claims:
        return
    own = [mount.volume for mount in subject.plan.mounts if mount.volume not in claims]
    remedy = "back it up from one pod only, such as a Deployment with replicas 1 that mounts it"
    if own:
        named = ",".join(dict.fromkeys(own))
        remedy = (
            f'name only the volumes of each pod itself: {settings.VOLUMES.annotation}: "{named}"'
        )
    if single := [each for each in claims.values() if _ONE_POD in _modes(subject, objects, each)]:
        yield Finding(
            Rule.ONE_POD, Severity.WARNING, found.field,
            f"{found.text}: claim {', '.join(single)} is {_ONE_POD}, and only one pod can mount "
            "it; the others never start",
        )  # fmt: skip
        return
    shared = [f"{claim} (volume {name})" for name, claim in claims.items()]
    yield Finding(
        Rule.SHARED_CLAIM, Severity.WARNING, found.field,
        f"{found.text}: all pods share claim {', '.join(shared)}, and each would back up the same "
        f"data; {remedy}",
    )  # fmt: skip


def _rollout(subject: Subject, objects: Objects) -> Iterator[Finding]:
    strategy = workloads.at(subject.workload.item, ("spec", "strategy")) or {}
    surge = (strategy.get("rollingUpdate") or {}).get("maxSurge")
    if (
        subject.workload.kind != "Deployment"
        or workloads.at(subject.workload.item, ("spec", "replicas")) not in (None, 1)
        or strategy.get("type", "RollingUpdate") != "RollingUpdate"
        or surge in (0, "0", "0%")
    ):
        return
    for claim in shared_claims(subject).values():
        modes = _modes(subject, objects, claim)
        if _ONE_POD in modes:
            yield Finding(
                Rule.ONE_POD, Severity.WARNING, "spec.strategy.type",
                f"claim {claim} is {_ONE_POD}, and RollingUpdate starts the new pod before the old "
                "one ends: it waits for the volume forever; write spec.strategy.type: Recreate",
            )  # fmt: skip
        elif modes and modes <= _ONE_NODE:
            yield Finding(
                Rule.ROLLING_UPDATE, Severity.NOTE, "spec.strategy.type",
                f"claim {claim} is {', '.join(sorted(modes))}, and RollingUpdate starts the new "
                f"pod before the old one ends: on another node the new pod waits for the volume "
                f"forever; write spec.strategy.type: Recreate",
            )  # fmt: skip


def _modes(subject: Subject, objects: Objects, claim: str) -> set[str]:
    """Return the access modes of a claim that is in the files, none for another."""
    found = objects.find("PersistentVolumeClaim", claim, subject.namespace)
    return set(workloads.at(found, ("spec", "accessModes")) or ()) if found else set()


def shared_claims(subject: Subject) -> dict[str, str]:
    """Return the claims, by volume, that are backed up and that the workload's pods share."""
    chosen = {mount.volume for mount in subject.plan.mounts}
    claims = workloads.claims(subject.workload, subject.pod)
    return {name: claim for name, claim in claims.items() if name in chosen}
