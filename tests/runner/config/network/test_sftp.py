"""`sftp:` addresses as restic reads them, and what becomes of them."""

import pytest

from runner.config.network import sftp
from tests.runner.config.workload import configured

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nYWJj\n-----END OPENSSH PRIVATE KEY-----\n"
HOSTS = "host ssh-ed25519 AAAA"
GIVEN = {"SFTP_KEY": KEY, "SFTP_KNOWN_HOSTS": HOSTS}
PREFIX = "RCLONE_CONFIG_BACKUPSFTP_"


@pytest.mark.parametrize(
    ("address", "repository", "host", "port", "user"),
    [
        ("sftp:u@host:/srv/repo", "/srv/repo", "host", "", "u"),
        ("sftp:host:repo", "repo", "host", "", ""),
        ("sftp:u@host:a b/ü", "a b/ü", "host", "", "u"),
        ("sftp:u@[fd00::1]:/srv/repo", "/srv/repo", "fd00::1", "", "u"),
        ("sftp:u@host:dir:with:colons", "dir:with:colons", "host", "", "u"),
        ("sftp://u@host//srv/repo", "/srv/repo", "host", "", "u"),
        ("sftp://u@host/repo", "repo", "host", "", "u"),
        ("sftp://host:2222/repo/./x/", "repo/x", "host", "2222", ""),
        ("sftp://u@[fd00::1]:2222//srv//repo", "/srv/repo", "fd00::1", "2222", "u"),
        (" sftp:u@host:/srv/repo\n", "/srv/repo", "host", "", "u"),
    ],
)
def test_sftp_addresses_are_parsed(
    address: str, repository: str, host: str, port: str, user: str
) -> None:
    found = sftp.read({"RESTIC_REPOSITORY": address, "X": "y"}, GIVEN)

    assert (found["RESTIC_REPOSITORY"], found["X"]) == (f"rclone:backupsftp:{repository}", "y")
    said = tuple(found.get(f"{PREFIX}{key}", "") for key in ("HOST", "PORT", "USER"))
    assert said == (host, port, user)
    assert found[f"{PREFIX}KEY_PEM"] == KEY.replace("\n", "\\n")
    assert sftp.missing(found) == ""
    assert sftp.texts(found) == {f"{PREFIX}KNOWN_HOSTS_FILE": HOSTS + "\n"}


@pytest.mark.parametrize(
    "address",
    ["sftp:", "sftp:host", "sftp://host", "sftp://host:x/repo", "sftp:u@host:~/repo",
     "/srv/sftp:x:y", "s3:host/sftp:x:y", "rest:https://sftp:x@host/", "sftp:u@host:"],
)  # fmt: skip
def test_other_addresses_stay_unchanged(address: str) -> None:
    given = {"RESTIC_REPOSITORY": address}

    assert sftp.read(given, GIVEN) == given


@pytest.mark.parametrize("key", ["RESTIC_OPTIONS", "RESTIC_ADDITIONAL_BACKUP_PARAMETERS"])
@pytest.mark.parametrize("option", ["-o sftp.command='ssh x'", "--option=sftp.args=-p2222"])
def test_a_custom_ssh_command_stays(key: str, option: str) -> None:
    given = {"RESTIC_REPOSITORY": "sftp:u@host:/srv"}

    assert sftp.read(given, {**GIVEN, key: option}) == given


def test_a_complete_secret_gives_a_complete_remote() -> None:
    """The key is in no variable but rclone's, and nowhere shown."""
    config = configured({}, {"RESTIC_REPOSITORY": "sftp:u@host:/srv", **GIVEN})

    assert not {"SFTP_KEY", "SFTP_KNOWN_HOSTS"} & config.repository.environment.keys()
    assert "YWJj" not in config.mask(f"ssh: key YWJj is bad: {KEY}")
    assert config.mask(HOSTS) == HOSTS
    assert (config.missing, config.problems) == ("", ())


@pytest.mark.parametrize("lacking", ["SFTP_KEY", "SFTP_KNOWN_HOSTS"])
@pytest.mark.parametrize("value", ["", " \n"])
def test_missing_keys_of_the_secret_are_named(lacking: str, value: str) -> None:
    given = {"RESTIC_REPOSITORY": "sftp:u@host:/srv", **GIVEN, lacking: value}

    assert configured({}, given).missing == lacking


@pytest.mark.parametrize("key", ["id_rsa", "ssh-ed25519 AAAA me", KEY.replace("PRIVATE", "PUBLIC")])
def test_an_invalid_key_is_named_and_not_quoted(key: str) -> None:
    (problem,) = configured({}, {"SFTP_KEY": key}).problems

    assert str(problem).startswith("Secret variable SFTP_KEY: is n")
    assert key not in str(problem)


def test_the_second_repository_has_its_own_remote() -> None:
    """And what it has no own key for, it opens with the first's."""
    secret = {
        "RESTIC_REPOSITORY": "sftp:u@one:/srv", **GIVEN,
        "COPY_RESTIC_REPOSITORY": "sftp:u@two:/srv", "COPY_SFTP_KNOWN_HOSTS": "two ssh-rsa BBBB",
    }  # fmt: skip
    config = configured({}, secret)

    assert config.repository.second is not None
    both = config.repository.second.both
    assert both["RESTIC_FROM_REPOSITORY"] == "rclone:backupsftp:/srv"
    assert both["RESTIC_REPOSITORY"] == "rclone:backupcopysftp:/srv"
    assert both["RCLONE_CONFIG_BACKUPCOPYSFTP_HOST"] == "two"
    assert "BBBB" in both["RCLONE_CONFIG_BACKUPCOPYSFTP_KNOWN_HOSTS_FILE"]
    assert both["RCLONE_CONFIG_BACKUPCOPYSFTP_KEY_PEM"] == both[f"{PREFIX}KEY_PEM"]
    assert len(sftp.texts(both)) == 2
