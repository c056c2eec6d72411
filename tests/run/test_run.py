"""A failed test is red unless it passes three times more, under load; and nothing is forgotten."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.blocks import PROJECT
from tests.cluster.work import until

Called = subprocess.CompletedProcess[str]
Runs = Callable[..., Called]

_COUNTED = """
from pathlib import Path
import pytest
def nth():
    "Return how many times this was called, in all runs."
    with Path(__file__).with_name("calls").open("a+") as file:
        file.write("x")
        return file.tell()
"""
_PASSES = "def test_other(): pass\n"
_FAILS_IN = "def test_one(): assert nth() not in {}\n"
_MADE = """
@pytest.fixture
def made(): assert {}
def test_one(made): pass
"""
_SHARED = """
@pytest.fixture(scope="module")
def shared(): return []
def test_one(shared): shared.append(1)
def test_other(shared): assert not shared
def test_third(shared): assert shared == []  # not reached
"""
# By the case: the text, arguments, exit status, tests that are listed, and a line that is printed.
CASES: dict[str, tuple[str, tuple[str, ...], int, list[str], str]] = {
    "all pass": (_PASSES, (), 0, [], ""),
    "a steady failure": (_FAILS_IN.format("range(99)") + _PASSES, (), 1, [],
                         "passed 0 of 3 under load: test_it.py::test_one: assert 1 not in"),
    "fails once": (_FAILS_IN.format("{1}") + _PASSES, (), 0, ["test_it.py::test_one"],
                   "passed 3 of 3 under load: test_it.py::test_one: assert 1 not in {1}"),
    "fails once, beside others": (_FAILS_IN.format("{1}") + _PASSES, ("--numprocesses=2",), 0,
                                  ["test_it.py::test_one"], "passed 3 of 3"),
    "fails once, in a group": ('@pytest.mark.xdist_group("a@b")\n' + _FAILS_IN.format("{1}"),
                               ("--numprocesses=2", "--dist=loadgroup"), 0,
                               ["test_it.py::test_one"], "passed 3 of 3"),
    "fails twice of three": (_FAILS_IN.format("{1, 3}"), (), 1, ["test_it.py::test_one"],
                             "passed 1 of 3"),
    "fails the last time": (_FAILS_IN.format("{1, 4}"), (), 1, ["test_it.py::test_one"],
                            "passed 2 of 3"),
    "a fixture that fails": (_MADE.format("nth() > 9"), (), 1, [], "passed 0 of 3"),
    "a fixture that fails once": (_MADE.format("nth() > 1"), (), 0, ["test_it.py::test_one"],
                                  "passed 3 of 3"),
    "a cleanup that fails": (_MADE.format("(yield) or nth() > 9"), (), 1, [], "passed 0 of 3"),
    "a fault of what tests share": (_SHARED, (), 1, [], "passed 0 of 3"),
    "a skip when it runs again": ("def test_one(): assert nth() > 1 and pytest.skip()\n", (), 1,
                                  [], "passed 0 of 3"),
    "a worker that crashes": ("import os\ndef test_one(): os._exit(9)\n", ("--numprocesses=2",), 1,
                              [], "passed 0 of 3 under load: test_it.py::test_one: worker 'gw"),
    "a worker that crashes once": ("import os\ndef test_one():\n    if nth() == 1: os._exit(9)\n",
                                   ("--numprocesses=2",), 0, ["test_it.py::test_one"],
                                   "passed 3 of 3"),
    "not collected": ("import not_there\n", (), 2, [], ""),
    "not collected, beside others": ("import not_there\n", ("--numprocesses=2",), 1, [],
                                     "not collected: test_it.py: "),
    "not collected, and others fail once": (
        _FAILS_IN.format("{1}"), ("--continue-on-collection-errors", "test_it.py", "broken.py"), 1,
        [], "not collected: broken.py: "),
    "an exception": ('from tests import needs\ndef test_one(): needs.exception("own-images")\n',
                     (), 0, [], "not possible here: test_it.py::test_one: another cluster runs"),
    "no tests": ("", (), 5, [], ""),
    "no tests, as they may": ("", ("--may-be-empty",), 0, [], ""),
    "an option that is none": (_PASSES, ("--no-such-option",), 4, [], ""),
    "an end by itself": ("def test_one(): pytest.exit('enough', 7)\n", (), 7, [], ""),
    "a strict pass": ("@pytest.mark.xfail(strict=True)\ndef test_one(): pass\n", (), 1, [],
                      "passed 0 of 3"),
}  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder of tests of its own."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  xdist_group\n")
    (tmp_path / "broken.py").write_text("import not_there\n")
    return tmp_path


def _argv(project: Path, *arguments: str) -> tuple[str, ...]:
    return (
        sys.executable, "-m", "tests.run", f"--flaky={project / 'dist/flaky.txt'}",
        "--under-load=0", "-p", "xdist", "-c", "pytest.ini", "-p", "no:cacheprovider", *arguments,
    )  # fmt: skip


def _environment(project: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROJECT), "TESTS_SUMMARY": str(project / "summary"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # fmt: skip


@pytest.fixture
def runs(project: Path) -> Runs:
    """Writes a test file and runs it by tests.run; without a text, what is there."""

    def run(text: str, *arguments: str) -> Called:
        (project / "test_it.py").write_text(_COUNTED + text)
        return subprocess.run(
            _argv(project, *arguments), cwd=project, env=_environment(project),
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    return run


def _listed(project: Path) -> list[list[str]]:
    file = project / "dist/flaky.txt"
    return [line.split("\t") for line in file.read_text().splitlines()] if file.exists() else []


@pytest.mark.parametrize("case", CASES)
def test_a_run_ends_as_its_tests_do(project: Path, runs: Runs, case: str) -> None:
    text, arguments, status, listed, line = CASES[case]

    done = runs(text, *arguments)

    assert done.returncode == status, done.stdout + done.stderr
    assert [test for _, test, _ in _listed(project)] == listed
    summary = (project / "summary").read_text()
    assert line in summary
    assert done.stdout.endswith(summary), "the last lines say it"
    assert bool(summary) == bool(line)


def test_an_event_names_day_test_and_failure_in_a_line(project: Path, runs: Runs) -> None:
    runs("def test_one():\n    assert nth() > 1, 'one\\ttab\\nand line'\n")

    [[day, test, failure]] = _listed(project)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:]{8}\+00:00", day)
    assert (test, failure) == ("test_it.py::test_one", "AssertionError: one tab")


_SLOW = """
import time
@pytest.fixture
def made():
    time.sleep(0.6)  # of the two together the run tells
    yield
    time.sleep(0.6)
@pytest.mark.parametrize("each", range(21))
def test_slow(made, each): pass
def test_slowest(made): time.sleep(1)
def test_quick(): pass
"""


def test_the_twenty_slowest_tests_are_named_with_their_seconds(project: Path, runs: Runs) -> None:
    """The slowest first, with the time of their fixtures; none that is quick."""
    runs(_SLOW, "--numprocesses=4")

    lines = (project / "summary").read_text().splitlines()
    found = [re.fullmatch(r" *([\d.]+) s: test_it\.py::(test_slow\S*)", line) for line in lines]
    assert len(found) == 20
    seconds = [float(each[1]) for each in found if each]
    assert seconds == sorted(seconds, reverse=True)
    assert len(seconds) == 20
    assert seconds[-1] >= 1.2
    assert found[0]
    assert found[0][2] == "test_slowest"


def test_the_second_event_of_a_test_is_red_and_runs_nothing_again(
    project: Path, runs: Runs
) -> None:
    text = _FAILS_IN.format("{1, 5}")
    assert runs(text).returncode == 0

    done = runs(text)

    assert done.returncode == 1
    assert "mend it" in done.stdout.splitlines()[-1]
    assert "Under load" not in done.stdout
    assert [test for _, test, _ in _listed(project)] == ["test_it.py::test_one"] * 2
    assert runs(text).returncode == 0, "what passes needs no list"


_SCRIPT = """
import signal
from tests.run import load
with load.busy(2):
    print("amid the load", flush=True)
    signal.pause()
"""


def _is_over(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@contextmanager
def _amid_the_load(argv: Sequence[str], project: Path) -> Iterator[subprocess.Popen[str]]:
    """Give a process that has come to its load; after the block nothing of it is there."""
    # What is started in the background of a shell ignores the interrupt.
    with subprocess.Popen(
        ("env", "--default-signal=INT", *argv), cwd=project, env=_environment(project),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout
        try:
            assert any("amid the load" in line for line in process.stdout)
            yield process
            process.wait(60)
            until(lambda: _is_over(process.pid), "no process is left", 60)
        finally:
            if not _is_over(process.pid):
                os.killpg(process.pid, signal.SIGKILL)


def test_ctrl_c_amid_the_load_leaves_no_process(project: Path) -> None:
    (project / "test_it.py").write_text(
        f"{_COUNTED}import signal\ndef test_one():\n    assert nth() > 1\n"
        "    print('amid the load', flush=True)\n    signal.pause()\n"
    )
    with _amid_the_load(_argv(project, "--under-load=2", "--capture=no"), project) as process:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does

    assert process.returncode == 1
    assert _listed(project) == []


def test_the_load_ends_with_its_parent_even_if_that_is_killed(project: Path) -> None:
    with _amid_the_load((sys.executable, "-c", _SCRIPT), project) as process:
        process.kill()
