"""`pip install .` in a venv of its own, without any extra: each program says what it lacks."""

import os
import shutil
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

import pytest

from tests.blocks import PROJECT


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of programs of a venv with the project and what it always needs."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    for file in metadata.files("cronsim") or ():
        if ".." not in file.parts:
            target = packages / file
            target.parent.mkdir(exist_ok=True)
            shutil.copy(file.locate(), target)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input")
    build = ("wheel", "--no-deps", "--no-build-isolation", f"--wheel-dir={folder}", str(PROJECT))
    subprocess.run((*pip, *build), check=True)
    (wheel,) = folder.glob("*.whl")
    onto = ("--python", str(folder / "bin/python"), "install", "--no-index", str(wheel))
    subprocess.run((*pip, *onto), check=True)
    return folder / "bin"


def _run(program: Path, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        (program, *words), capture_output=True, text=True, check=False, cwd=program.parent,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("words", [(), ("--version",), ("--help",), ("status",), ("lint", "-f-")])
@pytest.mark.parametrize(
    ("program", "extra"), [("backup-webhook", "webhook"), ("kubectl-backup", "kubectl")]
)
def test_a_program_without_its_extra_names_it(
    installed: Path, program: str, extra: str, words: tuple[str, ...]
) -> None:
    code, out, err = _run(installed / program, *words)

    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"pip install 'backup-webhook[{extra}]'" in err
    assert "Traceback" not in err


def test_the_runner_starts_without_an_extra(installed: Path) -> None:
    code, out, err = _run(installed / "backup-runner", "--help")

    assert (code, err) == (0, "")
    assert "usage: backup-runner" in out


def test_an_unexpected_exception_keeps_its_trace(installed: Path) -> None:
    """No extra brings back a module of our own."""
    (module,) = installed.parent.glob("lib/python3*/site-packages/runner/cli/parser.py")
    hidden = module.rename(module.with_suffix(".hidden"))
    try:
        code, _, err = _run(installed / "backup-runner", "--help")
    finally:
        hidden.rename(module)

    assert code == 1
    assert "Traceback" in err
    assert "pip install" not in err
