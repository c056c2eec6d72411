"""Findings about where volumes come from: servers that do not let root read."""

from collections.abc import Iterator

from contract.annotations import settings
from webhook.admission import pod_spec
from webhook.lint.advice import replicas
from webhook.lint.findings import Finding, Severity, Subject
from webhook.lint.rules import Rule
from webhook.manifests import workloads
from webhook.manifests.documents import Document
from webhook.manifests.objects import Objects


def advise(subject: Subject, objects: Objects) -> Iterator[Finding]:
    """Yield a note for volumes on NFS that the sidecar would read as root."""
    if subject.plan.settings.get(settings.RUN_AS) is not None or _says_user(subject):
        return
    if named := sorted(_on_nfs(subject, objects)):
        key = settings.RUN_AS.annotation
        yield Finding(
            Rule.NFS_ROOT, Severity.NOTE, key,
            f"{', '.join(named)} on NFS: no container says its user, so the sidecar reads as root, "
            f"which servers with root_squash do not allow; set {key} to the files' owner",
        )  # fmt: skip


def _says_user(subject: Subject) -> bool:
    spec = pod_spec.spec(subject.pod)
    among = [spec, *(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    return any("runAsUser" in (each.get("securityContext") or {}) for each in among)


def _on_nfs(subject: Subject, objects: Objects) -> Iterator[str]:
    chosen = {mount.volume for mount in subject.plan.mounts}
    for volume in pod_spec.spec(subject.pod).get("volumes") or []:
        if volume.get("nfs") and volume.get("name") in chosen:
            yield f"volume {volume['name']}"
    for name, claim in replicas.shared_claims(subject).items():
        if any(_holds(each, claim, subject, objects) for each in objects.of("PersistentVolume")):
            yield f"volume {name} (claim {claim})"


def _holds(volume: Document, claim: str, subject: Subject, objects: Objects) -> bool:
    """Whether a PersistentVolume on NFS is bound to the claim, by its own word or the claim's."""
    if volume["kind"] != "PersistentVolume" or not pod_spec.spec(volume).get("nfs"):
        return False
    if workloads.at(volume, ("spec", "claimRef", "name")) == claim:
        return True
    found = objects.find("PersistentVolumeClaim", claim, subject.namespace)
    return bool(found) and workloads.at(found, ("spec", "volumeName")) == workloads.name_of(volume)
