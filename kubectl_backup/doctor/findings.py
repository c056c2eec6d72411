"""The facts that the doctor collects, and its findings. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from kubectl_backup.workload.restoring import Said

Json = dict[str, Any]

WEBHOOK = "sidecar.backup-webhook.io"
"""Name of the webhook in its configuration; the configuration may have another name."""


class Level(StrEnum):
    """The state of a link of the chain."""

    OK = "ok"
    PROBLEM = "problem"
    HINT = "hint"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was checked, its state, and what to do."""

    level: Level
    subject: str
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Repository:
    """How restic answered when it opened the repository."""

    code: int
    said: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known. None means that an object does not exist; ``untold`` has the fields that
    could not be read, and why.

    ``keys`` tells for each key of the Secret whether it has a value. ``newlines`` are passwords
    that end with a newline, if no sidecar reports that itself. ``bundle_ends`` is when the last CA
    of the bundle expires: 0 if it cannot be read, infinity if it has none. ``trial`` is an
    annotated pod as a dry run returned it. ``said`` are messages of restores by the name of their
    pod, ``warnings`` events by its uid.
    """

    now: float
    namespace: str
    server: str = ""
    version: tuple[int, int] = (0, 0)
    configurations: tuple[Json, ...] = ()
    bundle_ends: float = 0
    deployment: Json | None = None
    prepull: tuple[Json, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    trial: Json | None = None
    workload: str = ""
    template: Json | None = None
    pods: tuple[Json, ...] = ()
    secret: str = ""
    keys: Mapping[str, bool] | None = None
    newlines: tuple[str, ...] = ()
    repository: Repository | None = None
    known: Json | None = None
    untold: Mapping[str, str] = field(default_factory=dict)
    said: Mapping[str, Said] = field(default_factory=dict)
    warnings: Mapping[str, str] = field(default_factory=dict)

    @property
    def webhook(self) -> Json | None:
        """Our webhook in the first of its configurations."""
        for each in self.configurations:
            for hook in each.get("webhooks") or ():
                if hook.get("name") == WEBHOOK:
                    return dict(hook)
        return None

    @property
    def pod(self) -> Json | None:
        """The pod that is checked."""
        return self.pods[0] if self.pods else None


def ok(subject: str, text: str) -> Finding:
    """Return that a link is fine."""
    return Finding(Level.OK, subject, text)


def problem(subject: str, text: str, remedy: str) -> Finding:
    """Return that a link is broken, and what to do."""
    return Finding(Level.PROBLEM, subject, text, remedy)


def hint(subject: str, text: str, remedy: str = "") -> Finding:
    """Return something to consider."""
    return Finding(Level.HINT, subject, text, remedy)


def unknown(subject: str, why: str, remedy: str = "") -> Finding:
    """Return that a link could not be checked."""
    return Finding(Level.UNKNOWN, subject, why, remedy)
