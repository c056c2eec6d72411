"""Makes the configuration from environment, Secret and annotations. Pure.

Invalid values become problems in it, never exceptions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from contract import names
from contract.annotations import settings
from contract.annotations.settings import Problem
from contract.secret import allowlist, plaintext
from runner.config import confined, derive, notifiers, parse, timeouts
from runner.config.confined import Confined
from runner.config.model import Commands, Config, Maintenance, Paths, Repository
from runner.config.network import routes, sftp
from runner.config.network.routes import Authorities
from runner.config.options import restic as options_restic
from runner.config.options.restic import Given
from runner.config.redaction import credentials
from runner.config.redaction import mask as redaction_mask
from runner.config.repository import second
from runner.config.repository.mirror import Mirror
from runner.policy import attestation, floor

LIVE = tuple(setting for setting in settings.ALL if setting.live)


@dataclass(frozen=True, slots=True)
class Files:
    """What files hold that the Secret names."""

    unread: Mapping[str, str] = field(default_factory=dict)  # variable: why its file is not read
    texts: tuple[str, ...] = ()  # secrets in files that others read, for the mask alone
    authorities: Authorities = field(default_factory=Authorities)
    settings: Mapping[str, str] = field(default_factory=dict)  # variable: text, read by programs


_NO_FILES = Files()


@dataclass(frozen=True, slots=True)
class _Source:
    """What parts of the configuration are made of."""

    environment: Mapping[str, str]
    whole: Mapping[str, str]  # the Secret's variables, each with the newline at its end
    variables: Mapping[str, str]  # those that count in this container, without
    problems: list[Problem]  # grows


def config(
    environment: Mapping[str, str],
    secret: Mapping[str, str],
    annotations: Mapping[str, str],
    last_good: Mapping[str, str] | None = None,
    files: Files = _NO_FILES,
    beyond: str = "",
) -> Config:
    """Return the configuration.

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
    given = parse.values_of(whole)
    allowed = environment.get(names.ENV_RESTORE_COMMANDS, "")
    permitted = confined.of(given, files.settings, beyond, allowed, problems)
    source = _Source(environment, whole, permitted.variables, problems)
    defaults = parse.defaults(environment, problems)
    maintenance = _maintenance(source, defaults)
    effective = floor.raised(
        settings.resolve(annotations, source.variables, defaults, LIVE, last_good),
        maintenance.floor,
        annotations,
    )
    mirror = derive.mirror(environment, source.variables)
    if mirror and settings.SQLITE.key in effective.given and effective[settings.SQLITE]:
        why = "has no effect with backup.engine rclone: a mirror copies files unchanged"
        problems.append(Problem("setting", settings.SQLITE.annotation, "", why, ""))
    unusable: list[Problem] = []  # they name options, never values that may be secret
    options = options_restic.read(source.variables, unusable)
    found = credentials.found(given, files.texts, all_secret=bool(secret))
    mask = redaction_mask.mask(found, derive.public(environment))
    paths = _paths(source, mirror)
    excludes = derive.exclude_key(annotations, source.variables)
    return Config(
        identity=derive.identity(environment, source.variables, problems),
        paths=paths,
        settings=effective,
        maintenance=maintenance,
        timing=derive.patient(timeouts.read(environment, secret, problems), options.patience),
        repository=_repository(source, permitted.confined, options, mirror),
        mirror=mirror,
        network=routes.read(source.variables, files.authorities, problems),
        mask=mask,
        commands=_commands(source, permitted.confined, mirror),
        receivers=notifiers.receivers(source.variables, problems),
        problems=(  # last: the other parts add to them
            *(derive.masked(problem, mask) for problem in (*effective.problems, *problems)),
            *settings.unknown(annotations),
            *allowlist.problems(secret),
            *unusable,
            *(() if mirror else derive.doubts(effective, options, excludes, paths)),
            *sftp.problems(source.variables),
            *(
                Problem("Secret variable", key, "", f"sends {what} {plaintext.WHY}", "")
                for key, what in plaintext.sent(source.variables, files.settings.get)
            ),
        ),
    )


def _paths(source: _Source, mirror: Mirror | None) -> Paths:
    environment, listed = source.environment, source.variables.get("RESTIC_SOURCE", "").split()
    return Paths(
        volumes=environment.get(names.ENV_VOLUMES_DIR, names.VOLUMES_DIR),
        state=environment.get(names.ENV_STATE_DIR, names.STATE_DIR),
        secret=environment.get(names.ENV_SECRET_DIR, names.SECRET_DIR),
        sources=parse.words(names.ENV_VOLUMES, environment, source.problems),
        legacy_sources=mirror.sources if mirror else tuple(listed) or None,
    )


def _maintenance(source: _Source, defaults: Mapping[str, str]) -> Maintenance:
    least = floor.read(source.variables, defaults, source.problems)
    annotated = parse.admitted(source.environment, source.problems)
    admitted = settings.resolve(annotated, source.variables, defaults, settings.RETENTION)
    enabled = "RESTIC_RETENTION_POLICIES_ENABLED"
    return Maintenance(
        retention_enabled=parse.flag(source.variables, enabled, source.problems, default=True),
        floor=least,
        admitted=floor.raised(admitted, least, {}),
        subsets=parse.subsets(source.environment, source.problems),
        seal=attestation.material(source.variables),
    )


def _repository(
    source: _Source, limits: Confined, options: Given, mirror: Mirror | None
) -> Repository:
    variables = source.variables
    environment = sftp.read(derive.restic(variables), variables)
    return Repository(
        environment=mirror.environment if mirror else environment,
        options=options,
        may_init=variables.get("BACKUP_INIT", "").strip().lower() != "never",
        second=None if mirror or limits.second else second.read(variables, environment),
        spare={} if mirror else parse.spare(source.whole, variables),
        expanded=derive.restic(parse.values_of(source.whole)),
    )


def _commands(source: _Source, limits: Confined, mirror: Mirror | None) -> Commands:
    environment, variables, problems = source.environment, source.variables, source.problems
    return Commands(
        databases=derive.databases(variables),
        pre=parse.command(names.ENV_PRE, "PRE_HOOK", environment, variables, problems),
        post=parse.command(names.ENV_POST, "POST_HOOK", environment, variables, problems),
        dumps=parse.dumps(environment, problems, mirror is not None),
        backup=variables.get("RESTIC_BACKUP_COMMAND", "").strip(),
        confined=limits,
        debug=parse.flag(variables, "DEBUG", problems, default=False),
    )
