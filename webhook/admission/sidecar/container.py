"""Additions of a Plan to the pod: native sidecar, init container, volumes, annotations, label."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from contract import VERSION, names
from contract.annotations import settings
from webhook.admission import pod_spec, restore_plan
from webhook.admission.model import NamespaceContext, Options, Plan, Skip
from webhook.admission.pod_spec import Pod
from webhook.admission.sidecar import environment, resources, security_context
from webhook.admission.volumes.selection import Mount

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Additions:
    """Everything that is added to the pod; all values are plain JSON.

    ``containers`` and the other lists are appended; ``restorer`` comes before what it fills.
    """

    containers: tuple[Json, ...]
    volumes: tuple[Json, ...]
    annotations: dict[str, str]
    labels: dict[str, str]
    warnings: tuple[str, ...]
    pull_secrets: tuple[Json, ...] = ()
    restorer: Json | None = None


NOTHING = Additions((), (), {}, {}, ())


def describe_skip(skip: Skip) -> Additions:
    """Return the status annotation that names the reason why a pod has no backup."""
    status: Json = {"injected": False, "reason": skip.reason.value, "version": VERSION}
    if skip.refused:
        status |= {"restore": restore_plan.REFUSED, "why": skip.warnings[-1]}
    elif skip.reason is names.Reason.SIDECAR_BROKEN:
        status |= {"why": skip.warnings[-1]}
    annotations = {names.STATUS_ANNOTATION: environment.text(status)}
    return Additions((), (), annotations if skip.told else {}, {}, skip.warnings)


def describe(pod: Pod, plan: Plan, options: Options, around: NamespaceContext) -> Additions:
    """Return what ``plan`` adds to ``pod``. The same input gives the same bytes.

    Raises NoRoomError if the namespace does not allow enough resources for backups.
    """
    security = security_context.context(pod, plan, around)
    needs = resources.choose(pod, plan.settings, around)
    container: Json = {
        "name": names.CONTAINER,
        "image": options.database_image if plan.settings.get(settings.DUMP) else options.image,
        "imagePullPolicy": options.pull_policy,
        "command": [names.COMMAND],
        "restartPolicy": "Always",
        "envFrom": [
            {
                "prefix": names.SECRET_PREFIX,
                "secretRef": {"name": plan.settings[settings.SECRET], "optional": True},
            },
        ],
        "env": environment.of(pod, plan, options),
        "volumeMounts": _mounts(plan.mounts),
        "securityContext": security.value,
    }
    if needs.value:
        container["resources"] = needs.value
    return Additions(
        containers=(container,),
        volumes=_volumes(plan),
        annotations=_annotations(pod, plan),
        labels={names.INJECTED_LABEL: "true"},
        pull_secrets=_pull_secrets(pod, around),
        restorer=_restorer(pod, plan, options, around, container),
        warnings=(*plan.warnings, *security.warnings, *needs.warnings),
    )


def _restorer(
    pod: Pod, plan: Plan, options: Options, around: NamespaceContext, sidecar: Json
) -> Json | None:
    """Return the init container that restores volumes; it resembles the sidecar.

    Its requests are so low that they do not raise the pod's.
    """
    wanted = plan.restore
    if wanted is None or wanted.problem:
        return None
    given = {
        names.ENV_RESTORE: wanted.mode,
        names.ENV_RESTORE_AS_OF: wanted.as_of,
        names.ENV_RESTORE_FROM: wanted.origin,
    }
    allowed = plan.settings.get(settings.RESTORE_COMMANDS) or ()
    filled = [mount for mount in plan.mounts if mount.volume in wanted.volumes]
    inherited = ("image", "imagePullPolicy", "envFrom")
    container: Json = {
        "name": names.RESTORE_CONTAINER,
        "command": list(names.RESTORE_COMMAND),
        **{key: sidecar[key] for key in inherited if key in sidecar},
        "env": [
            *environment.of(pod, _only(plan, wanted.volumes), options),
            *(environment.value(key, text) for key, text in given.items() if text),
            # Also where it is empty: what stands here, the Secret cannot set.
            *([] if allowed else [environment.value(names.ENV_RESTORE_COMMANDS, "")]),
        ],
        "volumeMounts": _mounts(filled, writable=True),
        "securityContext": security_context.of_restorer(pod, plan, around),
        # The runner says why it waits; where it was killed, the end of its log does.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if needs := sidecar.get("resources"):
        container["resources"] = resources.of_restorer(pod, plan.settings, needs, around)
    return container


def _only(plan: Plan, volumes: tuple[str, ...]) -> Plan:
    """Return ``plan`` for a container that mounts only these volumes."""
    if plan.sources is None:
        return plan
    return replace(plan, sources=tuple(s for s in plan.sources if s.split("/")[0] in volumes))


def _mounts(data: Iterable[Mount], *, writable: bool = False) -> list[Json]:
    mounts: list[Json] = []
    for mount in data:
        entry: Json = {"name": mount.volume, "mountPath": f"{names.VOLUMES_DIR}/{mount.path}"}
        if not writable:
            entry["readOnly"] = True
        if mount.folder:
            entry["subPath"] = mount.folder
        mounts.append(entry)
    return [
        *mounts,
        {"name": names.STATE_VOLUME, "mountPath": names.STATE_DIR},
        {"name": names.SECRET_VOLUME, "mountPath": names.SECRET_DIR, "readOnly": True},
        {"name": names.POD_VOLUME, "mountPath": names.POD_DIR, "readOnly": True},
        # What is mounted here already keeps the app's API token out of our container.
        {"name": names.NO_TOKEN_VOLUME, "mountPath": names.TOKEN_DIR, "readOnly": True},
    ]


def _volumes(plan: Plan) -> tuple[Json, ...]:
    annotations = {"path": "annotations", "fieldRef": {"fieldPath": "metadata.annotations"}}
    return (
        # No sizeLimit: exceeding one evicts the app's pod.
        {"name": names.STATE_VOLUME, "emptyDir": {}},
        {
            "name": names.SECRET_VOLUME,
            "secret": {"secretName": plan.settings[settings.SECRET], "optional": True},
        },
        {"name": names.POD_VOLUME, "downwardAPI": {"items": [annotations]}},
        {"name": names.NO_TOKEN_VOLUME, "projected": {"sources": []}},
    )


def _annotations(pod: Pod, plan: Plan) -> dict[str, str]:
    status: Json = {
        "injected": True,
        "reason": names.Reason.INJECTED.value,
        "version": VERSION,
        "volumes": list(plan.sources or (mount.path for mount in plan.mounts)),
        "defaulted": list(plan.defaulted),
    }
    if wanted := plan.restore:
        status["restore"] = restore_plan.REFUSED if wanted.problem else wanted.mode
        status |= {"why": wanted.problem} if wanted.problem else {}
    evictable = str(pod_spec.annotations(pod).get(names.SAFE_TO_EVICT_ANNOTATION) or "")
    volumes = [name for name in evictable.split(",") if name]
    return {
        names.STATUS_ANNOTATION: environment.text(status),
        names.SAFE_TO_EVICT_ANNOTATION: ",".join(dict.fromkeys((*volumes, names.STATE_VOLUME))),
    }


def _pull_secrets(pod: Pod, around: NamespaceContext) -> tuple[Json, ...]:
    there = {entry.get("name") for entry in pod_spec.spec(pod).get("imagePullSecrets") or []}
    return tuple({"name": name} for name in around.pull_secrets if name not in there)
