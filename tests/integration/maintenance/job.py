"""The pod of the maintenance CronJob beside real sidecars, and snapshots of any time for both."""

import itertools
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo import app
from runner.maintenance.retention import policy_records
from runner.policy import attestation
from tests.faults.repository import sealing
from tests.integration.sidecars import PACE, PASSWORD, Json, Sidecar

CENTRAL = {"BACKUP_MAINTENANCE": "central"}
AT_ONCE = {"floor-within": "0d", "floor-last": "0", "shrink-grace": "0d"}
RECORDS = "backup-maintenance"
_numbers = itertools.count()


class Job:
    """The job's container; each run has an empty volume, as each of its pods has."""

    def __init__(self, root: Path, secret: Mapping[str, str] | None = None) -> None:
        self._root = root / "job"
        self.secret = {
            "RESTIC_REPOSITORY": str(root / "repository"),
            "RESTIC_PASSWORD": PASSWORD,
            **(secret or {}),
        }
        self.environment = {
            "PATH": os.environ["PATH"],
            "BACKUP_NAMESPACE": "backup-webhook",
            "BACKUP_DEFAULTS": json.dumps({"prune": "@weekly", **AT_ONCE}),
            **PACE,
        }

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start `backup-runner maintain`."""
        place = self._root / str(next(_numbers))
        (place / "secret").mkdir(parents=True)
        for key, text in self.secret.items():
            (place / "secret" / key).write_text(text)
        folders = {
            "BACKUP_STATE_DIR": str(place / "state"),
            "BACKUP_SECRET_DIR": str(place / "secret"),
        }
        return subprocess.Popen(
            ("backup-runner", "maintain", *words),
            env={**self.environment, **folders}, cwd="/", text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *words: str, expected: int = 0) -> list[Json]:
        """Let it run to its end; return its log."""
        process = self.start(*words)
        output, errors = process.communicate()
        assert (process.returncode, errors) == (expected, ""), output
        return [json.loads(line) for line in output.splitlines()]


def messages(log: list[Json]) -> str:
    """Return what a log says, a line each."""
    return "\n".join(line["message"] for line in log)


@dataclass
class Shared:
    """A repository that workloads share, and its job."""

    root: Path
    job: Job

    def sidecar(self, name: str, **secret: str) -> Sidecar:
        """Return the sidecar of another workload, its volume filled, that leaves all to the job."""
        made = Sidecar(
            self.root, name=name, annotations={"backup.schedule": "@monthly"},
            secret={**CENTRAL, **secret},
        )  # fmt: skip
        app.write_files(made.volume)
        return made

    def restic(self, *words: str) -> str:
        """Run restic by hand."""
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.root), "RESTIC_PASSWORD": PASSWORD,
            "RESTIC_REPOSITORY": str(self.root / "repository"),
        }  # fmt: skip
        command = ("restic", "--no-cache", *words)
        return subprocess.run(
            command, env=environment, text=True, capture_output=True, check=True
        ).stdout

    def snapshots(self, *filters: str) -> list[Json]:
        """Return snapshots, the oldest first."""
        found: list[Json] = json.loads(self.restic("snapshots", "--json", *filters))
        return found

    def records(self, kind: str = "retention") -> list[Json]:
        """Return the records of a kind."""
        return self.snapshots("--host", RECORDS, "--tag", f"record={kind}")

    def add(self, like: Json, *made: datetime, **changes: object) -> None:
        """Add snapshots of these times that are otherwise ``like`` another."""
        key = sealing.master(self.restic("cat", "masterkey", "--no-lock"))
        for time in made:
            kept = {k: v for k, v in like.items() if k not in {"id", "short_id", "parent"}}
            text = json.dumps({**kept, "time": time.isoformat(), **changes})
            sealing.add(self.root / "repository" / "snapshots", key.sealed(text.encode()))

    def make_due(self, *tasks: str) -> None:
        """Let the job's tasks be long ago."""
        (last,) = self.records("maintenance")
        path = last["paths"][0]
        state = json.loads(self.restic("dump", last["id"], path))
        for name in tasks:
            state["tasks"][name] = {**state["tasks"].get(name, {}), "attempted": 1, "success": 1}
        self.write_state(state, attestation.key(attestation.material(self.job.secret)))

    def write_state(self, state: Json, key: bytes) -> None:
        """Add a state of the job that is newer than all, as one with this key would."""
        number = state["number"] = state.get("number", 0) + 1
        text = json.dumps(state)
        (self.root / "state.json").write_text(text)
        tag = attestation.tag(key, number, text.encode())
        self.restic(
            "backup", "--host", RECORDS, "--tag", "record=maintenance", "--tag", tag,
            "--stdin-filename", policy_records.STATE_PATH,
            "--stdin-from-command", "--", "cat", str(self.root / "state.json"),
        )  # fmt: skip


def days_ago(*days: float) -> tuple[datetime, ...]:
    """Return these times."""
    now = datetime.now(UTC)
    return tuple(now - timedelta(days=each) for each in days)
