"""Inputs and results of a decision: the operator's options, the namespace, the plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from contract import coverage
from contract.annotations import settings
from contract.annotations.namespace import NOTHING, NamespaceDefaults, Policy
from contract.annotations.settings import Settings
from contract.names import Reason
from contract.workloads.left_out import LEFT_OUT
from webhook.admission.pod import by_default
from webhook.admission.pod.placement import Node
from webhook.admission.pod_spec import Identity, Pod
from webhook.admission.policies.limit_range import Limit
from webhook.admission.policies.resource_quota import Quota
from webhook.admission.volumes.selection import Mount


@dataclass(frozen=True, slots=True)
class Restore:
    """Restore of empty ``volumes`` before anything uses them, or why it is impossible.

    ``as_of`` and ``origin`` are as they were written: the runner refuses what it cannot read.
    """

    mode: str
    volumes: tuple[str, ...] = ()
    as_of: str = ""
    origin: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of the webhook's operator for all pods.

    ``enabled``: which are backed up without asking; not those of ``left_out``, which are
    controllers as ``KIND`` or ``KIND.GROUP``.
    """

    image: str
    pull_policy: str = "IfNotPresent"
    cluster: str = ""
    defaults: Mapping[str, str] = field(default_factory=dict)
    excluded_namespaces: frozenset[str] = frozenset(coverage.NEVER_INJECTED)
    secrets: frozenset[str] = frozenset()  # that annotations may name; none: all
    pod_security: str = "privileged"  # of namespaces without a label
    database_image: str = ""  # with clients of databases; none: no dumps
    enabled: Policy = Policy.ANNOTATED
    left_out: frozenset[str] = frozenset(LEFT_OUT)
    usual_secret: str = ""  # the chart's, where a namespace names another

    def within(self, namespace: NamespaceDefaults) -> "Options":
        """Return the options for a namespace, whose defaults outrank the chart's."""
        if not namespace.values:
            return self
        usual = self.defaults.get(settings.SECRET.key, "")
        return replace(
            self,
            defaults={**self.defaults, **namespace.values},
            usual_secret=usual or settings.SECRET.default,
        )

    def asked(self, pod: Pod, namespace: NamespaceDefaults) -> Pod:
        """Return a pod of a namespace, or a copy that asks if it is backed up by default."""
        return by_default.as_asked(pod, namespace, self.enabled, self.left_out)


@dataclass(frozen=True, slots=True)
class NodeProblem:
    """Why an image does not run on a ``node``."""

    problem: str
    node: Node

    def __str__(self) -> str:
        """Say it in words."""
        return f"{self.problem} on node {self.node.name}"


@dataclass(frozen=True, slots=True)
class NamespaceContext:
    """The current state of a pod's namespace, and of the nodes.

    ``image_problems``: which nodes cannot run the image, and ``database_image_problems`` the one
    for pods with dumps; ``pod_security``: the level that is enforced;
    ``defaults``: what the Namespace says about its pods;
    ``refused``: pods of this owner get no sidecar for now: something refused every pod that had
    one, or it did not run in one, and ``broken`` says why.
    """

    image_problems: tuple[NodeProblem, ...] = ()
    database_image_problems: tuple[NodeProblem, ...] = ()
    pod_security: str = "privileged"
    limits: tuple[Limit, ...] = ()
    quotas: tuple[Quota, ...] = ()
    pull_secrets: tuple[str, ...] = ()
    defaults: NamespaceDefaults = NOTHING
    refused: bool = False
    broken: str = ""


@dataclass(frozen=True, slots=True)
class Skip:
    """The pod stays unchanged. ``told``: it requested a backup, so its status names the reason.

    ``refused``: it also requested a restore and does not start without one.
    """

    reason: Reason
    warnings: tuple[str, ...] = ()
    told: bool = False
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The pod gets a sidecar. ``sources`` are the folders from backup.volumes, or None.

    ``restore``: what is restored before the pod starts, or None.
    """

    identity: Identity
    mounts: tuple[Mount, ...]
    sources: tuple[str, ...] | None
    settings: Settings
    warnings: tuple[str, ...]
    restore: Restore | None = None

    @property
    def refused(self) -> bool:
        """Whether a restore is requested but impossible, which refuses the pod."""
        return self.restore is not None and bool(self.restore.problem)

    @property
    def defaulted(self) -> tuple[str, ...]:
        """The annotations with an invalid value."""
        return tuple(dict.fromkeys(problem.key for problem in self.settings.problems))


Decision = Skip | Plan
