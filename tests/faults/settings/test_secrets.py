"""Values of the Secret as people write them: a newline after them, words of ours, any character."""

import json
import shutil
from pathlib import Path

import pytest

from tests.faults.night import Night
from tests.faults.repository import sealing
from tests.integration.sidecars import PASSWORD


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """A night with one snapshot behind it."""
    return Night(tmp_path)


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=ascii)
def test_a_newline_after_the_password(night: Night, end: str) -> None:
    night.sidecar.change_secret(RESTIC_PASSWORD=PASSWORD + end)

    night.back_up()

    (problem,) = night.sidecar.status()["problems"]
    assert "RESTIC_PASSWORD: ends with a newline" in problem
    night.ends()


def test_a_repository_that_was_created_with_that_newline(tmp_path: Path) -> None:
    night = Night(tmp_path)
    keys = night.sidecar.repository / "keys"
    shutil.rmtree(night.sidecar.repository)
    sealing.make_quick(night.sidecar.repository, f"{PASSWORD}\n")
    made = sorted(keys.iterdir())
    night.sidecar.change_secret(RESTIC_PASSWORD=f"{PASSWORD}\n")

    night.back_up()

    (problem,) = night.sidecar.status()["problems"]
    assert "the repository opens only with it" in problem
    assert sorted(keys.iterdir()) == made


@pytest.mark.parametrize("between", ["/", "#", "?", " ", '"', "%zz"])
def test_a_password_in_the_repositorys_address(night: Night, between: str) -> None:
    address = f"rest:http://bob:Hunter2{between}x9Kq@127.0.0.1:9/x/"
    right = night.sidecar.secret["RESTIC_REPOSITORY"]
    night.sidecar.change_secret(RESTIC_REPOSITORY=address)

    line = night.back_up("failure", "config")

    said = json.dumps([line, night.sidecar.status()])
    assert "Hunter2" not in said
    assert "x9Kq" not in said
    night.sidecar.change_secret(RESTIC_REPOSITORY=right)
    night.ends()


@pytest.mark.parametrize("word", ["prod", "wiki", "backup"])
def test_a_secret_that_is_a_common_word(night: Night, word: str) -> None:
    night.sidecar.change_secret(RESTIC_REST_USERNAME=word, RESTIC_REST_PASSWORD=word, OWN=word)

    line = night.back_up()

    assert line["message"].startswith("backup success: ")
    assert night.sidecar.status()["tags"] == ["ns=prod", "kind=Deployment", "workload=wiki"]
