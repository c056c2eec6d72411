"""A coverage report as text and as JSON: what `backup-webhook coverage` prints."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from contract.coverage import AS_WANTED, Cover
from contract.names import Reason
from contract.text import counted, printable
from webhook.coverage.classify import Report
from webhook.coverage.preview import Preview, Row

EPILOG = """\
example:
  backup-webhook coverage

  NAMESPACE  WORKLOAD         PODS  REASON
  shop       deployment/cart  2     not_annotated
  wiki       statefulset/db   1     missed

  missed: created while no webhook answered, or annotated later (annotate the pod template),
  or before its namespace asked for backups: recreate it (kubectl rollout restart)
  ...
  12 pods: 9 protected, 3 without a backup; 1 claim that no pod uses

reasons:
  protected       has the sidecar                        outdated   has another version's
  opted_out       backup.enabled is "false"              missed     gets it when recreated
  left_out        its controller's pods have to ask, where others are backed up by default
  not_annotated   mounts claims, has no annotation, namespace has opted in
  not_opted_in    asks for a backup; its namespace has not opted in
  starved         has the sidecar, with lower limits than backups need
  any other       the reason in its annotation backup.status

Finished and terminating pods are ignored. The first three reasons, left_out and claims that no
pod uses (in namespaces that have opted in) are not counted as gaps.

Connects with the pod's service account or, outside of a pod, kubeconfig's current context
(KUBECONFIG). Needs permission to list namespaces, pods and persistentvolumeclaims.

exit status: 0 every pod that should have a backup has one, 1 some have none, 2 the scan failed

--if-enabled NAMESPACE, or --if-enabled --all, shows instead what pods without a sidecar would get
at their next start if their namespace asked for backups: as which user, with which volumes and
warnings. Nothing is changed, and the exit status is 0. It also needs permission to list
limitranges and resourcequotas. As JSON: a list of objects: namespace kind workload reason user
volumes warnings pods pod

--output json: an object with
  counts         a list of objects: namespace reason pods
  unused         a list of objects: namespace claims
  findings       a list of objects: namespace kind workload reason pods pod (one of them)
  unused_claims  a list of objects: namespace claim
"""
"""Help text about the output."""

_ANEW = "recreate it (kubectl rollout restart)"
REMEDIES: dict[str, str] = {
    Cover.OUTDATED: f"backed up by the sidecar of another version: {_ANEW} when convenient",
    Cover.STARVED: "something has lowered the limits of container backup below what backups need "
    "(Autopilot, VPA, a policy): raise backup.memory-limit and -request, or exempt it there",
    Cover.NOT_ANNOTATED: 'has no annotation about backups: add backup.enabled: "true" (or "false" '
    "to opt out) to the annotations of its pod template",
    Cover.NOT_OPTED_IN: "its namespace has not opted in: kubectl label namespace NAMESPACE "
    f"backup.enabled=true, then {_ANEW}",
    Cover.MISSED: "created while no webhook answered, or annotated later (annotate the pod "
    f"template), or before its namespace asked for backups: {_ANEW}",
    Reason.EXCLUDED_NAMESPACE: "its namespace is never injected: move the app to a namespace of "
    "its own",
    Reason.INVALID_VALUE: "backup.enabled is neither true nor false: correct its pod template",
    Reason.INVALID_POD: "a field of it is of the wrong type: backup-webhook lint says which",
    Reason.NO_VOLUMES: "no container mounts a claim as files: remove the annotation, or name a "
    "volume in backup.volumes",
    Reason.NAME_CONFLICT: "it has a container or volume with a name that the sidecar uses: rename "
    "it",
    Reason.WINDOWS: "Windows pods are not backed up: remove the annotation",
    Reason.MIRROR_POD: "static pods are never injected: run it as a Deployment",
    Reason.IMAGE_UNAVAILABLE: "a node cannot pull the sidecar's image: see the pre-pull pods, "
    f"then {_ANEW}",
    Reason.QUOTA: f"the sidecar did not fit into its namespace: see its quotas, then {_ANEW}",
    Reason.REFUSED_ELSEWHERE: "another policy refuses the sidecar: kubectl describe its "
    f"ReplicaSet (or other owner) names it; allow the sidecar there, then {_ANEW}",
    Reason.SIDECAR_BROKEN: "the sidecar did not run in a pod of this workload: its annotation "
    f"backup.status and its events say why; correct that, then {_ANEW}",
    Reason.TOO_COMPLEX: "the pod is too large for the webhook to process: the webhook's log names "
    "the limit",
    **dict.fromkeys(
        (Reason.INTERNAL_ERROR, Reason.PROOF_FAILED, Reason.DEADLINE),
        f"the webhook failed: see its log, then {_ANEW}",
    ),
}
"""What each reason means, and what to do."""


def as_json(report: Report, *, summary: bool) -> str:
    """Return the report as one JSON document; a summary holds numbers only."""
    idle = Counter(namespace for namespace, _ in report.unused)
    shown: dict[str, object] = {
        "counts": [
            {"namespace": namespace, "reason": reason, "pods": number}
            for (namespace, reason), number in report.counts.items()
        ],
        "unused": [{"namespace": name, "claims": number} for name, number in sorted(idle.items())],
    }
    if not summary:
        shown["findings"] = [asdict(each) for each in report.findings]
        shown["unused_claims"] = [
            {"namespace": namespace, "claim": claim} for namespace, claim in report.unused
        ]
    return json.dumps(shown, indent=2) + "\n"


def as_text(report: Report, *, summary: bool) -> str:
    """Return tables of problems and remedies, and a summary line."""
    blocks = _numbers(report) if summary else _details(report)
    return "\n".join("".join(f"{line}\n" for line in block) for block in (*blocks, _total(report)))


def preview_as_json(preview: Preview) -> str:
    """Return the rows of a preview as one JSON document."""
    return json.dumps([asdict(each) for each in preview.rows], indent=2) + "\n"


def preview_as_text(preview: Preview) -> str:
    """Return who would get a sidecar, who would not, warnings, and a summary line."""
    got = [each for each in preview.rows if each.reason == Reason.INJECTED]
    none = [each for each in preview.rows if each.reason != Reason.INJECTED]
    blocks: list[list[str]] = []
    if got:
        rows = [(*_who(each), each.user, " ".join(each.volumes)) for each in got]
        blocks.append(_table(("NAMESPACE", "WORKLOAD", "PODS", "USER", "VOLUMES"), rows))
    if none:
        reasons = [(*_who(each), each.reason) for each in none]
        blocks.append(_table(("NAMESPACE", "WORKLOAD", "PODS", "GETS NO SIDECAR"), reasons))
    if warned := [
        _safe(f"{' '.join(_who(each)[:2])}: {line}")
        for each in preview.rows
        for line in each.warnings
    ]:
        blocks.append(warned)
    would, would_not = (sum(each.pods for each in rows) for rows in (got, none))
    has = "has" if preview.protected == 1 else "have"
    total = (
        f"{counted(would, 'pod')} would get a sidecar at the next start, {would_not} would not, "
        f"{preview.protected} {has} one; nothing was changed"
    )
    return "\n".join("".join(f"{line}\n" for line in block) for block in (*blocks, [total]))


def _who(row: Row) -> tuple[str, str, str]:
    return row.namespace, f"{row.kind.lower()}/{row.workload}", str(row.pods)


def _numbers(report: Report) -> Iterator[list[str]]:
    rows = [(*key, str(number)) for key, number in report.counts.items()]
    if rows:
        yield _table(("NAMESPACE", "REASON", "PODS"), rows)


def _details(report: Report) -> Iterator[list[str]]:
    rows = [
        (each.namespace, f"{each.kind.lower()}/{each.workload}", str(each.pods), each.reason)
        for each in report.findings
    ]
    if rows:
        yield _table(("NAMESPACE", "WORKLOAD", "PODS", "REASON"), rows)
        yield [
            f"{reason}: {REMEDIES[reason]}"
            for reason in sorted({each.reason for each in report.findings})
        ]
    if report.unused:
        yield _table(("NAMESPACE", "CLAIM THAT NO POD USES"), report.unused)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [tuple(heads), *(tuple(map(_safe, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def _total(report: Report) -> list[str]:
    numbers: Counter[str] = Counter()
    for (_, reason), number in report.counts.items():
        numbers[reason if reason in AS_WANTED else "without a backup"] += number
    total = f"{counted(sum(numbers.values()), 'pod')}: {numbers[Cover.PROTECTED]} protected"
    words = {
        Cover.OUTDATED: "outdated", Cover.OPTED_OUT: "opted out", Cover.LEFT_OUT: "left out",
    }  # fmt: skip
    others = [f", {numbers[key]} {word}" for key, word in words.items() if numbers[key]]
    idle = f"; {counted(len(report.unused), 'claim')} that no pod uses" if report.unused else ""
    return [f"{total}{''.join(others)}, {numbers['without a backup']} without a backup{idle}"]


def _safe(text: str) -> str:
    """Return a text without control characters: names of owners are untrusted."""
    return printable(text)
