"""Whether the webhook sees a pod: its namespace's label, and the volumes to back up."""

import shlex
from collections.abc import Iterator

from contract.annotations.namespace import NamespaceDefaults, Policy
from webhook.admission import pod_spec
from webhook.admission.pod_spec import Pod
from webhook.admission.volumes import claims
from webhook.lint.findings import ENABLED, Finding, Severity
from webhook.lint.rules import Rule
from webhook.manifests.objects import Objects


def opt_in(name: str, objects: Objects) -> Finding | None:
    """Return why the webhook does not see the namespace of a pod that requests backups."""
    command = f"kubectl label namespace {shlex.quote(name) if name else 'NAMESPACE'} {ENABLED}=true"
    found = objects.find("Namespace", name) if name else None
    if found is None:
        where = f"namespace {name}" if name else "the pod's namespace"
        return Finding(
            Rule.NAMESPACE,
            Severity.NOTE,
            ENABLED,
            f"{where} must have the label {ENABLED}=true: {command}",
        )
    labels = pod_spec.metadata(found).get("labels") or {}
    if labels.get(ENABLED) == "true":
        return None
    state = f"is {labels[ENABLED]!r}" if ENABLED in labels else "is missing"
    return Finding(
        Rule.NAMESPACE, Severity.ERROR, ENABLED,
        f"Namespace {name}: label {ENABLED} {state}, so no pod in it is backed up; "
        f'add {ENABLED}: "true" to its labels, or: {command}',
    )  # fmt: skip


def unheeded(pod: Pod, defaults: NamespaceDefaults, policy: Policy) -> Iterator[Finding]:
    """Yield a note where a Namespace asks for its pods, and the chart does not let it."""
    if policy is Policy.ANNOTATED and defaults.enabled and data(pod):
        line = (
            f"the Namespace's annotation {ENABLED} counts where the chart's value `enabled` is "
            f"namespaces or all: pass --enabled={Policy.NAMESPACES} to judge by that"
        )
        yield Finding(Rule.UNDECIDED, Severity.NOTE, ENABLED, line)


def data(pod: Pod) -> str:
    """Return the names of the volumes that annotation backup.enabled alone would back up."""
    try:
        found = claims.read(pod).by_volume.values()
    except Exception:  # noqa: BLE001 -- a pod that asks for nothing may be as odd as it likes
        return ""
    return ", ".join(claim.name for claim in found if claim.persistent)
