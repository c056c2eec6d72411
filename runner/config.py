"""What one run needs to know, from environment, Secret and annotations; checked, pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from contract import names, settings
from contract.settings import Problem, Settings
from contract.values import Dump
from runner import destination, masking, reading, receivers, second, timing, tls
from runner.destination import Mirror
from runner.receivers import Ntfy, Pings, Service
from runner.second import Second
from runner.timing import Timing

# Of the Secret, what restic must not get: it is ours, or it would change what restic does.
_NOT_RESTICS = re.compile(
    r"BACKUP_.*|KEEP_.*|NTFY_.*|NOTIFY_.*|PUSHGATEWAY_.*|COPY_.*|PING_URL|(PRE|POST)_HOOK|DEBUG|RESTIC_SOURCE"
    r"|RESTIC_HOST(NAME)?|RESTIC_BACKUP_COMMAND|RESTIC_ADDITIONAL_BACKUP_PARAMETERS|RESTIC_PROGRESS_FPS"
    r"|RESTIC_RETENTION_POLICIES_ENABLED|PATH|HOME|TMPDIR|PWD|OLDPWD|SHLVL|_|LD_.*|PYTHON.*"
)
_LONGEST_HOST = 200
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LIVE = tuple(setting for setting in settings.ALL if setting.live)


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that a run is told. ``sources`` and ``legacy_sources`` are None if not given.

    ``admitted`` is the host that the webhook knows this workload by.
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
    problems: tuple[Problem, ...]
    restic: Mapping[str, str]
    mirror: Mirror | None
    second: Second | None
    pre: tuple[str, ...]
    post: tuple[str, ...]
    dumps: tuple[Dump, ...]
    grace: float
    backup_command: str
    extra_arguments: tuple[str, ...]
    retention_enabled: bool
    may_init: bool
    subsets: int
    ntfy: Ntfy | None
    services: tuple[Service, ...]
    pings: Pings | None
    pushgateway: str
    debug: bool
    timing: Timing
    masked: tuple[str, ...]

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
        return "" if passwords & self.restic.keys() else "RESTIC_PASSWORD"


def read(
    environment: Mapping[str, str],
    secret: Mapping[str, str],
    annotations: Mapping[str, str],
    last_good: Mapping[str, str] | None = None,
    unread: Mapping[str, str] | None = None,
) -> Config:
    """Return the configuration; bad values are problems in it, never errors.

    ``secret`` holds the Secret's files by name. Where there are any, they alone count; without,
    the variables of the Secret are looked for in ``environment``. ``unread`` are those whose file
    could not be read, and why.
    """
    problems = [
        Problem("Secret variable", key, "", why, "none") for key, why in (unread or {}).items()
    ]
    variables = reading.usable(secret or environment, problems)
    defaults = reading.defaults(environment, problems)
    named = variables.get("RESTIC_HOSTNAME", "").strip()
    if not _is_host(named):
        why = f"write one line of at most {_LONGEST_HOST} characters"
        problems.append(Problem("Secret variable", "RESTIC_HOSTNAME", named, why, "the workload's"))
    effective = settings.resolve(annotations, variables, defaults, LIVE, last_good)
    mirror = _mirror(environment, variables)
    if mirror and effective.get(settings.SQLITE):
        why = "has no effect with backup.engine rclone: files are mirrored as they are"
        problems.append(Problem("setting", settings.SQLITE.annotation, "", why, ""))
    flags = {
        key: reading.flag(variables, key, default=default, problems=problems)
        for key, default in (
            ("RESTIC_RETENTION_POLICIES_ENABLED", True),
            ("NTFY_ENABLED", False),
            ("PUSHGATEWAY_ENABLED", False),
            ("DEBUG", False),
        )
    }
    return Config(
        namespace=environment.get(names.ENV_NAMESPACE, "default"),
        pod=environment.get(names.ENV_POD, ""),
        host=_host(environment, variables),
        admitted=_admitted(environment),
        kind=environment.get(names.ENV_KIND, "Pod"),
        workload=environment.get(names.ENV_WORKLOAD) or _host(environment, variables),
        cluster=environment.get(names.ENV_CLUSTER, ""),
        volumes_dir=environment.get(names.ENV_VOLUMES_DIR, names.VOLUMES_DIR),
        state_dir=environment.get(names.ENV_STATE_DIR, names.STATE_DIR),
        sources=reading.words(names.ENV_VOLUMES, environment, problems),
        legacy_sources=mirror.sources
        if mirror
        else tuple(variables.get("RESTIC_SOURCE", "").split()) or None,
        settings=effective,
        restic=mirror.environment if mirror else _restic(variables),
        mirror=mirror,
        second=None if mirror else second.read(variables, _restic(variables)),
        pre=reading.command(names.ENV_PRE, "PRE_HOOK", environment, variables, problems),
        post=reading.command(names.ENV_POST, "POST_HOOK", environment, variables, problems),
        dumps=reading.dumps(environment, problems, mirror is not None),
        grace=reading.grace(environment, problems),
        backup_command=variables.get("RESTIC_BACKUP_COMMAND", "").strip(),
        extra_arguments=reading.parameters(variables, problems),
        retention_enabled=flags["RESTIC_RETENTION_POLICIES_ENABLED"],
        may_init=variables.get("BACKUP_INIT", "").strip().lower() != "never",
        subsets=reading.subsets(environment, problems),
        ntfy=receivers.ntfy(variables, problems) if flags["NTFY_ENABLED"] else None,
        services=receivers.services(variables, problems),
        pings=receivers.pings(variables, problems),
        pushgateway=receivers.pushgateway(variables, problems)
        if flags["PUSHGATEWAY_ENABLED"]
        else "",
        debug=flags["DEBUG"],
        timing=timing.read(environment, problems),
        masked=masking.texts(variables, all_secret=bool(secret)),
        problems=(*effective.problems, *settings.unknown(annotations), *problems),
    )


def _host(environment: Mapping[str, str], variables: Mapping[str, str]) -> str:
    """Return the restic host: backup.name, the Secret's RESTIC_HOSTNAME, else the workload's."""
    derived = _admitted(environment)
    named = variables.get("RESTIC_HOSTNAME", "").strip()
    if not named or not _is_host(named) or environment.get(names.ENV_HOST_GIVEN) == "true":
        return derived
    # One Secret serves a whole namespace; pods with data of their own stay apart.
    workload = environment.get(names.ENV_WORKLOAD, "")
    match environment.get(names.ENV_KIND):
        case "StatefulSet":
            return named + environment.get(names.ENV_POD, "").removeprefix(workload)
        case "DaemonSet":
            return f"{named}-{environment.get(names.ENV_NODE, '')}"
    return named


def _admitted(environment: Mapping[str, str]) -> str:
    return environment.get(names.ENV_HOST) or environment.get("HOSTNAME") or "backup"


def _is_host(text: str) -> bool:
    return len(text) <= _LONGEST_HOST and text.isprintable()


def _restic(variables: Mapping[str, str]) -> Mapping[str, str]:
    return {
        key: value
        for key, value in tls.from_keys(variables).items()
        if _VARIABLE.fullmatch(key) and not _NOT_RESTICS.fullmatch(key)
    }


def _mirror(environment: Mapping[str, str], variables: Mapping[str, str]) -> Mirror | None:
    if environment.get(names.ENV_ENGINE) != "rclone":
        return None
    state_dir = environment.get(names.ENV_STATE_DIR, names.STATE_DIR)
    return destination.read(variables, _restic(variables), state_dir)
