"""A JSON Patch applier that is not ours: RFC 6902 ``add`` and nothing else, on a copy."""

import re
from copy import deepcopy
from typing import Any


def apply(document: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
    """Return ``document`` with all ``operations`` applied; raise ValueError for what is no add."""
    result = deepcopy(document)
    for operation in operations:
        if set(operation) != {"op", "path", "value"} or operation["op"] != "add":
            raise ValueError(f"not an add: {operation}")
        _add(result, _tokens(operation["path"]), deepcopy(operation["value"]))
    return result


def _tokens(pointer: str) -> list[str]:
    if not re.fullmatch(r"(/([^~]|~[01])*)+", pointer):
        raise ValueError(f"no JSON Pointer below the document: {pointer!r}")
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/")]


def _add(document: object, tokens: list[str], value: object) -> None:
    parent: Any = document
    for token in tokens[:-1]:
        parent = parent[_index(token, len(parent) - 1)] if _is_list(parent) else parent[token]
    last = tokens[-1]
    if _is_list(parent):
        parent.insert(len(parent) if last == "-" else _index(last, len(parent)), value)
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise ValueError(f"cannot add to {parent!r}")


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _index(token: str, highest: int) -> int:
    if not re.fullmatch(r"0|[1-9][0-9]*", token) or int(token) > highest:
        raise ValueError(f"no such index: {token}")
    return int(token)
