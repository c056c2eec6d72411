"""Which keys of the Secret a backup needs."""

import re
from pathlib import Path

import pytest

from contract import names
from contract.secret import required_keys

ROOT = Path(names.__file__).parents[1]
OWN = Path("contract/secret/required_keys.py")


@pytest.mark.parametrize("repository", required_keys.REPOSITORY)
@pytest.mark.parametrize("password", required_keys.PASSWORD)
def test_one_key_of_each_requirement_is_enough(repository: str, password: str) -> None:
    assert required_keys.missing({repository, password}, "restic") == ""
    assert required_keys.missing({password}, "restic") == "RESTIC_REPOSITORY"
    assert required_keys.missing({repository}, "restic") == "RESTIC_PASSWORD"


def test_a_mirror_needs_its_destination_alone() -> None:
    assert required_keys.missing({"BUP_DST"}, "rclone") == ""
    assert required_keys.missing({"RESTIC_REPOSITORY", "RESTIC_PASSWORD"}, "rclone") == "BUP_DST"


def test_the_line_names_key_and_remedy() -> None:
    expected = "RESTIC_PASSWORD is not set: put it into the Secret"
    assert required_keys.line("RESTIC_PASSWORD") == expected
    assert required_keys.line("") == ""


@pytest.mark.parametrize("program", ["contract", "kubectl_backup", "runner", "webhook"])
def test_keys_that_replace_each_other_are_listed_once(program: str) -> None:
    """Where a usual key and one in its place stand side by side, the list is written again."""
    again = re.compile(r'"RESTIC_(REPOSITORY|PASSWORD)",\s+"RESTIC_\1_')
    remedy = re.compile(re.escape(required_keys.REMEDY))
    found = [
        str(file.relative_to(ROOT))
        for file in (ROOT / program).rglob("*.py")
        if file.relative_to(ROOT) != OWN
        and (again.search(text := file.read_text("utf-8")) or remedy.search(text))
    ]
    assert found == []
