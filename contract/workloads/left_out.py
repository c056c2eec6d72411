"""Whose pods are not backed up by default, though they mount claims: only if they ask. Pure."""

from collections.abc import Collection, Mapping
from typing import Any

LEFT_OUT = (
    # They end, and what they write is somebody else's volume or none that lasts.
    "Job", "Workflow.argoproj.io", "TaskRun.tekton.dev", "SparkApplication.sparkoperator.k8s.io",
    "RayCluster.ray.io", "EphemeralRunner.actions.github.com", "Pod",
    # Their operators compare pods with what they wrote, or move their volumes between pods.
    "Cluster.postgresql.cnpg.io", "StrimziPodSet.core.strimzi.io",
    "VirtualMachineInstance.kubevirt.io",
    # They copy volumes.
    "PersistentVolumeClaim", "DataUpload.velero.io", "DataDownload.velero.io",
)  # fmt: skip
"""Controllers as ``KIND`` or ``KIND.GROUP``; docs/configuration.md says why each is here."""


def is_left_out(metadata: Mapping[str, Any], left_out: Collection[str]) -> bool:
    """Whether the controller that created a pod is one of ``left_out``."""
    for owner in metadata.get("ownerReferences") or []:
        if owner.get("controller"):
            kind, group = str(owner.get("kind")), str(owner.get("apiVersion")).partition("/")[0]
            return kind in left_out or f"{kind}.{group}" in left_out
    return False
