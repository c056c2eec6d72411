"""Which texts of the Secret are masked, and which are shown because they help."""

import json

import pytest

from runner import masking
from runner.log import Log
from tests.runner.workload import ENVIRONMENT, SECRET

WORD = "xK9-qqqq-77"


def hidden(key: str, value: str, shown: str = WORD, *, all_secret: bool = True) -> bool:
    """Return whether a message that holds ``shown`` comes out without it."""
    texts = masking.texts({**SECRET, key: value}, all_secret=all_secret)
    return shown not in Log(texts).mask(f"it said {shown}!")


@pytest.mark.parametrize(
    "key",
    [
        "RESTIC_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
        "B2_ACCOUNT_ID", "B2_ACCOUNT_KEY", "AZURE_ACCOUNT_KEY", "RESTIC_REST_PASSWORD",
        "RESTIC_REST_USERNAME", "ST_KEY", "OS_PASSWORD", "NTFY_CREDS", "NTFY_TOPIC",
        "RCLONE_CONFIG_X_PASS", "password", "nobody-knows.this",
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", ["", "\n", "\r\n", " "])
def test_every_other_value_is_secret(key: str, end: str) -> None:
    """What we do not know, we do not show; a newline at its end changes nothing."""
    assert hidden(key, WORD + end)


@pytest.mark.parametrize(
    "key",
    [
        "BACKUP_SCHEDULE", "KEEP_WITHIN", "DEBUG", "RESTIC_SOURCE", "RESTIC_HOSTNAME",
        "RESTIC_CACHE_DIR", "RESTIC_COMPRESSION", "NTFY_TITLE", "NTFY_TAG", "AWS_DEFAULT_REGION",
    ],
)  # fmt: skip
def test_harmless_values_are_shown(key: str) -> None:
    """A message without them would help nobody."""
    assert not hidden(key, WORD)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("-u backup:xK9-qqqq-77", WORD),
        ("-u backup:xK9-qqqq-77", "backup:xK9-qqqq-77"),
        ("first-line\nxK9-qqqq-77\nlast", WORD),
        ("one xK9-qqqq-77 three", WORD),
        ("--header Authorization: Bearer xK9-qqqq-77", WORD),
        ("xK9-qq:qq-77", "qq-77"),
    ],
)
def test_parts_of_a_secret_are_secret(value: str, shown: str) -> None:
    """An error message may quote only the password of user:password."""
    assert hidden("NTFY_CREDS", value, shown)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rest:https://backup:xK9-qqqq-77@host/wiki", WORD),
        ("rest:https://:xK9-qqqq-77@host/wiki", WORD),
        ("https://xK9-qqqq-77@ntfy.example.net", WORD),
        ("rest:https://backup:p@xK9-qqqq-77@host/wiki", "xK9-qqqq-77"),
        ("rest:https://backup:a:xK9-qqqq-77@host/wiki", "a:xK9-qqqq-77"),
    ],
)
@pytest.mark.parametrize("key", ["RESTIC_REPOSITORY", "PUSHGATEWAY_URL", "NTFY_SERVER"])
def test_userinfo_in_an_address_is_secret(key: str, url: str, shown: str) -> None:
    """Wherever it stands."""
    assert hidden(key, url, shown)


@pytest.mark.parametrize("shown", ["rest:https:", "host/wiki", "backup"])
def test_the_rest_of_an_address_is_shown(shown: str) -> None:
    """It says which server did not answer."""
    url = f"rest:https://backup:{WORD}@host/wiki"

    assert not hidden("RESTIC_REPOSITORY", url, shown)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("RESTIC_PASSWORD", "ab://xK9-qqqq-77"),
        ("rclone.conf", "[s3]\nendpoint = https://s3.example.net\nsecret_access_key = xK9-qqqq-77"),
        ("gcs.json", json.dumps({"private_key": WORD, "token_uri": "https://oauth2"}, indent=1)),
    ],
)
def test_an_address_inside_a_secret_does_not_make_it_public(key: str, value: str) -> None:
    """Configuration files hold both."""
    texts = masking.texts({key: value}, all_secret=True)
    line = next(line.strip() for line in value.splitlines() if WORD in line)

    assert WORD not in Log(texts).mask(f"cannot parse: {line}")


@pytest.mark.parametrize("short", ["abc", "16", "a"])
def test_a_short_value_is_not_masked(short: str) -> None:
    """It would blank out half of every message."""
    assert not hidden("RESTIC_PASSWORD", short, short)


@pytest.mark.parametrize("all_secret", [True, False])
@pytest.mark.parametrize(
    "shown",
    [
        "tgram://123456789:AAF-q_x/-1001", "123456789:AAF-q_x/-1001", "123456789",
        "discord://40212xyz/s0me-t0ken?tts=no", "s0me-t0ken", "mailto://u:geheim@example.net",
        "geheim",
    ],
)  # fmt: skip
def test_the_address_of_a_service_is_secret(shown: str, *, all_secret: bool) -> None:
    """Whole, without its kind, and what in it looks like a token."""
    value = "tgram://123456789:AAF-q_x/-1001 discord://40212xyz/s0me-t0ken?tts=no\n"
    value += "mailto://u:geheim@example.net"

    assert hidden("NOTIFY_URLS", value, shown, all_secret=all_secret)


def test_words_in_the_address_of_a_service_are_shown() -> None:
    """Each message has some of them."""
    assert not hidden("NOTIFY_URLS", "ntfys://ntfy.example.net/backup", "backup")


@pytest.mark.parametrize("key", ["RESTIC_PASSWORD", "B2_ACCOUNT_KEY", "NTFY_CREDS", "MY_TOKEN"])
def test_of_the_environment_what_is_named_like_a_credential_is_secret(key: str) -> None:
    """The rest of it is the container's own."""
    assert hidden(key, WORD, all_secret=False)
    assert not hidden("APP_COLOUR", WORD, all_secret=False)


def test_the_containers_own_environment_masks_nothing() -> None:
    """Its name, host and namespace stand in every message."""
    assert masking.texts(ENVIRONMENT, all_secret=False) == ()


def test_the_longest_is_masked_first() -> None:
    """Else a password that holds another one would show its rest."""
    texts = masking.texts({"A": "word", "B": "word-and-more"}, all_secret=True)

    assert Log(texts).mask("word-and-more") == "***"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("PRE_HOOK", "pg_dump wiki > /tmp/dump.sql; echo backup"),
        ("RESTIC_BACKUP_COMMAND", "restic backup --json /srv"),
        ("NTFY_CREDS", "-u backup:s3cret-word"),
    ],
)
def test_common_words_of_a_secret_do_not_blank_out_messages(key: str, value: str) -> None:
    """`*** failure: ***` tells nobody anything; user names and programs are no secrets."""
    texts = masking.texts({**SECRET, key: value}, all_secret=True)

    line = "backup failure: restic: no such host"
    assert Log(texts).mask(line) == line
