"""Whether a pod gets a sidecar, and what the sidecar has to do: ``decide(pod) -> Skip | Plan``."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contract import names, settings
from contract.names import Reason
from contract.settings import Problem, Settings
from webhook import workload
from webhook.limits import Limit
from webhook.quotas import Quota
from webhook.workload import Claim, Identity, Pod

_MIRROR_ANNOTATION = "kubernetes.io/config.mirror"


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator of the webhook decides for all pods."""

    image: str
    pull_policy: str = "IfNotPresent"
    cluster: str = ""
    defaults: Mapping[str, str] = field(default_factory=dict)
    excluded_namespaces: frozenset[str] = frozenset({"kube-system", "kube-public"})
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
class Mount:
    """A folder ("" is all) of a volume, mounted read-only below the volumes folder."""

    volume: str
    folder: str

    @property
    def path(self) -> str:
        """Where it is mounted, below the volumes folder."""
        return posixpath.join(self.volume, self.folder) if self.folder else self.volume


@dataclass(frozen=True, slots=True)
class Skip:
    """The pod stays as it is. ``told``: it asked for a backup, so its status says why not."""

    reason: Reason
    warnings: tuple[str, ...] = ()
    told: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The pod gets a sidecar. ``sources`` are the folders that backup.volumes named, or None."""

    identity: Identity
    mounts: tuple[Mount, ...]
    sources: tuple[str, ...] | None
    settings: Settings
    warnings: tuple[str, ...]

    @property
    def defaulted(self) -> tuple[str, ...]:
        """The annotations whose value could not be used."""
        return tuple(dict.fromkeys(problem.key for problem in self.settings.problems))


Decision = Skip | Plan


def decide(pod: Pod, options: Options, around: Surroundings) -> Decision:
    """Return what to do with ``pod``, which is a v1 Pod about to be created."""
    decision = _not_asked(pod) or _impossible(pod) or _plan(pod, options)
    problem = around.image_problem
    if isinstance(decision, Plan):
        dumps = decision.settings.get(settings.DUMP)
        problem = around.database_image_problem if dumps else problem
    if isinstance(decision, Plan) and problem:
        line = f"the sidecar's image cannot be had ({problem}); not backed up"
        return Skip(Reason.IMAGE_UNAVAILABLE, (*decision.warnings, line), told=True)
    if isinstance(decision, Plan) and around.refused:
        line = "something in the cluster refuses pods with the backup sidecar; not backed up"
        return Skip(Reason.REFUSED_ELSEWHERE, (*decision.warnings, line), told=True)
    return decision


def _not_asked(pod: Pod) -> Skip | None:
    annotations = workload.annotations(pod)
    if _MIRROR_ANNOTATION in annotations:
        return Skip(Reason.MIRROR_POD)
    try:
        return None if settings.enabled(annotations) else Skip(Reason.NOT_ENABLED)
    except ValueError as error:
        return Skip(Reason.INVALID_VALUE, (f"{error}; not backed up",), told=True)


def _impossible(pod: Pod) -> Skip | None:
    if workload.is_windows(pod):
        return Skip(Reason.WINDOWS, ("Windows pods are not backed up",), told=True)
    if already_injected(pod):
        return Skip(Reason.ALREADY_INJECTED)
    if taken := _taken_names(pod):
        line = f"the pod has its own {taken}, a name that backups need; not backed up"
        return Skip(Reason.NAME_CONFLICT, (line,), told=True)
    return None


def already_injected(pod: Pod) -> bool:
    """Whether the pod has our sidecar, told by its structure and not by a mark."""
    return any(is_ours(each) for each in workload.spec(pod).get("initContainers") or [])


def is_ours(container: Mapping[str, Any]) -> bool:
    """Whether this is our sidecar, even if somebody took something from it."""
    mounted = {mount.get("name") for mount in container.get("volumeMounts") or []}
    stays = container.get("restartPolicy") == "Always" or container.get("command") == [
        names.COMMAND
    ]
    return container.get("name") == names.CONTAINER and stays and names.STATE_VOLUME in mounted


def _taken_names(pod: Pod) -> str:
    taken = [
        f"container {names.CONTAINER}"
        for container in workload.containers(pod)
        if container.get("name") == names.CONTAINER
    ]
    taken += [
        f"volume {volume['name']}"
        for volume in workload.spec(pod).get("volumes") or []
        if volume.get("name") in names.OWN_VOLUMES
    ]
    return " and ".join(taken)


def _plan(pod: Pod, options: Options) -> Decision:
    annotations = workload.annotations(pod)
    values = _allowed(settings.resolve(annotations, {}, options.defaults), options)
    unknown = settings.unknown(annotations)
    found, warnings = workload.claims(pod)
    mounts, sources, bad = _select(found, values.get(settings.VOLUMES))
    warnings = (*map(str, (*values.problems, *unknown)), *warnings, *bad)
    if not mounts:
        line = "no volume to back up: no container mounts a persistent volume claim as files"
        return Skip(Reason.NO_VOLUMES, (*warnings, line), told=True)
    return Plan(
        identity=workload.identity(pod, values.get(settings.NAME)),
        mounts=mounts,
        sources=sources,
        settings=values,
        warnings=warnings,
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


def _select(
    claims: Mapping[str, Claim], wanted: tuple[str, ...] | None
) -> tuple[tuple[Mount, ...], tuple[str, ...] | None, tuple[str, ...]]:
    """Return what to mount, what to back up of it (None: all), and a warning per bad entry.

    A bad entry never costs a backup: then the default volumes are taken too.
    """
    by_default = [
        Mount(claim.name, folder)
        for claim in claims.values()
        if claim.persistent
        for folder in claim.folders
    ]
    if wanted is None:
        return tuple(by_default), None, ()
    mounts: list[Mount] = []
    sources: list[str] = []
    warnings: list[str] = []
    for entry in wanted:
        try:
            chosen, folders = _entry(claims, entry)
        except ValueError as error:
            warnings.append(
                f"annotation {settings.VOLUMES.annotation} {entry!r}: {error}; "
                "all persistent volumes are backed up too"
            )
        else:
            mounts += chosen
            sources += folders
    if warnings:
        mounts += by_default
        sources += [mount.path for mount in by_default]
    return tuple(dict.fromkeys(mounts)), tuple(dict.fromkeys(sources)), tuple(warnings)


def _entry(claims: Mapping[str, Claim], entry: str) -> tuple[list[Mount], list[str]]:
    """Return what one ``name`` or ``name:sub/path`` mounts and backs up."""
    name, narrowed, text = entry.partition(":")
    if name not in claims:
        raise ValueError("no container mounts such a volume with files of its own")
    claim = claims[name]
    if not narrowed:
        mounts = [Mount(name, folder) for folder in claim.folders]
        return mounts, [mount.path for mount in mounts]
    folder = posixpath.normpath(text)
    if not text or folder.startswith(("/", "..")) or ".." in text.split("/"):
        raise ValueError("write a folder inside the volume, such as data:sub/path")
    # The whole mount, not a subPath: where the kubelet cannot prepare one, the app does not start.
    outer = next((o for o in claim.folders if workload.within(folder, o)), None)
    if outer is None:
        raise ValueError(f"containers mount only {', '.join(claim.folders)} of this volume")
    return [Mount(name, outer)], [posixpath.normpath(posixpath.join(name, folder))]
