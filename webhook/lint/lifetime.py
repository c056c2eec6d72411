"""Findings about pods that end by themselves: a backup that is due later is not made."""

from collections.abc import Iterator

from contract.annotations import settings
from webhook.admission import pod_spec
from webhook.lint import secret
from webhook.lint.findings import Finding, Severity, Subject

_ENDING = {"Never", "OnFailure"}


def advise(subject: Subject) -> Iterator[Finding]:
    """Yield a note for a pod that may have ended before its first backup."""
    policy = pod_spec.spec(subject.pod).get("restartPolicy")
    if policy in _ENDING and not secret.effective(subject)[settings.ON_EXIT]:
        key = settings.ON_EXIT.annotation
        yield Finding(
            Severity.NOTE, key,
            f"restartPolicy {policy}: the pod ends with its work, perhaps before a backup is due; "
            f'with {key}: "true" one is made when it ends',
        )  # fmt: skip
