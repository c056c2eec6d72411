"""The second repository: its credentials and the first one's stay apart."""

import pytest

from runner.config.repository import second
from tests.contract.secret.hostile import NEVER_PASSED
from tests.runner.config.workload import SECRET, configured

LOCAL = {"COPY_RESTIC_REPOSITORY": "/mnt/usb"}


def test_without_a_second_repository_there_is_none() -> None:
    assert configured().repository.second is None
    assert configured(secret={"COPY_AWS_ACCESS_KEY_ID": "x"}).repository.second is None
    assert configured(secret={"COPY_RESTIC_REPOSITORY": " "}).repository.second is None


def test_the_first_ones_password_serves_both_unless_another_is_given() -> None:
    same = second.read(LOCAL, SECRET)
    other = second.read({**LOCAL, "COPY_RESTIC_PASSWORD_FILE": "/etc/other"}, SECRET)

    assert same
    assert other
    assert same.alone["RESTIC_PASSWORD"] == "correct-horse"
    assert "RESTIC_PASSWORD" not in other.alone
    assert other.alone["RESTIC_PASSWORD_FILE"] == "/etc/other"


def test_copy_gets_both_repositories_and_other_tasks_only_the_second() -> None:
    found = second.read({**LOCAL, "COPY_RESTIC_PASSWORD": "staple"}, SECRET)

    assert found
    assert found.alone["RESTIC_REPOSITORY"] == "/mnt/usb"
    assert not [key for key in found.alone if "FROM" in key]
    assert found.both == {
        **found.alone,
        "RESTIC_FROM_REPOSITORY": SECRET["RESTIC_REPOSITORY"],
        "RESTIC_FROM_PASSWORD": "correct-horse",
    }


@pytest.mark.parametrize(
    ("repository", "path", "endpoint", "provider"),
    [
        ("s3:s3.example.org/off/site", "off/site", "https://s3.example.org", "Other"),
        ("s3:http://10.0.0.9:9000/off", "off", "http://10.0.0.9:9000", "Other"),
        ("s3:https://s3.eu-west-1.amazonaws.com/off", "off", None, "AWS"),
    ],
)
def test_a_second_bucket_with_other_keys_is_reached_through_rclone(
    repository: str, path: str, endpoint: str | None, provider: str
) -> None:
    """restic has one set of AWS_ variables."""
    given = {
        "COPY_RESTIC_REPOSITORY": repository,
        "COPY_AWS_ACCESS_KEY_ID": "OTHER",
        "COPY_AWS_SECRET_ACCESS_KEY": "other-secret",
    }

    found = second.read(given, SECRET)

    assert found
    assert found.both["RESTIC_REPOSITORY"] == f"rclone:backupcopy:{path}"
    assert found.both["AWS_ACCESS_KEY_ID"] == SECRET["AWS_ACCESS_KEY_ID"]
    assert found.both["RCLONE_CONFIG_BACKUPCOPY_ACCESS_KEY_ID"] == "OTHER"
    assert found.both["RCLONE_CONFIG_BACKUPCOPY_SECRET_ACCESS_KEY"] == "other-secret"
    assert found.both.get("RCLONE_CONFIG_BACKUPCOPY_ENDPOINT") == endpoint
    assert found.both["RCLONE_CONFIG_BACKUPCOPY_PROVIDER"] == provider


def test_a_second_bucket_with_the_same_keys_needs_no_rclone() -> None:
    found = second.read({"COPY_RESTIC_REPOSITORY": "s3:s3.example.org/off"}, SECRET)

    assert found
    assert found.both["RESTIC_REPOSITORY"] == "s3:s3.example.org/off"


def test_commands_on_the_first_repository_get_nothing_of_the_second() -> None:
    config = configured(secret={**LOCAL, "COPY_RESTIC_PASSWORD": "staple"})

    assert not [key for key in config.repository.environment if key.startswith("COPY_")]
    assert "staple" not in config.mask("it is staple, said the server")


@pytest.mark.parametrize("key", NEVER_PASSED)
def test_the_second_repository_adds_no_variable_that_controls_processes(key: str) -> None:
    """`COPY_LD_PRELOAD` is none of a backend, nor is `COPY_PATH`."""
    secret = {**SECRET, **LOCAL, f"COPY_{key}": "/evil", "COPY_OWN": "x", "COPY_B2_ACCOUNT_ID": "b"}

    found = configured(secret=secret).repository.second

    assert found
    assert found.both["B2_ACCOUNT_ID"] == "b"
    assert {key, "OWN"}.isdisjoint(found.both)
    assert found.alone.items() <= found.both.items()
