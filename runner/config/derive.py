"""What follows from environment and Secret: the host, and what restic is given. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from contract import names
from contract.annotations import excludes, settings
from contract.annotations.settings import Problem, Settings
from contract.secret import allowlist
from runner.config.model import Identity, Paths
from runner.config.network import tls
from runner.config.options import restic as options_restic
from runner.config.options.restic import Given
from runner.config.redaction.mask import Mask
from runner.config.repository import mirror as config_mirror
from runner.config.repository.mirror import Mirror
from runner.config.timeouts import Timing

_LONGEST_HOST = 200  # characters


def masked(problem: Problem, mask: Mask) -> Problem:
    """Return the problem without credentials, in case two variables were mixed up."""
    shown = mask(problem.value)
    if shown == problem.value:
        return problem
    reason = problem.reason.replace(repr(problem.value)[1:-1], shown)
    return replace(problem, value=shown, reason=reason.replace(problem.value, shown))


def public(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names that appear in every message."""
    keys = (
        names.ENV_NAMESPACE, names.ENV_POD, names.ENV_HOST, names.ENV_KIND, names.ENV_WORKLOAD,
        names.ENV_CLUSTER, names.ENV_NODE, names.ENV_VOLUMES_DIR, names.ENV_STATE_DIR,
        names.ENV_VOLUMES,
    )  # fmt: skip
    return tuple(environment[key] for key in keys if key in environment)


def exclude_key(annotations: Mapping[str, str], variables: Mapping[str, str]) -> str:
    """Return the source of the exclude patterns: the annotation, or the Secret's variable."""
    annotation, variable = settings.EXCLUDE.annotation, settings.EXCLUDE.variable or ""
    in_secret = not annotations.get(annotation, "").strip() and variables.get(variable, "").strip()
    return variable if in_secret else annotation


def doubts(effective: Settings, given: Given, key: str, paths: Paths) -> Iterator[Problem]:
    """Yield a problem for each exclude pattern that is probably a mistake.

    ``key``: what backup.exclude came from.
    """
    for where, patterns in (
        (key, effective.get(settings.EXCLUDE) or ()),
        (options_restic.PARAMETERS, given.excludes),
    ):
        for pattern, why in excludes.doubts(patterns, paths.volumes, *(paths.legacy_sources or ())):
            yield Problem("setting", where, pattern, why, "")


def patient(times: Timing, patience: float | None) -> Timing:
    return times if patience is None else replace(times, lock_patience=patience)


def identity(
    environment: Mapping[str, str], variables: Mapping[str, str], problems: list[Problem]
) -> Identity:
    """Return whose backups these are."""
    named = variables.get("RESTIC_HOSTNAME", "").strip()
    if not (len(named) <= _LONGEST_HOST and named.isprintable()):
        why = f"write one line of at most {_LONGEST_HOST} characters"
        problems.append(Problem("Secret variable", "RESTIC_HOSTNAME", named, why, "the workload's"))
        named = ""
    admitted = environment.get(names.ENV_HOST) or environment.get("HOSTNAME") or "backup"
    annotated = environment.get(names.ENV_HOST_GIVEN) == "true"
    host = _host(environment, named) if named and not annotated else admitted
    return Identity(
        namespace=environment.get(names.ENV_NAMESPACE, "default"),
        pod=environment.get(names.ENV_POD, ""),
        host=host,
        admitted=admitted,
        kind=environment.get(names.ENV_KIND, "Pod"),
        workload=environment.get(names.ENV_WORKLOAD) or host,
        cluster=environment.get(names.ENV_CLUSTER, ""),
    )


def _host(environment: Mapping[str, str], named: str) -> str:
    """Return the host that the Secret names, made this workload's own.

    One Secret serves a whole namespace; pods with their own data need their own host.
    """
    match environment.get(names.ENV_KIND):
        case "StatefulSet":
            workload = environment.get(names.ENV_WORKLOAD, "")
            return named + environment.get(names.ENV_POD, "").removeprefix(workload)
        case "DaemonSet":
            return f"{named}-{environment.get(names.ENV_NODE, '')}"
    return named


def restic(variables: Mapping[str, str]) -> Mapping[str, str]:
    """Return the variables of the Secret for restic and rclone."""
    return allowlist.restic(variables)


def databases(variables: Mapping[str, str]) -> Mapping[str, str]:
    """Return the additional variables for dumps, loads and the user's commands."""
    return allowlist.databases(tls.from_keys(variables))


def mirror(environment: Mapping[str, str], variables: Mapping[str, str]) -> Mirror | None:
    if environment.get(names.ENV_ENGINE) != "rclone":
        return None
    state_dir = environment.get(names.ENV_STATE_DIR, names.STATE_DIR)
    return config_mirror.read(variables, restic(variables), state_dir)
