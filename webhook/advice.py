"""What stands around a pod in its manifests: its namespace, Secret and claims, and their faults.

No value of a Secret is ever in a finding.
"""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from contract import allowlist, commands, excludes, names, passwords, plaintext, settings
from contract.settings import Problem, Setting
from webhook import manifest, workload
from webhook.documents import Document
from webhook.inject import Plan
from webhook.manifest import Objects
from webhook.workload import Pod

ENABLED = settings.ENABLED.annotation
_REPOSITORY = ("RESTIC_REPOSITORY", "RESTIC_REPOSITORY_FILE")
_PASSWORD = ("RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE", "RESTIC_PASSWORD_COMMAND")
_DESTINATION = ("BUP_DST",)
_LIVE = tuple(setting for setting in settings.ALL if setting.live)


class Severity(StrEnum):
    """``error``: asked for a backup and gets none; ``note``: does not fail the command."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know or to do. ``key`` is what to change: annotation, variable or field."""

    severity: Severity
    key: str
    message: str


@dataclass(frozen=True, slots=True)
class Subject:
    """A pod that would be injected, and the pod or workload in the files that it comes of.

    ``namespace`` is empty where the manifest names none; ``secret`` is the one that ``plan``
    names, if it is in the files; ``defaults`` are the chart's.
    """

    item: Document
    pod: Pod
    namespace: str
    plan: Plan
    secret: Document | None
    defaults: Mapping[str, str]


def advise(subject: Subject, objects: Objects) -> Iterator[Finding]:
    """Yield everything that is wrong, or worth a thought, with this pod's Secret."""
    name = subject.plan.settings[settings.SECRET]
    needed = _needed(subject.plan)
    if subject.secret is None:
        if not any(name in _makes(item) for item in objects.of("Secret")):
            yield Finding(
                Severity.NOTE, settings.SECRET.annotation,
                f"Secret {name} is not in these files; without it in the pod's namespace, with "
                f"{' and '.join(main for main, *_ in needed)}, there is no backup",
            )  # fmt: skip
        return
    given, refused = manifest.contents(subject.secret)
    for key, reason in refused.items():
        yield Finding(Severity.WARNING, key, f"Secret {name}: {key} {reason}")
    for main, *others in needed:
        if not any(given.get(key, "").strip() or key in refused for key in (main, *others)):
            instead = f" (nor {', '.join(others)})" if others else ""
            yield Finding(
                Severity.ERROR, main,
                f"Secret {name} holds no {main}{instead}, and without it there is no backup; "
                "add it",
            )  # fmt: skip
    yield from _passwords(name, given)
    yield from _variables(subject, name, given)
    for number, why in _without_effect(subject, given):
        key = settings.EXCLUDE.variable or ""
        line = f"Secret {name}: {key}, line {number} (not shown), {why}"
        yield Finding(Severity.WARNING, key, line)
    for what, key in deciding(subject).items():
        line = f"Secret {name}: {key} decides the {what}; its value is not shown"
        yield Finding(Severity.NOTE, key, line)


def _variables(subject: Subject, name: str, given: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what is said of single values: sent in the open, unusable, or given to no program."""
    for key, what in plaintext.sent(given, commands.in_secret(given)):
        line = f"Secret {name}: {key} sends {what} {plaintext.WHY}"
        yield Finding(Severity.WARNING, key, line)
    for problem in _unusable(subject):
        line = f"the value (not shown) cannot be used; using {problem.used}; correct or remove it"
        yield Finding(Severity.WARNING, problem.key, f"Secret {name}: {problem.key}: {line}")
    for problem in allowlist.problems(given):
        line = f"Secret {name}: {problem.key}: {problem.reason}"
        yield Finding(Severity.WARNING, problem.key, line)


def _without_effect(subject: Subject, given: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Yield the number of each exclude pattern in doubt of the Secret's, and why."""
    key = settings.EXCLUDE
    bad = key.variable in {problem.key for problem in _unusable(subject)}
    own = has(workload.annotations(subject.pod), key)
    if own or bad or subject.plan.settings[settings.ENGINE] != "restic":
        return
    patterns = key.parse(given.get(key.variable or "", ""))
    for pattern, why in excludes.doubts(patterns, names.VOLUMES_DIR):
        yield patterns.index(pattern) + 1, why


def _passwords(name: str, given: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what stands around a password and nobody sees."""
    for key in passwords.KEYS:
        if passwords.ends_with_newline(given.get(key, "")):
            line = f"{passwords.NEWLINE}; the sidecar drops it, other tools may not"
            line = f"Secret {name}: {key} {line}; {passwords.REMEDY}"
            yield Finding(Severity.WARNING, key, line)
        used = passwords.without_newline(given.get(key, ""))
        if used.strip() and (what := passwords.odd(used)):
            line = f"Secret {name}: {key} {what}, which is part of the password; is it meant to be?"
            yield Finding(Severity.WARNING, key, line)


def opt_in(name: str, objects: Objects) -> Finding | None:
    """Return what keeps the namespace of a pod that asks for backups from being looked at."""
    command = f"kubectl label namespace {shlex.quote(name) if name else 'NAMESPACE'} {ENABLED}=true"
    found = objects.find("Namespace", name) if name else None
    if found is None:
        where = f"namespace {name}" if name else "the pod's namespace"
        return Finding(
            Severity.NOTE, ENABLED, f"{where} must have the label {ENABLED}=true: {command}"
        )
    labels = workload.metadata(found).get("labels") or {}
    if labels.get(ENABLED) == "true":
        return None
    has = f"is {labels[ENABLED]!r}" if ENABLED in labels else "is missing"
    return Finding(
        Severity.ERROR, ENABLED,
        f"Namespace {name}: label {ENABLED} {has}, so no pod in it is backed up; "
        f'add {ENABLED}: "true" to its labels, or: {command}',
    )  # fmt: skip


def asks(given: Mapping[str, object]) -> bool:
    """Whether annotations (or labels) ask for backups, or try to."""
    try:
        return settings.enabled(given)
    except ValueError:
        return True


def data(pod: Pod) -> str:
    """Return the names of the volumes that annotation backup.enabled alone would back up."""
    try:
        claims = workload.claims(pod)[0].values()
    except Exception:  # noqa: BLE001 -- a pod that asks for nothing may be as odd as it likes
        return ""
    return ", ".join(claim.name for claim in claims if claim.persistent)


def _needed(plan: Plan) -> tuple[tuple[str, ...], ...]:
    """Return what the Secret must hold for this engine, each with what may stand in its place."""
    mirrors = plan.settings[settings.ENGINE] == "rclone"
    return (_DESTINATION,) if mirrors else (_REPOSITORY, _PASSWORD)


def _makes(item: Document) -> tuple[object, ...]:
    """Return the names of Secrets that an ExternalSecret, SealedSecret or the like makes."""
    if item["kind"] == "Secret":
        return ()
    target = workload.spec(item).get("target") or {}
    return (workload.metadata(item).get("name"), target.get("name"))


def deciding(subject: Subject) -> Mapping[str, str]:
    """Return what the Secret decides, not annotations or defaults, and by which variable."""
    if subject.secret is None:
        return {}
    given, _ = manifest.contents(subject.secret)
    plan = subject.plan
    bad = {problem.key for problem in (*plan.settings.problems, *_unusable(subject))}
    annotations = workload.annotations(subject.pod)
    candidates = {
        setting.key: setting.variable or ""
        for setting in (settings.SCHEDULE, settings.TIMEZONE)
        if not has(annotations, setting) or setting.annotation in bad
    }
    if not plan.settings.get(settings.NAME):
        candidates["host"] = "RESTIC_HOSTNAME"
    if plan.sources is None:
        mirrors = plan.settings[settings.ENGINE] == "rclone"
        candidates["volumes"] = "BUP_SRC" if mirrors else "RESTIC_SOURCE"
    return {
        what: key
        for what, key in candidates.items()
        if given.get(key, "").strip() and key not in bad
    }


def has(annotations: Mapping[str, object], setting: Setting[Any]) -> bool:
    """Whether the annotation is given; an empty text is not."""
    value = annotations.get(setting.annotation)
    return value is not None and bool(str(value).strip())


def _unusable(subject: Subject) -> list[Problem]:
    given = manifest.contents(subject.secret)[0] if subject.secret else {}
    annotations = workload.annotations(subject.pod)
    found = settings.resolve(annotations, given, subject.defaults, _LIVE)
    return [problem for problem in found.problems if problem.where == "Secret variable"]
