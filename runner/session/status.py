"""`backup-runner status`: the state for people and scripts."""

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contract.annotations import schedule, settings
from contract.secret import required_keys
from contract.text import printable
from runner.config.model import Config
from runner.process import cgroup
from runner.restic.repository import newline
from runner.session import opened
from runner.state.model import State, Task
from runner.state.store import Store
from runner.steps.outcome import Status


def show(config: Config, *, as_json: bool) -> int:
    """Print the status; return 0 when the last run left a good snapshot, else 1."""
    state = Store(Path(config.paths.state)).load()
    known = describe(config, state)
    text = json.dumps(known, indent=2) if as_json else "\n".join(map(printable, _lines(known)))
    sys.stdout.write(text + "\n")
    good = {Status.SUCCESS.value, Status.WARNING.value}
    return 0 if state and state.runs.last and state.runs.last.status in good else 1


def describe(config: Config, state: State | None) -> dict[str, Any]:
    """Return everything that there is to know, as plain JSON; times in RFC 3339."""
    last = asdict(state.runs.last) if state and state.runs.last else None
    if last:
        last |= {key: _time(last[key]) for key in ("started", "ended")}
    return {
        "host": config.identity.host,
        "tags": list(config.identity.tags),
        "schedule": config.settings[settings.SCHEDULE].text,
        "timezone": config.settings[settings.TIMEZONE].key,
        "paused": config.settings[settings.PAUSED],
        "running_since": _time(state.runs.running_since) if state else None,
        "task": state.repository.task or None if state else None,
        "last": last,
        "last_success": _time(state.runs.last_success) if state else None,
        "last_success_known": bool(state and (state.runs.derived or state.runs.last_success)),
        "next": _time(state.runs.next_due) if state else None,
        "failures_in_a_row": state.runs.failures if state else 0,
        "held": state.sources.held if state else False,
        "damage": state.repository.damage.message if state and state.repository.damage else "",
        "append_only": state.repository.append_only if state else False,
        "tasks": _tasks(config, state) if state else {},
        "snapshots": state.repository.snapshots if state else None,
        "receivers": [name for name, given in _receivers(config).items() if given],
        "notify_failures": state.reports.notify_failures if state else 0,
        "missing": config.missing,
        "problems": [
            *problems(config),
            *(state.given.notes if state else ()),
            *(state.policy.shrinks if state else ()),
            *([state.repository.cache] if state and state.repository.cache else []),
        ],
    }


def problems(config: Config) -> list[str]:
    """Return a line about each value that cannot be used, or not as it is."""
    known = opened.with_newline(config.paths.state) if config.repository.spare else frozenset[str]()
    short = cgroup.shortage()
    return [
        *map(str, (*config.problems, *newline.problems(config, known))),
        *([short] if short else []),
    ]


def _tasks(config: Config, state: State) -> dict[str, Any]:
    """Return the status of each task; a mirror has one, retention of its archives."""
    # Of what an earlier pod did, the repository tells nothing but that there was one.
    is_first = state.runs.derived and not state.runs.inherited
    tasks = sorted(state.repository.tasks.items())
    known = {name: _task(task, is_first=is_first) for name, task in tasks}
    return (
        {"forget": known.get("forget", _task(Task(), is_first=is_first))}
        if config.mirrors
        else known
    )


def _receivers(config: Config) -> dict[str, object]:
    named = config.receivers
    return {"ntfy": named.ntfy, "services": named.services, "pings": named.pings,
            "pushgateway": named.pushgateway}  # fmt: skip


def _task(task: Task, *, is_first: bool) -> dict[str, Any]:
    return {
        "status": task.status,
        "message": task.message,
        "last_success": _time(task.success),
        "last_success_known": bool(is_first or task.success),
    }


def _time(moment: float) -> str | None:
    if not moment:
        return None
    return datetime.fromtimestamp(int(moment), UTC).isoformat().replace("+00:00", "Z")


def _lines(known: dict[str, Any]) -> list[str]:
    last = known["last"]
    lines = [f"host       {known['host']}  ({' '.join(known['tags'])})"]
    unknown, known_success = "unknown yet", known["last_success_known"]
    if last is None and not known_success:
        lines.append(f"last run   {unknown}: the repository has not been read")
    elif last is None:
        since = "since this pod started" if known["last_success"] else "yet"
        lines.append(f"last run   none {since}")
    else:
        kind = f" ({last['failure']})" if last["failure"] else ""
        lines.append(f"last run   {last['ended']}  {last['status']}{kind}: {last['message']}")
    never = "never" if known_success else unknown
    lines.append(f"good since {known['last_success'] or never}")
    is_off = known["schedule"] == schedule.OFF
    none = "none" if known_success or is_off else unknown
    upcoming = "paused" if known["paused"] else known["next"] or none
    lines.append(f"next run   {upcoming}  (schedule {known['schedule']}, {known['timezone']})")
    if known["running_since"]:
        lines.append(f"running    since {known['running_since']}")
    if known["task"]:
        lines.append(f"running    {known['task']}")
    for name, task in known["tasks"].items():
        if task["status"] not in {"", Status.SUCCESS}:
            lines.append(f"{name:<10} {task['status']}: {task['message']}")
    if known["held"]:
        lines.append("retention  suspended: a source lost its files; older snapshots are kept")
    if known["damage"]:
        lines.append(f"repository damaged: {known['damage']}")
    if known["missing"]:
        lines.append(f"missing    {known['missing']}: {required_keys.REMEDY}")
    lines += [f"problem    {problem}" for problem in known["problems"]]
    return lines
