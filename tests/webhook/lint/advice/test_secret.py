"""`backup-webhook lint`: the Secret of a pod's backups, of which no value is printed."""

import base64

import pytest

from tests.webhook.admitting import Json
from tests.webhook.commands import template_of
from tests.webhook.lint.lint_files import SECRET_VALUE, Lint, complete, namespace, secret

Output = pytest.CaptureFixture[str]
USUAL = "backup-env-configuration"


def test_a_secret_that_is_not_in_the_files_is_only_a_note(lint: Lint, wiki: Json) -> None:
    elsewhere = complete()
    elsewhere["metadata"]["namespace"] = "other"

    linted = lint(wiki, namespace(), elsewhere)

    assert (linted.status, len(linted.report["findings"])) == (0, 1)
    assert f"Secret {USUAL} is not in these files" in linted.one("note", "backup.secret")


@pytest.mark.parametrize(
    "maker",
    [
        {"kind": "SealedSecret", "metadata": {"name": USUAL}},
        {"kind": "ExternalSecret", "metadata": {"name": "x"}, "spec": {"target": {"name": USUAL}}},
    ],
    ids=lambda maker: maker["kind"],
)
def test_a_secret_that_another_object_creates_is_not_missing(
    lint: Lint, wiki: Json, maker: Json
) -> None:
    assert lint(wiki, namespace(), maker).report["findings"] == []


@pytest.mark.parametrize("repository", ["RESTIC_REPOSITORY", "RESTIC_REPOSITORY_FILE"])
@pytest.mark.parametrize(
    "password", ["RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE", "RESTIC_PASSWORD_COMMAND"]
)
@pytest.mark.parametrize("field", ["data", "stringData"])
def test_every_form_of_repository_and_password_is_enough(
    lint: Lint, wiki: Json, repository: str, password: str, field: str
) -> None:
    held = secret(**{repository: SECRET_VALUE, password: SECRET_VALUE})
    if field == "data":
        encoded = base64.b64encode(SECRET_VALUE.encode()).decode()
        held["data"] = dict.fromkeys(held.pop("stringData"), encoded)

    linted = lint(wiki, namespace(), held)

    assert (linted.status, linted.report["findings"]) == (0, [])


@pytest.mark.parametrize(("size", "told"), [(120 << 10, False), (128 << 10, True)])
def test_a_value_too_long_for_a_container_is_named(
    lint: Lint, wiki: Json, size: int, *, told: bool
) -> None:
    """Such as a bundle of certificates."""
    linted = lint(wiki, namespace(), complete(**{"ca.pem": "x" * size}))

    assert linted.status == int(told)
    if told:
        assert "neither the sidecar nor the app would start" in linted.one("warning", "ca.pem")


def test_the_prefix_counts_towards_the_length_of_a_value(lint: Lint, wiki: Json) -> None:
    """With it and its name, `X=value` and the byte at its end are just as long as Linux takes."""
    room = (128 << 10) - len("BACKUP_SECRET_ca.pem=") - 1
    for size, told in ((room, False), (room + 1, True)):
        linted = lint(wiki, namespace(), complete(**{"ca.pem": "x" * size}))
        assert linted.status == int(told), size


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("LD_PRELOAD", "BACKUP_ENV_PASS cannot change that: the dynamic loader reads it"),
        ("PATH", "BACKUP_ENV_PASS cannot change that: the runner sets it"),
        ("BACKUP_POLL_SECONDS", "is not a variable of the Secret and has no effect"),
        ("APP_TOKEN", "add its name to BACKUP_ENV_PASS"),
    ],
)
def test_a_key_that_no_program_gets_is_named(lint: Lint, wiki: Json, key: str, why: str) -> None:
    linted = lint(wiki, namespace(), complete(**{key: SECRET_VALUE}))

    assert linted.status == 1
    assert why in linted.one("warning", key)
    assert SECRET_VALUE not in str(linted.report)


@pytest.mark.parametrize(
    ("absent", "forms"),
    [
        ("RESTIC_REPOSITORY", "(nor RESTIC_REPOSITORY_FILE)"),
        ("RESTIC_PASSWORD", "(nor RESTIC_PASSWORD_FILE, RESTIC_PASSWORD_COMMAND)"),
    ],
)
@pytest.mark.parametrize("value", [None, "", " "])
def test_a_secret_without_repository_or_password_is_an_error(
    lint: Lint, wiki: Json, absent: str, forms: str, value: str | None
) -> None:
    held = complete()
    held["stringData"][absent] = value

    linted = lint(wiki, namespace(), held)

    assert linted.status == 1
    assert forms in linted.one("error", absent)
    assert len(linted.report["findings"]) == 1
    assert SECRET_VALUE not in linted.printed


def test_a_mirror_needs_only_its_destination(lint: Lint, wiki: Json) -> None:
    annotations = wiki["spec"]["template"]["metadata"].setdefault("annotations", {})
    annotations["backup.engine"] = "rclone"

    good = lint(wiki, namespace(), secret(BUP_DST=SECRET_VALUE))
    bad = lint(wiki, namespace(), complete())
    absent = lint(wiki, namespace())

    assert (good.status, good.report["findings"]) == (0, [])
    assert bad.status == 1
    assert bad.one("error", "BUP_DST").startswith(f"Secret {USUAL} has no BUP_DST, and without")
    assert len(bad.report["findings"]) == 1
    assert "with BUP_DST, there is no backup" in absent.one("note", "backup.secret")
    assert SECRET_VALUE not in good.printed + bad.printed


def test_a_value_that_is_not_base64_or_not_text_is_a_warning(lint: Lint, wiki: Json) -> None:
    held = complete()
    held["stringData"]["KEEP_DAILY"] = 7
    held["data"] = {"AWS_ACCESS_KEY_ID": f"{SECRET_VALUE}!", "RESTIC_PASSWORD": "!"}

    linted = lint(wiki, namespace(), held)

    assert "is not text; write it in quotes" in linted.one("warning", "KEEP_DAILY")
    assert "write the plain value under stringData" in linted.one("warning", "AWS_ACCESS_KEY_ID")
    assert len(linted.report["findings"]) == 2
    assert SECRET_VALUE not in linted.printed


def test_line_breaks_in_base64_are_allowed(lint: Lint, wiki: Json) -> None:
    held = complete()
    held["data"] = {"RESTIC_HOSTNAME": "bXktd2\nlraQ==\n"}

    assert lint(wiki, namespace(), held).report["host"] is None


def test_an_invalid_setting_in_the_secret_is_named_without_its_value(
    lint: Lint, wiki: Json
) -> None:
    held = complete()
    held["stringData"] |= {"KEEP_DAILY": SECRET_VALUE, "BACKUP_SCHEDULE": SECRET_VALUE}

    linted = lint(wiki, namespace(), held)

    assert linted.report["schedule"] == "H * * * *"
    assert "is invalid; using 7" in linted.one("warning", "KEEP_DAILY")
    assert "is invalid; using H * * * *" in linted.one("warning", "BACKUP_SCHEDULE")
    assert len(linted.report["findings"]) == 2
    assert SECRET_VALUE not in linted.printed


def test_settings_from_the_secret_are_named_without_their_values(lint: Lint, wiki: Json) -> None:
    held = complete()
    held["stringData"] |= {
        "BACKUP_SCHEDULE": "17 4 * * *", "BACKUP_TIMEZONE": "Asia/Tokyo",
        "RESTIC_HOSTNAME": SECRET_VALUE, "RESTIC_SOURCE": f"/backup/{SECRET_VALUE}",
    }  # fmt: skip

    linted = lint(wiki, namespace(), held)

    report = linted.report
    assert (linted.status, len(linted.told("note"))) == (0, 4)
    assert [report[key] for key in ("schedule", "timezone", "host")] == [None, None, None]
    assert "schedule set by the Secret" in linted.text
    for value in ("17 4", "Tokyo", SECRET_VALUE):
        assert value not in linted.printed


def test_an_annotation_outranks_the_secret(lint: Lint, wiki: Json) -> None:
    template_of(wiki)["metadata"]["annotations"] |= {
        "backup.schedule": "@daily", "backup.timezone": "UTC", "backup.name": "mine",
        "backup.volumes": "pages",
    }  # fmt: skip
    held = complete()
    held["stringData"] |= {
        "BACKUP_SCHEDULE": "17 4 * * *", "BACKUP_TIMEZONE": "Asia/Tokyo",
        "RESTIC_HOSTNAME": "x", "RESTIC_SOURCE": "/x",
    }  # fmt: skip

    report = lint(wiki, namespace(), held).report

    assert (report["schedule"], report["host"], report["findings"]) == ("@daily", "mine", [])


@pytest.mark.parametrize("key", ["RESTIC_PASSWORD", "COPY_RESTIC_PASSWORD"])
@pytest.mark.parametrize(
    ("around", "told"),
    [
        ("{}\n", ["ends with a newline"]),
        ("{}\r\n", ["ends with a newline"]),
        ("{}\n\n", ["ends with a newline", "ends with a space or another newline"]),
        ("{} ", ["ends with a space or another newline"]),
        (" {}", ["starts with a space"]),
        ("\ufeff{}", ["starts with a byte order mark"]),
        ("{}", []),
        ("{} {}", []),
    ],
)
@pytest.mark.parametrize("field", ["data", "stringData"])
def test_whitespace_around_a_password_is_a_warning(
    lint: Lint, wiki: Json, key: str, around: str, told: list[str], field: str
) -> None:
    """As `echo … | base64` makes it; a file of the same bytes would not open the repository."""
    value = around.format(SECRET_VALUE, SECRET_VALUE)
    held = complete()
    held["stringData"][key] = value
    if field == "data":
        del held["stringData"][key]
        held["data"] = {key: base64.b64encode(value.encode()).decode()}

    linted = lint(wiki, namespace(), held)

    found = [each["message"] for each in linted.told("warning") if each["key"] == key]
    assert [any(text in message for message in found) for text in told] == [True] * len(told)
    assert (len(found), linted.status) == (len(told), int(bool(told)))
    assert SECRET_VALUE not in linted.printed


@pytest.mark.parametrize("key", ["NTFY_CREDS", "AWS_SECRET_ACCESS_KEY", "KEEP_DAILY"])
def test_a_newline_after_any_other_value_is_ignored(lint: Lint, wiki: Json, key: str) -> None:
    assert lint(wiki, namespace(), complete(**{key: "7\n"})).report["findings"] == []


def test_credentials_without_tls_are_named_without_their_values(lint: Lint, wiki: Json) -> None:
    own = complete()
    own["stringData"] = {
        **own.get("stringData", {}), "NTFY_ENABLED": "true", "NTFY_CREDS": SECRET_VALUE,
        "NTFY_SERVER": "http://ntfy.example", "PING_URL": f"http://127.0.0.1/{SECRET_VALUE}",
    }  # fmt: skip

    linted = lint(wiki, namespace(), own)

    assert "sends NTFY_CREDS unencrypted over http://" in linted.one("warning", "NTFY_SERVER")
    assert SECRET_VALUE not in linted.text
    assert "PING_URL" not in linted.text
