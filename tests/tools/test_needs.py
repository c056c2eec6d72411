"""No test is left out in silence: what skips is in tests/needs.py, and in CI it fails."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import needs
from tests.blocks import PROJECT

_NEEDS = PROJECT / "tests/needs.py"
_TESTS_OF_RUN = PROJECT / "tests/run/test_run.py"
_SKIPS = {"skip", "skipif", "importorskip", "Skipped", "SkipTest"}
_PLANTED = {
    "a call": "def test_x(): pytest.skip('why')",
    "a mark": "@pytest.mark.skipif(True, reason='why')\ndef test_x(): pass",
    "a name": "from pytest import skip",
    "an import": "x = pytest.importorskip('webhook.config')",
    "what a skip raises": "try:\n    pass\nexcept pytest.skip.Exception:\n    pass",
    "unittest's": "raise unittest.SkipTest('why')",
    "a test that is expected to fail": "@pytest.mark.xfail\ndef test_x(): pass",
    "strict, when it likes": "@pytest.mark.xfail(strict=False)\ndef test_x(): pass",
    "a test that is called failing": "def test_x(): pytest.xfail('why')",
    "a test that ends early": "def test_x():\n    try:\n        y()\n    except OSError:\n"
                              "        return\n    assert z",
    "deeper": "def test_x():\n    for a in b:\n        try:\n            y()\n"
              "        except OSError:\n            if a:\n                return",
    "a method": "class TestX:\n    def test_x(self):\n        try:\n            y()\n"
                "        except OSError:\n            return",
}  # fmt: skip
_SOUND = (
    "@pytest.mark.xfail(strict=True, reason='a bug of theirs')\ndef test_x(): pass",
    "def test_x():\n    def y():\n        try: z()\n        except OSError: return",
    "def _helper():\n    try:\n        y()\n    except OSError:\n        return",
    "@needs.root.mark\ndef test_x(): needs.landlock()",
)


def _found(text: str) -> Iterator[str]:
    """Yield what in a source leaves tests out."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) | ast.alias(name=name) if name in _SKIPS:
                yield f"{name}, which belongs into tests/needs.py"
            case ast.Attribute(value=ast.Attribute(attr="mark"), attr="xfail"):
                if node not in _strict(tree):
                    yield "xfail that is not strict"
            case ast.Attribute(attr="xfail"):
                yield "xfail, called"
            case ast.FunctionDef(name=name) if name.startswith("test_"):
                if any(_returns(handler) for handler in _handlers(node)):
                    yield f"{name} returns after an error"


def _strict(tree: ast.AST) -> list[ast.expr]:
    """Return the marks that are called with strict=True."""
    return [
        call.func
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for word in call.keywords
        if word.arg == "strict" and isinstance(word.value, ast.Constant) and word.value.value
    ]


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is inside of a function, without functions in it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _inside(child)


def _handlers(function: ast.FunctionDef) -> list[ast.ExceptHandler]:
    return [each for each in _inside(function) if isinstance(each, ast.ExceptHandler)]


def _returns(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(each, ast.Return) for each in _inside(handler))


def _sources() -> list[Path]:
    return [path for path in (PROJECT / "tests").rglob("*.py") if path != _NEEDS]


def test_only_tests_needs_skips_tests() -> None:
    sources = _sources()
    wrong = [
        f"{path.relative_to(PROJECT)}: {why}"
        for path in sources
        for why in _found(path.read_text("utf-8"))
    ]

    assert len(sources) > 400
    assert wrong == []


@pytest.mark.parametrize("case", _PLANTED)
def test_each_way_to_skip_a_test_is_found(case: str) -> None:
    assert len(list(_found(_PLANTED[case]))) == 1


@pytest.mark.parametrize("text", _SOUND)
def test_nothing_else_is_found(text: str) -> None:
    assert list(_found(text)) == []


def test_each_exception_is_used_and_named_once() -> None:
    quoting = {Path(__file__), _TESTS_OF_RUN}
    others = [path for path in _sources() if path not in quoting]
    text = "\n".join(path.read_text("utf-8") for path in others)

    assert sorted(re.findall(r'needs\.exception\("([^"]+)"\)', text)) == sorted(needs.EXCEPTIONS)


_TESTS = """
import os
import pytest
from tests import needs
from tests.conftest import pytest_configure, pytest_runtest_setup
from tests.services import programs
never = needs.Need("a unicorn", lambda: False)
always = needs.Need("air", lambda: True)
@pytest.fixture
def made(): os.mkdir("made")
@never.mark
def test_by_mark(made): pass
@always.mark
def test_with_what_is_there(): pass
def test_in_its_body(): never()
def test_program(monkeypatch):
    package = programs._Package("x", "no-suite", ("no-package",))
    monkeypatch.setitem(programs._PROGRAMS, "x", package)
    programs.need("x")
def test_exception(): needs.exception("fuzzer")
"""


@pytest.mark.parametrize(
    ("required", "ends"),
    [("", "1 passed, 4 skipped"), ("all", "2 failed, 1 passed, 1 skipped, 1 error")],
)
def test_a_missing_need_skips_the_test_and_fails_in_ci(
    tmp_path: Path, required: str, ends: str
) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\n")
    (tmp_path / "test_it.py").write_text(_TESTS)
    (tmp_path / "pytest.ini").touch()

    done = subprocess.run(
        (sys.executable, "-m", "pytest", "-c", "pytest.ini", "-rfEs", "-p", "no:cacheprovider"),
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "TESTS_REQUIRE": required,
             "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip

    said = done.stdout + done.stderr
    assert f"{ends} in" in said
    assert "missing on this machine: a unicorn" in said
    assert "missing on this machine: no-package (" in said
    assert needs.EXCEPTION + needs.EXCEPTIONS["fuzzer"] in said
    assert not (tmp_path / "made").exists(), "a mark is checked before fixtures are made"
