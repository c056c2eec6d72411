"""Exit codes have names: numbers are written down in one module."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract import exit_codes

ROOT = Path(exit_codes.__file__).parents[1]
PROGRAMS = ("contract", "kubectl_backup", "runner")
PLAIN = {0, 1}  # success and failure need no name
EQUAL = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
ENDS = {"Completed": 0, "RunEnded": 3}  # where these take an exit code


def numbers(source: str) -> Iterator[int]:
    """Yield each bare number that is compared with an exit code or passed as one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and _is_code(node.left) and isinstance(node.ops[0], EQUAL):
            for each in node.comparators:
                yield from _literals(each)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            place = ENDS.get(node.func.id, len(node.args))
            for each in node.args[place : place + 1]:
                yield from _literals(each)


def _is_code(node: ast.expr) -> bool:
    named = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return named in {"code", "returncode", "exit_code"}


def _literals(node: ast.expr) -> Iterator[int]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and type(each.value) is int and each.value not in PLAIN:
            yield each.value


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_exit_code_is_a_bare_number(program: str) -> None:
    found = {
        f"{file.relative_to(ROOT)}: {number}"
        for file in (ROOT / program).rglob("*.py")
        for number in numbers(file.read_text("utf-8"))
    }
    assert found == set()


@pytest.mark.parametrize(
    "line",
    [
        "done.code == 11",
        "code in {0, 3}",
        "Completed(130, stopped='signal')",
        "RunEnded(status, line, failure, 10)",
    ],
)
def test_a_bare_exit_code_is_found(line: str) -> None:
    assert list(numbers(line))


def test_exit_codes_are_those_that_restic_and_shells_document() -> None:
    restic = (exit_codes.PARTIAL, exit_codes.NO_REPOSITORY, exit_codes.LOCKED)
    assert (*restic, exit_codes.WRONG_PASSWORD) == (3, 10, 11, 12)
    shell = (exit_codes.TRY_AGAIN, exit_codes.TIMED_OUT, exit_codes.NOT_STARTED)
    assert (*shell, exit_codes.INTERRUPTED, exit_codes.BROKEN_PIPE) == (75, 124, 127, 130, 141)
