"""Why a pod has no sidecar, and the next step. Pure."""

import json

from contract import names
from kubectl_backup.workload import target
from kubectl_backup.workload.reasons import LASTING, PASSING

UNSEEN = "webhook_not_asked"
"""No reason of the webhook's: it never saw the pod."""
UNSEEN_TEXT = (
    "never seen by the webhook: it was away, or the namespace had no label "
    "backup.enabled=true when the pod was created"
)
UNSEEN_REMEDY = "`kubectl backup doctor` finds out"


def reason(pod: target.Pod) -> str:
    """Return why a pod has no sidecar, in the webhook's word; UNSEEN where it says nothing."""
    try:
        return str(json.loads(target.annotations(pod)[names.STATUS_ANNOTATION])["reason"])
    except (KeyError, TypeError, ValueError):
        return UNSEEN


def uninjected(pod: target.Pod) -> str:
    """Return why a pod has no sidecar, and the next step."""
    word = reason(pod)
    if word == UNSEEN:
        return f"{UNSEEN_TEXT}; {UNSEEN_REMEDY}"
    return f"{word}: {meaning(word)}"


def meaning(word: str) -> str:
    """Return what a reason of the webhook's means, and the next step."""
    known = {str(key): text for key, text in {**PASSING, **LASTING}.items()}
    again = "; `kubectl backup heal` tries again" if word in set(map(str, PASSING)) else ""
    return f"{known.get(word, 'see the README')}{again}"
