"""Every restic command of a run, as argv tuples. Pure, so tests compare them completely."""

from collections.abc import Mapping

from contract.annotations import settings
from contract.annotations.values import Dump
from contract.tags import DOUBTFUL, DUMP, NAMESPACE
from contract.tags import KEEP as KEEP_TAG
from runner.config.model import Config
from runner.restic import patterns
from runner.steps.evaluate import Copies
from runner.steps.sources import NEVER_BACKED_UP
from runner.steps.step import Step

_VERSION = 10  # seconds that restic may take to say it
DUMP_FILES = {
    "postgres": "postgres.sql", "mysql": "mysql.sql", "redis": "redis.rdb", "command": "dump",
}  # fmt: skip
_LONGER = 7.5  # times as long as a backup does, tasks wait for a lock

KEEP = (
    ("--keep-last", settings.KEEP_LAST),
    ("--keep-hourly", settings.KEEP_HOURLY),
    ("--keep-daily", settings.KEEP_DAILY),
    ("--keep-weekly", settings.KEEP_WEEKLY),
    ("--keep-monthly", settings.KEEP_MONTHLY),
    ("--keep-yearly", settings.KEEP_YEARLY),
)


def backup(
    config: Config,
    sources: tuple[str, ...],
    excluded: tuple[str, ...] = (),
    limit: float = 0,
    inside: Mapping[str, tuple[str, ...]] | None = None,
    copies: Copies = Copies(),  # noqa: B008 -- it is frozen
) -> Step:
    """Back up ``sources`` (absolute paths) as this workload's next snapshot.

    ``inside`` is what restic gets instead of a source that is a link. What ``copies`` stand for
    is left out.
    """
    # A dump has all our tags too, and would become the parent, in which every file is new.
    group = "host,paths,tags" if config.commands.dumps else "host,tags"
    live, named = copies.excludes, (*excluded, *(config.settings.get(settings.EXCLUDE) or ()))
    left_out = (*NEVER_BACKED_UP, *live, *named, *config.repository.options.excludes)
    excludes = (*NEVER_BACKED_UP, *(() if copies.patterns else live), *named)
    chosen = [word for path in sources for word in _unlinked(path, inside or {}, left_out)]
    argv = (
        "restic", "backup", "--json", "--retry-lock", patience(config),
        *config.repository.options.backup,
        *mine(config, each_tag=True), "--group-by", group,
        *(word for pattern in excludes for word in ("--exclude", pattern)),
        *(("--exclude-file", copies.patterns) if copies.patterns else ()),
        "--", *chosen,
    )  # fmt: skip
    return Step("backup", argv, limit=limit)


def _unlinked(
    source: str, inside: Mapping[str, tuple[str, ...]], excludes: tuple[str, ...]
) -> tuple[str, ...]:
    """Return a source, or its entries if it is a link; if there are none, the link."""
    # restic excludes nothing that is named to it.
    left = [path for path in inside.get(source, ()) if not patterns.leaves_out(excludes, path)]
    return tuple(left) or (source,)


def dump(config: Config, dump: Dump) -> Step:
    """Back up the output stream of a dump as a separate snapshot.

    Our own program stands between, so that restic makes none of a dump that is not whole.
    """
    argv = (
        "restic", "backup", "--json", "--retry-lock", patience(config),
        *mine(config, each_tag=True), "--tag", f"{DUMP}{dump.name}", "--group-by", "host,tags",
        "--stdin-from-command", "--stdin-filename", DUMP_FILES[dump.name],
        "--", "backup-runner", "dump", "--patience", f"{config.timing.hook:.0f}", dump.name,
        *dump.words,
    )  # fmt: skip
    return Step(f"dump {dump.name}", argv, logs_in=True)


def literal(path: str) -> str:
    """Return a pattern of restic's that matches this path alone."""
    return "".join(f"\\{letter}" if letter in "\\*?[" else letter for letter in path)


def patience(config: Config) -> str:
    """Return how long restic itself waits for a lock."""
    return f"{config.timing.lock_patience:.0f}s"


def long_patience(config: Config, limit: float) -> float:
    """Return for how many seconds a task waits for the moment when nobody else is at work.

    Where many share a repository, such moments are rare; waiting for one hinders nobody.
    """
    wait = _LONGER * config.timing.lock_patience
    return min(wait, limit / 2) if limit else wait


def mine(config: Config, *, each_tag: bool = False) -> tuple[str, ...]:
    """Return the filter that no command on snapshots goes without: host and all our tags."""
    tags = (
        tuple(word for tag in config.identity.tags for word in ("--tag", tag))
        if each_tag
        else ("--tag", ",".join(config.identity.tags))
    )
    return ("--host", config.identity.host, *tags)


def custom_backup(config: Config) -> Step:
    """Run RESTIC_BACKUP_COMMAND instead of our own backup."""
    return Step("backup", ("sh", "-c", config.commands.backup), hook=True)


def pre(config: Config) -> Step:
    """Run backup.pre, or the Secret's PRE_HOOK."""
    return Step("pre", config.commands.pre, hook=True, limit=config.timing.hook)


def post(config: Config) -> Step:
    """Run backup.post, or the Secret's POST_HOOK, even where the pod stops."""
    return Step("post", config.commands.post, hook=True, limit=config.timing.hook, always=True)


def mark_doubtful(config: Config, snapshot: str, limit: float) -> Step:
    """Tell a snapshot of a source that lost its files from those that are as they should be.

    By the tag it is a group of its own in retention, and pushes no other one out.
    """
    argv = (
        "restic", "tag", "--json", "--retry-lock", patience(config), "--add", DOUBTFUL,
        snapshot,
    )  # fmt: skip
    return Step("tag", argv, limit=limit)


def copy(config: Config, limit: float) -> Step:
    """Copy this workload's snapshots that the second repository does not have."""
    argv = ("restic", "copy", "-q", "--retry-lock", patience(config), *mine(config))
    return Step("copy", argv, limit=limit, target="both")


def copy_all(config: Config, namespaces: tuple[str, ...], limit: float) -> Step:
    """Copy what the sidecars of these namespaces made, and the second repository does not have."""
    argv = (
        "restic", "copy", "-q", "--retry-lock", patience(config),
        *(word for each in namespaces for word in ("--tag", f"{NAMESPACE}{each}")),
    )  # fmt: skip
    return Step("copy", argv, limit=limit, target="both")


def version() -> Step:
    """Ask restic who it is."""
    return Step("version", ("restic", "version"), limit=_VERSION)


def prune(config: Config, limit: float, target: str = "") -> Step:
    """Free the space of what was forgotten, by whomever."""
    argv = ("restic", "prune", "-q", "--retry-lock", f"{long_patience(config, limit):.0f}s")
    return Step("prune", argv, limit=limit, target=target)


def check(config: Config, limit: float, subset: str = "", *, lock: bool = True) -> Step:
    """Check the structure of the repository, without its cached copy.

    ``subset``, such as ``3/26``, is what of the data is read too.
    """
    patient = ("--retry-lock", f"{long_patience(config, limit):.0f}s") if lock else ("--no-lock",)
    argv = (
        "restic", "check", "--json", *patient,
        *(("--read-data-subset", subset) if subset else ()),
    )  # fmt: skip
    return Step("check", argv, limit=limit)


def forget(config: Config, limit: float = 0, target: str = "") -> Step | None:
    """Apply retention to this workload's snapshots; None where everything is kept."""
    keep: tuple[str, ...] = ()
    for flag, setting in KEEP:
        if count := config.settings[setting]:
            keep += (flag, str(count))
    if within := config.settings.get(settings.KEEP_WITHIN):
        keep += ("--keep-within", within)
    if not keep:
        return None
    argv = (
        "restic", "forget", "--json", "-q",
        "--retry-lock", f"{long_patience(config, limit):.0f}s",
        *mine(config), "--group-by", "host,tags", *keep, "--keep-tag", KEEP_TAG,
    )  # fmt: skip
    return Step("forget", argv, limit=limit, target=target, lists=True)


def forget_these(
    config: Config, made_as: tuple[str, ...], snapshots: tuple[str, ...], limit: float, target: str
) -> Step:
    """Forget these snapshots, which are this workload's own.

    ``made_as`` are host and owner's tags that they have under an earlier name, none if they have
    this workload's.
    """
    theirs = ("--host", made_as[0], "--tag", ",".join(made_as[1:])) if made_as else mine(config)
    argv = (
        "restic", "forget", "-q", "--retry-lock", f"{long_patience(config, limit):.0f}s",
        *theirs, "--", *snapshots,
    )  # fmt: skip
    return Step("forget", argv, limit=limit, target=target)
