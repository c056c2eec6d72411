"""Metrics and log fields of a run. Pure."""

import base64
import re
from collections.abc import Iterator, Mapping

from contract import VERSION
from contract.annotations import settings
from runner.config.model import Config
from runner.schedule import deadlines
from runner.state.model import Last, State, Task
from runner.steps.outcome import Failure, Status

_PLAIN = re.compile(r"[A-Za-z0-9_.~-]+")

_Row = tuple[str, str, dict[str, str], float]
"""Name, help text, labels and value of a metric."""


def group(config: Config) -> str:
    """Return the Pushgateway path of this workload's metrics."""
    own = config.identity
    labels = {"job": "backup", "namespace": own.namespace, "instance": own.host}
    return "/metrics" + "".join(f"/{_segment(name, value)}" for name, value in labels.items())


def _segment(name: str, value: str) -> str:
    if _PLAIN.fullmatch(value):
        return f"{name}/{value}"
    encoded = base64.urlsafe_b64encode(value.encode()).decode().rstrip("=") or "="
    return f"{name}@base64/{encoded}"


def metrics(config: Config, state: State) -> str:
    """Return every value in the text exposition format, so that each push is complete.

    What is unknown has none: the Pushgateway then keeps what an earlier pod knew.
    """
    paused, tasks = config.settings[settings.PAUSED], deadlines.tasks(config, state)
    notes = {note.partition(" ")[0] for note in state.given.notes}
    keys = sorted({problem.key for problem in config.problems} | notes)
    rows: list[_Row] = [
        *(_of_last(state.runs.last) if state.runs.last else ()),
        (
            "backup_next_due_timestamp_seconds",
            "Time of the next run: slot, catch-up or retry; 0 if none.",
            {},
            state.runs.next_due,
        ),
        (
            "backup_interval_seconds",
            "Time between two slots of the schedule; 0 if none.",
            {},
            deadlines.interval(config, state),
        ),
        *_of_tasks(tasks, state),
        _shrinks(state),
        _notify_failures(state),
        ("backup_paused", "Whether backups are paused.", {}, paused),
        (
            "backup_central_maintenance",
            "Whether the maintenance job does retention, prune, check and copies.",
            {},
            config.central,
        ),
        (
            "backup_defaulted_settings",
            "Settings with an invalid value or without effect.",
            {"keys": ",".join(keys)},
            len(keys),
        ),
        (
            "backup_info",
            "Versions of the runner and of restic.",
            {"version": VERSION, "restic": state.repository.restic},
            1,
        ),
        (
            "backup_host_info",
            "The host that the webhook chose; the Secret may set another.",
            {"host": config.identity.admitted},
            1,
        ),
    ]
    if state.runs.last_success:
        name = "backup_last_success_timestamp_seconds"
        meaning = "Time of the last run that made a good snapshot."
        rows.append((name, meaning, {}, state.runs.last_success))
    rows += _successes(state)
    known = state.repository
    if known.snapshots is not None:
        meaning = "Number of snapshots of this workload."
        rows.append(("backup_snapshots", meaning, {}, known.snapshots))
    if known.stale_locks is not None:
        meaning = "Stale locks found in the repository."
        rows.append(("backup_stale_locks", meaning, {}, known.stale_locks))
    return _exposition(rows)


def of_maintenance(config: Config, state: State) -> str:
    """Return every value of the maintenance job; names of backups are none of its own.

    Nor is `backup_host_info`: no sidecar goes with it, and alerts would take it for gone.
    """
    rows: list[_Row] = []
    if state.job.began:  # else the repository was not reached, and with it what is known
        rows += _of_tasks(deadlines.of_job(config, state), state)
    if last := state.runs.last:
        for status in Status:
            name, labels = "backup_maintenance_status", {"status": status.value}
            rows.append((name, "Status of the last job.", labels, last.status == status))
        name = "backup_maintenance_last_run_timestamp_seconds"
        rows.append((name, "End of the last job.", {}, last.ended))
        name = "backup_maintenance_duration_seconds"
        rows.append((name, "Length of the last job.", {}, last.ended - last.started))
    for verdict, count in sorted(state.job.workloads.items()):
        name, labels = "backup_maintenance_workloads", {"retention": verdict}
        rows.append((name, "Workloads by result of their retention.", labels, count))
    rows += [_shrinks(state), _notify_failures(state)]
    return _exposition([*rows, *_successes(state)])


def _of_tasks(tasks: Mapping[str, float], state: State) -> Iterator[_Row]:
    for task, due in tasks.items():
        meaning = "Time by which a task should have succeeded; 0 if it is not scheduled."
        yield "backup_task_due_timestamp_seconds", meaning, {"task": task}, due
    for task in tasks:
        failed = state.repository.tasks.get(task, Task()).status == Status.FAILURE
        meaning = "Whether the last attempt of a task failed."
        yield "backup_task_failed", meaning, {"task": task}, failed


def _successes(state: State) -> Iterator[_Row]:
    for task, known in sorted(state.repository.tasks.items()):
        if known.success:
            name = f"backup_{task}_last_success_timestamp_seconds"
            yield name, f"Time of the last successful {task}.", {}, known.success


def _shrinks(state: State) -> _Row:
    meaning = "Workloads with a shorter retention in its grace period."
    return "backup_retention_shrinks", meaning, {}, len(state.policy.shrinks)


def _notify_failures(state: State) -> _Row:
    failures = state.reports.notify_failures
    return "backup_notify_failures_total", "Messages not delivered.", {}, failures


def _of_last(last: Last) -> Iterator[_Row]:
    yield "backup_start_timestamp", "Start of the last run.", {}, last.started
    yield "backup_duration_seconds", "Length of the last run.", {}, last.ended - last.started
    for status in Status:
        labels = {"status": status.value}
        yield "backup_status", "Status of the last run.", labels, last.status == status
    for failure in Failure:
        meaning, labels = "Failure class of the last run.", {"class": failure.value}
        yield "backup_failure", meaning, labels, last.failure == failure
    yield "backup_exit_code", "Exit code of the last run's backup command.", {}, last.exit_code
    yield "backup_last_run_timestamp_seconds", "End of the last run.", {}, last.ended
    for name in ("new", "changed", "unmodified"):
        files = getattr(last, name)
        yield "backup_files", "Files in the last snapshot.", {"state": name}, files
    yield "backup_source_bytes", "Bytes that the last run scanned.", {}, last.source_bytes
    yield "backup_added_bytes", "Bytes that the last run added.", {}, last.added_bytes
    yield "backup_read_errors", "Files that could not be read.", {}, last.read_errors


def _exposition(rows: list[_Row]) -> str:
    lines: list[str] = []
    described = set()
    for name, meaning, labels, value in rows:
        if name not in described:
            described.add(name)
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
        inside = ",".join(f'{key}="{_label(text)}"' for key, text in labels.items())
        lines.append(f"{name}{f'{{{inside}}}' if inside else ''} {float(value)!r}")
    return "\n".join(lines) + "\n"


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def level(status: str) -> str:
    """Return the log level for a status."""
    return {Status.FAILURE: "error", Status.SUCCESS: "info"}.get(Status(status), "warning")


def fields(last: Last) -> dict[str, object]:
    """Return the fields of a finished run's log line."""
    told = {
        "status": last.status,
        "class": last.failure,
        "seconds": round(last.ended - last.started, 3),
        "snapshot": last.snapshot[:8],
        "files_new": last.new,
        "files_changed": last.changed,
        "files_unmodified": last.unmodified,
        "source_bytes": last.source_bytes,
        "added_bytes": last.added_bytes,
        "unreadable": last.unreadable,
        "exit_code": last.exit_code,
    }
    return {key: value for key, value in told.items() if value not in (None, "", [])}
