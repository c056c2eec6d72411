"""Why a pod has no sidecar, and the next step. Pure."""

import json

from contract import names
from kubectl_backup.workload import target
from kubectl_backup.workload.reasons import LASTING, PASSING

UNSEEN = "webhook_not_asked"
"""Not a reason of the webhook: it never saw the pod."""
UNSEEN_TEXT = (
    "the webhook never saw the pod: it was down, or the namespace had no label "
    "backup.enabled=true when the pod was created"
)
UNSEEN_REMEDY = "`kubectl backup doctor` finds the cause"


def reason(pod: target.Pod) -> str:
    """Return the webhook's reason why a pod has no sidecar; UNSEEN if it gave none."""
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
    """Return the meaning of a reason of the webhook, and the next step."""
    known = {str(key): text for key, text in {**PASSING, **LASTING}.items()}
    again = "; `kubectl backup reinject` tries again" if word in set(map(str, PASSING)) else ""
    return f"{known.get(word, 'see the README')}{again}"
