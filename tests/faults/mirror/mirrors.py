"""Sidecars whose engine is rclone."""

import json
import os
from pathlib import Path
from typing import Any

from tests.integration.sidecars import Json, Sidecar


class Mirror(Sidecar):
    """A sidecar that mirrors its volume to a local folder, unless the Secret says otherwise."""

    def __init__(
        self, root: Path, *, name: str = "wiki", namespace: str = "prod", **secret: str
    ) -> None:
        self.destination = root / "destination"
        super().__init__(
            root,
            # No slot comes while retention is applied, which would let the backup go first.
            annotations={"backup.engine": "rclone", "backup.schedule": "@daily"},
            secret={"BUP_DST": str(self.destination), **secret},
            name=name,
            namespace=namespace,
            # A look at the destination ends then, and on a busy machine rclone takes its time.
            pace={"BACKUP_OPEN_TIMEOUT_SECONDS": "60"},
        )
        self.base = self.destination / namespace / "Deployment" / name
        self.mirror = self.base / "mirror" / "data"
        self.state = self.path("/var/lib/backup")
        for number in range(30):
            (self.volume / f"file {number} ä").write_bytes(os.urandom(64))

    def archived(self) -> list[str]:
        """Return what all archives hold, by name."""
        return sorted(p.name for p in self.base.glob("archive-*/data/**/*") if p.is_file())

    def make_retention_due(self, *, last_success: float | None = None) -> None:
        """Forget that retention was applied, and begin as long after the last success as it says.

        Without ``last_success`` (seconds since 1970), there was no gap at all.
        """
        file = self.state / "state.json"
        known = json.loads(file.read_text()) | {"tasks": {}, "resumed": 0}
        if last_success is not None:
            known["last_success"] = last_success
        file.write_text(json.dumps(known))


def files(folder: Path) -> dict[str, Any]:
    """Return what is in a folder: contents of files, and targets of links."""
    return {
        str(p.relative_to(folder)): p.readlink() if p.is_symlink() else p.read_bytes()
        for p in folder.rglob("*")
        if p.is_symlink() or p.is_file()
    }


def reason(ended: Json) -> tuple[str, str | None]:
    """Return status and class of a run."""
    return ended["status"], ended.get("class")
