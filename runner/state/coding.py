"""The state as JSON, which may be of another version, or damaged. Pure."""

from dataclasses import asdict, fields
from typing import Any, TypeVar

from runner.policy import grace
from runner.state.model import (
    Damage,
    Given,
    Job,
    Last,
    News,
    Policy,
    Reports,
    Repository,
    Runs,
    Sources,
    State,
    Tally,
    Task,
)  # fmt: skip

T = TypeVar("T")
Json = dict[str, Any]

_TASKS_BEFORE = "chores"  # until November 2026; the maintenance job keeps its state for years
_LATEST = 1e11  # epoch seconds; no clock goes wrong by thousands of years
_JSON = {"int": int, "bool": bool, "str": str, "tuple": list}  # the rest are objects


def written(state: State) -> dict[str, Any]:
    """Return the content of a file: flat values, for a version without these groups."""
    return {key: value for group in asdict(state).values() for key, value in group.items()}


def read(value: Any) -> State:  # noqa: ANN401 -- whatever the file holds
    """Return the state that a file holds; raise TypeError or ValueError if it is none."""
    if not isinstance(value, dict):
        raise TypeError("not a JSON object")
    if _TASKS_BEFORE in value:
        value = {"tasks": value[_TASKS_BEFORE], **value}
    return State(
        _runs(_fitting(Runs, value)),
        _sources(_fitting(Sources, value)),
        _repository(_fitting(Repository, value)),
        _given(_fitting(Given, value)),
        _reports(_fitting(Reports, value)),
        _policy(_fitting(Policy, value)),
        _job(_fitting(Job, value)),
    )


def _runs(known: Json) -> Runs:
    runs = Runs(**known)
    if runs.last is not None:
        runs.last = Last(**_fitting(Last, known["last"]))
    return runs


def _sources(known: Json) -> Sources:
    sources = Sources(**known)
    if sources.usual is not None:
        files, total = sources.usual
        sources.usual = (int(files), int(total))
    return sources


def _repository(known: Json) -> Repository:
    repository = Repository(**known)
    repository.tasks = _each(Task, known.get("tasks", {}))
    repository.unread_locks = {name: float(at) for name, at in repository.unread_locks.items()}
    if repository.damage is not None:
        repository.damage = Damage(**_fitting(Damage, known["damage"]))
    return repository


def _given(known: Json) -> Given:
    given = Given(**known)
    since = known.get("unmatched", {})
    given.unmatched = {each: at for each, at in since.items() if isinstance(at, int | float)}
    return given


def _reports(known: Json) -> Reports:
    reports = Reports(**known)
    reports.notified = _each(News, known.get("notified", {}))
    if "tally" in known:
        reports.tally = Tally(**_fitting(Tally, known["tally"]))
    return reports


def _policy(known: Json) -> Policy:
    policy = Policy(**known)
    if "retention" in known:
        policy.retention = grace.read(known["retention"])
    return policy


def _job(known: Json) -> Job:
    job = Job(**known)
    job.policies = {path: grace.read(each) for path, each in known.get("policies", {}).items()}
    return job


def _each(kind: type[T], known: Json) -> dict[str, T]:
    """Return the objects of a file by name; other values are left out."""
    return {
        name: kind(**_fitting(kind, each)) for name, each in known.items() if isinstance(each, dict)
    }


def _fitting(kind: type, value: dict[str, Any]) -> dict[str, Any]:
    """Return the values that a class has fields for; raise TypeError for one of another type.

    Unknown keys are from a newer version that was rolled back. An invalid time would fail
    each run that reads it.
    """
    found = {f.name: (value[f.name], _name(f.type)) for f in fields(kind) if f.name in value}
    for name, (item, type_name) in found.items():
        if not _fits(item, type_name):
            raise TypeError(f"{name} has another type")
    return {name: item for name, (item, _) in found.items()}


def _name(kind: object) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind)


def _fits(item: Any, type_name: str) -> bool:  # noqa: ANN401 -- any JSON value
    if item is None:
        return type_name.endswith("| None")
    outer = type_name.removesuffix(" | None").partition("[")[0]
    if outer == "float":
        return isinstance(item, int | float) and 0 <= item <= _LATEST
    if outer == "list":
        return isinstance(item, list) and all(isinstance(each, str) for each in item)
    return isinstance(item, _JSON.get(outer, dict))
