"""What one run needs to know, from environment, Secret and annotations; checked, pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from contract import allowlist, names, plaintext, settings
from contract.settings import Problem, Settings
from contract.values import Dump
from runner import (
    attestation,
    confined,
    credentials,
    derive,
    floor,
    masking,
    network,
    options,
    reading,
    receivers,
    second,
    sftp,
    timing,
)
from runner.confined import Confined
from runner.destination import Mirror
from runner.floor import Floor
from runner.masking import Mask
from runner.network import Authorities, Network
from runner.options import Given
from runner.receivers import Ntfy, Pings, Service
from runner.second import Second
from runner.timing import Timing

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
    """Everything that a run is told. ``sources`` and ``legacy_sources`` are None if not given.

    ``admitted`` is the host that the webhook knows this workload by. ``spare`` are passwords of
    repositories with the newline that followed them, where one did. ``admitted_settings`` are those
    of retention without what was annotated after admission; ``expanded`` is what backups fill into
    files of patterns; ``seal`` authenticates what the maintenance job keeps in the repository.
    """

    namespace: str
    pod: str
    host: str
    admitted: str
    kind: str
    workload: str
    cluster: str
    volumes_dir: str
    state_dir: str
    sources: tuple[str, ...] | None
    legacy_sources: tuple[str, ...] | None
    settings: Settings
    admitted_settings: Settings
    floor: Floor
    seal: bytes
    problems: tuple[Problem, ...]
    restic: Mapping[str, str]
    databases: Mapping[str, str]
    expanded: Mapping[str, str]
    mirror: Mirror | None
    second: Second | None
    pre: tuple[str, ...]
    post: tuple[str, ...]
    dumps: tuple[Dump, ...]
    grace: float
    backup_command: str
    options: Given
    retention_enabled: bool
    may_init: bool
    subsets: int
    ntfy: Ntfy | None
    services: tuple[Service, ...]
    pings: Pings | None
    pushgateway: str
    network: Network
    debug: bool
    timing: Timing
    mask: Mask
    spare: Mapping[str, str]
    secret_dir: str
    confined: Confined

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
        """The fixed tags of every snapshot; with the host they say whose it is."""
        cluster = (f"cluster={self.cluster}",) if self.cluster else ()
        return (f"ns={self.namespace}", f"kind={self.kind}", f"workload={self.workload}", *cluster)

    @property
    def identity(self) -> str:
        """What seeds ``H`` in schedules: the same for this workload on every machine."""
        return f"{self.namespace}/{self.kind}/{self.host}"

    @property
    def missing(self) -> str:
        """What the Secret must hold before a backup can start; empty when all is there."""
        if self.mirror:
            return "" if self.mirror.destination else "BUP_DST"
        if not {"RESTIC_REPOSITORY", "RESTIC_REPOSITORY_FILE"} & self.restic.keys():
            return "RESTIC_REPOSITORY"
        passwords = {"RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE", "RESTIC_PASSWORD_COMMAND"}
        if not passwords & self.restic.keys():
            return "RESTIC_PASSWORD"
        return sftp.missing(self.restic)

    @property
    def obstacle(self) -> str:
        """Why the repository cannot be opened with what the Secret holds; empty where it can."""
        missing = f"{self.missing} is not set: put it into the Secret" if self.missing else ""
        return self.confined.line or missing


def read(
    environment: Mapping[str, str],
    secret: Mapping[str, str],
    annotations: Mapping[str, str],
    last_good: Mapping[str, str] | None = None,
    files: Files = _NO_FILES,
    beyond: str = "",
) -> Config:
    """Return the configuration; bad values are problems in it, never errors.

    ``secret`` holds the Secret's files by name. Where there are any, they alone count; without,
    the variables that envFrom made of the Secret, in ``environment``; without these, plain ones of
    it, as of a process that somebody started. ``files`` is what other files hold that the Secret
    names. ``beyond``: what makes this container more than a sidecar; no command of the Secret runs
    there.
    """
    problems = [
        Problem("Secret variable", key, "", why, "none") for key, why in files.unread.items()
    ]
    secret = reading.of_secret(environment, secret)
    whole = reading.usable(secret or environment, problems)
    allowed = environment.get(names.ENV_RESTORE_COMMANDS, "")
    given_all = reading.values_of(whole)
    variables, limits = confined.of(given_all, files.settings, beyond, allowed, problems)
    defaults = reading.defaults(environment, problems)
    named = variables.get("RESTIC_HOSTNAME", "").strip()
    if not derive.is_host(named):
        why = f"write one line of at most {derive.LONGEST_HOST} characters"
        problems.append(Problem("Secret variable", "RESTIC_HOSTNAME", named, why, "the workload's"))
    effective = settings.resolve(annotations, variables, defaults, LIVE, last_good)
    least = floor.read(variables, defaults, problems)
    effective = floor.raised(effective, least, annotations)
    admitted = reading.admitted(environment, problems)
    before = settings.resolve(admitted, variables, defaults, settings.RETENTION)
    mirror = derive.mirror(environment, variables)
    if mirror and effective.get(settings.SQLITE):
        why = "has no effect with backup.engine rclone: files are mirrored as they are"
        problems.append(Problem("setting", settings.SQLITE.annotation, "", why, ""))
    unusable: list[Problem] = []  # they name options, never values that may be secret
    given = options.read(variables, unusable)
    legacy = mirror.sources if mirror else tuple(variables.get("RESTIC_SOURCE", "").split()) or None
    volumes_dir = environment.get(names.ENV_VOLUMES_DIR, names.VOLUMES_DIR)
    source = derive.exclude_key(annotations, variables)
    doubts = () if mirror else derive.doubts(effective, given, source, volumes_dir, *(legacy or ()))
    switches = {
        key: reading.flag(variables, key, default=default, problems=problems)
        for key, default in (
            ("RESTIC_RETENTION_POLICIES_ENABLED", True),
            ("NTFY_ENABLED", False),
            ("PUSHGATEWAY_ENABLED", False),
            ("DEBUG", False),
        )
    }
    mask = masking.mask(
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
        sources=reading.words(names.ENV_VOLUMES, environment, problems),
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
        else second.read(variables, sftp.read(derive.restic(variables), variables)),
        pre=reading.command(names.ENV_PRE, "PRE_HOOK", environment, variables, problems),
        post=reading.command(names.ENV_POST, "POST_HOOK", environment, variables, problems),
        dumps=reading.dumps(environment, problems, mirror is not None),
        grace=reading.grace(environment, problems),
        backup_command=variables.get("RESTIC_BACKUP_COMMAND", "").strip(),
        options=given,
        retention_enabled=switches["RESTIC_RETENTION_POLICIES_ENABLED"],
        may_init=variables.get("BACKUP_INIT", "").strip().lower() != "never",
        subsets=reading.subsets(environment, problems),
        ntfy=receivers.ntfy(variables, problems) if switches["NTFY_ENABLED"] else None,
        services=receivers.services(variables, problems),
        pings=receivers.pings(variables, problems),
        pushgateway=receivers.pushgateway(variables, problems)
        if switches["PUSHGATEWAY_ENABLED"]
        else "",
        network=network.read(variables, files.authorities, problems),
        debug=switches["DEBUG"],
        timing=derive.patient(timing.read(environment, secret, problems), given.patience),
        mask=mask,
        spare={} if mirror else reading.spare(whole, variables),
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
