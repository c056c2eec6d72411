"""Findings of the webhook itself: what it would say when the pod is created."""

import re
from collections.abc import Iterator

from contract.names import Reason
from webhook.admission.admit import Admission
from webhook.lint.findings import ENABLED, Finding, Severity
from webhook.lint.rules import Rule

_AS_WANTED = {Reason.INJECTED, Reason.ALREADY_INJECTED, Reason.NOT_ENABLED}
_REMEDIES = {
    Reason.NO_VOLUMES: "mount a claim in a container, or name a volume in backup.volumes",
    Reason.WINDOWS: "remove backup.enabled",
    Reason.NAME_CONFLICT: "give it another name",
    Reason.EXCLUDED_NAMESPACE: "this namespace is never injected; move the app to a namespace of "
    "its own",
    Reason.MIRROR_POD: "static pods are never injected; run it as a Deployment",
}
# Which rule a warning is of: the first whose words it has.
_RULES = (
    (Rule.UNKNOWN_SETTING, r": no such setting"),
    (Rule.RESTORE_IMPOSSIBLE, r"automatic restore|^backup\.restore: without|be restored$"),
    (Rule.RESOURCES, r"^annotation backup\.(?:cpu|memory)-|^something has lowered"),
    (Rule.VOLUME, r"^annotation backup\.volumes|^volume "),
    (Rule.INVALID_VALUE, r"^annotation backup\.[a-z-]+ .*; using "),
    (Rule.EXCLUDE, r"^annotation backup\.exclude "),
    (Rule.USER, r"backup\.run-as|the sidecar's processes|mounted by different users"),
    (Rule.INVALID_VALUE, r"^(?:namespace )?annotation backup\."),
)

_NO_TEXT = "is not text, quote it: "


def told(admission: Admission, *, asked: bool) -> Iterator[Finding]:
    """Yield the webhook's warnings; the last is an error if the pod gets no backup."""
    lines, reason = list(admission.warnings), admission.reason
    refused = asked and reason not in _AS_WANTED
    if refused and not lines:
        lines = [f"{ENABLED} asks for a backup, and the pod gets none ({reason})"]
    for number, line in enumerate(lines, 1):
        if _NO_TEXT in line:
            # The webhook never sees it: Kubernetes refuses the whole object.
            said, _, remedy = line.partition(_NO_TEXT)
            fix = remedy.partition(";")[0]
            yield Finding(
                Rule.FIELD_TYPE, Severity.ERROR, _key(line),
                f"{said}{_NO_TEXT}{fix}; Kubernetes refuses it",
            )  # fmt: skip
            continue
        last = refused and number == len(lines)
        remedy = f"; {_REMEDIES[reason]}" if last and reason in _REMEDIES else ""
        severity = Severity.ERROR if last else Severity.WARNING
        rule = Rule.NO_BACKUP if last else _rule(line)
        yield Finding(rule, severity, _key(line), line + remedy)


def _key(line: str) -> str:
    if line.startswith(("volume ", "no volume ")):
        return "spec.volumes"
    named = re.search(r"\bbackup\.[A-Za-z0-9_.-]*[A-Za-z0-9]", line)
    return named[0] if named else "spec"


def _rule(line: str) -> Rule:
    return next((rule for rule, words in _RULES if re.search(words, line)), Rule.ADMISSION)
