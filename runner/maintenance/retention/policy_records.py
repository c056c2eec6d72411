"""Retention records that workloads leave in a repository for the maintenance job. Pure.

A record is a snapshot that holds a line of text and says the rest by its tags, so that one list of
snapshots tells all. It has neither the host nor the tags of any workload's backups: whatever looks
for those, of any version, does not meet it. Its path says whose it is, so that restic itself keeps
the newest of each.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

from contract import snapshots
from contract.annotations import settings
from contract.annotations.settings import Setting
from contract.snapshots import Snapshot
from runner.config.build import LIVE
from runner.config.model import Config
from runner.policy import keep_policy
from runner.policy.keep_policy import Policy
from runner.restic import commands
from runner.state.model import State
from runner.steps.step import Step

HOST = "backup-maintenance"
"""The restic host of all records."""
RETENTION, MAINTENANCE = "record=retention", "record=maintenance"
STATE_PATH = "/maintenance/state.json"
STALE = timedelta(days=15)
"""Age at which a record expires, if its workload has not renewed it but still backs up."""
AHEAD = timedelta(hours=25)
RENEWED = 3 * 86400
"""Seconds after which a workload says the same again: well within the grace period, so that a
record in its name which keeps less is contradicted before it counts."""
_SETTINGS: tuple[Setting[Any], ...] = (
    settings.KEEP_LAST, settings.KEEP_HOURLY, settings.KEEP_DAILY, settings.KEEP_WEEKLY,
    settings.KEEP_MONTHLY, settings.KEEP_YEARLY, settings.KEEP_WITHIN,
)  # fmt: skip
_BY_KEY = {setting.key: setting for setting in _SETTINGS}
KEYS = tuple(_BY_KEY)
KEEP_ALL, KEEP_OWN, HELD, COPY = "keep=all", "keep=own", "held=yes", "copy=yes"
_NO_CLUSTER = "-"  # no name of a cluster
_SHOWN = 60  # characters of a tag that a message repeats
_AT_ONCE = 500  # records that one command removes


@dataclass(frozen=True, slots=True, order=True)
class Owner:
    """Whose snapshots: a host with all its fixed tags."""

    namespace: str
    host: str
    kind: str
    workload: str
    cluster: str = ""

    def __str__(self) -> str:
        """Say it as people do."""
        return f"{self.namespace}/{self.host}"

    @property
    def path(self) -> str:
        """Where in a record the line of text lies."""
        parts = (self.cluster or _NO_CLUSTER, self.namespace, self.kind, self.workload, self.host)
        return "/".join(("/retention", *map(_quoted, parts)))

    def as_config(self, config: Config) -> Config:
        """Return ``config`` as the sidecar of this workload has it: its host, and its tags."""
        identity = replace(
            config.identity, host=self.host, namespace=self.namespace, kind=self.kind,
            workload=self.workload, cluster=self.cluster,
        )  # fmt: skip
        return replace(config, identity=identity)


def owner(config: Config) -> Owner:
    """Return whose sidecar this is."""
    own = config.identity
    return Owner(own.namespace, own.host, own.kind, own.workload, own.cluster)


def owner_of(snapshot: Snapshot) -> Owner | None:
    """Return whose backup a snapshot is; None if no sidecar made it."""
    if not snapshots.is_owned(snapshot.tags):
        return None
    said = {key: value for key, _, value in (tag.partition("=") for tag in snapshot.tags)}
    return Owner(said["ns"], snapshot.host, said["kind"], said["workload"], said.get("cluster", ""))


def is_strange(snapshot: Snapshot) -> bool:
    """Whether neither a sidecar nor a maintenance job made a snapshot."""
    return owner_of(snapshot) is None and snapshot.host != HOST


def owner_said(record: Snapshot) -> Owner | None:
    """Return whose record it is; None if the path is not one."""
    parts = path_of(record).removeprefix("/retention/").split("/")
    if len(parts) != 5:
        return None
    cluster, namespace, kind, workload, host = map(unquote, parts)
    return Owner(namespace, host, kind, workload, "" if cluster == _NO_CLUSTER else cluster)


def _quoted(part: str) -> str:
    return quote(part, safe="") if part.strip(".") else part.replace(".", "%2E")


def found(listed: Iterable[Snapshot], tag: str) -> list[Snapshot]:
    """Return the records of a kind, the oldest first."""
    records = (each for each in listed if each.host == HOST and tag in each.tags and each.is_dated)
    return sorted(records, key=lambda each: each.time)


def path_of(record: Snapshot) -> str:
    """Return the path of the line of text in a record, which identifies the owner."""
    return record.paths[0] if record.paths else ""


def wanted(config: Config, state: State) -> tuple[str, ...]:
    """Return the record of this workload's keep policy; nothing if it never needed one."""
    if config.mirrors:
        return ()
    if not config.central:
        # What it, or the pod before it, said would go on counting.
        told = settings.MAINTENANCE.key in config.settings.given
        return (RETENTION, KEEP_OWN) if state.policy.recorded or told else ()
    values = config.settings
    keep = [f"{each.key}={values.get(each)}" for each in _SETTINGS if values.get(each)]
    if not config.maintenance.retention_enabled or not values[settings.FORGET].fields or not keep:
        keep = [KEEP_ALL]
    keep += [HELD] if state.sources.held else []
    keep += [COPY] if config.repository.second else []
    return (RETENTION, *keep)


def asked(record: Snapshot) -> Policy:
    """Return the policy that a record asks for; raise ValueError if it cannot be understood."""
    if {KEEP_ALL, KEEP_OWN} & set(record.tags):
        return keep_policy.EVERYTHING
    return keep_policy.of(settings.resolve({}, _retention(record), {}, LIVE))


def _retention(record: Snapshot) -> Mapping[str, str]:
    """Return the equivalent variables of a Secret; raise ValueError.

    An unknown part may be the one that keeps most.
    """
    given = {setting.variable or "": "0" for setting in _SETTINGS[:-1]}
    keeps = [tag for tag in record.tags if tag not in {RETENTION, HELD, COPY}]
    if not keeps:
        raise ValueError("it names nothing to keep")
    for tag in keeps:
        key, _, text = tag.partition("=")
        setting = _BY_KEY.get(key)
        if setting is None or setting.variable is None:
            raise ValueError(f"{tag[:_SHOWN]!r} is unknown to this version")
        try:
            kept = setting.parse(text)
        except ValueError as error:
            raise ValueError(f"{tag[:_SHOWN]!r}: {error}") from None
        if not kept:
            raise ValueError(f"{tag[:_SHOWN]!r} keeps nothing")
        given[setting.variable] = text
    return given


def write(config: Config, said: Iterable[str]) -> Step:
    """Say it: a snapshot of one line, which asks for no file."""
    line = f"Retention of {owner(config)}, for backup-runner maintain: {' '.join(said)}"
    return _backup(config, tuple(said), owner(config).path, ("echo", line))


def write_state(config: Config, file: str, seal: str) -> Step:
    """Save the maintenance job's state even if all else stops; ``seal`` authenticates it."""
    step = _backup(config, (MAINTENANCE, seal), STATE_PATH, ("cat", file))
    return replace(step, always=True)


def _backup(config: Config, tags: tuple[str, ...], path: str, command: tuple[str, ...]) -> Step:
    argv = (
        "restic", "backup", "--json", "--retry-lock", commands.patience(config), "--host", HOST,
        *(word for tag in tags for word in ("--tag", tag)), "--group-by", "host,paths",
        "--stdin-filename", path, "--stdin-from-command", "--", *command,
    )  # fmt: skip
    return Step("record", argv)


def listing() -> Step:
    """List all records."""
    return Step(
        "records", ("restic", "snapshots", "--json", "--no-lock", "--host", HOST), lists=True
    )


def read_state(snapshot: str) -> Step:
    """Print the state that the maintenance job kept."""
    return Step("state", ("restic", "dump", "--no-lock", snapshot, STATE_PATH))


def replaced(listed: Iterable[Snapshot], now: datetime) -> tuple[str, ...]:
    """Return the ids of records that are obsolete once there is a newer state.

    Of each path the newest stays; where that one is from the future, the newest of before too.
    """
    listed = list(listed)
    old = [each.id for each in found(listed, MAINTENANCE)]
    newest: dict[str, str] = {}
    latest: dict[str, str] = {}
    retentions = found(listed, RETENTION)
    for each in retentions:
        latest[path_of(each)] = each.id
        if each.time <= now:
            newest[path_of(each)] = each.id
    kept = {*newest.values(), *latest.values()}
    old += [each.id for each in retentions if each.id not in kept]
    return tuple(old[:_AT_ONCE])


def forget(config: Config, ids: tuple[str, ...]) -> Step:
    """Remove these records."""
    argv = (
        "restic", "forget", "-q", "--retry-lock", commands.patience(config), "--host", HOST,
        "--", *ids,
    )  # fmt: skip
    return Step("records", argv)
