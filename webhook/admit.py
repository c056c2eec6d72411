"""From a pod to the operations that the API server gets; used by the server and by `inject`."""

from dataclasses import dataclass

from contract.names import Reason
from webhook import patch, repair, sidecar
from webhook.inject import Options, Plan, Skip, Surroundings, decide, refused
from webhook.resources import NoRoomError
from webhook.sidecar import NOTHING, Additions, Json
from webhook.workload import Pod

_NORMAL = Surroundings()


@dataclass(frozen=True, slots=True)
class Admission:
    """What happens to one pod. ``defaulted`` are annotations whose value could not be used.

    ``refused``: it asks for a restore and gets none, and the chart's policy refuses it for that.
    """

    reason: Reason
    additions: Additions = NOTHING
    operations: tuple[Json, ...] = ()
    warnings: tuple[str, ...] = ()
    defaulted: tuple[str, ...] = ()
    refused: bool = False


def admit(pod: Pod, namespace: str, options: Options, around: Surroundings = _NORMAL) -> Admission:
    """Return the proven operations for a pod that is being created; never raises.

    Whatever goes wrong here, the app's pod is admitted as it came.
    """
    try:
        if namespace in options.excluded_namespaces:
            return Admission(Reason.EXCLUDED_NAMESPACE)
        decision = decide(pod, options, around)
        reason, added = Reason.INJECTED, NOTHING
        if isinstance(decision, Plan):
            decision, added = _described(pod, decision, options, around)
        if isinstance(decision, Skip):
            reason, added = decision.reason, sidecar.describe_skip(decision)
        operations = patch.operations(pod, added)
        if reason is Reason.ALREADY_INJECTED:
            operations = _repaired(pod, options, around)
        if operations:
            patch.prove(pod, operations)
    except patch.ProofError as error:
        return unpatched(pod, Reason.PROOF_FAILED, f"{error}; not backed up", options)
    except Exception as error:  # noqa: BLE001 -- the app is never hostage to a bug of ours
        kind = type(error).__name__
        line = f"internal error ({kind}); not backed up, the pod is admitted as it is"
        return unpatched(pod, Reason.INTERNAL_ERROR, line, options)
    defaulted = decision.defaulted if isinstance(decision, Plan) else ()
    return Admission(reason, added, tuple(operations), added.warnings, defaulted, decision.refused)


def unpatched(pod: Pod, reason: Reason, line: str, options: Options) -> Admission:
    """Return the admission of a pod to which nothing is added, not even why; never raises."""
    try:
        skip = refused(pod, Skip(reason, (line,)), options)
    except Exception:  # noqa: BLE001 -- as above; what is no pod asks for nothing
        skip = Skip(reason, (line,))
    return Admission(reason, warnings=skip.warnings, refused=skip.refused)


def _repaired(pod: Pod, options: Options, around: Surroundings) -> list[Json]:
    """Return what completes our sidecar; nothing where the pod would not get one any more."""
    bare = repair.without_ours(pod)
    decision = decide(bare, options, around)
    if isinstance(decision, Plan):
        decision, wanted = _described(bare, decision, options, around)
        if isinstance(decision, Plan):
            return repair.operations(pod, wanted)
    return []


def _described(
    pod: Pod, plan: Plan, options: Options, around: Surroundings
) -> tuple[Plan | Skip, Additions]:
    """Return what the plan adds, or a Skip where the namespace has no room for it."""
    try:
        return plan, sidecar.describe(pod, plan, options, around)
    except NoRoomError as error:
        line = f"there is no room for the backup sidecar ({error}); not backed up"
        skip = Skip(Reason.QUOTA, (*plan.warnings, line), told=True)
        return refused(pod, skip, options), NOTHING
