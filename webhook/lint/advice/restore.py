"""`lint` findings about restores: what would be restored, and what should not stay in a
template.
"""

from collections.abc import Iterator

from contract.annotations import commands, settings
from webhook.admission import pod_spec, restore_plan
from webhook.admission.model import Restore
from webhook.admission.pod_spec import Pod
from webhook.lint.advice import replicas
from webhook.lint.findings import ENABLED, Finding, Severity, Subject, has
from webhook.lint.rules import Rule
from webhook.manifests import objects

_KEY = settings.RESTORE.annotation
_FROM_ELSEWHERE = (settings.RESTORE_AS_OF, settings.RESTORE_FROM)
_FLEETING = ("emptyDir", "ephemeral")  # sources of volumes that are new with each pod


def unasked(pod: Pod) -> Iterator[Finding]:
    """Yield annotations of a restore that nothing asks for."""
    annotations = pod_spec.annotations(pod)
    mode = str(annotations.get(_KEY) or restore_plan.NEVER).strip().lower()
    if mode != restore_plan.NEVER and ENABLED not in annotations:
        line = f"without {ENABLED} nothing is backed up and nothing restored"
        line = f'{_KEY} {mode!r}: {line}; write {ENABLED}: "true"'
        yield Finding(Rule.RESTORE_UNASKED, Severity.WARNING, _KEY, line)
    for setting in _FROM_ELSEWHERE if mode == restore_plan.NEVER else ():
        if has(annotations, setting):
            line = f"{setting.annotation} has no effect without {_KEY}"
            line = f"{line}: write {_KEY}: if-empty"
            yield Finding(Rule.RESTORE_UNASKED, Severity.WARNING, setting.annotation, line)


def advise(subject: Subject) -> Iterator[Finding]:
    """Yield what would be restored before this pod starts, and possible surprises."""
    wanted = subject.plan.restore
    invalid = {problem.key for problem in subject.plan.settings.problems}
    unreadable = any(setting.annotation in invalid for setting in _FROM_ELSEWHERE)
    if wanted is None or wanted.problem or unreadable:
        return  # it is said that the pod does not start
    yield Finding(Rule.RESTORE, Severity.NOTE, _KEY, _told(wanted))
    volumes = {each["name"]: each for each in pod_spec.spec(subject.pod)["volumes"]}
    for name in wanted.volumes:
        for source in _FLEETING:
            if volumes[name].get(source) is not None:
                yield Finding(
                    Rule.RESTORE_FLEETING, Severity.WARNING, settings.VOLUMES.annotation,
                    f"volume {name} ({source}) is new and empty in every pod, and every start "
                    f"waits for a restore; remove it from {settings.VOLUMES.annotation}",
                )  # fmt: skip
    for setting in _FROM_ELSEWHERE:
        if has(pod_spec.annotations(subject.pod), setting):
            yield Finding(
                Rule.RESTORE_PINNED, Severity.WARNING, setting.annotation,
                f"{setting.annotation} in a template: every later pod with an empty volume also "
                f"gets these files instead of its latest; remove it when this restore is done",
            )  # fmt: skip
    yield from _of_several(subject, wanted)
    yield from _of_commands(subject)


def _told(wanted: Restore) -> str:
    source = f"what {wanted.origin} backed up" if wanted.origin else "its backups"
    moment = f"as of {wanted.as_of}" if wanted.as_of else "the latest"
    none = "the pod waits" if wanted.mode == "required" else "it starts empty"
    volumes = ", ".join(wanted.volumes)
    return (
        f"before the pod starts, each of these volumes that is empty is restored from {source}, "
        f"{moment}: {volumes}; if there is no backup yet, {none}"
    )


def _of_several(subject: Subject, wanted: Restore) -> Iterator[Finding]:
    scale = subject.scale
    if scale is None:
        return
    shared = replicas.shared_claims(subject)
    if claims := [shared[name] for name in wanted.volumes if name in shared]:
        line = f"{scale.text}: the pods share claim {', '.join(claims)}; the first to start"
        line = f"{line} restores it, once, and the others wait"
        yield Finding(Rule.RESTORE_SEVERAL, Severity.NOTE, _KEY, line)
    if wanted.origin and any(name not in shared for name in wanted.volumes):
        key = settings.RESTORE_FROM.annotation
        yield Finding(
            Rule.RESTORE_SEVERAL, Severity.WARNING, key,
            f"{scale.text}: every pod would get the files of host {wanted.origin}; restore one pod "
            "at a time, manually",
        )  # fmt: skip


def _of_commands(subject: Subject) -> Iterator[Finding]:
    """Yield variables of the Secret whose commands the init container refuses to run."""
    if subject.secret is None:
        return
    given = objects.contents(subject.secret).variables
    permitted = subject.plan.settings.get(settings.RESTORE_COMMANDS) or ()
    for key in commands.needed(given, commands.in_secret(given)):
        if key not in permitted:
            secret, name = settings.SECRET, settings.RESTORE_COMMANDS.annotation
            line = (
                f"Secret {subject.plan.settings[secret]}: the init container can write to the "
                f"volumes and therefore does not run the command of {key}; a pod with an empty "
                f'volume does not start; replace the command by a value, or write {name}: "{key}"'
            )
            yield Finding(Rule.RESTORE_COMMAND, Severity.WARNING, key, line)
