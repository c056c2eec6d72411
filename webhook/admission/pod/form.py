"""Whether what admission reads, labels and annotations are of the types of Kubernetes. Pure.

The API server refuses a pod that is not so before any webhook sees it. Manifests come as their
authors, and their templates with placeholders, have left them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from contract.annotations import quantity, resolution

_SHOWN = 60  # characters of a value that a message repeats

Check = Callable[[object, str], Iterator[str]]
"""From a value and its path to what is wrong with it; null is always right."""


def fault(pod: object, path: str = "") -> str:
    """Return the first field of ``pod`` that is of the wrong type and what to write; "" for none.

    ``path`` leads to the pod, or to its template, where that is a part of something.
    """
    return next(_POD(pod, path), "")


def metadata_fault(metadata: object, path: str) -> str:
    """Return the same of the metadata of an object that holds a template of pods."""
    return next(_METADATA(metadata, path), "")


@dataclass(frozen=True, slots=True)
class _Of:
    """A value of these types; ``remedy`` is what to write instead."""

    types: tuple[type, ...]
    remedy: str

    def __call__(self, value: object, path: str) -> Iterator[str]:
        right = isinstance(value, self.types) and (
            not isinstance(value, bool) or bool in self.types
        )
        if value is not None and not right:
            yield _said(path, value, self.remedy)


@dataclass(frozen=True, slots=True)
class _Mapping:
    """A mapping with these ``fields``; ``each`` is for all others, None if they are not read."""

    fields: Mapping[str, Check]
    each: Check | None = None

    def __call__(self, value: object, path: str) -> Iterator[str]:
        if value is None:
            return
        if not isinstance(value, Mapping):
            yield _said(path, value, "write a mapping")
            return
        for key, inside in value.items():
            if check := self.fields.get(key, self.each):
                yield from check(inside, f"{path}.{key}" if path else str(key))


@dataclass(frozen=True, slots=True)
class _List:
    """A list of such items, none of them null."""

    item: Check

    def __call__(self, value: object, path: str) -> Iterator[str]:
        if value is None:
            return
        if not isinstance(value, list):
            yield _said(path, value, "write a list")
            return
        for number, item in enumerate(value):
            place = f"{path}[{number}]"
            if item is None:
                yield f"{place} is empty: remove it"
            yield from self.item(item, place)


def _quantity(value: object, path: str) -> Iterator[str]:
    if value is None:
        return
    try:
        quantity.parse(str(value))
    except ValueError as error:
        yield _said(path, value, str(error))


def _said(path: str, value: object, remedy: str) -> str:
    text = str(value)
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f"{path or 'the pod'} {shown!r}: {remedy}"


def _annotations(value: object, path: str) -> Iterator[str]:
    """Our own are judged where they are read, which can say more of each."""
    if isinstance(value, Mapping):
        ours = [key for key in value if str(key).startswith(resolution.PREFIX)]
        value = {key: text for key, text in value.items() if key not in ours}
    yield from _TEXTS(value, path)


_TEXT = _Of((str,), "write text, in quotes where YAML takes it for something else")
_NUMBER = _Of((int,), "write a whole number, without quotes")
_YES_OR_NO = _Of((bool,), "write true or false, without quotes")
_ANY = _Mapping({})
_TEXTS = _Mapping({}, each=_TEXT)
_RESOURCES = _Mapping(dict.fromkeys(("requests", "limits"), _Mapping({}, each=_quantity)))
_SECURITY = _Mapping(
    {
        **dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"), _NUMBER),
        **dict.fromkeys(("runAsNonRoot", "privileged", "readOnlyRootFilesystem"), _YES_OR_NO),
        **dict.fromkeys(("seLinuxOptions", "windowsOptions", "capabilities"), _ANY),
        "appArmorProfile": _Mapping({"type": _TEXT}),
    }
)
_MOUNT = _Mapping(
    {
        **dict.fromkeys(("name", "mountPath", "subPath", "subPathExpr"), _TEXT),
        "readOnly": _YES_OR_NO,
    }
)
_CONTAINER = _Mapping(
    {
        **dict.fromkeys(("name", "image", "restartPolicy"), _TEXT),
        **dict.fromkeys(("command", "args"), _List(_TEXT)),
        "env": _List(_Mapping({"name": _TEXT, "value": _TEXT})),
        "envFrom": _List(_ANY),
        "volumeMounts": _List(_MOUNT),
        "volumeDevices": _List(_Mapping({"name": _TEXT})),
        "resources": _RESOURCES,
        "securityContext": _SECURITY,
    }
)
_VOLUME = _Mapping({"name": _TEXT, "persistentVolumeClaim": _Mapping({"claimName": _TEXT})})
_EXPRESSION = _Mapping({"key": _TEXT, "operator": _TEXT, "values": _List(_TEXT)})
_TERMS = _List(_Mapping({"matchExpressions": _List(_EXPRESSION), "matchFields": _List(_ANY)}))
_REQUIRED = _Mapping({"nodeSelectorTerms": _TERMS})
_AFFINITY = _Mapping({"requiredDuringSchedulingIgnoredDuringExecution": _REQUIRED})
_OWNER = _Mapping({**dict.fromkeys(("kind", "name"), _TEXT), "controller": _YES_OR_NO})
_METADATA = _Mapping(
    {
        **dict.fromkeys(("name", "generateName", "namespace"), _TEXT),
        "annotations": _annotations,
        "labels": _TEXTS,
        "ownerReferences": _List(_OWNER),
    }
)
_POD = _Mapping(
    {
        "metadata": _METADATA,
        "spec": _Mapping(
            {
                **dict.fromkeys(("containers", "initContainers"), _List(_CONTAINER)),
                "volumes": _List(_VOLUME),
                "resources": _RESOURCES,
                "overhead": _Mapping({}, each=_quantity),
                "securityContext": _SECURITY,
                "nodeSelector": _TEXTS,
                "affinity": _Mapping({"nodeAffinity": _AFFINITY}),
                "os": _Mapping({"name": _TEXT}),
                "imagePullSecrets": _List(_Mapping({"name": _TEXT})),
                "terminationGracePeriodSeconds": _NUMBER,
                "shareProcessNamespace": _YES_OR_NO,
            }
        ),
    }
)
