"""From a pod to its JSON Patch operations; used by the server and by `inject`."""

from dataclasses import dataclass, replace

from contract.names import Reason
from webhook.admission import patch, patch_proof, reinvocation
from webhook.admission.decide import decide, refused
from webhook.admission.model import Decision, NamespaceContext, Options, Plan, Skip
from webhook.admission.pod import by_default, form
from webhook.admission.pod_spec import Pod
from webhook.admission.sidecar import container
from webhook.admission.sidecar.container import NOTHING, Additions, Json
from webhook.admission.sidecar.resources import NoRoomError

_NORMAL = NamespaceContext()


@dataclass(frozen=True, slots=True)
class Admission:
    """What happens to one pod. ``defaulted`` are annotations with an invalid value.

    ``refused``: it requests a restore, gets none, and the chart's policy refuses it.
    ``plan``: the sidecar's plan, if the pod gets one.
    """

    reason: Reason
    additions: Additions = NOTHING
    operations: tuple[Json, ...] = ()
    warnings: tuple[str, ...] = ()
    defaulted: tuple[str, ...] = ()
    refused: bool = False
    plan: Plan | None = None


@dataclass(frozen=True, slots=True)
class _Described:
    """The decision about a pod, and the additions that follow."""

    decision: Decision
    additions: Additions


def admit(
    pod: Pod, namespace: str, options: Options, around: NamespaceContext = _NORMAL
) -> Admission:
    """Return the proven operations for a pod that is being created; never raises.

    On any error, the pod is admitted unchanged.
    """
    try:
        if namespace in options.excluded_namespaces:
            return Admission(Reason.EXCLUDED_NAMESPACE)
        options = options.within(around.defaults)
        admission = _admission(pod, options.asked(pod, around.defaults), options, around)
        if admission.operations:
            patch_proof.prove(pod, list(admission.operations))
    except patch_proof.ProofError as error:
        return unpatched(pod, Reason.PROOF_FAILED, f"{error}; not backed up", options)
    except Exception as error:  # noqa: BLE001 -- the app is never hostage to a bug of ours
        if fault := form.fault(pod):
            return unpatched(pod, Reason.INVALID_POD, f"{fault}; not backed up", options)
        kind = type(error).__name__
        line = f"internal error ({kind}); not backed up, the pod is admitted as it is"
        return unpatched(pod, Reason.INTERNAL_ERROR, line, options)
    return admission


def _admission(pod: Pod, asked: Pod, options: Options, around: NamespaceContext) -> Admission:
    """Return the admission of ``pod``, which is ``asked`` where it is backed up by default."""
    described = _described(asked, options, around)
    decision, added = described.decision, described.additions
    if added.annotations and asked is not pod:
        added = replace(added, annotations={**by_default.ASKED, **added.annotations})
    if isinstance(decision, Plan):
        operations, reason = patch.operations(pod, added), Reason.INJECTED
        return Admission(
            reason, added, tuple(operations), added.warnings,
            decision.defaulted, decision.refused, decision,
        )  # fmt: skip
    if decision.reason is Reason.ALREADY_INJECTED:
        operations = _repaired(pod, asked, options, around)
    else:
        operations = patch.operations(pod, added)
    return Admission(
        decision.reason, added, tuple(operations), added.warnings, refused=decision.refused
    )


def unpatched(pod: Pod, reason: Reason, line: str, options: Options) -> Admission:
    """Return the admission of a pod without any addition, not even a status; never raises."""
    try:
        skip = refused(pod, Skip(reason, (line,)), options)
    except Exception:  # noqa: BLE001 -- as above; what is no pod asks for nothing
        skip = Skip(reason, (line,))
    return Admission(reason, warnings=skip.warnings, refused=skip.refused)


def _repaired(pod: Pod, asked: Pod, options: Options, around: NamespaceContext) -> list[Json]:
    """Return operations that complete our sidecar; none if the pod would not get one any more."""
    wanted = _described(reinvocation.without_ours(asked), options, around)
    if isinstance(wanted.decision, Plan):
        return reinvocation.operations(pod, wanted.additions)
    return []


def _described(pod: Pod, options: Options, around: NamespaceContext) -> _Described:
    """Return the decision; a Skip also if the sidecar does not fit into the namespace."""
    decision = decide(pod, options, around)
    if isinstance(decision, Skip):
        return _Described(decision, container.describe_skip(decision))
    try:
        return _Described(decision, container.describe(pod, decision, options, around))
    except NoRoomError as error:
        line = f"the backup sidecar does not fit in ({error}); not backed up"
        skip = Skip(Reason.QUOTA, (*decision.warnings, line), told=True)
        told = refused(pod, skip, options)
        return _Described(told, container.describe_skip(told))
