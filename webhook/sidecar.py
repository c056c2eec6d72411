"""What a Plan adds to the pod: one native sidecar, its volumes, annotations and label."""

import json
from dataclasses import dataclass
from typing import Any

from contract import VERSION, names, quantity, settings
from contract.settings import Settings
from contract.values import RunAs
from webhook import workload
from webhook.inject import Options, Plan, Skip
from webhook.workload import Pod

_IMAGE_USER = 65532  # the image's own numeric user
_GUARANTEED_CPU = "200m"  # at 1m, opening a repository takes over a minute
_SCRATCH_BOUND = "1Gi"  # what cache, copies and scratch may take of ephemeral storage
_CONFIG_KEYS = tuple(setting.key for setting in settings.ALL if setting.live)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Additions:
    """Everything that is appended to the pod; all values are plain JSON."""

    containers: tuple[Json, ...]
    volumes: tuple[Json, ...]
    annotations: dict[str, str]
    labels: dict[str, str]
    warnings: tuple[str, ...]


NOTHING = Additions((), (), {}, {}, ())


def describe_skip(skip: Skip) -> Additions:
    """Return the status annotation by which a pod that asked for backups says why it has none."""
    status = {"injected": False, "reason": skip.reason.value, "version": VERSION}
    annotations = {names.STATUS_ANNOTATION: json.dumps(status, separators=(",", ":"))}
    return Additions((), (), annotations if skip.told else {}, {}, skip.warnings)


def describe(pod: Pod, plan: Plan, options: Options) -> Additions:
    """Return what ``plan`` adds to ``pod``. The same input gives the same bytes."""
    run_as, security_warnings = _user(pod, plan)
    resources, resource_warnings = _resources(pod, plan.settings)
    container: Json = {
        "name": names.CONTAINER,
        "image": options.image,
        "imagePullPolicy": options.pull_policy,
        "command": [names.COMMAND],
        "restartPolicy": "Always",
        "envFrom": [
            {"secretRef": {"name": plan.settings[settings.SECRET], "optional": True}},
        ],
        "env": _environment(plan, options),
        "volumeMounts": _mounts(plan),
        "securityContext": _security_context(pod, plan, run_as),
    }
    if resources:
        container["resources"] = resources
    return Additions(
        containers=(container,),
        volumes=_volumes(plan),
        annotations=_annotations(pod, plan),
        labels={names.INJECTED_LABEL: "true"},
        warnings=(*plan.warnings, *security_warnings, *resource_warnings),
    )


def _environment(plan: Plan, options: Options) -> list[Json]:
    identity = plan.identity
    env = [
        _field(names.ENV_NAMESPACE, "metadata.namespace"),
        _field(names.ENV_POD, "metadata.name"),
    ]
    # The kubelet expands $(VAR) only from variables that stand before it.
    if f"$({names.ENV_NODE})" in identity.host:
        env.append(_field(names.ENV_NODE, "spec.nodeName"))
    if f"$({names.ENV_POD_INDEX})" in identity.host:
        label = "metadata.labels['apps.kubernetes.io/pod-index']"
        env.append(_field(names.ENV_POD_INDEX, label))
    env.append({"name": names.ENV_HOST, "value": identity.host})
    if plan.settings.get(settings.NAME):
        env.append(_value(names.ENV_HOST_GIVEN, "true"))
    defaults = {key: options.defaults[key] for key in _CONFIG_KEYS if key in options.defaults}
    env += [
        _value(names.ENV_KIND, identity.kind),
        _value(names.ENV_WORKLOAD, identity.workload),
        *([_value(names.ENV_CLUSTER, options.cluster)] if options.cluster else []),
        _value(names.ENV_DEFAULTS, json.dumps(defaults, sort_keys=True)),
        _value(names.ENV_VOLUMES_DIR, names.VOLUMES_DIR),
        _value(names.ENV_STATE_DIR, names.STATE_DIR),
        _value(names.ENV_SECRET_DIR, names.SECRET_DIR),
        _value(names.ENV_ANNOTATIONS_FILE, names.ANNOTATIONS_FILE),
    ]
    if plan.sources is not None:
        env.append(_value(names.ENV_VOLUMES, json.dumps(plan.sources)))
    return env


def _field(name: str, path: str) -> Json:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _value(name: str, text: str) -> Json:
    return {"name": name, "value": text.replace("$", "$$")}


def _mounts(plan: Plan) -> list[Json]:
    mounts: list[Json] = []
    for mount in plan.mounts:
        entry = {
            "name": mount.volume,
            "mountPath": f"{names.VOLUMES_DIR}/{mount.path}",
            "readOnly": True,
        }
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
    status = {
        "injected": True,
        "reason": names.Reason.INJECTED.value,
        "version": VERSION,
        "volumes": list(plan.sources or (mount.path for mount in plan.mounts)),
        "defaulted": list(plan.defaulted),
    }
    evictable = str(workload.annotations(pod).get(names.SAFE_TO_EVICT_ANNOTATION) or "")
    volumes = [name for name in evictable.split(",") if name]
    return {
        names.STATUS_ANNOTATION: json.dumps(status, separators=(",", ":"), ensure_ascii=False),
        names.SAFE_TO_EVICT_ANNOTATION: ",".join(dict.fromkeys((*volumes, names.STATE_VOLUME))),
    }


def _user(pod: Pod, plan: Plan) -> tuple[RunAs, tuple[str, ...]]:
    """Return whom the sidecar runs as: like the container that mounts the data, if it is known."""
    chosen = plan.settings.get(settings.RUN_AS)
    if chosen is not None:
        return chosen, ()
    users = {
        user
        for container in workload.mounting(pod, {mount.volume for mount in plan.mounts})
        if (user := _effective(pod, container, "runAsUser")) is not None
    }
    warnings = (_differ(users),) if len(users) > 1 else ()
    first = workload.mounting(pod, {plan.mounts[0].volume})[0]
    user = _effective(pod, first, "runAsUser")
    if user is not None:
        return RunAs(user, _effective(pod, first, "runAsGroup")), warnings
    non_root = _effective(pod, first, "runAsNonRoot") or _effective(pod, {}, "runAsNonRoot")
    return RunAs(_IMAGE_USER if non_root else 0, None), warnings


def _differ(users: set[int]) -> str:
    listed = ", ".join(map(str, sorted(users)))
    key = settings.RUN_AS.annotation
    return (
        f"the volumes are mounted by different users ({listed}); "
        f"if backups report unreadable files, set {key}"
    )


def _effective(pod: Pod, container: Json, field: str) -> Any:  # noqa: ANN401 -- any JSON value
    own = (container.get("securityContext") or {}).get(field)
    return own if own is not None else (workload.spec(pod).get("securityContext") or {}).get(field)


def _security_context(pod: Pod, plan: Plan, run_as: RunAs) -> Json:
    capabilities: Json = {"drop": ["ALL"]}
    if run_as.user == 0:
        capabilities["add"] = ["DAC_OVERRIDE"]
    context: Json = {
        "allowPrivilegeEscalation": False,
        "capabilities": capabilities,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": run_as.user != 0,
        "runAsUser": run_as.user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if run_as.group is not None:
        context["runAsGroup"] = run_as.group
    first = workload.mounting(pod, {plan.mounts[0].volume})[0]
    if (options := (first.get("securityContext") or {}).get("seLinuxOptions")) is not None:
        context["seLinuxOptions"] = options
    return context


def _resources(pod: Pod, values: Settings) -> tuple[Json, tuple[str, ...]]:
    if workload.spec(pod).get("resources"):
        return {}, ()  # the pod's own budget holds for all its containers
    cpu, memory = values.get(settings.CPU_LIMIT), values[settings.MEMORY_LIMIT]
    limits: Json = {"memory": memory}
    if workload.is_guaranteed(pod):
        limits["cpu"] = cpu or _GUARANTEED_CPU
        requests = dict(limits)
    else:
        if cpu:
            limits["cpu"] = cpu
        requests = {
            "cpu": values[settings.CPU_REQUEST],
            "memory": values[settings.MEMORY_REQUEST],
        }
    warnings = []
    for resource, limit in limits.items():
        if quantity.parse(requests[resource]) > quantity.parse(limit):
            warnings.append(
                f"annotation backup.{resource}-request {requests[resource]!r}: more than the limit;"
                f" using {limit}"
            )
            requests[resource] = limit
    if workload.limits_ephemeral_storage(pod):
        limits["ephemeral-storage"], requests["ephemeral-storage"] = _SCRATCH_BOUND, "0"
    return {"limits": limits, "requests": requests}, tuple(warnings)
