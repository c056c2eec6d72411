"""What the doctor finds out, and what it says of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from kubectl_backup.workload.restoring import Said

Json = dict[str, Any]

WEBHOOK = "sidecar.backup-webhook.io"
"""Name of the webhook in its configuration; objects may be named otherwise."""


class Level(StrEnum):
    """How a link of the chain is."""

    OK = "ok"
    PROBLEM = "problem"
    HINT = "hint"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to do."""

    level: Level
    subject: str
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Repository:
    """How restic answered when it was asked to open the repository."""

    code: int
    said: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What could be found out. None is "not there", and what stands in ``untold`` is not known:
    why, by the field's name. ``keys`` tells for each key of the Secret whether it holds anything.
    ``newlines`` are passwords that end with a newline, where no sidecar says so itself.
    ``bundle_ends`` is when the last CA of the bundle ends: 0 if it cannot be read, infinity if it
    holds none. ``trial`` is what became of an annotated pod that was created for trial. ``said`` is
    what restores say by the name of their pod, ``warnings`` what events say by its uid.
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
        """The pod that is looked at."""
        return self.pods[0] if self.pods else None


def ok(subject: str, text: str) -> Finding:
    """Return that a link holds."""
    return Finding(Level.OK, subject, text)


def problem(subject: str, text: str, remedy: str) -> Finding:
    """Return that a link is broken, and what to do."""
    return Finding(Level.PROBLEM, subject, text, remedy)


def hint(subject: str, text: str, remedy: str = "") -> Finding:
    """Return what is worth a thought."""
    return Finding(Level.HINT, subject, text, remedy)


def unknown(subject: str, why: str, remedy: str = "") -> Finding:
    """Return that nobody knows whether a link holds."""
    return Finding(Level.UNKNOWN, subject, why, remedy)
