"""A backup in a repository that is known to be damaged counts once a check has passed."""

from pathlib import Path

import pytest

from tests.runner.stand_ins.fake_restic import Runner

KNOWN = {"since": 1.0, "message": "the repository is damaged: pack 4f8a1c2e: does not exist"}
STILL = "pack 4f8a1c2e: does not exist\nFatal: repository contains errors\n"


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A runner whose last check met damage."""
    made = Runner(tmp_path)
    made.annotate(schedule="0 0 29 2 *", verify="off")
    made.call("tick", "--now")
    made.change(damage=KNOWN)
    return made


def test_a_successful_check_clears_the_damage(runner: Runner) -> None:
    runner.call("tick", "--now")

    assert (runner.known["last"]["status"], runner.known["damage"]) == ("success", None)


@pytest.mark.parametrize(
    ("code", "err", "said"),
    [
        (1, STILL, "a snapshot was made"),
        (11, "Fatal: unable to create lock in backend: already locked\n", "it cannot be checked"),
    ],
    ids=["damaged still", "it could not be checked"],
)
def test_no_backup_counts_until_then(runner: Runner, code: int, err: str, said: str) -> None:
    runner.answer("check", err=err, code=code)

    runner.call("tick", "--now")

    last = runner.known["last"]
    assert (last["status"], last["failure"]) == ("failure", "repository")
    assert said in last["message"]
    assert runner.known["damage"] is not None
    assert runner.known["last_success"] < last["started"]
