"""Workloads without a backup: one row each, with the reason and the next step. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from shlex import quote

from contract import coverage, names
from contract.annotations import settings
from contract.annotations.namespace import NOTHING, NamespaceDefaults
from contract.coverage import Cover
from contract.names import Reason
from contract.text import counted
from kubectl_backup.commands.status.rows import Row
from kubectl_backup.output import formats
from kubectl_backup.workload import injection, target

NOT_INJECTED, NO_BACKUP, OPTED_OUT = "not injected", "no backup", "opted out"
TOO_LOW = "limits too low"
_KEY = settings.ENABLED.annotation
_RESTARTED = {"Deployment", "StatefulSet", "DaemonSet"}
_TEMPLATES = {
    "Pod": "metadata.annotations",
    "CronJob": "spec.jobTemplate.spec.template.metadata.annotations",
}
_TEMPLATE = "spec.template.metadata.annotations"


def uncovered(
    pods: Iterable[target.Pod],
    labelled: Mapping[str, NamespaceDefaults] | None,
    *,
    named: bool = False,
) -> list[Row]:
    """Return a row for each workload and reason among pods without a sidecar that can work.

    ``labelled`` are the namespaces that have opted in, with what they say about their pods, None if
    they cannot be read. ``named``: the
    person named the workload, so it has a row even if it needs no backup.
    """
    found: dict[tuple[str, str, str], Row] = {}
    for pod in pods:
        word = judge(pod, labelled)
        if not word or word in coverage.AS_WANTED or not target.lasting(pod):
            if not named or target.sidecar(pod) is not None:
                continue
            word = word or _unneeded(pod)
        row = _row(pod, word)
        key = (row.namespace, row.workload, row.reason)
        known = found.get(key)
        found[key] = row if known is None else replace(known, pods=known.pods + 1)
    return [_counted(each) for each in found.values()]


def judge(pod: target.Pod, labelled: Mapping[str, NamespaceDefaults] | None) -> str:
    """Return a word of Cover or Reason, or UNSEEN if the webhook gave none and the namespace
    cannot be read; empty if no backup is needed and none is requested."""
    namespace = str(pod["metadata"].get("namespace") or "")
    unknown = labelled is None and not coverage.stated(pod) and target.asks(pod)
    word = coverage.judge(
        pod,
        opted_in=namespace in labelled if labelled is not None else target.asks(pod),
        excluded=namespace in coverage.NEVER_INJECTED,
        is_current=lambda: True,
        decide=lambda: _now(pod),
        default=target.default(pod, (labelled or {}).get(namespace, NOTHING)),
    )
    return injection.UNSEEN if unknown and word == Cover.MISSED else word


def _now(pod: target.Pod) -> str:
    """Return the webhook's decision about a pod that requests backups, if the pod shows it."""
    if not target.asks(pod):
        return Cover.MISSED  # what is backed up by default mounts a claim
    if coverage.MIRROR_ANNOTATION in target.annotations(pod):
        return Reason.MIRROR_POD
    if not target.wants(pod):
        return Reason.INVALID_VALUE
    if settings.VOLUMES.annotation in target.annotations(pod):
        return Cover.MISSED
    return Cover.MISSED if coverage.uses_claims(pod, "volumeMounts") else Reason.NO_VOLUMES


def _unneeded(pod: target.Pod) -> str:
    if target.asks(pod):  # a pod that has ended
        return coverage.stated(pod) or _now(pod)
    return Cover.OPTED_OUT if _KEY in target.annotations(pod) else Cover.NOT_ANNOTATED


def _row(pod: target.Pod, word: str) -> Row:
    meta = pod["metadata"]
    owner = target.owner(pod)
    status = NOT_INJECTED if target.asks(pod) else NO_BACKUP
    status = {str(Cover.OPTED_OUT): OPTED_OUT, str(Cover.STARVED): TOO_LOW}.get(word, status)
    text, remedy = explain(word, str(meta.get("namespace") or ""), owner)
    if word == Cover.MISSED and not target.asks(pod):
        text = (
            f"its namespace asks for backups by {_KEY}, and it has no sidecar: it is older than "
            "that, or the chart's value `enabled` is annotated"
        )
    between = ": " if text == word else "; "
    return Row(
        str(meta.get("namespace") or ""), str(owner), str(meta["name"]), status,
        problems=[formats.plain(f"{text}{between}{remedy}" if remedy else text)], reason=str(word),
        remedy=formats.plain(remedy), protected=False,
    )  # fmt: skip


def _counted(row: Row) -> Row:
    if row.pods == 1:
        return row
    return replace(row, problems=[f"{row.problems[0]} ({counted(row.pods, 'pod')})"])


def explain(word: str, namespace: str, owner: target.Owner) -> tuple[str, str]:
    """Return why a workload has no backup, and the next step."""
    again = restart(namespace, owner)
    label = f"kubectl label namespace {quote(namespace)} --overwrite {names.ENABLED_LABEL}=true"
    where = _TEMPLATES.get(owner.kind, _TEMPLATE)
    yes = f'set {_KEY}: "true" in {where} of {owner}'
    said = {
        str(Cover.NOT_ANNOTATED): ("not annotated", f'{yes}, or to "false" if it needs no backup'),
        str(Cover.NOT_OPTED_IN): (
            f"namespace {namespace} has no label {names.ENABLED_LABEL}=true",
            f"{label}, then {again}",
        ),
        str(Cover.MISSED): (
            "the webhook never saw the pod: it was down, or the annotation or label is newer",
            again,
        ),
        str(Cover.STARVED): (
            f"something has lowered the limits of container {names.CONTAINER} too far",
            f"raise {settings.MEMORY_LIMIT.annotation}, or exempt it from VPA or the policy",
        ),
        str(Cover.OPTED_OUT): (f"{_KEY} turns backups off", ""),
        str(Cover.LEFT_OUT): ("pods of its controller have to ask for backups", yes),
        injection.UNSEEN: (injection.UNSEEN_TEXT, injection.UNSEEN_REMEDY),
    }
    if word in said:
        return said[word]
    return word, injection.meaning(word)


def restart(namespace: str, owner: target.Owner) -> str:
    """Return how to recreate the pods of a workload."""
    if owner.kind in _RESTARTED:
        return f"kubectl -n {quote(namespace)} rollout restart {quote(str(owner))}"
    if owner.kind == "Rollout":
        return f"kubectl argo rollouts -n {quote(namespace)} restart {quote(owner.name)}"
    if owner.kind == "CronJob":
        return "wait for its next job"
    if owner.kind in {"Pod", "Job"}:
        return f"delete {owner} and recreate it"
    return f"delete its pods; {owner} creates new ones"
