"""Reports what would happen to each pod of the manifests and why, as text and JSON.

Nothing here knows a cluster. As JSON, `lint` is a list with one object for each pod or pod
template: ``file line kind name template namespace reason injected volumes restore schedule
timezone secret host findings``, where findings are objects ``rule severity key message line``.
``template``, the way to the pod template, is "" in Kubernetes' own kinds, and ``namespace`` where
the manifest names none. What a pod that is not injected would get, and what a Secret decides, is
null (``volumes``: empty where not injected).
"""

from collections.abc import Container
from dataclasses import dataclass, replace

from contract import names
from contract.annotations import settings
from contract.names import Reason
from contract.text import printable
from webhook.admission import pod_spec
from webhook.admission.admit import admit
from webhook.admission.decide import asks
from webhook.admission.model import Options, Plan
from webhook.admission.pod_spec import Pod
from webhook.lint.advice import lifetime, mesh, neighbours, placement, replicas, storage, warnings
from webhook.lint.advice import namespace as lint_namespace
from webhook.lint.advice import restore as lint_restore
from webhook.lint.advice import secret as lint_secret
from webhook.lint.findings import Finding, Severity, Subject
from webhook.lint.places import NOWHERE, Place, Places
from webhook.lint.rules import Rule
from webhook.manifests import objects as manifests_objects
from webhook.manifests import workloads
from webhook.manifests.documents import Document
from webhook.manifests.objects import Objects
from webhook.manifests.workloads import Workload

_FAILING = {Severity.ERROR, Severity.WARNING}
_ORDER = tuple(Severity)
_NOT_BY_NAMESPACE = {Reason.ALREADY_INJECTED, Reason.EXCLUDED_NAMESPACE, Reason.MIRROR_POD}


@dataclass(frozen=True, slots=True)
class Report:
    """What would happen to one pod or pod template; the fields are those of the JSON."""

    kind: str
    name: str
    template: str
    namespace: str
    reason: str
    injected: bool
    volumes: tuple[str, ...]
    restore: str | None
    schedule: str | None
    timezone: str | None
    secret: str | None
    host: str | None
    findings: tuple[Finding, ...]
    place: Place = NOWHERE

    @property
    def title(self) -> str:
        """What to call the pod: ``deployment/wiki in prod``; safe for a terminal."""
        where = f" in {self.namespace}" if self.namespace else ""
        template = f" ({self.template})" if self.template else ""
        return printable(f"{self.kind.lower()}/{self.name}{template}{where}")


def lint(
    documents: list[Document],
    options: Options,
    *,
    places: Places | None = None,
    ignored: Container[Rule] = (),
) -> list[Report]:
    """Return a report for each pod and pod template in ``documents``; never raises.

    What ``ignored`` rules find is left out.
    """
    objects, known = Objects(documents), places or Places()
    found: list[tuple[Workload, Report]] = []
    for document in documents:
        found += [(each, _report(each, objects, options)) for each in workloads.workloads(document)]
        found += [(each, _unclear(each)) for each in workloads.unclear(document)]
    return [_placed(report, workload, known, ignored) for workload, report in found]


def _placed(report: Report, workload: Workload, places: Places, ignored: Container[Rule]) -> Report:
    findings = tuple(
        replace(each, line=places.of(workload, each.key).line)
        for each in report.findings
        if each.rule not in ignored
    )
    return replace(report, findings=findings, place=places.of(workload))


def failed(reports: list[Report]) -> bool:
    """Whether there is an error or a warning."""
    return any(finding.severity in _FAILING for report in reports for finding in report.findings)


def _report(workload: Workload, objects: Objects, options: Options) -> Report:
    if fault := workload.fault:
        line = f"{fault}; Kubernetes refuses it"
        found = [Finding(Rule.FIELD_TYPE, Severity.ERROR, fault.partition(" ")[0], line)]
        return _built(workload, Reason.INVALID_POD, None, found)
    findings: list[Finding] = []
    try:
        namespace = workloads.namespace_of(workload.item)
        rollout = manifests_objects.rollout(workload, objects)
        pod = workloads.as_created(workload, rollout)
        context = manifests_objects.namespace_context(namespace, objects, options)
        pod = options.asked(pod, context.defaults)
        asked = asks(pod_spec.annotations(pod))
        admission = admit(pod, namespace, options, context)
        plan = admission.plan
        subject = _subject(workload, pod, plan, objects, options) if plan else None
        findings += warnings.told(admission, asked=asked)
        findings += placement.advise(workload, pod)
        findings += lint_restore.unasked(pod)
        if not asked:
            findings += lint_namespace.unheeded(pod, context.defaults, options.enabled)
    except Exception as error:  # noqa: BLE001 -- any manifest gets a report
        line = f"cannot be understood ({type(error).__name__}): correct the manifest"
        findings.append(Finding(Rule.UNREADABLE, Severity.ERROR, "", line))
        return _built(workload, Reason.INTERNAL_ERROR, None, findings)
    reason, missing = admission.reason, None
    try:
        if asked and reason not in _NOT_BY_NAMESPACE:
            missing = lint_namespace.opt_in(namespace, objects)
        findings += [missing] if missing else []
        if subject:
            findings += lint_secret.advise(subject, objects)
            findings += replicas.advise(subject, objects)
            findings += neighbours.advise(subject, objects)
            findings += lifetime.advise(subject)
            findings += storage.advise(subject, objects)
            findings += mesh.advise(subject, objects)
            findings += lint_restore.advise(subject)
    except Exception as error:  # noqa: BLE001 -- an odd object costs advice, not the report
        line = f"an object in the files does not match its kind ({type(error).__name__})"
        line = f"{line}: findings may be missing"
        findings.append(Finding(Rule.UNREADABLE, Severity.WARNING, "", line))
    if subject and missing and missing.severity == Severity.ERROR:
        # The API server would not even ask the webhook.
        return _built(workload, Reason.NOT_ENABLED, None, findings)
    return _built(workload, reason, subject, findings)


def _unclear(workload: Workload) -> Report:
    line = (
        f"{workload.place} has containers and is no pod template: what its operator makes of it "
        "is seen by the webhook alone; look at its pods with backup-webhook coverage"
    )
    found = Finding(Rule.NO_TEMPLATE, Severity.NOTE, workload.place, line)
    return _built(workload, workloads.UNCLEAR, None, [found])


def _subject(
    workload: Workload, pod: Pod, plan: Plan, objects: Objects, options: Options
) -> Subject:
    namespace = workloads.namespace_of(workload.item)
    secret = objects.find("Secret", plan.settings[settings.SECRET], namespace)
    scale = replicas.scale(workload, objects)
    return Subject(workload, pod, namespace, plan, secret, scale, options.defaults)


def _built(
    workload: Workload, reason: str, subject: Subject | None, findings: list[Finding]
) -> Report:
    meta = workload.item.get("metadata")
    namespace = workloads.namespace_of(workload.item) if isinstance(meta, dict) else ""
    plan = subject.plan if subject else None
    hidden = lint_secret.deciding(subject) if subject else {}
    schedule, timezone, host = None, None, None
    if plan:
        schedule = None if "schedule" in hidden else plan.settings[settings.SCHEDULE].text
        timezone = None if "timezone" in hidden else plan.settings[settings.TIMEZONE].key
        host = None if "host" in hidden else _host(plan)
    return Report(
        kind=workload.kind,
        name=workload.name,
        template=workload.unusual,
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
    """Return the restic host; parts that only the cluster knows are in angle brackets."""
    stateful = plan.identity.kind == "StatefulSet"
    pod = f"{plan.identity.workload}-<ordinal>" if stateful else "<pod>"
    stand_ins = {names.ENV_POD: pod, names.ENV_POD_INDEX: "<ordinal>", names.ENV_NODE: "<node>"}
    host = plan.identity.host
    for variable, text in stand_ins.items():
        host = host.replace(f"$({variable})", text)
    return host
