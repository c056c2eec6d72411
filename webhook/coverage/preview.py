"""What backups by default would do to pods that run: who gets a sidecar at the next start."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from contract import coverage
from contract.annotations.namespace import NOTHING, Policy
from contract.coverage import Cover, Default
from contract.names import Reason
from webhook.admission import pod_spec
from webhook.admission.admit import Admission, admit
from webhook.admission.model import NamespaceContext, Options
from webhook.admission.pod_spec import Pod

_OF_IMAGE = "65532"


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """What happens to the pods of one workload, and one of them by name.

    ``user``: as which the sidecar would run. Where ``reason`` is not ``injected``, it gets none.
    """

    namespace: str
    kind: str
    workload: str
    reason: str
    user: str = ""
    volumes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    pods: int = 1
    pod: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """A row for each workload whose pods mount claims; ``protected`` pods have a sidecar now."""

    rows: tuple[Row, ...]
    protected: int


@dataclass(slots=True)
class Previewing:
    """Collects pods, one at a time; ``contexts`` are those of the namespaces to look at."""

    options: Options
    contexts: Mapping[str, NamespaceContext]
    _found: dict[tuple[object, ...], Row] = field(default_factory=dict)
    _protected: int = 0

    def pod(self, pod: Pod) -> None:
        """Take in a pod."""
        namespace = str(pod_spec.metadata(pod).get("namespace") or "")
        context = self.contexts.get(namespace)
        if context is None or coverage.over(pod):
            return
        if coverage.has_sidecar(pod):
            self._protected += 1
        elif row := _row(pod, namespace, self.options, context):
            key = (
                row.namespace, row.kind, row.workload, row.reason, row.user, row.volumes,
                row.warnings,
            )  # fmt: skip
            known = self._found.get(key)
            self._found[key] = replace(known, pods=known.pods + 1) if known else row

    def preview(self) -> Preview:
        """Return what has been seen, in order."""
        return Preview(tuple(sorted(self._found.values())), self._protected)


def _row(pod: Pod, namespace: str, options: Options, context: NamespaceContext) -> Row | None:
    """Return the row of a pod; None if it mounts no claim and asks for nothing."""
    enabled = replace(options, enabled=Policy.ALL)
    context = replace(context, defaults=replace(context.defaults, enabled=True))
    admission = admit(pod, namespace, enabled, context)
    reason = _reason(pod, admission, enabled)
    if not reason:
        return None
    known = pod_spec.identity(pod, None)
    name = str(pod_spec.metadata(pod).get("name") or "")
    if reason != Reason.INJECTED:
        shown = Row(namespace, known.kind, known.workload, reason, pod=name)
        return replace(shown, warnings=admission.warnings)
    (sidecar,) = admission.additions.containers
    plan = admission.plan
    return Row(
        namespace, known.kind, known.workload, reason,
        user=str(sidecar["securityContext"].get("runAsUser", _OF_IMAGE)),
        volumes=tuple(plan.sources or (each.path for each in plan.mounts)) if plan else (),
        warnings=admission.warnings, pod=name,
    )  # fmt: skip


def _reason(pod: Pod, admission: Admission, options: Options) -> str:
    if admission.reason is not Reason.NOT_ENABLED:
        return admission.reason
    if not coverage.uses_claims(pod, "volumeMounts"):
        return ""
    default = coverage.default(pod, NOTHING, options.enabled, options.left_out)
    return Cover.LEFT_OUT if default is Default.LEFT_OUT else Cover.OPTED_OUT
