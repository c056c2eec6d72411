"""`make demo` itself: it succeeds, it is quiet in a pipe, and it notices a wrong restore."""

import os
import shutil
import subprocess
import sys
from pathlib import Path


def test_demo_prints_each_step_without_colours_in_a_pipe() -> None:
    done = _demo()

    assert done.returncode == 0, done.stdout + done.stderr
    for said in ("allowed: True, injected", "+   initContainers:", "Every file came back"):
        assert said in done.stdout
    assert "\033[" not in done.stdout
    assert not done.stderr


def test_demo_fails_and_names_what_differs_when_a_restore_is_wrong(tmp_path: Path) -> None:
    real = shutil.which("restic")
    wrapper = tmp_path / "restic"
    wrapper.write_text(
        f'#!/bin/sh\n"{real}" "$@" || exit\n'
        "for word; do\n"
        '  [ "$last" != --target ] || echo x >>"$word/settings.ini"\n'
        "  last=$word\n"
        "done\n"
    )
    wrapper.chmod(0o755)

    done = _demo(PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    assert done.returncode == 1
    assert "settings.ini" in done.stdout
    assert "Every file came back" not in done.stdout


def _demo(**variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-m", "demo"),
        env={**os.environ, **variables},
        cwd=Path(__file__).parents[3],
        text=True,
        capture_output=True,
        check=False,
    )
