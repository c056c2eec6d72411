"""The webhook's reasons for a pod without a sidecar, in words for people. Pure."""

from contract.names import Reason

PASSING = {
    Reason.IMAGE_UNAVAILABLE: "the image could not be pulled on some node",
    Reason.QUOTA: "quota or limits of the namespace left no room",
    Reason.REFUSED_ELSEWHERE: "a policy refused pods with the sidecar",
    Reason.DEADLINE: "the API server's request came too slowly",
    Reason.INTERNAL_ERROR: "a fault of the webhook",
}
"""Reasons for which a pod has no sidecar that may be gone when it is created anew."""
LASTING = {
    Reason.INVALID_VALUE: 'backup.enabled says neither yes nor no: write "true"',
    Reason.NO_VOLUMES: "no container mounts a persistent volume claim: see backup.volumes",
    Reason.NAME_CONFLICT: "the pod has a container or volume with a name of ours: rename it",
    Reason.WINDOWS: "Windows pods are not backed up",
    Reason.TOO_COMPLEX: "the pod is too large for the webhook: its log says in what",
    Reason.PROOF_FAILED: "a fault of the webhook: please report it",
    Reason.EXCLUDED_NAMESPACE: "the webhook excludes this namespace: use one of the app's own",
    Reason.MIRROR_POD: "static pods are never injected: run it as a Deployment or the like",
}
"""Reasons that stay until somebody changes the pod, its namespace or the webhook."""
