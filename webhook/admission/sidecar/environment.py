"""The environment of our containers: the pod's identity, chart values, annotations."""

from collections.abc import Iterator
from typing import Any

import orjson

from contract import names
from contract.annotations import floors, settings
from contract.annotations.settings import Settings
from webhook.admission import pod_spec
from webhook.admission.model import Options, Plan
from webhook.admission.pod_spec import Pod

_CONFIG_KEYS = (
    *(setting.key for setting in settings.ALL if setting.live),
    *(setting.key for setting in floors.ALL),
)

Json = dict[str, Any]


def of(pod: Pod, plan: Plan, options: Options) -> list[Json]:
    """Return the variables of a container of ours; the kubelet expands those of the pod."""
    identity = plan.identity
    env = [
        value("PATH", names.PATH),
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
        env.append(value(names.ENV_HOST_GIVEN, "true"))
    defaults = {key: options.defaults[key] for key in _CONFIG_KEYS if key in options.defaults}
    env += [
        value(names.ENV_KIND, identity.kind),
        value(names.ENV_WORKLOAD, identity.workload),
        *([value(names.ENV_CLUSTER, options.cluster)] if options.cluster else []),
        value(names.ENV_DEFAULTS, text(dict(sorted(defaults.items())))),
        *_admitted(plan.settings),
        value(names.ENV_VOLUMES_DIR, names.VOLUMES_DIR),
        value(names.ENV_STATE_DIR, names.STATE_DIR),
        value(names.ENV_SECRET_DIR, names.SECRET_DIR),
        value(names.ENV_ANNOTATIONS_FILE, names.ANNOTATIONS_FILE),
    ]
    if plan.sources is not None:
        env.append(value(names.ENV_VOLUMES, text(plan.sources)))
    return [*env, *_fixed(plan.settings), *_grace(pod)]


def _admitted(given: Settings) -> Iterator[Json]:
    """Yield the keep policy in the pod's own annotations, if there is one.

    It shows the runner what was annotated later, perhaps by a user who may only patch pods.
    """
    keys = {setting.key for setting in settings.RETENTION}
    said = {
        f"{settings.PREFIX}{key}": given.given[key] for key in sorted(keys & given.given.keys())
    }
    if said:
        yield value(names.ENV_ADMITTED, text(said))


def _fixed(given: Settings) -> Iterator[Json]:
    """Yield what is fixed at admission: the right to patch a pod is no right to execute."""
    if given[settings.ENGINE] != settings.ENGINE.default:
        yield value(names.ENV_ENGINE, given[settings.ENGINE])
    for name, setting in ((names.ENV_PRE, settings.PRE), (names.ENV_POST, settings.POST)):
        if command := given.get(setting):
            yield value(name, text(command))
    if allowed := given.get(settings.RESTORE_COMMANDS):  # for the pods of `kubectl backup restore`
        yield value(names.ENV_RESTORE_COMMANDS, " ".join(allowed))
    if dumps := given.get(settings.DUMP):
        yield value(names.ENV_DUMP, text([[each.name, *each.words] for each in dumps]))


def _grace(pod: Pod) -> Iterator[Json]:
    seconds = pod_spec.spec(pod).get("terminationGracePeriodSeconds")
    if seconds is not None and seconds != names.GRACE_SECONDS:
        yield value(names.ENV_GRACE, str(seconds))


def text(value: object) -> str:
    """Return a value as compact JSON, the same bytes for the same value."""
    return orjson.dumps(value).decode()


def _field(name: str, path: str) -> Json:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def value(name: str, written: str) -> Json:
    """Return a variable with this very text: nothing in it is expanded."""
    return {"name": name, "value": written.replace("$", "$$")}
