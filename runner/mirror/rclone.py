"""Every rclone command of a run, as argv tuples, and the layout of a mirror. Pure.

DST/[cluster/]NAMESPACE/KIND/HOST holds `mirror`, archives named by their time, and a mark of the
last success. No other workload writes below it.
"""

from datetime import UTC, datetime

from contract.annotations import settings
from runner.config.model import Config
from runner.config.repository.mirror import REMOTE
from runner.steps.sources import NEVER_BACKED_UP
from runner.steps.step import Step

_ARCHIVE = "archive-%Y-%m-%dT%H%M%SZ"
_MARK = "last-success"
_PATIENCE = ("--retries", "1", "--low-level-retries", "3", "--contimeout", "20s")


def base(config: Config) -> str:
    """Return rclone's name of the folder that is this workload's alone."""
    own = config.identity
    cluster = (own.cluster,) if own.cluster else ()
    return f"{REMOTE}:" + "/".join((*cluster, own.namespace, own.kind, own.host))


def name(config: Config, source: str) -> str:
    """Return below which name a source lies in mirror and archives: its volume's, else its path."""
    return source.removeprefix(config.paths.volumes.rstrip("/")).strip("/")


def archive(now: datetime) -> str:
    """Return the name of the folder for what a run at ``now`` replaces or deletes.

    It holds the time too: a file that changes twice a day is kept twice.
    """
    return now.astimezone(UTC).strftime(_ARCHIVE)


def moment(folder: str) -> datetime | None:
    """Return when an archive was made; None if its name is not exactly one of ours."""
    try:
        found = datetime.strptime(folder, _ARCHIVE).replace(tzinfo=UTC)
    except ValueError:
        return None
    return found if archive(found) == folder else None


def look(config: Config) -> Step:
    """Read the marker of the last success; exit 3 or ``null`` means that there is none."""
    argv = ("rclone", "lsjson", "--stat", *_said(), *_PATIENCE, f"{base(config)}/{_MARK}")
    return Step("look", argv, limit=config.timing.open_timeout)


def mark(config: Config) -> Step:
    """Mark this moment as that of the last success, even where the pod stops meanwhile."""
    argv = ("rclone", "touch", *_said(), *_PATIENCE, f"{base(config)}/{_MARK}")
    return Step("mark", argv, limit=config.timing.open_timeout, always=True)


def size_of_source(config: Config, source: str, limit: float) -> Step:
    """Count the files to mirror."""
    return _size(config, source, limit)


def size_of_mirror(config: Config, source: str, limit: float) -> Step:
    """Count the files in the mirror of a source."""
    return _size(config, _mirror(config, source), limit)


def _size(config: Config, folder: str, limit: float) -> Step:
    argv = ("rclone", "size", "--json", *_said(), *_chosen(config), "--", folder)
    return Step("size", argv, limit=min(limit or config.timing.count, config.timing.count))


def transfer(
    config: Config, source: str, now: datetime, limit: float, *, delete: bool, real: str = ""
) -> Step:
    """Make the mirror of a source equal to it; replaced files go into the archive.

    Without ``delete``, what the source no longer holds stays. ``real``: where a link leads.
    """
    argv = (
        "rclone", "sync" if delete else "copy", *_said(), *_chosen(config),
        "--create-empty-src-dirs", "--stats", "5s", "--stats-log-level", "NOTICE",
        "--backup-dir", f"{base(config)}/{archive(now)}/{name(config, source)}".rstrip("/"),
        "--", real or source, _mirror(config, source),
    )  # fmt: skip
    return Step("backup", argv, limit=limit, largest=0)  # where to may be a folder here


def archives(config: Config, limit: float) -> Step:
    """List the folders beside the mirror, one per line."""
    argv = ("rclone", "lsf", "--dirs-only", "--dir-slash=false", *_said(), "--", base(config))
    return Step("archives", argv, limit=limit)


def purge(config: Config, folder: str, limit: float) -> Step:
    """Delete one archive with all that is in it."""
    argv = ("rclone", "purge", *_said(), "--", f"{base(config)}/{folder}")
    return Step("purge", argv, limit=limit)


def _mirror(config: Config, source: str) -> str:
    return f"{base(config)}/mirror/{name(config, source)}".rstrip("/")


def _said() -> tuple[str, ...]:
    return ("--use-json-log",)


def _chosen(config: Config) -> tuple[str, ...]:
    """Keep symbolic links as links; excluded files are not counted either."""
    patterns = (
        *(f"{name}/**" for name in NEVER_BACKED_UP),
        *(config.settings.get(settings.EXCLUDE) or ()),
    )
    return ("--links", *(word for pattern in patterns for word in ("--exclude", pattern)))
