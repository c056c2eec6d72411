"""Annotations of a Namespace: the defaults of its pods, below annotations and the Secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from contract import names
from contract.annotations import resolution, settings
from contract.annotations.resolution import Problem, Setting

_WHERE = "namespace annotation"
_LONGEST = 8 << 10  # characters of a value
_TOGETHER = 64 << 10  # of all: they are in one variable, and Linux starts none beyond 128 KiB

OF_ONE_WORKLOAD: tuple[Setting[Any], ...] = (
    settings.NAME, settings.RUN_NOW, settings.RESTORE_FROM,
)  # fmt: skip
"""What has no meaning for all pods of a namespace, or would mix up their backups."""


class Policy(StrEnum):
    """Which pods of opted-in namespaces are backed up without an annotation of their own."""

    ANNOTATED = "annotated"
    """None."""
    NAMESPACES = "namespaces"
    """Those that mount claims, in namespaces with the annotation ``backup.enabled``."""
    ALL = "all"
    """Those that mount claims, except in namespaces whose annotation turns it off."""


@dataclass(frozen=True, slots=True)
class NamespaceDefaults:
    """What a Namespace says about its pods.

    ``enabled``: its annotation ``backup.enabled``, None if it has none that can be used.
    ``values``: valid settings by key without prefix. ``problems``: one for each that is not.
    """

    enabled: bool | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def enables(self, policy: Policy) -> bool:
        """Return whether pods that say nothing themselves are backed up."""
        if policy is Policy.ALL:
            return self.enabled is not False
        return policy is Policy.NAMESPACES and self.enabled is True


NOTHING = NamespaceDefaults()
"""Of a Namespace that says nothing."""


def read(annotations: Mapping[str, object]) -> NamespaceDefaults:
    """Return the defaults in the annotations of a Namespace; what cannot be used is a problem."""
    enabled: bool | None = None
    values: dict[str, str] = {}
    problems: list[Problem] = []
    left = _TOGETHER
    for setting in settings.ALL:
        raw = annotations.get(setting.annotation)
        try:
            if not (text := resolution.text_of(raw)):
                continue
            _check(setting, text, left)
            parsed = setting.parse(text)
        except ValueError as error:
            problems.append(Problem(_WHERE, setting.annotation, str(raw), str(error), ""))
            continue
        if setting is settings.ENABLED:
            enabled = bool(parsed)
        else:
            values[setting.key] = text
            left -= len(text)
    problems += (replace(each, where=_WHERE) for each in settings.unknown(_ours(annotations)))
    return NamespaceDefaults(enabled, values, tuple(problems))


def _check(setting: Setting[Any], text: str, left: int) -> None:
    """Raise ValueError if a setting is not one of a namespace."""
    if setting in OF_ONE_WORKLOAD:
        raise ValueError("is of one workload: annotate its pod template")
    if len(text) > min(_LONGEST, left):
        raise ValueError(
            f"is longer than a namespace's may be ({_LONGEST} characters, {_TOGETHER} in all): "
            "annotate pod templates"
        )


def _ours(annotations: Mapping[str, object]) -> dict[str, object]:
    """Return what is certainly meant as a setting: others write to namespaces, too."""
    return {
        key: value
        for key, value in annotations.items()
        if key.startswith(settings.PREFIX) and key != names.PULL_SECRETS_ANNOTATION
    }
