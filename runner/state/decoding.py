"""Dataclasses from JSON that may be of another version, or damaged. Pure."""

from dataclasses import fields
from typing import Any

_LATEST = 1e11  # epoch seconds; no clock goes wrong by thousands of years
_JSON = {"int": int, "bool": bool, "str": str, "tuple": list}  # the rest are objects


def fitting(kind: type, value: dict[str, Any]) -> dict[str, Any]:
    """Return what a class knows of a file's values; raise TypeError for one of another kind.

    Unknown keys are a newer version's, which was rolled back. A time that is invalid would fail
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
