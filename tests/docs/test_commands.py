"""Commands that people are told to paste hold no word of others that is not quoted."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.blocks import PROJECT

_PROGRAMS = ("certs", "contract", "kube", "kubectl_backup", "runner", "webhook")
_COMMAND = re.compile(
    r"(?:^|[\s`:;(])(?:kubectl|helm|rm|backup-(?:runner|webhook)) +(?:[-a-z]+(?=[ /=]|$)|$)"
)
# What cannot be a word of others: constants, numbers, our own words, and what is quoted before.
_OURS = {
    "names.ENABLED_LABEL", "ENABLED", "DUMP_FILES[name]", "second", "example", "_REPAIR_SNAPSHOTS",
    "_ANEW", "more", "where", "named", "file", "remedy",
}  # fmt: skip


def _unquoted(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.JoinedStr):
            continue
        within = False
        for part in node.values:
            if isinstance(part, ast.Constant):
                text = str(part.value)
                closed = text.count("`") % 2 == 1 and within
                within = (within and not closed) or bool(_COMMAND.search(text))
            elif within and isinstance(part, ast.FormattedValue):
                shown = ast.unparse(part.value)
                if not re.match(r"(shlex\.)?(quote|join)\(", shown) and shown not in _OURS:
                    yield f"{path.relative_to(PROJECT)}:{node.lineno}: {{{shown}}}"


def test_every_foreign_word_in_a_command_is_quoted() -> None:
    found = [
        each
        for program in _PROGRAMS
        for path in sorted((PROJECT / program).rglob("*.py"))
        for each in _unquoted(path)
    ]

    assert not found


def test_an_unquoted_word_is_detected(tmp_path: Path) -> None:
    code = 'a = f"see `kubectl -n {space} logs {quote(pod)}`, not {other}"\n'
    path = PROJECT / "tests" / "docs" / tmp_path.name
    try:
        path.write_text(code)
        assert [each.rpartition(" ")[2] for each in _unquoted(path)] == ["{space}"]
    finally:
        path.unlink()
