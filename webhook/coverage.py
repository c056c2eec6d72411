"""Which pods have a backup, which have none, and why: pods -> counts by reason, and what is wrong.

Of pods that are as they should be only their number is kept, and of claims only their names:
ten thousand pods need little memory, whatever they carry.
"""

import json
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from contract import VERSION, names, settings
from contract.names import Reason
from webhook import advice, inject, workload
from webhook.inject import Options, Skip
from webhook.workload import Pod

Json = Mapping[str, Any]


class Cover(StrEnum):
    """What a pod's backups are like. Stable: metric label, JSON and documentation.

    A pod that asks for a backup and has none may also have one of the words of names.Reason.
    """

    PROTECTED = "protected"
    """It has our sidecar."""
    OUTDATED = "outdated"
    """It has the sidecar of another version than would be injected now."""
    OPTED_OUT = "opted_out"
    """It mounts claims, and its annotation says that no backup is wanted."""
    NOT_ANNOTATED = "not_annotated"
    """It mounts claims in a namespace that has opted in, and says nothing."""
    NOT_OPTED_IN = "not_opted_in"
    """It asks for a backup in a namespace that has not opted in."""
    MISSED = "missed"
    """It asks for a backup that it would get now: no webhook answered when it was made, or it has
    been annotated since."""


AS_WANTED: frozenset[str] = frozenset({Cover.PROTECTED, Cover.OUTDATED, Cover.OPTED_OUT})
"""What is no gap."""

# Why a pod that asks for a backup may have none, as its backup.status says.
_TOLD = frozenset(Reason) - {
    Reason.INJECTED, Reason.ALREADY_INJECTED, Reason.NOT_ENABLED, Reason.NOT_A_POD_CREATE,
}  # fmt: skip
_OVER = {"Succeeded", "Failed"}
_IMAGE = re.compile(r"(?:.*/)?(?P<name>[^:@]*)(?::(?P<tag>[^@]*))?(?:@(?P<digest>.*))?")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Pods of one workload that have something to say: how many, and one of them by name."""

    namespace: str
    kind: str
    workload: str
    reason: str
    pods: int
    pod: str


@dataclass(frozen=True, slots=True)
class Report:
    """How many pods there are by namespace and reason, what is wrong, and which claims idle."""

    counts: Mapping[tuple[str, str], int]
    findings: tuple[Finding, ...] = ()
    unused: tuple[tuple[str, str], ...] = ()  # namespace and claim

    @property
    def gaps(self) -> int:
        """How many pods have no backup that should have one."""
        return sum(n for (_, reason), n in self.counts.items() if reason not in AS_WANTED)


@dataclass(slots=True)
class Survey:
    """Takes in claims and then pods, one at a time; ``opted_in`` are the namespaces' names."""

    options: Options
    opted_in: Collection[str]
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _found: dict[tuple[str, str, str, str], tuple[int, str]] = field(default_factory=dict)
    _idle: dict[str, set[str]] = field(default_factory=dict)

    def claim(self, claim: Json) -> None:
        """Take in a claim's metadata, before all pods: those made since must not seem unused."""
        meta = claim["metadata"]
        namespace = str(meta.get("namespace") or "")
        kinds = {owner.get("kind") for owner in meta.get("ownerReferences") or ()}
        # One that belongs to a pod goes with it; one that is going is nobody's any more.
        looked_at = namespace in self.opted_in and namespace not in self.options.excluded_namespaces
        if looked_at and "Pod" not in kinds and not meta.get("deletionTimestamp"):
            self._idle.setdefault(namespace, set()).add(meta["name"])

    def pod(self, pod: Pod) -> None:
        """Take in a pod."""
        meta = workload.metadata(pod)
        namespace, name = str(meta.get("namespace") or ""), str(meta.get("name") or "")
        try:
            self._idle.get(namespace, set()).difference_update(_volumes(pod).values())
            reason = judge(pod, self.options, opted_in=namespace in self.opted_in)
        except Exception:  # noqa: BLE001 -- one pod that is odd must not hide all others
            reason = Reason.INTERNAL_ERROR
        if not reason:
            return
        self._counts[namespace, reason] += 1
        if reason not in {Cover.PROTECTED, Cover.OPTED_OUT}:
            key = (namespace, *_workload(pod, name), reason)
            number, example = self._found.get(key, (0, name))
            self._found[key] = (number + 1, example)

    def report(self) -> Report:
        """Return what has been seen, in order."""
        findings = (Finding(*key, *value) for key, value in self._found.items())
        unused = ((namespace, name) for namespace, found in self._idle.items() for name in found)
        return Report(dict(sorted(self._counts.items())), tuple(sorted(findings)),
                      tuple(sorted(unused)))  # fmt: skip


def judge(pod: Pod, options: Options, *, opted_in: bool) -> str:
    """Return a word of Cover or Reason; empty where no backup is needed and none asked for."""
    meta, annotations = workload.metadata(pod), workload.annotations(pod)
    if meta.get("deletionTimestamp") or (pod.get("status") or {}).get("phase") in _OVER:
        return ""
    if inject.already_injected(pod):
        return Cover.PROTECTED if _is_current(pod, options) else Cover.OUTDATED
    if advice.asks(annotations):
        return _refused(pod, options, opted_in=opted_in)
    if not opted_in or not _uses_claims(pod):
        return ""
    if settings.ENABLED.annotation in annotations:
        return Cover.OPTED_OUT
    excluded = meta.get("namespace") in options.excluded_namespaces
    return Reason.EXCLUDED_NAMESPACE if excluded else Cover.NOT_ANNOTATED


def _refused(pod: Pod, options: Options, *, opted_in: bool) -> str:
    """Return why a pod that asks has no sidecar."""
    if workload.metadata(pod).get("namespace") in options.excluded_namespaces:
        return Reason.EXCLUDED_NAMESPACE
    return (_told(pod) or _now(pod, options)) if opted_in else Cover.NOT_OPTED_IN


def _told(pod: Pod) -> str:
    """Return what the webhook said when it let the pod through, empty where it said nothing."""
    reason = _status(pod).get("reason")
    return reason if isinstance(reason, str) and reason in _TOLD else ""


def _now(pod: Pod, options: Options) -> str:
    """Return what it would say now: the annotations may have come later."""
    decision = inject.decide(pod, options, inject.Surroundings())
    return decision.reason if isinstance(decision, Skip) else Cover.MISSED


def _status(pod: Pod) -> Json:
    # Anybody may have written it.
    try:
        status = json.loads(str(workload.annotations(pod).get(names.STATUS_ANNOTATION) or "{}"))
    except (ValueError, RecursionError):
        return {}
    return status if isinstance(status, dict) else {}


def _is_current(pod: Pod, options: Options) -> bool:
    there = [
        str(each.get("image") or "")
        for each in workload.spec(pod).get("initContainers") or []
        if each.get("name") == names.CONTAINER
    ]
    wanted = [image for image in (options.image, options.database_image) if image]
    known = any(is_same(image, each) for image in there for each in wanted)
    return known and _status(pod).get("version", VERSION) == VERSION


def is_same(image: str, wanted: str) -> bool:
    """Whether two images are the same as far as their names tell, in whatever registry.

    Other webhooks put a mirror's name before images, and pin tags by digests.
    """
    there, ours = _parts(image), _parts(wanted)
    if there["digest"] and ours["digest"]:
        return there["digest"] == ours["digest"]
    if there["name"] != ours["name"]:
        return False
    return there["tag"] == ours["tag"] or bool(there["digest"] and not there["tag"])


def _parts(image: str) -> dict[str, str]:
    match = _IMAGE.fullmatch(image)
    return match.groupdict("") if match else {"name": image, "tag": "", "digest": ""}


def _volumes(pod: Pod) -> dict[str, str]:
    """Return the claim of each volume that has one."""
    return {
        str(volume.get("name")): str(volume["persistentVolumeClaim"].get("claimName"))
        for volume in workload.spec(pod).get("volumes") or []
        if volume.get("persistentVolumeClaim")
    }


def _uses_claims(pod: Pod) -> bool:
    """Whether a container uses a claim, as files or as a block device."""
    used = {
        use.get("name")
        for container in workload.containers(pod)
        for key in ("volumeMounts", "volumeDevices")
        for use in container.get(key) or []
    }
    return not used.isdisjoint(_volumes(pod))


def _workload(pod: Pod, name: str) -> tuple[str, str]:
    try:
        known = workload.identity(pod, None)
    except Exception:  # noqa: BLE001 -- see above
        return "Pod", name
    return known.kind, known.workload
