"""Whether a pod gets a sidecar, and what the sidecar has to do: ``decide(pod) -> Skip | Plan``."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from contract import cover, names, settings
from contract.names import Reason
from contract.settings import Problem, Settings
from webhook import complexity, excludes, restore, sources, workload
from webhook.limits import Limit
from webhook.quotas import Quota
from webhook.restore import Restore
from webhook.sources import Mount
from webhook.workload import Identity, Pod


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator of the webhook decides for all pods."""

    image: str
    pull_policy: str = "IfNotPresent"
    cluster: str = ""
    defaults: Mapping[str, str] = field(default_factory=dict)
    excluded_namespaces: frozenset[str] = frozenset(cover.NEVER_INJECTED)
    secrets: frozenset[str] = frozenset()  # that annotations may name; none: all
    pod_security: str = "privileged"  # of namespaces without a label
    database_image: str = ""  # with clients of databases; none: no dumps


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the cluster says at the moment of a pod's namespace, and of the nodes.

    ``image_problem``: why some node cannot get the image, and ``database_image_problem`` the one
    for pods with dumps; ``pod_security``: the level that is enforced;
    ``refused``: something refused every pod of this owner that had our sidecar.
    """

    image_problem: str = ""
    database_image_problem: str = ""
    pod_security: str = "privileged"
    limits: tuple[Limit, ...] = ()
    quotas: tuple[Quota, ...] = ()
    pull_secrets: tuple[str, ...] = ()
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Skip:
    """The pod stays as it is. ``told``: it asked for a backup, so its status says why not.

    ``refused``: it asked for a restore too, and does not start without one.
    """

    reason: Reason
    warnings: tuple[str, ...] = ()
    told: bool = False
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The pod gets a sidecar. ``sources`` are the folders that backup.volumes named, or None.

    ``restore``: what is filled before the pod starts, or None.
    """

    identity: Identity
    mounts: tuple[Mount, ...]
    sources: tuple[str, ...] | None
    settings: Settings
    warnings: tuple[str, ...]
    restore: Restore | None = None

    @property
    def refused(self) -> bool:
        """Whether a restore is asked for and cannot be prepared, so that the pod is refused."""
        return self.restore is not None and bool(self.restore.problem)

    @property
    def defaulted(self) -> tuple[str, ...]:
        """The annotations whose value could not be used."""
        return tuple(dict.fromkeys(problem.key for problem in self.settings.problems))


Decision = Skip | Plan


def decide(pod: Pod, options: Options, around: Surroundings) -> Decision:
    """Return what to do with ``pod``, which is a v1 Pod about to be created."""
    skip = _not_asked(pod) or _too_complex(pod) or _impossible(pod, options)
    decision: Decision = skip or _plan(pod, options)
    if isinstance(decision, Plan):
        decision = _around(decision, around)
    if isinstance(decision, Skip) and decision.told:
        return refused(pod, decision, options)
    return decision


def refused(pod: Pod, skip: Skip, options: Options) -> Skip:
    """Return ``skip`` with what becomes of a pod that asks for a restore, said before the cause."""
    if not restore.asked(workload.annotations(pod), options.defaults):
        return skip
    *others, cause = skip.warnings
    return replace(skip, warnings=(*others, restore.REFUSAL, cause), refused=True)


def _around(plan: Plan, around: Surroundings) -> Decision:
    """Return what the cluster leaves of the plan."""
    dumps = plan.settings.get(settings.DUMP)
    if problem := around.database_image_problem if dumps else around.image_problem:
        line = f"the sidecar's image cannot be had ({problem}); not backed up"
        return Skip(Reason.IMAGE_UNAVAILABLE, (*plan.warnings, line), told=True)
    if not around.refused:
        return plan
    line = "something in the cluster refuses pods with the backup sidecar"
    if plan.restore and not plan.refused:
        # Without our containers it is refused for certain; with them, no longer than by others.
        line = f"{line}; this one asks for a restore and is not tried without: see its events"
        return replace(plan, warnings=(*plan.warnings, line))
    return Skip(Reason.REFUSED_ELSEWHERE, (*plan.warnings, f"{line}; not backed up"), told=True)


def _not_asked(pod: Pod) -> Skip | None:
    annotations = workload.annotations(pod)
    if cover.MIRROR_ANNOTATION in annotations:
        return Skip(Reason.MIRROR_POD)
    try:
        return None if settings.enabled(annotations) else Skip(Reason.NOT_ENABLED)
    except ValueError as error:
        return Skip(Reason.INVALID_VALUE, (f"{error}; not backed up",), told=True)


def _too_complex(pod: Pod) -> Skip | None:
    too_long = complexity.too_long(pod)
    if not (excess := too_long or complexity.too_many(pod)):
        return None
    line = f"the pod is too large for the webhook to work on ({excess}); not backed up"
    return Skip(Reason.TOO_COMPLEX, (line,), told=not too_long)


def _impossible(pod: Pod, options: Options) -> Skip | None:
    if workload.is_windows(pod):
        return Skip(Reason.WINDOWS, ("Windows pods are not backed up",), told=True)
    if cover.has_sidecar(pod):
        return Skip(Reason.ALREADY_INJECTED)
    if taken := _taken_names(pod, options):
        line = f"the pod has its own {taken}, a name that backups need; not backed up"
        return Skip(Reason.NAME_CONFLICT, (line,), told=True)
    return None


def is_ours(container: Mapping[str, Any]) -> bool:
    """Whether this is one of our two containers."""
    return cover.is_sidecar(container) or restore.is_restorer(container)


def _taken_names(pod: Pod, options: Options) -> str:
    restored = restore.asked(workload.annotations(pod), options.defaults)
    ours = {names.CONTAINER, *([names.RESTORE_CONTAINER] if restored else [])}
    taken = [
        f"container {container['name']}"
        for container in workload.containers(pod)
        if container.get("name") in ours
    ]
    taken += [
        f"volume {volume['name']}"
        for volume in workload.spec(pod).get("volumes") or []
        if volume.get("name") in names.OWN_VOLUMES
    ]
    return " and ".join(taken)


def _plan(pod: Pod, options: Options) -> Decision:
    annotations = workload.annotations(pod)
    values = _allowed(restore.resolved(annotations, options.defaults), options)
    mode = values[settings.RESTORE]
    problems = [restore.told(problem, mode) for problem in values.problems]
    found, warnings = workload.claims(pod)
    mounts, folders, bad = sources.select(found, values.get(settings.VOLUMES))
    warnings = (*problems, *map(str, settings.unknown(annotations)), *warnings, *bad)
    if not mounts:
        line = "no volume to back up: no container mounts a persistent volume claim as files"
        return Skip(Reason.NO_VOLUMES, (*warnings, line), told=True)
    warnings = (*warnings, *map(str, excludes.doubtful(pod, values, mounts)))
    filled, lines = restore.plan(pod, values, (mount.volume for mount in mounts))
    return Plan(
        identity=workload.identity(pod, values.get(settings.NAME)),
        mounts=mounts,
        sources=folders,
        settings=values,
        warnings=(*warnings, *lines),
        restore=filled,
    )


def _allowed(values: Settings, options: Options) -> Settings:
    """Return ``values`` with the usual Secret, and without dumps, where the operator says so."""
    dumped = values.get(settings.DUMP)
    if dumped and not options.database_image:
        key, text = settings.DUMP.annotation, " ".join(each.name for each in dumped)
        problem = Problem("annotation", key, text, "the operator allows no dumps", "none")
        values = values.replaced(settings.DUMP, (), problem)
    named = values[settings.SECRET]
    usual = options.defaults.get(settings.SECRET.key) or settings.SECRET.default
    if not options.secrets or named in options.secrets | {usual}:
        return values
    key = settings.SECRET.annotation
    problem = Problem("annotation", key, named, "the operator does not allow this Secret", usual)
    return values.replaced(settings.SECRET, usual, problem)
