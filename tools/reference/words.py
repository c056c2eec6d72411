"""The words that labels, annotations and JSON hold: members of enumerations with their meaning."""

import ast
import inspect
from collections.abc import Iterator
from enum import StrEnum
from itertools import pairwise
from types import ModuleType

from contract import coverage, names
from runner.steps import outcome

GROUPS: dict[str, tuple[ModuleType, type[StrEnum]]] = {
    "reasons": (names, names.Reason),
    "words of coverage": (coverage, coverage.Cover),
    "statuses": (outcome, outcome.Status),
    "classes": (outcome, outcome.Failure),
}


def rows(group: str) -> Iterator[tuple[str, ...]]:
    """Yield each word of a group and the text below its member; raise KeyError without one."""
    module, kind = GROUPS[group]
    told = below(_members(module, kind.__name__))
    for each in kind:
        yield f"`{each.value}`", told[each.name]


def below(body: list[ast.stmt]) -> dict[str, str]:
    """Return the text that stands right below each constant, in one line, by its name."""
    found = {}
    for constant, text in pairwise(body):
        match constant, text:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(ast.Constant(str(meaning))):
                found[name] = " ".join(meaning.split()).replace("``", "`").replace("|", "\\|")
    return found


def _members(module: ModuleType, name: str) -> list[ast.stmt]:
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return node.body
    raise KeyError(name)
