"""Configuration, continued: reporters, host, restic's environment, timing."""

import pytest

from runner.config import build, parse
from runner.config.timeouts import Timing
from tests.runner.config.test_build import problems
from tests.runner.config.workload import ENVIRONMENT, NTFY, SECRET, configured

COPY = {"COPY_RESTIC_REPOSITORY": "/second"}
NTFY_TAGS = [("a,b", ("a", "b")), (" a , ,b\n", ("a", "b")), ("", ())]
OURS = {
    "BACKUP_SCHEDULE": "@daily",
    "BACKUP_INIT": "never",
    "KEEP_LAST": "3",
    "KEEP_WITHIN": "3d",
    **NTFY,
    "PUSHGATEWAY_ENABLED": "true",
    "PUSHGATEWAY_URL": "http://push:9091",
    "PRE_HOOK": "true",
    "DEBUG": "true",
    "RESTIC_SOURCE": "/backup/pages",
    "RESTIC_HOST": "evil",
    "RESTIC_HOSTNAME": "wiki",
    "RESTIC_BACKUP_COMMAND": "mine",
    "RESTIC_ADDITIONAL_BACKUP_PARAMETERS": "-v",
    "RESTIC_PROGRESS_FPS": "60",
    "RESTIC_RETENTION_POLICIES_ENABLED": "false",
    "PATH": "/evil",
    "HOME": "/evil",
    "TMPDIR": "/evil",
    "LD_PRELOAD": "/evil.so",
    "PYTHONPATH": "/evil",
}
RESTICS = {
    "RESTIC_PASSWORD_FILE": "/etc/backup/secret/password",
    "RESTIC_PASSWORD_COMMAND": "cat /password",
    "RESTIC_REPOSITORY_FILE": "/etc/backup/secret/repository",
    "RESTIC_CACHE_DIR": "/cache",
    "RESTIC_COMPRESSION": "max",
    "RESTIC_PACK_SIZE": "64",
    "RESTIC_REST_USERNAME": "u",
    "AWS_SESSION_TOKEN": "t",
    "AWS_DEFAULT_REGION": "eu-central-2",
    "B2_ACCOUNT_ID": "b",
    "B2_ACCOUNT_KEY": "k",
    "AZURE_ACCOUNT_NAME": "a",
    "GOOGLE_PROJECT_ID": "g",
    "OS_AUTH_URL": "https://keystone",
    "ST_AUTH": "s",
    "RCLONE_CONFIG_X_TYPE": "sftp",
    "HTTPS_PROXY": "http://proxy:3128",
    "SSL_CERT_FILE": "/ca.pem",
    "GOMAXPROCS": "1",
}


def test_restic_gets_all_variables_of_its_own_and_of_every_backend() -> None:
    """Whatever the Secret holds that they know."""
    assert dict(configured(secret=RESTICS).repository.environment) == {**SECRET, **RESTICS}


@pytest.mark.parametrize("key", OURS)
def test_restic_gets_none_of_our_variables(key: str) -> None:
    """Nor what would change where it looks for programs and libraries, or whose host it names."""
    assert dict(configured(secret={key: OURS[key]}).repository.environment) == SECRET


@pytest.mark.parametrize("key", ["rclone.conf", "ca-cert.pem", "1PASSWORD", "a b", "a=b", "ä"])
def test_a_key_that_is_no_variable_stays_a_file(key: str) -> None:
    """It can be named by RESTIC_PASSWORD_FILE and its like."""
    assert dict(configured(secret={key: "text"}).repository.environment) == SECRET


def test_a_value_invalid_in_an_environment_is_left_out() -> None:
    """Starting restic would raise an error."""
    assert dict(configured(secret={"AWS_SESSION_TOKEN": "a\0b"}).repository.environment) == SECRET


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("word\n", "word"),
        ("word\r\n", "word"),
        ("word\n\n", "word\n"),
        ("word\r", "word\r"),
        (" word ", " word "),
        ("\tword \n", "\tword "),
        ("\ufeffword\n", "\ufeffword"),
        ("two\nlines\n", "two\nlines"),
        ("\n", ""),
        ("\udcfc\n", "\udcfc"),
    ],
)
@pytest.mark.parametrize(
    "key", ["RESTIC_PASSWORD", "AWS_SECRET_ACCESS_KEY", "MYSQL_PWD", "PGPASSWORD", "OWN"]
)
@pytest.mark.parametrize("from_environment", [True, False])
def test_one_trailing_newline_is_removed(
    given: str, value: str, key: str, *, from_environment: bool
) -> None:
    """As `echo word | base64` writes it; all else is part of it, whether it is seen or not."""
    secret = {**SECRET, "BACKUP_ENV_PASS": "OWN", key: given}
    read = (
        build.config({**ENVIRONMENT, **secret}, {}, {})
        if from_environment
        else configured({}, secret)
    )

    assert {**read.commands.databases, **read.repository.environment}[key] == value


@pytest.mark.parametrize("key", ["rclone.conf", "gcs.json", "id.pem"])
def test_a_file_in_the_secret_keeps_its_newline(key: str) -> None:
    """It is none of a program's variables."""
    assert parse.values_of({key: "text\n"}) == {key: "text\n"}


@pytest.mark.parametrize(
    ("secret", "spare"),
    [
        ({"RESTIC_PASSWORD": "word"}, {}),
        ({"RESTIC_PASSWORD": "word\n"}, {"RESTIC_PASSWORD": "word\n"}),
        ({"RESTIC_PASSWORD": "word\r\n"}, {"RESTIC_PASSWORD": "word\r\n"}),
        ({"RESTIC_PASSWORD": "\n"}, {}),
        (
            {**COPY, "RESTIC_PASSWORD": "a", "COPY_RESTIC_PASSWORD": "b\n"},
            {"COPY_RESTIC_PASSWORD": "b\n"},
        ),
        (
            {**COPY, "RESTIC_PASSWORD": "a\n", "COPY_RESTIC_PASSWORD": "b"},
            {"RESTIC_PASSWORD": "a\n"},
        ),
        (
            {**COPY, "RESTIC_PASSWORD": "a\n", "COPY_RESTIC_PASSWORD_FILE": "/b"},
            {"RESTIC_PASSWORD": "a\n"},
        ),
        (
            {**COPY, "RESTIC_PASSWORD": "a\n"},
            {"RESTIC_PASSWORD": "a\n", "COPY_RESTIC_PASSWORD": "a\n"},
        ),
    ],
)
def test_the_password_with_its_newline_is_a_fallback(
    secret: dict[str, str], spare: dict[str, str]
) -> None:
    """The repository may have been created when it counted."""
    assert configured(secret=secret).repository.spare == spare


@pytest.mark.parametrize(
    ("environment", "secret", "host"),
    [
        ({}, {}, "wiki"),
        ({"BACKUP_HOST": ""}, {}, "wiki-6d4cf56db6-x7k2p"),
        ({"BACKUP_HOST": "", "HOSTNAME": ""}, {}, "backup"),
        ({}, {"RESTIC_HOSTNAME": "docs"}, "docs"),
        ({}, {"RESTIC_HOSTNAME": " docs\n"}, "docs"),
        ({}, {"RESTIC_HOSTNAME": " "}, "wiki"),
        ({"BACKUP_HOST_GIVEN": "true"}, {"RESTIC_HOSTNAME": "docs"}, "wiki"),
        ({"BACKUP_HOST_GIVEN": "false"}, {"RESTIC_HOSTNAME": "docs"}, "docs"),
        ({"BACKUP_KIND": "StatefulSet", "BACKUP_POD": "wiki-2"}, {"RESTIC_HOSTNAME": "docs"},
         "docs-2"),
        ({"BACKUP_KIND": "StatefulSet", "BACKUP_POD": "wiki-11", "BACKUP_HOST": "wiki-11",
          "BACKUP_HOST_GIVEN": "true"}, {"RESTIC_HOSTNAME": "docs"}, "wiki-11"),
        ({"BACKUP_KIND": "StatefulSet", "BACKUP_POD": "wiki-2", "BACKUP_HOST": "wiki-2"}, {},
         "wiki-2"),
        ({"BACKUP_KIND": "DaemonSet"}, {"RESTIC_HOSTNAME": "docs"}, "docs-node-1"),
    ],
)  # fmt: skip
def test_the_host_is_read(environment: dict[str, str], secret: dict[str, str], host: str) -> None:
    """One Secret serves a namespace; pods with data of their own stay apart."""
    assert configured(environment, secret).identity.host == host


def test_a_host_of_the_secret_does_not_change_the_workload_tag() -> None:
    """It is part of the filter, and two workloads may share a host by mistake."""
    assert configured(secret={"RESTIC_HOSTNAME": "docs"}).identity.tags == (
        "ns=prod", "kind=Deployment", "workload=wiki",
    )  # fmt: skip


@pytest.mark.parametrize("key", ["NTFY_SERVER", "NTFY_TOPIC"])
def test_ntfy_without_server_or_topic_is_off_and_named(key: str) -> None:
    """There is nowhere to send to."""
    secret = {**NTFY, key: " "}

    assert configured(secret=secret).receivers.ntfy is None
    assert problems(None, secret) == [(key, "", "no messages")]


@pytest.mark.parametrize("text", ["0", "6", "high", "4.0", "-1"])
def test_an_invalid_ntfy_priority_is_named_and_becomes_4(text: str) -> None:
    """The message is worth more than its priority."""
    secret = {**NTFY, "NTFY_PRIO": text}
    ntfy = configured(secret=secret).receivers.ntfy

    assert ntfy is not None
    assert ntfy.priority == 4
    assert problems(None, secret) == [("NTFY_PRIO", text, "4")]


@pytest.mark.parametrize(("text", "tags"), NTFY_TAGS)
def test_ntfy_tags_are_separated_by_commas(text: str, tags: tuple[str, ...]) -> None:
    """Empty ones do not count."""
    ntfy = configured(secret={**NTFY, "NTFY_TAG": text}).receivers.ntfy

    assert ntfy is not None
    assert ntfy.tags == tags


def test_ntfy_that_is_not_enabled_has_no_problems() -> None:
    """Its variables may stay in the Secret."""
    secret = {**NTFY, "NTFY_ENABLED": "false", "NTFY_PRIO": "high", "NTFY_TOPIC": ""}

    assert configured(secret=secret).receivers.ntfy is None
    assert problems(None, secret) == []


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://push:9091", "http://push:9091"),
        ("https://push.example.net/", "https://push.example.net"),
        ("push:9091", "http://push:9091"),
        ("push.monitoring.svc:9091/\n", "http://push.monitoring.svc:9091"),
    ],
)
def test_the_address_of_the_pushgateway_is_normalised(text: str, url: str) -> None:
    """Without a scheme it is http, as curl takes it."""
    read = configured(secret={"PUSHGATEWAY_ENABLED": "true", "PUSHGATEWAY_URL": text})

    assert (read.receivers.pushgateway, read.problems) == (url, ())


def test_a_pushgateway_without_address_is_named() -> None:
    """And off."""
    assert configured(secret={"PUSHGATEWAY_ENABLED": "true"}).receivers.pushgateway == ""
    assert problems(None, {"PUSHGATEWAY_ENABLED": "true"}) == [
        ("PUSHGATEWAY_URL", "", "no metrics")
    ]


@pytest.mark.parametrize(
    ("environment", "timing"),
    [
        ({"BACKUP_CATCH_UP_SECONDS": "5"}, Timing(catch_up=5)),
        ({"BACKUP_OPEN_TIMEOUT_SECONDS": "2.5"}, Timing(open_timeout=2.5)),
        ({"BACKUP_INIT_SPREAD_SECONDS": "0"}, Timing(init_spread=0)),
        ({"BACKUP_LOCK_PATIENCE_SECONDS": " 9 "}, Timing(lock_patience=9)),
        ({"BACKUP_CATCH_UP_SECONDS": ""}, Timing()),
    ],
)
def test_timeouts_can_be_shortened(environment: dict[str, str], timing: Timing) -> None:
    """For tests and the demo; each variable moves one of them."""
    assert configured(environment).timing == timing


@pytest.mark.parametrize("text", ["soon", "-1", "1e3", "inf", "nan", "12345678"])
def test_invalid_timeouts_are_named_and_the_default_is_used(text: str) -> None:
    """A wait of inf seconds would end all backups."""
    environment = {"BACKUP_CATCH_UP_SECONDS": text}

    assert configured(environment).timing == Timing()
    assert problems(environment) == [("BACKUP_CATCH_UP_SECONDS", text, "900")]


@pytest.mark.parametrize("text", ["hc-ping.com/x", "ftp://x/y", "https://", "http://[x"])
def test_an_invalid_ping_address_is_named_and_not_shown(text: str) -> None:
    """Whoever knows it can silence the alarm."""
    read = configured(secret={"PING_URL": text})

    assert read.receivers.pings is None
    (problem,) = read.problems
    assert str(problem) == (
        "Secret variable PING_URL: is not an http:// or https:// URL; using no pings"
    )


def test_a_ping_keeps_the_query_of_its_address() -> None:
    pings = configured(
        secret={"PING_URL": "https://hc.example.org/ping/key/slug?create=1"}
    ).receivers.pings

    assert pings
    assert pings.started() == "https://hc.example.org/ping/key/slug/start?create=1"
    assert pings.ended(good=True, message="", seconds=1) == pings.url
    assert pings.ended(good=False, message="", seconds=1).endswith("/slug/fail?create=1")


def test_restic_gets_no_ping_address() -> None:
    read = configured(secret={"PING_URL": "https://hc.example.org/x"})
    assert "PING_URL" not in read.repository.environment


def test_credentials_without_tls_are_one_problem_without_their_value() -> None:
    exposed = {**NTFY, "NTFY_SERVER": "http://ntfy.example.net"}

    (problem,) = configured(None, exposed).problems
    assert str(problem) == (
        "Secret variable NTFY_SERVER: sends NTFY_CREDS unencrypted over http://, readable on the "
        "network: use https://"
    )
    assert problems(None, {**exposed, "NTFY_SERVER": "http://ntfy.chat.svc"}) == []


def test_an_address_without_tls_in_a_file_is_named_too() -> None:
    given = {"RESTIC_REPOSITORY": "", "RESTIC_REPOSITORY_FILE": "/address"}
    files = build.Files(settings={"RESTIC_REPOSITORY_FILE": "rest:http://u:p@rest.example/\n"})
    read = build.config(ENVIRONMENT, {**SECRET, **given}, {}, {}, files)

    assert [each.key for each in read.problems] == ["RESTIC_REPOSITORY_FILE"]
