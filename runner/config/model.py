"""The configuration of one run, validated and grouped; `build` makes it. Pure.

None and "" mean that a value is not set.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contract import tags
from contract.annotations import settings
from contract.annotations.settings import Problem, Settings
from contract.annotations.values import Dump
from contract.secret import required_keys
from runner.config.confined import Confined
from runner.config.network import sftp
from runner.config.network.routes import Network
from runner.config.notifiers import Receivers
from runner.config.options.restic import Given
from runner.config.redaction.mask import Mask
from runner.config.repository.mirror import Mirror
from runner.config.repository.second import Second
from runner.config.timeouts import Timing
from runner.policy.floor import Floor


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose backups these are."""

    namespace: str
    pod: str  # its name
    host: str  # restic's host of all snapshots
    admitted: str  # the host that the webhook knows this workload by
    kind: str  # of the workload, as Kubernetes writes it
    workload: str  # its name
    cluster: str  # "" without a name

    @property
    def tags(self) -> tuple[str, ...]:
        """The fixed tags of every snapshot; host and tags identify the workload."""
        return tags.owner_tags(self.namespace, self.kind, self.workload, self.cluster)

    @property
    def seed(self) -> str:
        """What seeds ``H`` in schedules: the same for this workload on every machine."""
        return f"{self.namespace}/{self.kind}/{self.host}"


@dataclass(frozen=True, slots=True)
class Paths:
    """Folders in the container."""

    volumes: str  # below it, the app's volumes
    state: str
    secret: str
    sources: tuple[str, ...] | None  # what is backed up, as annotated
    legacy_sources: tuple[str, ...] | None  # the same, as the Secret has it


@dataclass(frozen=True, slots=True)
class Maintenance:
    """What is kept in the repository, and how it is looked after."""

    retention_enabled: bool
    floor: Floor  # the least that retention keeps
    admitted: Settings  # retention without what was annotated after admission
    subsets: int  # parts in which all data is read, one a check; 0: none
    seal: bytes  # authenticates what the maintenance job keeps in the repository


@dataclass(frozen=True, slots=True)
class Repository:
    """How restic, or rclone in its place, reaches what it writes to."""

    environment: Mapping[str, str]  # of restic, or of rclone
    options: Given
    may_init: bool  # whether a missing repository is created
    second: Second | None  # to which snapshots are copied
    spare: Mapping[str, str]  # passwords with the newline that followed them, by variable
    expanded: Mapping[str, str]  # variables that backups fill into files of patterns


@dataclass(frozen=True, slots=True)
class Commands:
    """What is run beside restic."""

    databases: Mapping[str, str]  # environment of databases' clients and of the user's commands
    dumps: tuple[Dump, ...]
    pre: tuple[str, ...]  # argv, empty without
    post: tuple[str, ...]  # argv, empty without
    backup: str  # shell text instead of our own backup
    confined: Confined  # which of these do not run in this container
    debug: bool  # whether the log says what is run


@dataclass(frozen=True, slots=True)
class Config:
    """The complete configuration of a run."""

    identity: Identity
    paths: Paths
    settings: Settings  # of annotations, the Secret and the chart
    maintenance: Maintenance
    timing: Timing
    repository: Repository
    mirror: Mirror | None  # where rclone mirrors to, in place of restic's snapshots
    network: Network
    mask: Mask
    commands: Commands
    receivers: Receivers  # of notifications and metrics
    problems: tuple[Problem, ...]  # invalid values

    @property
    def mirrors(self) -> bool:
        """Whether rclone keeps a mirror, where else restic makes snapshots."""
        return self.mirror is not None

    @property
    def central(self) -> bool:
        """Whether a job of the repository's own does what else its sidecars do for it."""
        return not self.mirrors and self.settings[settings.MAINTENANCE] == "central"

    @property
    def missing(self) -> str:
        """The keys missing from the Secret for a backup; "" if none."""
        if self.mirror:
            given = required_keys.DESTINATION if self.mirror.destination else ()
            return required_keys.missing(given, "rclone")
        environment = self.repository.environment
        return required_keys.missing(environment, "restic") or sftp.missing(environment)

    @property
    def obstacle(self) -> str:
        """Why the repository cannot be opened with this Secret; "" if it can."""
        return self.commands.confined.line or required_keys.line(self.missing)
