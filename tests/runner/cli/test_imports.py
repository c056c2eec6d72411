"""A tick comes every half minute in every pod: it imports nothing that only others need."""

import subprocess
import sys

import pytest

_HEAVY = ("runner.backup", "runner.maintenance", "runner.restore", "runner.cli.commands")


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("runner.__main__", ("runner.config", "runner.state", "runner.session", *_HEAVY)),
        ("runner.cli.tick", _HEAVY),
    ],
)
def test_a_command_imports_only_what_it_needs(module: str, without: tuple[str, ...]) -> None:
    script = f"import sys, {module}; print([name for name in {without} if name in sys.modules])"

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"
