"""Decides whether a pod gets a sidecar, and the sidecar's plan: ``decide(pod) -> Skip | Plan``."""

from collections.abc import Mapping
from dataclasses import replace

from contract import coverage, names
from contract.annotations import settings
from contract.annotations.settings import Problem, Settings
from contract.names import Reason
from webhook.admission import pod_spec, restore_plan
from webhook.admission.model import Decision, NamespaceContext, Options, Plan, Skip
from webhook.admission.pod import complexity, platform
from webhook.admission.pod.placement import may_run_on
from webhook.admission.pod_spec import Pod
from webhook.admission.volumes import claims, excludes, selection

_ENABLED = settings.ENABLED.annotation


def decide(pod: Pod, options: Options, around: NamespaceContext) -> Decision:
    """Return what to do with ``pod``, which is a v1 Pod about to be created."""
    skip = _not_asked(pod, around) or _too_complex(pod) or _impossible(pod, options)
    decision: Decision = skip or _plan(pod, options, around)
    if isinstance(decision, Plan):
        decision = _around(pod, decision, around)
    if isinstance(decision, Skip) and decision.told:
        return refused(pod, decision, options)
    return decision


def refused(pod: Pod, skip: Skip, options: Options) -> Skip:
    """Return ``skip`` with the consequence for a pod that requests a restore before the cause."""
    if not restore_plan.asked(pod_spec.annotations(pod), options.defaults):
        return skip
    *others, cause = skip.warnings
    return replace(skip, warnings=(*others, restore_plan.REFUSAL, cause), refused=True)


def _around(pod: Pod, plan: Plan, around: NamespaceContext) -> Decision:
    """Return the plan after applying what the cluster allows."""
    dumps = plan.settings.get(settings.DUMP)
    problems = around.database_image_problems if dumps else around.image_problems
    if problem := next((each for each in problems if may_run_on(pod, each.node)), None):
        line = f"the sidecar's image is unavailable ({problem}); not backed up"
        return Skip(Reason.IMAGE_UNAVAILABLE, (*plan.warnings, line), told=True)
    if not around.refused:
        return plan
    reason, line = Reason.REFUSED_ELSEWHERE, "another policy refuses pods with the backup sidecar"
    if around.broken:
        reason = Reason.SIDECAR_BROKEN
        line = f"in a pod of this workload the sidecar did not run: {around.broken}"
    if plan.restore and not plan.refused:
        # Without our containers it is refused for certain; with them, no longer than by others.
        line = (
            f"{line}; this pod requests a restore, so it is not created without the sidecar: "
            "see its events"
        )
        return replace(plan, warnings=(*plan.warnings, line))
    return Skip(reason, (*plan.warnings, f"{line}; not backed up"), told=True)


def _not_asked(pod: Pod, around: NamespaceContext) -> Skip | None:
    annotations = pod_spec.annotations(pod)
    if coverage.MIRROR_ANNOTATION in annotations:
        return Skip(Reason.MIRROR_POD)
    try:
        if settings.enabled(annotations):
            return None
    except ValueError as error:
        return Skip(Reason.INVALID_VALUE, (f"{error}; not backed up",), told=True)
    problems = [*settings.unknown(annotations)]
    if _ENABLED not in annotations:
        problems += (each for each in around.defaults.problems if each.key == _ENABLED)
    return Skip(Reason.NOT_ENABLED, tuple(map(str, problems)))


def _too_complex(pod: Pod) -> Skip | None:
    too_long = complexity.too_long(pod)
    if not (excess := too_long or complexity.too_many(pod)):
        return None
    line = f"the pod is too large for the webhook to process ({excess}); not backed up"
    return Skip(Reason.TOO_COMPLEX, (line,), told=not too_long)


def _impossible(pod: Pod, options: Options) -> Skip | None:
    if platform.is_windows(pod):
        return Skip(Reason.WINDOWS, ("Windows pods are not backed up",), told=True)
    if coverage.has_sidecar(pod):
        short = coverage.shortage(pod)
        return Skip(Reason.ALREADY_INJECTED, (short,) if short else ())
    if taken := _taken_names(pod, options):
        line = f"the pod has its own {taken}, a name that the sidecar uses; not backed up"
        return Skip(Reason.NAME_CONFLICT, (line,), told=True)
    return None


def _taken_names(pod: Pod, options: Options) -> str:
    restored = restore_plan.asked(pod_spec.annotations(pod), options.defaults)
    ours = {names.CONTAINER, *([names.RESTORE_CONTAINER] if restored else [])}
    taken = [
        f"container {container['name']}"
        for container in pod_spec.containers(pod)
        if container.get("name") in ours
    ]
    taken += [
        f"volume {volume['name']}"
        for volume in pod_spec.spec(pod).get("volumes") or []
        if volume.get("name") in names.OWN_VOLUMES
    ]
    return " and ".join(taken)


def _plan(pod: Pod, options: Options, around: NamespaceContext) -> Decision:
    annotations = pod_spec.annotations(pod)
    values = _allowed(restore_plan.resolved(annotations, options.defaults), options)
    mode = values[settings.RESTORE]
    problems = [restore_plan.told(problem, mode) for problem in values.problems]
    found = claims.read(pod)
    chosen = selection.select(found.by_volume, values.get(settings.VOLUMES))
    unknown = map(str, settings.unknown(annotations))
    defaults = map(str, around.defaults.problems)
    warnings = (*problems, *unknown, *defaults, *found.warnings, *chosen.warnings)
    if not chosen.mounts:
        line = "no volume to back up: no container mounts a persistent volume claim as files"
        return Skip(Reason.NO_VOLUMES, (*warnings, line), told=True)
    doubtful = map(str, excludes.doubtful(pod, values, chosen.mounts))
    restored = restore_plan.plan(pod, values, (mount.volume for mount in chosen.mounts))
    return Plan(
        identity=pod_spec.identity(pod, values.get(settings.NAME)),
        mounts=chosen.mounts,
        sources=chosen.sources,
        settings=values,
        warnings=(*warnings, *doubtful, *restored.warnings),
        restore=restored.restore,
    )


def _allowed(values: Settings, options: Options) -> Settings:
    """Return ``values`` with the default Secret and without dumps, if the operator requires it."""
    dumped = values.get(settings.DUMP)
    if dumped and not options.database_image:
        key, text = settings.DUMP.annotation, " ".join(each.name for each in dumped)
        problem = Problem(
            "annotation", key, text, "the chart does not allow dumps (sidecar.dumps)", "none"
        )
        values = values.replaced(settings.DUMP, (), problem)
    named = values[settings.SECRET]
    default = options.defaults.get(settings.SECRET.key) or settings.SECRET.default
    usual = options.usual_secret or default
    if not options.secrets or named in options.secrets | {usual}:
        return values
    key = settings.SECRET.annotation
    problem = Problem(
        "annotation", key, named, "the chart does not allow this Secret (sidecar.secrets)", usual
    )
    return values.replaced(settings.SECRET, usual, problem)


def may_ask(pod: object) -> bool:
    """Whether a pod asks for backups, or cannot be understood so far; never raises."""
    try:
        return not isinstance(pod, dict) or asks(pod_spec.annotations(pod))
    except Exception:  # noqa: BLE001 -- whatever a manifest holds there
        return True


def asks(given: Mapping[str, object]) -> bool:
    """Whether annotations (or labels) request backups, even with an invalid value."""
    try:
        return settings.enabled(given)
    except ValueError:
        return True
