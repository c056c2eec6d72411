"""Numbers of things, and lists that may be long, as people write them."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

import pytest

from contract.text import counted, listed
from tests.blocks import PROJECT

PROGRAMS = ("contract", "runner", "webhook", "kubectl_backup", "certs", "kube")
_MANY = re.compile(
    r" (?:(?:doubtful|old|SQLite) )?(archives|claims|databases|errors|files|folders|keys|"
    r"locks|messages|pods|runs|snapshots|workloads)\b"
)


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (21, "21 files")]
)
def test_only_one_is_singular(number: int, text: str) -> None:
    assert counted(number, "file") == text


def test_a_verb_follows_the_number() -> None:
    said = [counted(n, "file or folder was", "files and folders were") for n in (0, 1, 2)]

    assert said == ["0 files and folders were", "1 file or folder was", "2 files and folders were"]


@pytest.mark.parametrize(
    ("names", "text"),
    [("", ""), ("a", "a"), ("abcde", "a, b, c, d, e"), ("abcdef", "a, b, c, d, e and 1 more"),
     ("abcdefgh", "a, b, c, d, e and 3 more")],
)  # fmt: skip
def test_the_first_five_of_a_long_list_are_named(names: str, text: str) -> None:
    assert listed(tuple(names)) == text


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_message_formats_a_count_itself(program: str) -> None:
    """Else it says 1 files some day."""
    found = [
        f"{path.name}: {{{ast.unparse(value)}}}{text}"
        for path in (PROJECT / program).rglob("*.py")
        for value, text in _after_values(path.read_text("utf-8"))
        if _MANY.match(text)
    ]

    assert found == []


def _after_values(source: str) -> Iterator[tuple[ast.expr, str]]:
    """Yield each value of an f-string with the text that follows it."""
    for node in ast.walk(ast.parse(source)):
        for part, after in pairwise(node.values) if isinstance(node, ast.JoinedStr) else ():
            if isinstance(part, ast.FormattedValue) and isinstance(after, ast.Constant):
                yield part.value, str(after.value)
