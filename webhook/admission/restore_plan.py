"""Plans the restore of a pod's volumes before it starts: from which snapshots, and when.

Everything here fails closed: a pod whose restore is impossible does not start on empty volumes. A
policy of the chart refuses the pod where our init container is missing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from contract import names
from contract.annotations import settings
from contract.annotations.settings import Problem, Setting, Settings
from webhook.admission import pod_spec
from webhook.admission.model import Restore
from webhook.admission.pod_spec import Pod

NEVER, IF_EMPTY = "never", "if-empty"
REFUSED = "refused"
"""The status of a requested restore that is not possible."""

REFUSAL = (
    f"{settings.RESTORE.annotation}: without the backup-restore init container nothing is "
    f"restored; if the chart's policy policies.restore is on, it refuses this pod"
)
_WAITS = "the pod does not start until it is corrected"
_ORIGINS = (settings.RESTORE_AS_OF, settings.RESTORE_FROM)

Json = Mapping[str, Any]


def resolved(
    annotations: Mapping[str, object],
    defaults: Mapping[str, str],
    which: Iterable[Setting[Any]] = settings.ALL,
) -> Settings:
    """Return the settings of a pod; a bad annotation backup.restore never means ``never``."""
    by_default = (defaults.get(settings.RESTORE.key) or NEVER).strip().lower()
    if by_default == NEVER and _written(annotations, settings.RESTORE):
        # What a text falls back to that cannot be used; one that can be used outranks it.
        defaults = {**defaults, settings.RESTORE.key: IF_EMPTY}
    return settings.resolve(annotations, {}, defaults, which)


def _written(annotations: Mapping[str, object], setting: Setting[str]) -> str:
    raw = annotations.get(setting.annotation)
    return "" if raw is None else str(raw).strip()


def asked(annotations: Mapping[str, object], defaults: Mapping[str, str]) -> bool:
    """Whether the pod requests a restore, as the chart's policy judges it; never raises."""
    try:
        enabled = settings.enabled(annotations)
    except ValueError:
        enabled = True  # an invalid value does not mean "never"
    try:
        values = resolved(annotations, defaults, (settings.RESTORE,))
        return enabled and values[settings.RESTORE] != NEVER
    except Exception:  # noqa: BLE001 -- no pod of whatever shape may fail for this question
        return False


def told(problem: Problem, mode: str) -> str:
    """Return the line about an invalid value, with its consequence here."""
    if mode != NEVER and problem.key in {setting.annotation for setting in _ORIGINS}:
        return str(replace(problem, reason=f"{problem.reason}; {_WAITS}", used=""))
    return str(problem)


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """What to restore before the pod starts (None: nothing is requested)."""

    restore: Restore | None
    warnings: tuple[str, ...] = ()


def plan(pod: Pod, values: Settings, volumes: Iterable[str]) -> RestorePlan:
    """Return what to restore into ``volumes``."""
    mode = values[settings.RESTORE]
    if mode == NEVER:
        return RestorePlan(None)
    if values[settings.ENGINE] != settings.ENGINE.default:
        line = (
            f"{settings.ENGINE.annotation} {values[settings.ENGINE]} makes no snapshots for an "
            f"automatic restore; write restic, or restore manually"
        )
        return RestorePlan(Restore(mode, problem=line), (line, REFUSAL))
    wanted = tuple(dict.fromkeys(volumes))
    filled = tuple(name for name in wanted if _is_writable(pod, name))
    lines = tuple(
        f"volume {name} is read-only in this pod and cannot be restored"
        for name in wanted
        if name not in filled
    )
    if not filled:
        return RestorePlan(Restore(mode, problem=lines[0]), (*lines, REFUSAL))
    annotations = pod_spec.annotations(pod)
    as_of, origin = (
        _written(annotations, setting) or values.get(setting) or "" for setting in _ORIGINS
    )
    return RestorePlan(Restore(mode, filled, as_of, origin), lines)


def _is_writable(pod: Pod, name: str) -> bool:
    """Whether the volume is writable; a hostPath also has to be writable for the app."""
    volume = next(each for each in pod_spec.spec(pod)["volumes"] if str(each["name"]) == name)
    if volume.get("image") is not None:
        return False
    if any(isinstance(source, dict) and source.get("readOnly") for source in volume.values()):
        return False
    return volume.get("hostPath") is None or any(
        mount.get("name") == name and not mount.get("readOnly")
        for container in pod_spec.containers(pod)
        for mount in container.get("volumeMounts") or []
    )


def position(init: list[dict[str, Any]], restorer: Json) -> int:
    """Return the position of ``restorer``: right before the first container that uses its volumes.

    Containers before it provide the network (a mesh's proxy) or wait for something else.
    """
    filled = {mount["name"] for mount in restorer["volumeMounts"]} - set(names.OWN_VOLUMES)
    for index, container in enumerate(init):
        if any(mount.get("name") in filled for mount in container.get("volumeMounts") or []):
            return index
    return len(init)
