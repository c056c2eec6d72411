"""CI runs all parts of `make test` and what follows, and forgives none of them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.blocks import PROJECT

_STEPS = ("lint", "test-units", "test-services", "cluster-prepare", "test-pythons", "test-cluster")
# Takes the place of make: lists the parts, else says what runs, how, and fails where it is told to.
_MAKE = """#!/bin/sh
if [ "$*" = "-s test-parts" ]; then
  exec {make} -s -C {project} test-parts
fi
echo "$1 $TESTS_REQUIRE $(nice) $(date +%s%N)" >>began
[ "$1" != test-units ] || echo "  failed, then passed 3 of 3: test_x" >>"$TESTS_SUMMARY"
[ "$1" != "$FAILS" ] || exit 2
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy of what CI runs, with another make."""
    for name in (".ci/run", "tests/run/step.sh", "bin/make"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if (PROJECT / name).exists():
            shutil.copy(PROJECT / name, tmp_path / name)
    make = tmp_path / "bin/make"
    make.write_text(_MAKE.format(make=shutil.which("make"), project=PROJECT))
    make.chmod(0o755)
    return tmp_path


def _run(tree: Path, fails: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ("sh", ".ci/run"), cwd=tree, capture_output=True, text=True, check=False, timeout=60,
        env={"PATH": f"{tree}/bin:/usr/bin:/bin", "FAILS": fails},
    )  # fmt: skip


def test_each_step_has_its_time_and_its_end_in_the_last_lines(tree: Path) -> None:
    done = _run(tree)

    assert done.returncode == 0, done.stderr
    last = done.stdout.partition("\nSteps, in minutes:\n")[2].splitlines()
    steps = [line.split() for line in last if not line.startswith(" ")]
    assert sorted(name for name, *_ in steps) == sorted(_STEPS)
    assert all(re.fullmatch(r"\d+:\d\d", time) and end == "passed" for _, time, end in steps)
    assert "  failed, then passed 3 of 3: test_x" in last


def test_lint_runs_first_and_the_cluster_is_built_beside_the_tests(tree: Path) -> None:
    _run(tree)

    began = [line.split() for line in (tree / "began").read_text().splitlines()]
    assert {required for _, required, *_ in began} == {"all"}
    for name, _, priority, _ in began:
        low = name in {"cluster-prepare", "test-pythons"}
        assert priority == ("19" if low else str(os.nice(0)))
    ordered = [name for name, *_ in sorted(began, key=lambda each: int(each[3]))]
    assert ordered[0] == "lint"
    assert ordered.index("cluster-prepare") < ordered.index("test-pythons")
    assert (
        ordered.index("test-units") < ordered.index("test-services") < ordered.index("test-cluster")
    )


@pytest.mark.parametrize("step", _STEPS)
def test_a_step_that_fails_is_named_and_the_others_run(tree: Path, step: str) -> None:
    done = _run(tree, fails=step)

    assert done.returncode == 1
    failed = [line.split()[0] for line in done.stdout.splitlines() if "failed with status" in line]
    assert failed == [step]
    assert len((tree / "began").read_text().splitlines()) == len(_STEPS)


def test_make_test_is_its_parts() -> None:
    parts = subprocess.run(
        ("make", "-s", "test-parts"), cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.split()
    rule = re.search(r"^test: (.*) ##", (PROJECT / "Makefile").read_text(), re.MULTILINE)

    assert rule
    assert rule[1] == "$(TEST_PARTS)"
    assert parts == [*_STEPS[:3]]
