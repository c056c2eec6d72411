"""From a pod to the operations that the API server gets; used by the server and by `inject`."""

from dataclasses import dataclass

from contract.names import Reason
from webhook import patch, sidecar
from webhook.inject import Options, Skip, decide
from webhook.sidecar import Additions, Json
from webhook.workload import Pod


@dataclass(frozen=True, slots=True)
class Admission:
    """What happens to one pod. ``defaulted`` are annotations whose value could not be used."""

    reason: Reason
    operations: tuple[Json, ...] = ()
    warnings: tuple[str, ...] = ()
    defaulted: tuple[str, ...] = ()


def additions(pod: Pod, options: Options) -> tuple[Reason, Additions, tuple[str, ...]]:
    """Return the reason, what the pod gets, and the annotations that could not be used."""
    decision = decide(pod, options)
    if isinstance(decision, Skip):
        return decision.reason, sidecar.describe_skip(decision), ()
    return Reason.INJECTED, sidecar.describe(pod, decision, options), decision.defaulted


def admit(pod: Pod, namespace: str, options: Options) -> Admission:
    """Return the proven operations for a pod that is being created; never raises.

    Whatever goes wrong here, the app's pod is admitted as it came.
    """
    try:
        if namespace in options.excluded_namespaces:
            return Admission(Reason.EXCLUDED_NAMESPACE)
        reason, added, defaulted = additions(pod, options)
        operations = patch.operations(pod, added)
        patch.prove(pod, operations)
    except patch.ProofError as error:
        return Admission(Reason.PROOF_FAILED, warnings=(f"{error}; not backed up",))
    except Exception as error:  # noqa: BLE001 -- the app is never hostage to a bug of ours
        kind = type(error).__name__
        line = f"internal error ({kind}); not backed up, the pod is admitted as it is"
        return Admission(Reason.INTERNAL_ERROR, warnings=(line,))
    return Admission(reason, tuple(operations), added.warnings, defaulted)
