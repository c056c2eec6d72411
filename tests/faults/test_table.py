"""docs/faults.md promises what is tried here, and nothing else."""

import re
from pathlib import Path

_HERE = Path(__file__).parent
_TABLE = _HERE.parents[1] / "docs" / "faults.md"


def test_each_row_has_a_test_and_each_test_a_row() -> None:
    promised = re.findall(r"`(\w+/test_\w+\.py::test_\w+)`", _TABLE.read_text("utf-8"))
    tried = [
        f"{file.relative_to(_HERE)}::{name}"
        for file in _HERE.rglob("test_*.py")
        if file != Path(__file__)
        for name in re.findall(r"^def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)
    ]

    assert sorted(set(promised)) == sorted(tried)
