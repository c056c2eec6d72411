"""Credentials that travel without TLS are named, by their variable and never by their value."""

import warnings

import apprise
import pytest

from contract.secret import plaintext

NTFY = {"NTFY_ENABLED": "true", "NTFY_TOPIC": "t", "NTFY_CREDS": "-u backup:s3cret-word"}
AWS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s3cret-word"}
GATEWAY = {"PUSHGATEWAY_ENABLED": "on"}
LOGIN = "backup:s3cret-word@"
CONF = "[a]\ntype = webdav\nurl = {}\n\n[b]\ntype = local\npass = s3cret-word\n"

SENT = [
    ({**NTFY, "NTFY_SERVER": "http://ntfy.example.com"}, "NTFY_SERVER"),
    ({**NTFY, "NTFY_SERVER": "HTTP://192.168.1.5:8080/"}, "NTFY_SERVER"),
    ({**NTFY, "NTFY_SERVER": "http://ntfy", "NTFY_CREDS": "tk_s3cret-word"}, "NTFY_SERVER"),
    ({**NTFY, "NTFY_CREDS": "", "NTFY_SERVER": f"http://{LOGIN}n.example"}, "NTFY_SERVER"),
    ({**GATEWAY, "PUSHGATEWAY_URL": f"http://{LOGIN}push.example:9091"}, "PUSHGATEWAY_URL"),
    ({**GATEWAY, "PUSHGATEWAY_URL": f"{LOGIN}push.example:9091"}, "PUSHGATEWAY_URL"),
    ({"PING_URL": "http://hc.example/ping/s3cret-word"}, "PING_URL"),
    ({"PING_URL": f"http://{LOGIN}hc.example"}, "PING_URL"),
    ({"NOTIFY_URLS": f"discord://a/b json://{LOGIN}hook.example/x"}, "NOTIFY_URLS"),
    ({"NOTIFY_URLS": "gotify://push.example/s3cret-word"}, "NOTIFY_URLS"),
    ({"NOTIFY_URLS": f"Matrix://{LOGIN}m.example/#room"}, "NOTIFY_URLS"),
    ({**AWS, "RESTIC_REPOSITORY": "s3:http://minio.example:9000/b"}, "RESTIC_REPOSITORY"),
    ({**AWS, "RESTIC_REPOSITORY_FILE": "s3:http://minio.example:9000/b\n"},
     "RESTIC_REPOSITORY_FILE"),
    ({"COPY_AWS_ACCESS_KEY_ID": "A", "COPY_RESTIC_REPOSITORY": "s3:http://m.example/b"},
     "COPY_RESTIC_REPOSITORY"),
    ({"RESTIC_REPOSITORY": f"rest:http://{LOGIN}rest.example:8000/"}, "RESTIC_REPOSITORY"),
    ({"RESTIC_REPOSITORY": "rest:http://r.example/", "RESTIC_REST_PASSWORD": "s3cret-word"},
     "RESTIC_REPOSITORY"),
    ({"RESTIC_REPOSITORY": "rclone::webdav,url='http://d.example/',pass=s3cret-word:r"},
     "RESTIC_REPOSITORY"),
    ({"BUP_DST": ":s3,endpoint=http://m.example,secret_access_key=s3cret-word:b"}, "BUP_DST"),
    ({"RCLONE_CONFIG_DAV_URL": "http://d.example/", "RCLONE_CONFIG_DAV_PASS": "s3cret-word"},
     "RCLONE_CONFIG_DAV_URL"),
    ({"RCLONE_S3_ENDPOINT": "http://m.example", "RCLONE_S3_SECRET_ACCESS_KEY": "s3cret-word"},
     "RCLONE_S3_ENDPOINT"),
    ({"rclone.conf": CONF.format(f"http://{LOGIN}d.example")}, "rclone.conf"),
    ({"RCLONE_CONFIG": "[a]\nurl=http://d.example\npass = s3cret-word\n"}, "RCLONE_CONFIG"),
    ({"OS_AUTH_URL": "http://keystone.example/v3", "OS_PASSWORD": "s3cret-word"}, "OS_AUTH_URL"),
    ({"ST_AUTH": "http://swift.example/auth", "ST_KEY": "s3cret-word"}, "ST_AUTH"),
]  # fmt: skip

HELD = [
    {**NTFY, "NTFY_SERVER": "https://ntfy.example.com"},
    {**NTFY, "NTFY_SERVER": "http://127.0.0.1:8080"},
    {**NTFY, "NTFY_SERVER": "http://[::1]:8080"},
    {**NTFY, "NTFY_SERVER": "http://localhost"},
    {**NTFY, "NTFY_SERVER": "http://ntfy.notify.svc:80"},
    {**NTFY, "NTFY_SERVER": "http://ntfy.notify.svc.cluster.local./"},
    {**NTFY, "NTFY_ENABLED": "false", "NTFY_SERVER": "http://ntfy.example.com"},
    {**NTFY, "NTFY_CREDS": "", "NTFY_SERVER": "http://ntfy.example.com"},
    {**GATEWAY, "PUSHGATEWAY_URL": "http://push.example:9091"},
    {"PUSHGATEWAY_URL": f"http://{LOGIN}push.example:9091"},
    {"PING_URL": "https://hc.example/ping/x"},
    {"NOTIFY_URLS": f"jsons://{LOGIN}hook.example ntfy://topic json://hook.example/x"},
    {"NOTIFY_URLS": f"gotify://127.0.0.1/token matrix://{LOGIN}m.chat.svc"},
    {**AWS, "RESTIC_REPOSITORY": "s3:https://minio.example/b"},
    {**AWS, "RESTIC_REPOSITORY": "s3:minio.example/b"},
    {"RESTIC_REPOSITORY": "s3:http://minio.example/b"},
    {"RESTIC_REPOSITORY": "rest:http://rest.example:8000/"},
    {"rclone.conf": CONF.format("http://d.example")},
    {"RCLONE_CONFIG_DAV_URL": "http://d.example/", "RCLONE_CONFIG_NAS_PASS": "x"},
    {"NTFY_SERVER": "http://["},
    {},
]


@pytest.mark.parametrize(("given", "key"), SENT, ids=[str(number) for number in range(len(SENT))])
def test_credentials_without_tls_are_named(given: dict[str, str], key: str) -> None:
    ((found, what),) = plaintext.sent(given, given.get)

    assert found == key
    assert "s3cret" not in what
    assert "example" not in what


@pytest.mark.parametrize("given", HELD, ids=[str(number) for number in range(len(HELD))])
def test_a_connection_that_others_cannot_read_is_not_named(given: dict[str, str]) -> None:
    assert list(plaintext.sent(given, given.get)) == []


def test_a_host_that_only_resembles_one_of_the_cluster_is_outside() -> None:
    for host in (
        "svc",
        "x.svc.example.com",
        "svc.example",
        "localhost.example",
        "127.0.0.1.nip.io",
    ):
        given = {**NTFY, "NTFY_SERVER": f"http://{host}"}
        assert [key for key, _ in plaintext.sent(given, given.get)] == ["NTFY_SERVER"], host


def test_schemes_without_tls_are_known_to_apprise() -> None:
    """And each of them has one with TLS, which the remedy means."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of modules that Apprise imports, as the runner does
        known = apprise.Apprise().details()["schemas"]
    plain = {name for each in known for name in each["protocols"] or ()}
    secure = {name for each in known for name in each["secure_protocols"] or ()}

    assert plain >= plaintext.SERVICES
    assert {f"{name}s" for name in plaintext.SERVICES} <= secure
