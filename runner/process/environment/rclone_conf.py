"""The copy of rclone.conf that rclone may write to: it keeps refreshed tokens there."""

import errno
import hashlib
from pathlib import Path

from runner.config.model import Config
from runner.config.repository.mirror import CONF
from runner.steps.outcome import Failure, Outcome, Status

_BESIDE = Path("/config/rclone/rclone.conf")  # where it was mounted before there was a webhook


def prepare(config: Config) -> Outcome | None:
    """Write what rclone needs, if anything; return an Outcome if that is impossible."""
    if not config.mirrors:
        return None
    try:
        write(config)
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        remedy = "free some space" if full else "make that folder writable"
        line = (
            f"{CONF} cannot be written to {config.paths.state}: {error.strerror}; {remedy}; no "
            f"backup was made"
        )
        return Outcome(Status.FAILURE, line, Failure.SPACE if full else Failure.CONFIG)
    return None


def write(config: Config) -> None:
    """Write the Secret's rclone.conf where rclone looks for it, unless it is there already.

    What rclone wrote there stays until the Secret itself changes. Raises OSError.
    """
    assert config.mirror is not None  # noqa: S101 -- narrows the type; callers check
    text = (config.mirror.conf or _beside()).encode("utf-8", "surrogateescape")
    file = Path(config.paths.state) / CONF
    stamp = file.with_name(f"{CONF}.of")
    digest = hashlib.sha256(text).hexdigest()
    if file.exists() and _read(stamp) == digest:
        return
    part = file.with_name(f"{CONF}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    part.write_bytes(text)
    part.replace(file)
    stamp.unlink(missing_ok=True)  # it may be another user's
    stamp.write_text(digest)


def _beside() -> str:
    return _read(_BESIDE)


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
