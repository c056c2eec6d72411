"""What a Plan adds to the pod: a native sidecar, what fills its volumes, annotations and label."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import orjson

from contract import VERSION, floors, names, settings
from contract.settings import Settings
from webhook import resources, restore, security, workload
from webhook.inject import Options, Plan, Skip, Surroundings
from webhook.sources import Mount
from webhook.workload import Pod

_CONFIG_KEYS = (
    *(setting.key for setting in settings.ALL if setting.live),
    *(setting.key for setting in floors.ALL),
)

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
    """Return the status annotation by which a pod that asked for backups says why it has none."""
    status: Json = {"injected": False, "reason": skip.reason.value, "version": VERSION}
    if skip.refused:
        status |= {"restore": restore.REFUSED, "why": skip.warnings[-1]}
    annotations = {names.STATUS_ANNOTATION: _text(status)}
    return Additions((), (), annotations if skip.told else {}, {}, skip.warnings)


def describe(pod: Pod, plan: Plan, options: Options, around: Surroundings) -> Additions:
    """Return what ``plan`` adds to ``pod``. The same input gives the same bytes.

    Raises NoRoomError where the namespace allows no resources with which backups work.
    """
    security_context, security_warnings = security.context(pod, plan, around)
    needs, resource_warnings = resources.choose(pod, plan.settings, around)
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
        "env": [*_environment(plan, options), *_grace(pod)],
        "volumeMounts": _mounts(plan.mounts),
        "securityContext": security_context,
    }
    if needs:
        container["resources"] = needs
    return Additions(
        containers=(container,),
        volumes=_volumes(plan),
        annotations=_annotations(pod, plan),
        labels={names.INJECTED_LABEL: "true"},
        pull_secrets=_pull_secrets(pod, around),
        restorer=_restorer(pod, plan, options, around, container),
        warnings=(*plan.warnings, *security_warnings, *resource_warnings),
    )


def _restorer(
    pod: Pod, plan: Plan, options: Options, around: Surroundings, sidecar: Json
) -> Json | None:
    """Return the init container that fills volumes: the sidecar's like, but for what it is for.

    It asks for so little that a pod with both asks for no more than with the sidecar alone.
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
            *_environment(_only(plan, wanted.volumes), options),
            *_grace(pod),
            *(_value(key, text) for key, text in given.items() if text),
            # Also where it is empty: what stands here, the Secret cannot set.
            *([] if allowed else [_value(names.ENV_RESTORE_COMMANDS, "")]),
        ],
        "volumeMounts": _mounts(filled, writable=True),
        "securityContext": security.of_restorer(pod, plan, around),
        # The runner says why it waits; where it was killed, the end of its log does.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if needs := sidecar.get("resources"):
        container["resources"] = resources.of_restorer(pod, plan.settings, needs, around)
    return container


def _only(plan: Plan, volumes: tuple[str, ...]) -> Plan:
    """Return ``plan`` for a container that mounts no other than these volumes."""
    if plan.sources is None:
        return plan
    return replace(plan, sources=tuple(s for s in plan.sources if s.split("/")[0] in volumes))


def _environment(plan: Plan, options: Options) -> list[Json]:
    identity = plan.identity
    env = [
        _value("PATH", names.PATH),
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
        _value(names.ENV_DEFAULTS, _text(dict(sorted(defaults.items())))),
        *_admitted(plan.settings),
        _value(names.ENV_VOLUMES_DIR, names.VOLUMES_DIR),
        _value(names.ENV_STATE_DIR, names.STATE_DIR),
        _value(names.ENV_SECRET_DIR, names.SECRET_DIR),
        _value(names.ENV_ANNOTATIONS_FILE, names.ANNOTATIONS_FILE),
    ]
    if plan.sources is not None:
        env.append(_value(names.ENV_VOLUMES, _text(plan.sources)))
    return [*env, *_fixed(plan.settings)]


def _admitted(given: Settings) -> Iterator[Json]:
    """Yield what the pod's own annotations say of retention, where they do.

    The runner tells by it what was annotated later, perhaps by somebody who may only patch pods.
    """
    keys = {setting.key for setting in settings.RETENTION}
    said = {
        f"{settings.PREFIX}{key}": given.given[key] for key in sorted(keys & given.given.keys())
    }
    if said:
        yield _value(names.ENV_ADMITTED, _text(said))


def _fixed(given: Settings) -> Iterator[Json]:
    """Yield what is decided at admission: the right to patch a pod is no right to execute."""
    if given[settings.ENGINE] != settings.ENGINE.default:
        yield _value(names.ENV_ENGINE, given[settings.ENGINE])
    for name, setting in ((names.ENV_PRE, settings.PRE), (names.ENV_POST, settings.POST)):
        if command := given.get(setting):
            yield _value(name, _text(command))
    if allowed := given.get(settings.RESTORE_COMMANDS):  # for the pods of `kubectl backup restore`
        yield _value(names.ENV_RESTORE_COMMANDS, " ".join(allowed))
    if dumps := given.get(settings.DUMP):
        yield _value(names.ENV_DUMP, _text([[each.name, *each.words] for each in dumps]))


def _grace(pod: Pod) -> Iterator[Json]:
    seconds = workload.spec(pod).get("terminationGracePeriodSeconds")
    if seconds is not None and seconds != names.GRACE_SECONDS:
        yield _value(names.ENV_GRACE, str(seconds))


def _text(value: object) -> str:
    return orjson.dumps(value).decode()


def _field(name: str, path: str) -> Json:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _value(name: str, text: str) -> Json:
    return {"name": name, "value": text.replace("$", "$$")}


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
        status["restore"] = restore.REFUSED if wanted.problem else wanted.mode
        status |= {"why": wanted.problem} if wanted.problem else {}
    evictable = str(workload.annotations(pod).get(names.SAFE_TO_EVICT_ANNOTATION) or "")
    volumes = [name for name in evictable.split(",") if name]
    return {
        names.STATUS_ANNOTATION: _text(status),
        names.SAFE_TO_EVICT_ANNOTATION: ",".join(dict.fromkeys((*volumes, names.STATE_VOLUME))),
    }


def _pull_secrets(pod: Pod, around: Surroundings) -> tuple[Json, ...]:
    there = {entry.get("name") for entry in workload.spec(pod).get("imagePullSecrets") or []}
    return tuple({"name": name} for name in around.pull_secrets if name not in there)
