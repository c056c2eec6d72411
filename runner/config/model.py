"""The configuration of one run, from environment, Secret and annotations; validated, pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from contract import names, tags
from contract.annotations import settings
from contract.annotations.settings import Problem, Settings
from contract.annotations.values import Dump
from contract.secret import allowlist, plaintext, required_keys
from runner.config import confined, copy_repository, derive, notifiers, parse, timeouts
from runner.config.confined import Confined
from runner.config.copy_repository import Second
from runner.config.mirror import Mirror
from runner.config.network import routes, sftp
from runner.config.network.routes import Authorities, Network
from runner.config.notifiers import Receivers
from runner.config.options import restic as options_restic
from runner.config.options.restic import Given
from runner.config.redaction import credentials
from runner.config.redaction import mask as redaction_mask
from runner.config.redaction.mask import Mask
from runner.config.timeouts import Timing
from runner.policy import attestation, floor
from runner.policy.floor import Floor

LIVE = tuple(setting for setting in settings.ALL if setting.live)


@dataclass(frozen=True, slots=True)
class Files:
    """What files hold that the Secret names. ``unread`` are variables whose file could not be read,
    and why; ``texts`` are secrets in files that others read, for the mask alone; ``settings`` are
    texts of files that programs read their settings from, by variable.
    """

    unread: Mapping[str, str] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    authorities: Authorities = field(default_factory=Authorities)
    settings: Mapping[str, str] = field(default_factory=dict)


_NO_FILES = Files()


@dataclass(frozen=True, slots=True)
class Config:
    """The complete configuration of a run."""

    # Whose backups these are.
    namespace: str
    pod: str  # its name
    host: str  # restic's host of all snapshots
    admitted: str  # the host that the webhook knows this workload by
    kind: str
    workload: str
    cluster: str  # "" without a name
    # Paths.
    volumes_dir: str
    state_dir: str
    secret_dir: str
    sources: tuple[str, ...] | None  # as annotated; None if not given
    legacy_sources: tuple[str, ...] | None  # as the Secret has them; None if not given
    # Settings: annotations, the Secret, the chart.
    settings: Settings
    admitted_settings: Settings  # retention without what was annotated after admission
    floor: Floor  # the least that retention keeps
    retention_enabled: bool
    subsets: int  # parts in which all data is read, one a check; 0: none
    timing: Timing
    grace: float  # seconds that the pod has to stop
    problems: tuple[Problem, ...]
    debug: bool
    # The repositories, or the mirror.
    restic: Mapping[str, str]  # environment
    options: Given
    may_init: bool
    mirror: Mirror | None
    second: Second | None
    network: Network
    spare: Mapping[str, str]  # passwords with the newline that followed them, by variable
    confined: Confined
    # Secrets.
    mask: Mask
    seal: bytes  # authenticates what the maintenance job keeps in the repository
    # What is run beside restic.
    databases: Mapping[str, str]  # environment of their clients
    dumps: tuple[Dump, ...]
    pre: tuple[str, ...]  # argv, empty without
    post: tuple[str, ...]  # argv, empty without
    backup_command: str  # instead of our own backup; "" without
    expanded: Mapping[str, str]  # variables that backups fill into files of patterns
    # Who is told.
    receivers: Receivers

    @property
    def mirrors(self) -> bool:
        """Whether rclone keeps a mirror, where else restic makes snapshots."""
        return self.mirror is not None

    @property
    def central(self) -> bool:
        """Whether a job of the repository's own does what else its sidecars do for it."""
        return not self.mirrors and self.settings[settings.MAINTENANCE] == "central"

    @property
    def tags(self) -> tuple[str, ...]:
        """The fixed tags of every snapshot; host and tags identify the workload."""
        return tags.owner_tags(self.namespace, self.kind, self.workload, self.cluster)

    @property
    def identity(self) -> str:
        """What seeds ``H`` in schedules: the same for this workload on every machine."""
        return f"{self.namespace}/{self.kind}/{self.host}"

    @property
    def missing(self) -> str:
        """The keys missing from the Secret for a backup; "" if none."""
        if self.mirror:
            given = required_keys.DESTINATION if self.mirror.destination else ()
            return required_keys.missing(given, "rclone")
        return required_keys.missing(self.restic, "restic") or sftp.missing(self.restic)

    @property
    def obstacle(self) -> str:
        """Why the repository cannot be opened with this Secret; "" if it can."""
        return self.confined.line or required_keys.line(self.missing)


def read(
    environment: Mapping[str, str],
    secret: Mapping[str, str],
    annotations: Mapping[str, str],
    last_good: Mapping[str, str] | None = None,
    files: Files = _NO_FILES,
    beyond: str = "",
) -> Config:
    """Return the configuration; invalid values become problems in it, never exceptions.

    ``secret`` holds the Secret's files by name. Where there are any, they alone count; without,
    the variables that envFrom made of the Secret, in ``environment``; without these, plain ones of
    it, as of a process that somebody started. ``files`` is what other files hold that the Secret
    names. ``beyond``: what makes this container more than a sidecar; no command of the Secret runs
    there.
    """
    problems = [
        Problem("Secret variable", key, "", why, "none") for key, why in files.unread.items()
    ]
    secret = parse.of_secret(environment, secret)
    whole = parse.usable(secret or environment, problems)
    allowed = environment.get(names.ENV_RESTORE_COMMANDS, "")
    given_all = parse.values_of(whole)
    permitted = confined.of(given_all, files.settings, beyond, allowed, problems)
    variables, limits = permitted.variables, permitted.confined
    defaults = parse.defaults(environment, problems)
    named = variables.get("RESTIC_HOSTNAME", "").strip()
    if not derive.is_host(named):
        why = f"write one line of at most {derive.LONGEST_HOST} characters"
        problems.append(Problem("Secret variable", "RESTIC_HOSTNAME", named, why, "the workload's"))
    effective = settings.resolve(annotations, variables, defaults, LIVE, last_good)
    least = floor.read(variables, defaults, problems)
    effective = floor.raised(effective, least, annotations)
    admitted = parse.admitted(environment, problems)
    before = settings.resolve(admitted, variables, defaults, settings.RETENTION)
    mirror = derive.mirror(environment, variables)
    if mirror and effective.get(settings.SQLITE):
        why = "has no effect with backup.engine rclone: a mirror copies files unchanged"
        problems.append(Problem("setting", settings.SQLITE.annotation, "", why, ""))
    unusable: list[Problem] = []  # they name options, never values that may be secret
    given = options_restic.read(variables, unusable)
    legacy = mirror.sources if mirror else tuple(variables.get("RESTIC_SOURCE", "").split()) or None
    volumes_dir = environment.get(names.ENV_VOLUMES_DIR, names.VOLUMES_DIR)
    source = derive.exclude_key(annotations, variables)
    doubts = () if mirror else derive.doubts(effective, given, source, volumes_dir, *(legacy or ()))
    switches = {
        key: parse.flag(variables, key, default=default, problems=problems)
        for key, default in (
            ("RESTIC_RETENTION_POLICIES_ENABLED", True),
            ("NTFY_ENABLED", False),
            ("PUSHGATEWAY_ENABLED", False),
            ("DEBUG", False),
        )
    }
    mask = redaction_mask.mask(
        credentials.found(given_all, files.texts, all_secret=bool(secret)),
        derive.public(environment),
    )
    return Config(
        namespace=environment.get(names.ENV_NAMESPACE, "default"),
        pod=environment.get(names.ENV_POD, ""),
        host=derive.host(environment, variables),
        admitted=derive.admitted(environment),
        kind=environment.get(names.ENV_KIND, "Pod"),
        workload=environment.get(names.ENV_WORKLOAD) or derive.host(environment, variables),
        cluster=environment.get(names.ENV_CLUSTER, ""),
        volumes_dir=volumes_dir,
        state_dir=environment.get(names.ENV_STATE_DIR, names.STATE_DIR),
        sources=parse.words(names.ENV_VOLUMES, environment, problems),
        legacy_sources=legacy,
        settings=effective,
        admitted_settings=floor.raised(before, least, {}),
        floor=least,
        seal=attestation.material(variables),
        restic=mirror.environment if mirror else sftp.read(derive.restic(variables), variables),
        mirror=mirror,
        databases=derive.databases(variables),
        expanded=derive.restic(given_all),
        second=None
        if mirror or limits.second
        else copy_repository.read(variables, sftp.read(derive.restic(variables), variables)),
        pre=parse.command(names.ENV_PRE, "PRE_HOOK", environment, variables, problems),
        post=parse.command(names.ENV_POST, "POST_HOOK", environment, variables, problems),
        dumps=parse.dumps(environment, problems, mirror is not None),
        grace=parse.grace(environment, problems),
        backup_command=variables.get("RESTIC_BACKUP_COMMAND", "").strip(),
        options=given,
        retention_enabled=switches["RESTIC_RETENTION_POLICIES_ENABLED"],
        may_init=variables.get("BACKUP_INIT", "").strip().lower() != "never",
        subsets=parse.subsets(environment, problems),
        receivers=notifiers.receivers(variables, switches, problems),
        network=routes.read(variables, files.authorities, problems),
        debug=switches["DEBUG"],
        timing=derive.patient(timeouts.read(environment, secret, problems), given.patience),
        mask=mask,
        spare={} if mirror else parse.spare(whole, variables),
        secret_dir=environment.get(names.ENV_SECRET_DIR, names.SECRET_DIR),
        confined=limits,
        problems=(
            *(derive.masked(problem, mask) for problem in (*effective.problems, *problems)),
            *settings.unknown(annotations),
            *allowlist.problems(secret),
            *unusable,
            *doubts,
            *sftp.problems(variables),
            *(
                Problem("Secret variable", key, "", f"sends {what} {plaintext.WHY}", "")
                for key, what in plaintext.sent(variables, files.settings.get)
            ),
        ),
    )
