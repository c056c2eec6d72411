"""Each threat of docs/security.md is held by tests that exist, or says that none can hold it."""

import re

from tests.blocks import PROJECT

_PAGE = PROJECT / "docs/security.md"
_HEADER = ["who", "could", "protection", "test"]
_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`")


def _rows() -> list[list[str]]:
    table = _PAGE.read_text("utf-8").partition("## Threats")[2]
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_each_row_has_its_cells() -> None:
    header, _, *rows = _rows()

    assert header == _HEADER
    assert len(rows) > 15
    assert [row for row in rows if len(row) != len(_HEADER) or not all(row)] == []


def test_the_tests_of_each_row_exist() -> None:
    missing = []
    for who, *_, held in _rows()[2:]:
        named = _TEST.findall(held)
        if not named and not held.startswith("no test"):
            missing.append(f"{who}: {held}")
        for path, name in named:
            file = PROJECT / path
            text = file.read_text("utf-8") if file.is_file() else ""
            if "def test_" not in text or (name and f"def {name}(" not in text):
                missing.append(f"{who}: {path}{name and f'::{name}'}")

    assert not missing
