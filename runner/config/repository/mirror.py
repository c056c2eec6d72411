"""The destination of a mirror, and rclone's variables for it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

REMOTE = "backupmirror"
"""rclone's name of the destination: BUP_DST itself may hold secrets, and argv must not."""
CONF = "rclone.conf"
"""Name of the Secret's file, and of its writable copy in the state folder: rclone keeps
refreshed tokens there."""

# These would make rclone do nothing, delete more, ask questions, or change its output.
_NOT_RCLONES = re.compile(
    r"BUP_.*|RESTIC_.*|RCLONE_(CONFIG|DRY_RUN|INTERACTIVE|IGNORE_ERRORS|DELETE_.*|BACKUP_DIR|SUFFIX.*"
    r"|COMPARE_DEST|COPY_DEST|LOG_.*|USE_JSON_LOG|STATS.*|PROGRESS.*|VERBOSE|QUIET|RC(_.*)?|MAX_DELETE.*"
    r"|IGNORE_EXISTING|IMMUTABLE|LINKS|COPY_LINKS|SKIP_LINKS|USE_SYSLOG|SYSLOG.*)"
    rf"|RCLONE_CONFIG_{REMOTE.upper()}_.*"
)


@dataclass(frozen=True, slots=True)
class Mirror:
    """``destination`` as the Secret has it, "" without; ``sources`` are None if not given."""

    destination: str
    sources: tuple[str, ...] | None
    environment: Mapping[str, str]
    conf: str

    @property
    def usable(self) -> bool:
        """Whether it is independent of rclone's working directory."""
        return self.destination.startswith("/") or ":" in self.destination


def read(variables: Mapping[str, str], given: Mapping[str, str], state_dir: str) -> Mirror:
    """Return the destination that the Secret names; ``given`` are variables for programs."""
    named = variables.get("BUP_DST", "").strip()
    source = variables.get("BUP_SRC", "").strip().rstrip("/")
    environment = {key: text for key, text in given.items() if not _NOT_RCLONES.fullmatch(key)}
    prefix = f"RCLONE_CONFIG_{REMOTE.upper()}_"
    ours = {
        f"{prefix}TYPE": "alias",
        f"{prefix}REMOTE": named,
        "RCLONE_CONFIG": f"{state_dir}/{CONF}",
    }
    return Mirror(named, (source,) if source else None, environment | ours, variables.get(CONF, ""))
