"""Annotations and labels in the wrong place, or missing."""

from collections.abc import Iterator, Mapping

from contract.annotations import settings
from webhook.admission import pod_spec
from webhook.admission.decide import asks
from webhook.admission.pod_spec import Pod
from webhook.lint.advice.namespace import data
from webhook.lint.findings import ENABLED, Finding, Severity, has
from webhook.lint.rules import Rule
from webhook.manifests.workloads import Workload

_SHOWN = 60  # characters of a value that a message repeats


def advise(workload: Workload, pod: Pod) -> Iterator[Finding]:
    """Yield findings about misplaced annotations, or a note about missing ones."""
    own, to = pod_spec.annotations(pod), workload.annotations_path
    said = ENABLED in own
    for kind, holder in workload.around:
        for key, value in sorted(pod_spec.annotations(holder).items(), key=str):
            if not str(key).startswith(settings.PREFIX) or "/" in key or key in own:
                continue
            severity = Severity.WARNING
            if key == ENABLED:
                severity, said = _severity({key: value}), True
            shown = f"{key} {str(value)[:_SHOWN]!r}"
            line = f"annotation {shown} is on the {kind}, where it has no effect"
            yield Finding(Rule.MISPLACED, severity, key, f"{line}; move it to {to}")
    for kind, holder in (("pod itself", pod), *workload.around):
        labels = pod_spec.metadata(holder).get("labels") or {}
        if ENABLED in labels and not said:
            said = True
            line = f"label {ENABLED} {labels[ENABLED]!r} on the {kind} has no effect"
            yield Finding(Rule.LABEL, _severity(labels), ENABLED, f"{line}; add it to {to}")
    without = [setting.annotation for setting in settings.ALL if has(own, setting)]
    if not said and without:
        line = f"{', '.join(without)} without {ENABLED}: nothing is backed up"
        remedy = f'add {ENABLED}: "true" to {to}'
        yield Finding(Rule.WITHOUT_ENABLED, Severity.WARNING, ENABLED, f"{line}; {remedy}")
    elif not said and (volumes := data(pod)):
        remedy = f'write {ENABLED}: "true" (or "false" to opt out) to {to}'
        line = f"{volumes} would not be backed up"
        yield Finding(Rule.UNDECIDED, Severity.NOTE, ENABLED, f"{line}; {remedy}")


def _severity(given: Mapping[str, object]) -> Severity:
    return Severity.ERROR if asks(given) else Severity.NOTE
