"""The second repository gets its own variables, and only whole names are a loader's."""

import pytest

from contract.secret import allowlist


def test_the_second_repository_gets_only_its_own_variables() -> None:
    secret = {
        "RESTIC_REPOSITORY": "/first", "AWS_ACCESS_KEY_ID": "first",
        "COPY_RESTIC_REPOSITORY": "/second", "COPY_PGPASSWORD": "x", "COPY_OTHER": "x",
    }  # fmt: skip

    assert allowlist.second(secret) == {"RESTIC_REPOSITORY": "/second"}


@pytest.mark.parametrize("name", ["ENV_NAME", "HOMEPAGE", "PATHS", "SHELLY", "PS1_TEXT", "_x"])
def test_a_name_that_only_starts_like_a_loaders_may_be_passed(name: str) -> None:
    secret = {name: "x", "BACKUP_ENV_PASS": name}

    assert allowlist.restic(secret) == {name: "x"}
    assert allowlist.problems(secret) == []
