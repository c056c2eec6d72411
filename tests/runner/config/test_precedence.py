"""Which of several places decides, and what has no place at all."""

import pytest

from contract import names
from runner.config.confined import of
from tests.runner.config.workload import configured

RCLONE = {names.ENV_ENGINE: "rclone"}


def test_a_timeout_of_the_environment_outranks_the_secrets() -> None:
    secret = {"BACKUP_WAIT_SECONDS": "7"}

    assert configured(secret=secret).timing.wait == 7
    assert configured({"BACKUP_WAIT_SECONDS": "5"}, secret).timing.wait == 5


@pytest.mark.parametrize(
    ("destination", "usable"),
    [("remote:path", True), ("/mnt/backup", True), ("mnt/backup", False), ("backup", False)],
)
def test_a_mirror_does_not_depend_on_where_rclone_is_started(
    destination: str, *, usable: bool
) -> None:
    mirror = configured(RCLONE, {"BUP_DST": destination}).mirror

    assert mirror is not None
    assert mirror.usable is usable


def test_a_mirror_has_no_second_repository_and_makes_no_dumps() -> None:
    secret = {"BUP_DST": "remote:path", "COPY_RESTIC_REPOSITORY": "/second"}
    config = configured({**RCLONE, names.ENV_DUMP: '[["postgres"]]'}, secret)

    assert (config.repository.second, config.commands.dumps) == (None, ())
    assert any(each.key == names.ENV_DUMP for each in config.problems)


def test_unknown_variables_reach_no_program_where_commands_are_disallowed() -> None:
    given = {"RESTIC_PASSWORD": "x", "AWS_REGION": "eu", "APP_HOOK": "touch /tmp/x", "FOO": "y"}

    permitted = of(given, {}, "this container writes to the volumes", "", [])

    assert permitted.variables.keys() & given.keys() == {"RESTIC_PASSWORD", "AWS_REGION"}


@pytest.mark.parametrize(
    ("kind", "host"),
    [("StatefulSet", "db-2"), ("DaemonSet", "db-node-1"), ("Deployment", "db")],
)
def test_a_host_of_the_secret_keeps_stateful_pods_apart(kind: str, host: str) -> None:
    environment = {
        names.ENV_KIND: kind, names.ENV_WORKLOAD: "wiki", names.ENV_POD: "wiki-2",
        names.ENV_NODE: "node-1", names.ENV_HOST: "annotated",
    }  # fmt: skip
    secret = {"RESTIC_HOSTNAME": "db"}

    assert configured(environment, secret).identity.host == host
    annotated = {**environment, names.ENV_HOST_GIVEN: "true"}
    assert configured(annotated, secret).identity.host == "annotated"


@pytest.mark.parametrize("text", ["never", "Never", " NEVER "])
def test_backup_init_never_is_read(text: str) -> None:
    assert not configured(secret={"BACKUP_INIT": text}).repository.may_init
    assert configured().repository.may_init


def test_a_hook_of_the_pod_outranks_the_secrets() -> None:
    environment, secret = {names.ENV_PRE: '["freeze"]'}, {"PRE_HOOK": "sync"}

    assert configured(environment, secret).commands.pre == ("freeze",)
    assert configured(secret=secret).commands.pre == ("sh", "-c", "sync")


def test_a_value_with_nul_is_left_out_and_named() -> None:
    config = configured(secret={"RESTIC_COMPRESSION": "a\0b"})

    assert "RESTIC_COMPRESSION" not in config.repository.environment
    assert any(each.key == "RESTIC_COMPRESSION" for each in config.problems)
