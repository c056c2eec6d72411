"""Pods that say nothing about backups, and are backed up by default."""

from collections.abc import Collection

from contract import coverage
from contract.annotations import settings
from contract.annotations.namespace import NamespaceDefaults, Policy
from contract.coverage import Default
from webhook.admission import pod_spec
from webhook.admission.pod_spec import Pod

ASKED = {settings.ENABLED.annotation: "true"}
"""What is added to such a pod, so that it shows what holds for it."""


def as_asked(
    pod: Pod, namespace: NamespaceDefaults, policy: Policy, left_out: Collection[str]
) -> Pod:
    """Return ``pod``, or a copy with `ASKED` if it is backed up by default."""
    if coverage.default(pod, namespace, policy, left_out) is not Default.ASKED:
        return pod
    meta = pod_spec.metadata(pod)
    return {**pod, "metadata": {**meta, "annotations": {**pod_spec.annotations(pod), **ASKED}}}
