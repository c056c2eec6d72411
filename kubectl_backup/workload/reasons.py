"""The webhook's reasons for a pod without a sidecar, explained. Pure."""

from contract.names import Reason

PASSING = {
    Reason.IMAGE_UNAVAILABLE: "a node could not pull the image",
    Reason.QUOTA: "the sidecar did not fit in the namespace's quota or limits",
    Reason.REFUSED_ELSEWHERE: "a policy rejected pods with the sidecar",
    Reason.SIDECAR_BROKEN: "the sidecar did not run in an earlier pod: backup.status says why; "
    "correct that",
    Reason.DEADLINE: "the API server's request took too long",
    Reason.INTERNAL_ERROR: "an error in the webhook",
}
"""Reasons that may no longer hold when the pod is recreated."""
LASTING = {
    Reason.INVALID_VALUE: 'the value of backup.enabled is invalid: set it to "true"',
    Reason.INVALID_POD: "a field of the pod has the wrong type: `backup-webhook lint` names it",
    Reason.NO_VOLUMES: "no container mounts a persistent volume claim: see backup.volumes",
    Reason.NAME_CONFLICT: "the pod has a container or volume with a reserved name: rename it",
    Reason.WINDOWS: "Windows pods are not backed up",
    Reason.TOO_COMPLEX: "the pod is too large for the webhook: its log names the limit",
    Reason.PROOF_FAILED: "a bug in the webhook: please report it",
    Reason.EXCLUDED_NAMESPACE: "the webhook excludes this namespace: move the app to its own",
    Reason.MIRROR_POD: "static pods are never injected: use a Deployment or another workload",
}
"""Reasons that apply until the pod, its namespace or the webhook is changed."""
