"""Files that are made for programs where no command of the Secret runs."""

import stat
from pathlib import Path

from contract import names
from runner.config import build
from runner.config.build import Files
from runner.process.environment import variables
from runner.process.folders import ownership
from runner.process.log import Log
from tests.runner.config.workload import ENVIRONMENT, SECRET


def _environment(state: Path, beyond: str) -> dict[str, str]:
    """Return what restic gets of a Secret with a configuration of rclone's, looked at before."""
    given = {**ENVIRONMENT, names.ENV_STATE_DIR: str(state)}
    secret = {**SECRET, "RESTIC_REPOSITORY": "rclone:nas:r", "RCLONE_CONFIG": str(state / "own")}
    files = Files(settings={"RCLONE_CONFIG": "[nas]\ntype = local\n"})
    read = build.config(given, secret, {}, {}, files, beyond)
    ownership.claim(ownership.scratch(str(state)))
    return variables.of(read, "", Log())


def test_a_program_gets_the_content_that_was_checked(tmp_path: Path) -> None:
    """The file may be another one by then, and so may what lies where ours will."""
    (tmp_path / "own").write_text("[nas]\ntype = sftp\nssh = x\n")
    first = Path(_environment(tmp_path, "more")["RCLONE_CONFIG"])
    first.unlink()
    first.symlink_to(tmp_path / "own")

    path = Path(_environment(tmp_path, "more")["RCLONE_CONFIG"])

    assert path == first
    assert not path.is_symlink()
    assert path.read_text() == "[nas]\ntype = local\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "ssh" in (tmp_path / "own").read_text()


def test_a_sidecars_programs_get_their_own_files_and_home(tmp_path: Path) -> None:
    made = _environment(tmp_path, "")

    assert (made["RCLONE_CONFIG"], made["HOME"]) == (str(tmp_path / "own"), str(tmp_path))
    assert _environment(tmp_path, "more")["HOME"] == "/dev/null"
