"""Functions return one thing, or a class whose fields have names, and are not too many."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import certs
import contract
import kube
import runner
import webhook

PACKAGES = [Path(str(each.__file__)).parent for each in (certs, contract, kube, runner, webhook)]
_SORTS = "a key to sort by: nobody reads its parts"
_READS = "one step of a reader: what it read, and where it goes on"
EXCEPT = {
    "config/model.py:address": "a socket's address",
    "config/flags.py:address": "a socket's address",
    "config/redaction/mask.py:__reduce__": "the protocol of copying and pickling",
    "config/redaction/mask.py:_longest_first": _SORTS,
    "restic/repository/keys.py:_rank": _SORTS,
    "restic/patterns.py:_class": _READS,
    "restic/patterns.py:_letter": _READS,
    "restic/left_out.py:_next": _READS,
}

_MOST = 12  # fields that a reader keeps apart without groups
LONG = {
    "lint/report.py:Report": "the flat object that lint's JSON holds",
    "state/model.py:Last": "the flat object that state file and status hold",
    "steps/listener.py:Listener": "what grows line by line, most of it one field of Completed",
    "steps/outcome.py:Outcome": "one more; most runs set four",
    "steps/result.py:Completed": "one more; most commands set three",
}


def unlike(source: str) -> Iterator[str]:
    """Yield the functions that return a tuple of things of different types."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.returns is None:
            continue
        if any(len(set(types)) > 1 for types in _tuples(node.returns)):
            yield node.name


def _tuples(returns: ast.expr) -> Iterator[list[str]]:
    """Yield the types in each tuple that is returned: alone, or else None, or by a generator."""
    match returns:
        case ast.Constant(value=str(text)):
            yield from _tuples(ast.parse(text, mode="eval").body)
        case ast.BinOp(left=left, right=right):
            yield from _tuples(left)
            yield from _tuples(right)
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=types)):
            yield [ast.unparse(each) for each in types if not _is_ellipsis(each)]
        case ast.Subscript(value=ast.Name(id="Generator"), slice=ast.Tuple(elts=types)):
            yield from _tuples(types[-1])


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def test_no_function_returns_a_tuple_of_unlike_things() -> None:
    found = {
        f"{file.relative_to(package).as_posix()}:{name}"
        for package in PACKAGES
        for file in package.rglob("*.py")
        for name in unlike(file.read_text("utf-8"))
    }
    assert found == set(EXCEPT)


def _long(source: str) -> Iterator[str]:
    """Yield the classes with more fields than that."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and sum(map(_is_field, node.body)) > _MOST:
            yield node.name


def _is_field(node: ast.stmt) -> bool:
    return isinstance(node, ast.AnnAssign)


def test_a_class_of_many_fields_has_groups() -> None:
    found = {
        f"{file.relative_to(package).as_posix()}:{name}"
        for package in PACKAGES
        for file in package.rglob("*.py")
        for name in _long(file.read_text("utf-8"))
    }
    assert found == set(LONG)


@pytest.mark.parametrize(
    ("returns", "is_found"),
    [
        ("tuple[int, str]", True),
        ("tuple[int, str] | None", True),
        ("'tuple[int, str]'", True),
        ("Generator[Effect, Result, tuple[Completed, bool]]", True),
        ("tuple[str, ...]", False),
        ("tuple[str, str]", False),
        ("list[tuple[int, str]]", False),
    ],
)
def test_it_is_the_returned_tuple_that_counts(returns: str, is_found: bool) -> None:
    assert bool(list(unlike(f"def f() -> {returns}: ..."))) is is_found
