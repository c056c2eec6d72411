"""Whether a pod has a backup, and why not; shared by `coverage` and the plugin. Pure."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from enum import Enum, StrEnum
from typing import Any

from contract import names
from contract.annotations import quantity, resolution, settings, values
from contract.annotations.namespace import NamespaceDefaults, Policy
from contract.names import Reason
from contract.workloads import left_out as owners

Pod = Mapping[str, Any]
"""A v1 Pod as parsed from JSON; any list or mapping in it may be absent or null."""

MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
"""Of the API object of a static pod, which no webhook can change."""

NEVER_INJECTED = ("kube-system", "kube-public")
"""Namespaces that the webhook excludes unless its operator chooses others."""

_OVER = {"Succeeded", "Failed"}


class Cover(StrEnum):
    """The backup state of a pod. Stable: metric label, JSON and documentation.

    A pod that asks for a backup and has none may also have one of the words of names.Reason.
    """

    PROTECTED = "protected"
    """It has our sidecar."""
    OUTDATED = "outdated"
    """It has the sidecar of another version than the webhook injects now."""
    STARVED = "starved"
    """It has our sidecar, but something has lowered its limits below what backups need."""
    OPTED_OUT = "opted_out"
    """It mounts claims, and its annotation or that of its namespace opts out."""
    LEFT_OUT = "left_out"
    """It mounts claims, and its controller is one of those whose pods have to ask for backups."""
    NOT_ANNOTATED = "not_annotated"
    """It mounts claims in a namespace that has opted in, and has no annotation."""
    NOT_OPTED_IN = "not_opted_in"
    """It asks for a backup in a namespace that has not opted in."""
    MISSED = "missed"
    """It asks for a backup and would get a sidecar now: no webhook answered when it was created, or
    it was annotated later.
    """


AS_WANTED: frozenset[str] = frozenset(
    {Cover.PROTECTED, Cover.OUTDATED, Cover.OPTED_OUT, Cover.LEFT_OUT}
)
"""States that are not gaps."""


class Default(Enum):
    """What holds for a pod that says nothing about backups itself."""

    NONE = "none"
    """Nothing: it has its own annotation, mounts no claim, or has to ask."""
    ASKED = "asked"
    """It is backed up."""
    OPTED_OUT = "opted out"
    """Its namespace is not backed up, where others are."""
    LEFT_OUT = "left out"
    """Pods of its controller have to ask, where others need not."""


_STATED = frozenset(Reason) - {
    Reason.INJECTED, Reason.ALREADY_INJECTED, Reason.NOT_ENABLED, Reason.NOT_A_POD_CREATE,
}  # fmt: skip


def judge(
    pod: Pod,
    *,
    opted_in: bool,
    excluded: bool,
    is_current: Callable[[], bool],
    decide: Callable[[], str],
    default: Default = Default.NONE,
) -> str:
    """Return a word of Cover or Reason; empty if no backup is needed and none requested.

    ``decide`` returns what a webhook would say now of a pod that asks and has no reason: a word of
    Reason, or Cover.MISSED.
    """
    if over(pod):
        return ""
    if has_sidecar(pod):
        if shortage(pod):
            return Cover.STARVED
        return Cover.PROTECTED if is_current() else Cover.OUTDATED
    if not asks(pod) and (default is not Default.ASKED or not opted_in):
        return _unasked(pod, default, opted_in=opted_in, excluded=excluded)
    if excluded:
        return Reason.EXCLUDED_NAMESPACE
    return (stated(pod) or decide()) if opted_in else Cover.NOT_OPTED_IN


def _unasked(pod: Pod, default: Default, *, opted_in: bool, excluded: bool) -> str:
    if not opted_in or not uses_claims(pod):
        return ""
    if default is Default.LEFT_OUT:
        return Cover.LEFT_OUT
    if default is Default.OPTED_OUT or settings.ENABLED.annotation in annotations(pod):
        return Cover.OPTED_OUT
    return Reason.EXCLUDED_NAMESPACE if excluded else Cover.NOT_ANNOTATED


def default(
    pod: Pod, namespace: NamespaceDefaults, policy: Policy, left_out: Collection[str]
) -> Default:
    """Return what holds for a pod of an opted-in namespace by default.

    ``left_out`` are controllers as ``KIND`` or ``KIND.GROUP``.
    """
    if policy is Policy.ANNOTATED or _says(pod) or not uses_claims(pod, "volumeMounts"):
        return Default.NONE
    if not namespace.enables(policy):
        return Default.NONE if namespace.enabled is None else Default.OPTED_OUT
    if owners.is_left_out(pod.get("metadata") or {}, left_out):
        return Default.LEFT_OUT
    return Default.ASKED


def _says(pod: Pod) -> bool:
    """Whether a pod has an annotation about backups, and be it one that cannot be used."""
    try:
        return bool(resolution.text_of(annotations(pod).get(settings.ENABLED.annotation)))
    except ValueError:
        return True


def annotations(pod: Pod) -> Mapping[str, object]:
    """Return a pod's annotations, empty if there are none."""
    return (pod.get("metadata") or {}).get("annotations") or {}


def over(pod: Pod) -> bool:
    """Whether a pod has ended or is being deleted."""
    going = (pod.get("metadata") or {}).get("deletionTimestamp")
    return bool(going) or (pod.get("status") or {}).get("phase") in _OVER


def asks(pod: Pod) -> bool:
    """Whether a pod's annotations ask for a backup, or try to."""
    try:
        return settings.enabled(annotations(pod))
    except ValueError:
        return True


def sidecar(pod: Pod) -> Mapping[str, Any] | None:
    """Return our sidecar in a pod, recognised by its structure and not by a mark; None if none."""
    found = (pod.get("spec") or {}).get("initContainers") or []
    return next(filter(is_sidecar, found), None)


def has_sidecar(pod: Pod) -> bool:
    """Whether the pod has our sidecar."""
    return sidecar(pod) is not None


def is_sidecar(container: Mapping[str, Any]) -> bool:
    """Whether this is our sidecar, even with parts removed."""
    mounted = {mount.get("name") for mount in container.get("volumeMounts") or []}
    runs = container.get("command") in ([names.COMMAND], [names.OLD_COMMAND])
    stays = container.get("restartPolicy") == "Always" or runs
    return container.get("name") == names.CONTAINER and stays and names.STATE_VOLUME in mounted


def shortage(pod: Pod) -> str:
    """Return which limit of our sidecar in a pod is lower than backups need; "" where none is."""
    limits = ((sidecar(pod) or {}).get("resources") or {}).get("limits") or {}
    for resource, floor in values.FLOORS.items():
        given = str(limits.get(resource) or floor)
        if quantity.parse(given) < quantity.parse(floor):
            return (
                f"something has lowered the sidecar's {resource} limit to {given}, and backups "
                f"need {floor}: raise what is given to container {names.CONTAINER}"
            )
    return ""


def status(pod: Pod) -> Mapping[str, Any]:
    """Return the pod's annotation `backup.status`, empty if there is none that can be read."""
    # Anybody may have written it.
    try:
        found = json.loads(str(annotations(pod).get(names.STATUS_ANNOTATION) or "{}"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def stated(pod: Pod) -> str:
    """Return the reason that the webhook gave at admission; empty if it gave none."""
    reason = status(pod).get("reason")
    return reason if isinstance(reason, str) and reason in _STATED else ""


def claims(pod: Pod) -> dict[str, str]:
    """Return the claim of each volume that has one."""
    return {
        str(volume.get("name")): str(volume["persistentVolumeClaim"].get("claimName"))
        for volume in (pod.get("spec") or {}).get("volumes") or []
        if volume.get("persistentVolumeClaim")
    }


def uses_claims(pod: Pod, *keys: str) -> bool:
    """Whether a container uses a claim: by ``volumeMounts`` or ``volumeDevices``, or ``keys``."""
    used = {
        use.get("name")
        for container in _containers(pod)
        for key in keys or ("volumeMounts", "volumeDevices")
        for use in container.get(key) or []
    }
    return not used.isdisjoint(claims(pod))


def _containers(pod: Pod) -> Iterator[Mapping[str, Any]]:
    spec = pod.get("spec") or {}
    yield from spec.get("containers") or []
    yield from spec.get("initContainers") or []
