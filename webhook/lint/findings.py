"""What `lint` finds: how severe it is, what to change, and which pod it is about."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from contract.annotations import settings
from contract.annotations.settings import Setting
from webhook.admission.model import Plan
from webhook.admission.pod_spec import Pod
from webhook.lint.rules import Rule
from webhook.manifests.documents import Document
from webhook.manifests.workloads import Workload

ENABLED = settings.ENABLED.annotation


class Severity(StrEnum):
    """``error``: requested a backup and gets none; ``note``: does not fail the command."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know or to do. ``key`` is what to change: annotation, variable or field.

    ``line`` is the line of the pod's file that it is about, 0 where that is not known.
    """

    rule: Rule
    severity: Severity
    key: str
    message: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Scale:
    """The field by which a workload has several pods, and how many, such as `replicas 3`."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Subject:
    """A pod that would be injected, and the workload in the files that it is of.

    ``namespace`` is empty if the manifest names none; ``secret`` is the one that ``plan`` names,
    if it is in the files; ``scale`` is None for one pod; ``defaults`` are the chart's.
    """

    workload: Workload
    pod: Pod
    namespace: str
    plan: Plan
    secret: Document | None
    scale: Scale | None
    defaults: Mapping[str, str]


def has(annotations: Mapping[str, object], setting: Setting[Any]) -> bool:
    """Whether the annotation is given; an empty text is not."""
    value = annotations.get(setting.annotation)
    return value is not None and bool(str(value).strip())
