"""What a container that is more than a sidecar takes of the Secret."""

import pytest

from contract import names
from runner.config import build
from runner.config.build import Files
from runner.config.model import Config
from tests.runner.config.workload import ENVIRONMENT, SECRET

WHY = "/backup/data is mounted read-write"
RCLONE = {"RESTIC_REPOSITORY": "rclone:nas:r"}


def _confined(secret: dict[str, str], allowed: str = "", why: str = WHY, **texts: str) -> Config:
    environment = {**ENVIRONMENT, names.ENV_RESTORE_COMMANDS: allowed}
    return build.config(environment, {**SECRET, **secret}, {}, {}, Files(settings=texts), why)


def test_a_command_is_left_out_and_the_line_names_it_and_the_annotation() -> None:
    read = _confined({"RESTIC_PASSWORD_COMMAND": "cat /key word"})

    assert "RESTIC_PASSWORD_COMMAND" not in read.repository.environment
    assert read.obstacle == (
        "RESTIC_PASSWORD_COMMAND runs a command, and commands of the Secret do not run here, "
        "because /backup/data is mounted read-write: set RESTIC_PASSWORD instead, or allow them on "
        'the pod template by backup.restore-commands: "RESTIC_PASSWORD_COMMAND"'
    )
    assert "key word" not in repr(read.commands.confined)
    assert read.mask("said: cat /key word") == "said: ***"


@pytest.mark.parametrize("allowed", ["RESTIC_PASSWORD_COMMAND", "PRE_HOOK RESTIC_PASSWORD_COMMAND"])
def test_an_annotation_allows_a_command_by_its_name(allowed: str) -> None:
    read = _confined({"RESTIC_PASSWORD_COMMAND": "x", "RESTIC_OPTIONS": "-o sftp.args=x"}, allowed)

    assert read.repository.environment["RESTIC_PASSWORD_COMMAND"] == "x"
    assert (read.obstacle, read.repository.options.every) == ("", ())


def test_the_secret_allows_nothing_itself() -> None:
    key = names.ENV_RESTORE_COMMANDS
    read = _confined({"RESTIC_PASSWORD_COMMAND": "x", key: "RESTIC_PASSWORD_COMMAND"})

    assert "RESTIC_PASSWORD_COMMAND" not in read.repository.environment
    assert read.obstacle


def test_an_entry_that_names_no_command_variable_allows_nothing() -> None:
    read = _confined({"RESTIC_PASSWORD_COMMAND": "x"}, "RESTIC_PASSWORD_COMMAND, everything")

    assert "RESTIC_PASSWORD_COMMAND" not in read.repository.environment
    assert any(names.ENV_RESTORE_COMMANDS in str(each) for each in read.problems)


def test_disallowed_hooks_prevent_a_backup_and_not_a_restore() -> None:
    hooks = {"PRE_HOOK": "x", "POST_HOOK": "y", "RESTIC_BACKUP_COMMAND": "z"}
    read = _confined(hooks)

    commands = read.commands
    assert (commands.pre, commands.post, commands.backup, read.obstacle) == ((), (), "", "")
    why = commands.confined.hooks
    assert why.startswith("PRE_HOOK, POST_HOOK, RESTIC_BACKUP_COMMAND run commands")
    assert _confined(hooks, why="").commands.pre == ("sh", "-c", "x")


def test_a_title_with_a_substitution_is_not_used() -> None:
    ntfy = {"NTFY_ENABLED": "true", "NTFY_SERVER": "https://n.example", "NTFY_TOPIC": "t"}
    read = _confined({**ntfy, "NTFY_TITLE": "$(touch /backup/data/x)"})

    assert read.receivers.ntfy
    assert read.receivers.ntfy.title == ""
    assert read.obstacle == ""


def test_options_that_start_a_program_are_removed_and_others_stay() -> None:
    given = {"RESTIC_OPTIONS": "--insecure-tls -o rclone.program=x -o s3.region=y -vosftp.args=z"}
    read = _confined(given)

    assert read.repository.options.every == ("--insecure-tls", "--option=s3.region=y")
    assert read.obstacle == ""
    assert _confined({**given, **RCLONE}).obstacle.startswith("RESTIC_OPTIONS runs a command")


@pytest.mark.parametrize(
    "key",
    ["BASH_ENV", "ENV", "SHELLOPTS", "PS4", "XDG_CONFIG_HOME", "OPENSSL_CONF", "GCONV_PATH",
     "LIBMYSQL_PLUGINS", "IFS", "PERL5OPT", "CLOUDSDK_CONFIG", "GOTRACEBACK", "KRB5_CONFIG"],
)  # fmt: skip
def test_variables_of_shells_and_libraries_are_not_passed_on(key: str) -> None:
    assert key not in _confined({key: "/backup/data/x"}).repository.environment


@pytest.mark.parametrize(
    "key",
    ["AWS_SESSION_TOKEN", "B2_ACCOUNT_ID", "AZURE_ACCOUNT_KEY", "GOOGLE_PROJECT_ID", "ST_KEY",
     "OS_PASSWORD", "SWIFT_DEFAULT_CONTAINER_POLICY", "RCLONE_CONFIG_NAS_TYPE", "HTTPS_PROXY",
     "https_proxy", "SSL_CERT_FILE", "RESTIC_CACERT", "RESTIC_REST_PASSWORD", "TZ",
     "RESTIC_FEATURES"],
)  # fmt: skip
def test_variables_of_repositories_are_passed_on(key: str) -> None:
    assert _confined({key: "x"}).repository.environment[key] == "x"


@pytest.mark.parametrize("key", ["PGPASSWORD", "MYSQL_PWD", "REDISCLI_AUTH"])
def test_variables_of_databases_are_passed_to_their_clients(key: str) -> None:
    read = _confined({key: "x"})

    assert read.commands.databases[key] == "x"
    assert key not in read.repository.environment


def test_files_are_passed_with_the_content_that_was_checked() -> None:
    path = "/etc/backup/secret/conf"
    read = _confined({**RCLONE, "RCLONE_CONFIG": path}, RCLONE_CONFIG="[nas]\ntype = local\n")

    assert (read.obstacle, read.commands.confined.files) == (
        "", {"RCLONE_CONFIG": "[nas]\ntype = local\n"},
    )  # fmt: skip
    assert _confined(RCLONE).repository.environment["RCLONE_CONFIG"] == "/dev/null"


def test_an_address_in_a_file_replaces_its_variable() -> None:
    given = {"RESTIC_REPOSITORY": "", "RESTIC_REPOSITORY_FILE": "/etc/backup/secret/address"}
    read = _confined(given, RESTIC_REPOSITORY_FILE="s3:s3.example.net/other\n")

    assert read.repository.environment["RESTIC_REPOSITORY"] == "s3:s3.example.net/other"
    assert "RESTIC_REPOSITORY_FILE" not in read.repository.environment


def test_an_unreadable_file_is_not_passed_to_a_program() -> None:
    read = _confined({**RCLONE, "RCLONE_CONFIG": "/backup/data/later"})

    assert read.repository.environment["RCLONE_CONFIG"] == "/dev/null"
    assert "Secret variable RCLONE_CONFIG: cannot be read; using none" in map(str, read.problems)


def test_a_second_repository_that_needs_a_command_is_ignored() -> None:
    copy = {"COPY_RESTIC_REPOSITORY": "/copy", "COPY_RESTIC_PASSWORD_COMMAND": "x"}

    assert _confined(copy).repository.second is None
    assert _confined({"COPY_RESTIC_REPOSITORY": "/copy"}).repository.second
    assert "COPY_RESTIC_PASSWORD" in _confined(copy).commands.confined.second


def test_a_sidecar_uses_the_secret_unchanged() -> None:
    given = {"RESTIC_PASSWORD_COMMAND": "x", "RESTIC_OPTIONS": "-o sftp.args=z"}
    read = _confined(given, why="")

    assert read.repository.environment["RESTIC_PASSWORD_COMMAND"] == "x"
    assert (read.repository.options.every, read.obstacle) == (("--option=sftp.args=z",), "")
