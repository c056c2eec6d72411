"""Which variables of a Secret make a program run a command, and which only look like it."""

import pytest

from contract.annotations import commands
from contract.annotations.commands import ALWAYS, BACKUP, OTHER, SECOND, TITLE

CONF = "[nas]\ntype = sftp\nhost = nas.example.net\n"
AWS = "[default]\naws_access_key_id = AKIA\naws_secret_access_key = x\n"
S3, GS = "s3:s3.example.net/backups", "gs:backups:/"

RUN = [
    ({"RESTIC_PASSWORD_COMMAND": "cat /password"}, ALWAYS),
    ({"RESTIC_FROM_PASSWORD_COMMAND": "cat /password"}, SECOND),
    ({"COPY_RESTIC_PASSWORD_COMMAND": "cat /password"}, SECOND),
    ({"PRE_HOOK": "sync"}, BACKUP),
    ({"POST_HOOK": "sync"}, BACKUP),
    ({"RESTIC_BACKUP_COMMAND": "restic backup /x"}, BACKUP),
    ({"NTFY_TITLE": "$(id)"}, TITLE),
    ({"NTFY_TITLE": "`id`"}, TITLE),
    ({"RESTIC_OPTIONS": "-o rclone.program=/bin/sh"}, "rclone"),
    ({"RESTIC_OPTIONS": "--option rclone.args='serve restic --stdio'"}, "rclone"),
    ({"RESTIC_OPTIONS": '-o=scl=1 -o rclone.prog"ram"=sh'}, "rclone"),
    ({"RESTIC_OPTIONS": "-osftp.command='ssh x'"}, "sftp"),
    ({"RESTIC_OPTIONS": "-vo SFTP.args=-oProxyCommand=x"}, "sftp"),
    ({"RESTIC_OPTIONS": "-o 'sftp.command=ssh"}, "sftp"),
    ({"RESTIC_ADDITIONAL_BACKUP_PARAMETERS": "--exclude x -o sftp.command=x"}, "sftp"),
    ({"RESTIC_REPOSITORY": 'rclone::sftp,host=x,ssh="sh -c id":/r'}, "rclone"),
    ({"RESTIC_REPOSITORY": "rclone:nas,ssh=id:/r"}, "rclone"),
    ({"RESTIC_REPOSITORY": 'rclone::alias,remote=":sftp,SSH=id:":/r'}, "rclone"),
    ({"RESTIC_REPOSITORY": "rclone::webdav,bearer_token_command=id:/r"}, "rclone"),
    ({"RESTIC_REPOSITORY": "rclone:nas,global.password_command=id:/r"}, "rclone"),
    ({"RESTIC_REPOSITORY": "rclone:nas,global.name_transform='all,command=id':r"}, "rclone"),
    ({"RESTIC_REPOSITORY": "rclone:--password-command=id"}, "rclone"),
    ({"RESTIC_REPOSITORY": "sftp:-oProxyCommand=id:/r"}, "sftp"),
    ({"RESTIC_REPOSITORY": "sftp://me@-oProxyCommand=id/r"}, "sftp"),
    ({"RESTIC_REPOSITORY": "sftp://me:pw@-oProxyCommand=id/r"}, "sftp"),
    ({"RCLONE_CONFIG_NAS_SSH": "sh -c id"}, "rclone"),
    ({"RCLONE_SFTP_SSH": "sh -c id"}, "rclone"),
    ({"RCLONE_CONFIG_BACKUPSFTP_SSH": "sh -c id"}, "rclone"),
    ({"RCLONE_WEBDAV_BEARER_TOKEN_COMMAND": "id"}, "rclone"),
    ({"RCLONE_CONFIG_DAV_BEARER_TOKEN_COMMAND": "id"}, "rclone"),
    ({"RCLONE_CONFIG_X_REMOTE": ":sftp,ssh=id:/r"}, "rclone"),
    ({"RCLONE_PASSWORD_COMMAND": "id"}, "rclone"),
    ({"RCLONE_METADATA_MAPPER": "id"}, "rclone"),
    ({"RCLONE_PLUGIN_PATH": "/backup/data"}, "rclone"),
    ({"RCLONE_RC": "true"}, "rclone"),
    ({"RCLONE_RC_ADDR": ":5572"}, "rclone"),
    ({"RCLONE_NAME_TRANSFORM": "all,command=id"}, "rclone"),
    ({"RCLONE_AZUREBLOB_USE_AZ": "true"}, "rclone"),
    ({"RCLONE_CONFIG": f"{CONF}ssh = sh -c id\n"}, "rclone"),
    ({"RCLONE_CONFIG": f"{CONF}ssh: sh -c id\n"}, "rclone"),
    ({"RCLONE_CONFIG": f"{CONF}`ssh` = sh -c id\n"}, "rclone"),
    ({"RCLONE_CONFIG": f"{CONF}\n[all]\ntype = alias\nremote = nas,ssh=id:\n"}, "rclone"),
    ({"RCLONE_CONFIG": f"{CONF}override.metadata_mapper = id\n"}, "rclone"),
    ({"RCLONE_CONFIG": "# Encrypted\n\nRCLONE_ENCRYPT_V0:\nAbCd"}, "rclone"),
    ({"RCLONE_CONFIG": "[s3]\ntype = s3\nshared_credentials_file = /backup/data/x\n"}, "rclone"),
    ({"rclone.conf": f"{CONF}ssh = sh -c id\n"}, "rclone"),
    ({"BUP_DST": ":sftp,ssh=id:/r"}, "rclone"),
    ({"AWS_SHARED_CREDENTIALS_FILE": f"{AWS}credential_process = id\n"}, "s3"),
    ({"AWS_CONFIG_FILE": "[profile x]\nCredential_Process=id\n"}, "s3"),
    ({"RCLONE_S3_SHARED_CREDENTIALS_FILE": "[x]\ncredential_process = id\n"}, "s3"),
    ({"RESTIC_REPOSITORY_FILE": "rclone::sftp,ssh=id:/r\n"}, "rclone"),
    ({"COPY_RCLONE_CONFIG_NAS_SSH": "id"}, SECOND),
    ({"COPY_RESTIC_REPOSITORY": "rclone::sftp,ssh=id:/r"}, SECOND),
    ({"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES": "1"}, "gs"),
    ({"GOOGLE_API_CERTIFICATE_CONFIG": "/etc/backup/secret/x"}, "gs"),
    ({"AZURE_FORCE_CLI_CREDENTIAL": "true"}, "azure"),
]

RUN_NOTHING = [
    {"RESTIC_PASSWORD": "$(id) `id`", "RESTIC_PASSWORD_FILE": "/etc/backup/secret/password"},
    {"RESTIC_REPOSITORY": S3},
    {"RESTIC_REPOSITORY": "rclone:ssh:backups/ssh"},
    {"RESTIC_REPOSITORY": "rclone:nas,host=ssh.example.net,user=ssh:/backups"},
    {"RESTIC_REPOSITORY": "sftp:me@my-host:/srv/-x"},
    {"RESTIC_REPOSITORY": "rest:https://user:ssh=word@example.net/"},
    {"RESTIC_OPTIONS": "-o s3.bucket-lookup=dns -o sftp.connections=3 -o rclone.timeout=2m"},
    {"RESTIC_ADDITIONAL_BACKUP_PARAMETERS": "--exclude sftp.command --tag rclone.program"},
    {"RCLONE_CONFIG_SSH_TYPE": "sftp", "RCLONE_CONFIG_SSH_HOST": "nas"},
    {"RCLONE_CONFIG": CONF},
    {"RCLONE_CONFIG": f"{CONF}# ssh keys are elsewhere\npass = ssh\n"},
    {"AWS_SHARED_CREDENTIALS_FILE": AWS},
    {"NTFY_TITLE": "wiki - Backup failed"},
    {"PRE_HOOK": " \n", "RESTIC_PASSWORD_COMMAND": ""},
    {"GOOGLE_APPLICATION_CREDENTIALS": "/etc/backup/secret/gcs.json"},
]  # fmt: skip


def _users(given: dict[str, str]) -> dict[str, frozenset[str]]:
    """Return who runs what; the value of a variable that names a file stands for its text."""
    return {each.key: each.users for each in commands.found(given, given.get)}


@pytest.mark.parametrize(("given", "user"), RUN, ids=[" ".join(each[0]) for each in RUN])
def test_a_variable_that_runs_a_command_is_found(given: dict[str, str], user: str) -> None:
    (key,) = given

    assert user in _users(given)[key]
    assert commands.is_known(key)
    assert commands.allowed(f"RESTIC_PASSWORD_COMMAND, {key}")[-1] == key


@pytest.mark.parametrize("key", ["RESTIC_KEY_COMMAND", "AWS_SIGNING_HELPER"])
def test_an_unknown_command_variable_cannot_be_allowed(key: str) -> None:
    """It may be a typo."""
    assert _users({key: "id"}) == {key: {OTHER}}
    assert not commands.is_known(key)


@pytest.mark.parametrize("given", RUN_NOTHING, ids=[" ".join(each) for each in RUN_NOTHING])
def test_a_variable_that_runs_no_command_is_not_found(given: dict[str, str]) -> None:
    assert _users(given) == {}


@pytest.mark.parametrize(
    ("given", "needed"),
    [
        ({"RESTIC_REPOSITORY": S3, "RESTIC_PASSWORD_COMMAND": "x"}, ["RESTIC_PASSWORD_COMMAND"]),
        ({"RESTIC_REPOSITORY": S3, "RESTIC_PASSWORD": "x", "RESTIC_PASSWORD_COMMAND": "x"},
         ["RESTIC_PASSWORD_COMMAND"]),
        ({"RESTIC_REPOSITORY": S3, "PRE_HOOK": "x", "NTFY_TITLE": "$(x)", "RCLONE_RC": "true",
          "COPY_RESTIC_PASSWORD_COMMAND": "x", "RESTIC_OPTIONS": "-o rclone.program=x"}, []),
        ({"RESTIC_REPOSITORY": "rclone:nas:r", "RESTIC_OPTIONS": "-o rclone.program=x"},
         ["RESTIC_OPTIONS"]),
        ({"RESTIC_REPOSITORY": "sftp:nas:/r", "RESTIC_OPTIONS": "-o sftp.command=x"},
         ["RESTIC_OPTIONS"]),
        ({"RESTIC_REPOSITORY": "sftp:nas:/r", "RCLONE_SFTP_SSH": "x"}, ["RCLONE_SFTP_SSH"]),
        ({"RESTIC_REPOSITORY_FILE": "rclone:nas:r", "RCLONE_SFTP_SSH": "x"}, ["RCLONE_SFTP_SSH"]),
        ({"RESTIC_REPOSITORY": GS, "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES": "1"},
         ["GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES"]),
        ({"RESTIC_REPOSITORY": S3, "AWS_SHARED_CREDENTIALS_FILE": "credential_process = x"},
         ["AWS_SHARED_CREDENTIALS_FILE"]),
        ({"RESTIC_REPOSITORY": S3, "AWS_SHARED_CREDENTIALS_FILE": "credential_process = x",
          "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}, []),
    ],
)  # fmt: skip
def test_only_variables_of_the_repositorys_backend_are_needed(
    given: dict[str, str], needed: list[str]
) -> None:
    assert commands.needed(given, given.get) == needed


@pytest.mark.parametrize("text", ["RESTIC_PASWORD_COMMAND", "true", "*", "all", "PATH", "NTFY_TAG"])
def test_a_variable_that_runs_no_command_cannot_be_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="is not a variable that runs a command"):
        commands.allowed(f"PRE_HOOK {text}")


def test_files_of_a_mounted_secret_are_read_by_its_keys() -> None:
    given = {
        "RCLONE_CONFIG": "/etc/backup/secret/my.conf", "my.conf": CONF,
        "AWS_CONFIG_FILE": "/elsewhere/my.conf",
    }  # fmt: skip
    read = commands.in_secret(given)

    assert (read("RCLONE_CONFIG"), read("AWS_CONFIG_FILE"), read("X")) == (CONF, None, None)
