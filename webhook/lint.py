"""What would happen to each pod of some manifests and why, for people and as JSON.

Nothing here knows a cluster. As JSON, `lint` is a list with one object for each pod or pod
template: ``kind name namespace reason injected volumes restore schedule timezone secret host
findings``, where findings are objects ``severity key message``. ``namespace`` is "" where the
manifest names none. What a pod that is not injected would get, and what a Secret decides, is null
(``volumes``: empty where not injected).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from contract import names, settings
from contract.names import Reason
from contract.wording import counted, printable
from webhook import advice, manifest, replicas, restoring, workload
from webhook.admit import Admission, admit
from webhook.advice import ENABLED, Finding, Severity, Subject
from webhook.documents import Document
from webhook.inject import Options, Plan, decide
from webhook.manifest import Objects
from webhook.workload import Pod

_FAILING = {Severity.ERROR, Severity.WARNING}
_ORDER = tuple(Severity)
_AS_WANTED = {Reason.INJECTED, Reason.ALREADY_INJECTED, Reason.NOT_ENABLED}
_NOT_BY_NAMESPACE = {Reason.ALREADY_INJECTED, Reason.EXCLUDED_NAMESPACE, Reason.MIRROR_POD}
_REMEDIES = {
    Reason.NO_VOLUMES: "mount a claim in a container, or name a volume in backup.volumes",
    Reason.WINDOWS: "remove backup.enabled",
    Reason.NAME_CONFLICT: "give it another name",
    Reason.EXCLUDED_NAMESPACE: "this namespace is never injected; use one of the app's own",
    Reason.MIRROR_POD: "static pods are never injected; run it as a Deployment or the like",
}
_SHOWN = 60  # characters of a value that a message repeats
_HIDDEN = "set by the Secret"
_COLOURS = {Severity.ERROR: 31, Severity.WARNING: 33, Severity.NOTE: 36}


@dataclass(frozen=True, slots=True)
class Report:
    """What would happen to one pod or pod template; the fields are those of the JSON."""

    kind: str
    name: str
    namespace: str
    reason: Reason
    injected: bool
    volumes: tuple[str, ...]
    restore: str | None
    schedule: str | None
    timezone: str | None
    secret: str | None
    host: str | None
    findings: tuple[Finding, ...]


def lint(documents: list[Document], options: Options) -> list[Report]:
    """Return a report for each pod and pod template in ``documents``; never raises."""
    objects = Objects(documents)
    return [
        _report(item, objects, options)
        for document in documents
        for item in manifest.workloads(document)
    ]


def failed(reports: list[Report]) -> bool:
    """Whether there is an error or a warning."""
    return any(finding.severity in _FAILING for report in reports for finding in report.findings)


def _report(item: Document, objects: Objects, options: Options) -> Report:
    findings: list[Finding] = []
    try:
        pod, namespace = manifest.as_created(item), manifest.namespace_of(item)
        asked = advice.asks(workload.annotations(pod))
        around = manifest.surroundings(namespace, objects, options)
        admission = admit(pod, namespace, options, around)
        subject = None
        if admission.reason == Reason.INJECTED:
            subject = _subject(item, pod, objects, options)
        findings += _told(admission, asked=asked)
        findings += _placement(item, pod)
        findings += restoring.unasked(pod)
    except Exception as error:  # noqa: BLE001 -- any manifest gets a report
        line = f"cannot be understood ({type(error).__name__}): correct the manifest"
        findings.append(Finding(Severity.ERROR, "", line))
        return _built(item, Reason.INTERNAL_ERROR, None, findings)
    reason, missing = admission.reason, None
    try:
        if asked and reason not in _NOT_BY_NAMESPACE:
            missing = advice.opt_in(namespace, objects)
        findings += [missing] if missing else []
        if subject:
            findings += advice.advise(subject, objects)
            findings += replicas.advise(subject, objects)
            findings += restoring.advise(subject)
    except Exception as error:  # noqa: BLE001 -- an odd object costs advice, not the report
        line = f"an object in the files is not what its kind should be ({type(error).__name__})"
        findings.append(Finding(Severity.WARNING, "", f"{line}: there may be more to say"))
    if subject and missing and missing.severity == Severity.ERROR:
        # The API server would not even ask the webhook.
        return _built(item, Reason.NOT_ENABLED, None, findings)
    return _built(item, reason, subject, findings)


def _subject(item: Document, pod: Pod, objects: Objects, options: Options) -> Subject | None:
    namespace = manifest.namespace_of(item)
    plan = decide(pod, options, manifest.surroundings(namespace, objects, options))
    if not isinstance(plan, Plan):
        return None
    secret = objects.find("Secret", plan.settings[settings.SECRET], namespace)
    return Subject(item, pod, namespace, plan, secret, options.defaults)


def _built(
    item: Document, reason: Reason, subject: Subject | None, findings: list[Finding]
) -> Report:
    meta = item.get("metadata")
    namespace = manifest.namespace_of(item) if isinstance(meta, dict) else ""
    plan = subject.plan if subject else None
    hidden = advice.deciding(subject) if subject else {}
    schedule, timezone, host = None, None, None
    if plan:
        schedule = None if "schedule" in hidden else plan.settings[settings.SCHEDULE].text
        timezone = None if "timezone" in hidden else plan.settings[settings.TIMEZONE].key
        host = None if "host" in hidden else _host(plan)
    return Report(
        kind=item["kind"],
        name=manifest.name_of(item),
        namespace=namespace,
        reason=reason,
        injected=reason in {Reason.INJECTED, Reason.ALREADY_INJECTED},
        volumes=tuple(plan.sources or (mount.path for mount in plan.mounts)) if plan else (),
        restore=plan.restore.mode if plan and plan.restore and plan.restore.volumes else None,
        schedule=schedule,
        timezone=timezone,
        secret=plan.settings[settings.SECRET] if plan else None,
        host=host,
        findings=tuple(sorted(findings, key=lambda finding: _ORDER.index(finding.severity))),
    )


def _host(plan: Plan) -> str:
    """Return the restic host with what only the cluster knows in angle brackets."""
    stateful = plan.identity.kind == "StatefulSet"
    pod = f"{plan.identity.workload}-<ordinal>" if stateful else "<pod>"
    stand_ins = {names.ENV_POD: pod, names.ENV_POD_INDEX: "<ordinal>", names.ENV_NODE: "<node>"}
    host = plan.identity.host
    for variable, text in stand_ins.items():
        host = host.replace(f"$({variable})", text)
    return host


def _told(admission: Admission, *, asked: bool) -> Iterator[Finding]:
    """Yield what the webhook would say, the last of it an error where there is no backup."""
    lines, reason = list(admission.warnings), admission.reason
    refused = asked and reason not in _AS_WANTED
    if refused and not lines:
        lines = [f"{ENABLED} asks for a backup, and the pod gets none ({reason})"]
    for number, line in enumerate(lines, 1):
        last = refused and number == len(lines)
        remedy = f"; {_REMEDIES[reason]}" if last and reason in _REMEDIES else ""
        severity = Severity.ERROR if last else Severity.WARNING
        yield Finding(severity, _key(line), line + remedy)


def _key(line: str) -> str:
    if line.startswith(("volume ", "no volume ")):
        return "spec.volumes"
    named = re.search(r"\bbackup\.[A-Za-z0-9_.-]*[A-Za-z0-9]", line)
    return named[0] if named else "spec"


def _placement(item: Document, pod: Pod) -> Iterator[Finding]:
    """Yield what stands where nobody reads it, or a note where it stands nowhere."""
    own, to = workload.annotations(pod), manifest.annotations_path(item["kind"])
    said = ENABLED in own
    for kind, holder in manifest.around(item):
        for key, value in sorted(workload.annotations(holder).items(), key=str):
            if not str(key).startswith(settings.PREFIX) or "/" in key or key in own:
                continue
            severity = Severity.WARNING
            if key == ENABLED:
                severity, said = _severity({key: value}), True
            shown = f"{key} {str(value)[:_SHOWN]!r}"
            line = f"annotation {shown} stands on the {kind}, where it has no effect"
            yield Finding(severity, key, f"{line}; move it to {to}")
    for kind, holder in (("pod itself", pod), *manifest.around(item)):
        labels = workload.metadata(holder).get("labels") or {}
        if ENABLED in labels and not said:
            said = True
            line = f"label {ENABLED} {labels[ENABLED]!r} on the {kind} has no effect"
            yield Finding(_severity(labels), ENABLED, f"{line}; write it to {to}")
    if not said and (volumes := advice.data(pod)):
        remedy = f'write {ENABLED}: "true" (or "false", if that is meant) to {to}'
        yield Finding(Severity.NOTE, ENABLED, f"{volumes} would not be backed up; {remedy}")


def _severity(given: Mapping[str, object]) -> Severity:
    return Severity.ERROR if advice.asks(given) else Severity.NOTE


def masked(message: str) -> str:
    """Return a message about unreadable text without the parts of that text which it quotes."""
    return re.sub(r"([\'\"]).{2,}\1", "'…'", message)


def as_json(reports: list[Report]) -> str:
    """Return the reports as one JSON document."""
    return json.dumps([asdict(report) for report in reports], indent=2) + "\n"


def as_text(reports: list[Report], *, colour: bool = False) -> str:
    """Return a block for each report, and a summary; every line is safe for a terminal."""
    blocks = ["\n".join(_block(report, colour=colour)) for report in reports]
    severities = [finding.severity for report in reports for finding in report.findings]
    numbers = [counted(severities.count(severity), severity) for severity in Severity]
    injected = sum(report.injected for report in reports)
    summary = f"{counted(len(reports), 'pod')}, {injected} injected; {', '.join(numbers)}"
    return "\n\n".join([*blocks, summary]) + "\n"


def _block(report: Report, *, colour: bool) -> Iterator[str]:
    where = f" in {report.namespace}" if report.namespace else ""
    yield _safe(f"{report.kind.lower()}/{report.name}{where}: {report.reason}")
    if report.secret:
        for label, text in (
            ("volumes", " ".join(report.volumes)),
            *([("restore", report.restore)] if report.restore else []),
            ("schedule", f"{report.schedule or _HIDDEN}, {report.timezone or _HIDDEN}"),
            ("host", report.host or _HIDDEN),
            ("Secret", report.secret),
        ):
            yield _safe(f"  {label:9}{text}")
    for finding in report.findings:
        word = finding.severity.value
        shown = f"\x1b[{_COLOURS[finding.severity]}m{word}\x1b[0m" if colour else word
        yield f"  {shown}: {_safe(finding.message)}"


def _safe(line: str) -> str:
    """Return the line without what would move the cursor, or begin another line."""
    return printable(line)
