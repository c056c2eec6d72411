"""Which texts of the Secret are masked in what other programs write, and which are shown."""

import base64
import copy
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

import pytest

from runner.config import build
from runner.config.redaction.mask import Foreign, Mask, heard
from runner.steps.listener import Listener
from runner.steps.result import Completed
from tests.runner.config.workload import ENVIRONMENT, configured

WORD = "xK9-qqqq-77"


def mask_of(key: str, value: str, *, all_secret: bool = True) -> Mask:
    """Return the mask of a Secret with this variable, or of a container without a Secret."""
    if all_secret:
        return configured(secret={key: value}).mask
    return build.config({**ENVIRONMENT, key: value}, {}, {}).mask


def hidden(key: str, value: str, shown: str = WORD, *, all_secret: bool = True) -> bool:
    """Return whether a line that holds ``shown`` comes out without it."""
    return shown not in mask_of(key, value, all_secret=all_secret)(f"it said {shown} !")


@pytest.mark.parametrize(
    "key",
    [
        "RESTIC_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
        "B2_ACCOUNT_ID", "B2_ACCOUNT_KEY", "AZURE_ACCOUNT_KEY", "AZURE_ACCOUNT_SAS",
        "RESTIC_REST_PASSWORD", "ST_KEY", "OS_PASSWORD", "OS_AUTH_TOKEN",
        "OS_APPLICATION_CREDENTIAL_ID", "OS_APPLICATION_CREDENTIAL_SECRET", "NTFY_CREDS",
        "PGPASSWORD", "MYSQL_PWD", "REDISCLI_AUTH", "COPY_RESTIC_PASSWORD",
        "COPY_AWS_SECRET_ACCESS_KEY", "COPY_B2_ACCOUNT_KEY", "RCLONE_CONFIG_X_PASS",
        "RCLONE_CONFIG_X_SECRET_ACCESS_KEY", "password", "nobody-knows.this",
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", ["", "\n", "\r\n", " "])
def test_every_unlisted_value_is_secret(key: str, end: str) -> None:
    """What we do not know, we do not show; a newline at its end changes nothing."""
    assert hidden(key, WORD + end)


@pytest.mark.parametrize(
    "key",
    [
        "BACKUP_SCHEDULE", "KEEP_WITHIN", "DEBUG", "RESTIC_SOURCE", "RESTIC_HOSTNAME",
        "RESTIC_CACHE_DIR", "RESTIC_COMPRESSION", "NTFY_TITLE", "NTFY_TAG", "NTFY_TOPIC",
        "AWS_DEFAULT_REGION", "RESTIC_REST_USERNAME", "COPY_RESTIC_REST_USERNAME", "MYSQL_USER",
        "PGUSER", "PGHOST", "REDISCLI_USER", "OS_USERNAME", "OS_PROJECT_NAME", "ST_USER",
        "AZURE_ACCOUNT_NAME", "RCLONE_CONFIG_X_USER", "RCLONE_CONFIG_X_ENDPOINT",
        "RESTIC_PASSWORD_FILE", "GOOGLE_APPLICATION_CREDENTIALS",
    ],
)  # fmt: skip
def test_harmless_values_are_shown(key: str) -> None:
    """A message without them would help nobody: users, topics and hosts are no secrets."""
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
def test_an_address_without_its_credentials_is_shown(shown: str) -> None:
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
    line = next(line.strip() for line in value.splitlines() if WORD in line)

    assert WORD not in mask_of(key, value)(f"cannot parse: {line}")


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


def test_common_words_in_a_service_address_are_shown() -> None:
    """Each message has some of them."""
    assert not hidden("NOTIFY_URLS", "ntfys://ntfy.example.net/backup", "backup")
    assert not hidden("NOTIFY_URLS", "json://u:geheim@127.0.0.1:8080/x", "127.0.0.1")
    assert not hidden("PING_URL", "https://push1.example.net/api/push/x", "push1.example.net")


@pytest.mark.parametrize("key", ["RESTIC_PASSWORD", "B2_ACCOUNT_KEY", "NTFY_CREDS", "MY_TOKEN"])
def test_environment_variables_named_like_credentials_are_secret(key: str) -> None:
    """The rest of it is the container's own."""
    assert hidden(key, WORD, all_secret=False)
    assert not hidden("APP_COLOUR", WORD, all_secret=False)


def test_the_containers_own_environment_masks_nothing() -> None:
    """Its name, host and namespace stand in every message."""
    assert build.config(ENVIRONMENT, {}, {}).mask == Mask()


def test_the_longest_secret_is_masked_first() -> None:
    """Else a password that holds another one would show its rest."""
    mask = configured(secret={"A": "Zw0-geheim", "B": "Zw0-geheim-and-more"}).mask

    assert mask("Zw0-geheim-and-more") == "***"
    assert mask("Zw0-geheim") == "***"


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
    line = "backup failure: restic: no such host"
    assert mask_of(key, value)(line) == line


SPECIAL = [
    "Hunter2/x9", "Hunter2#x9", "Hunter2?x9", "Hunter2 x9", 'Hunter2"x9', "Hunter2'x9",
    "Hunter2@x9", "Hunter2:x9", "Hunter2%x9", "Hunter2%zz", "Hunter2[x9", "Hunter2]x9",
    "Hunter2\\x9", "Hunter2`x9", "Hunter2$x9", "Hunter2&x9", "Hunter2<x9", "Hunter2\tx9",
    "Hunter2äx9", "Hunter2\udcfcx9",
]  # fmt: skip
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "percent": lambda text: quote(text, safe="", errors="surrogateescape"),
    "percent in lower case": lambda text: (
        quote(text, safe="", errors="surrogateescape").lower()
        if text.islower()
        else quote(text, safe="", errors="surrogateescape").replace("%2F", "%2f")
    ),
    "Go": lambda text: json.dumps(text, ensure_ascii=False)[1:-1].replace("\udcfc", "\\xfc"),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "Python": lambda text: repr(text)[1:-1],
    "shell": lambda text: text.replace("'", "'\\''"),
    "HTML": lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;"),
    "base64": lambda text: base64.b64encode(text.encode("utf-8", "surrogateescape")).decode(),
    "basic": lambda text: base64.b64encode(
        f"bob:{text}".encode("utf-8", "surrogateescape")
    ).decode(),
}


@pytest.mark.parametrize("password", SPECIAL, ids=ascii)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_password_is_masked_in_every_encoding(password: str, spelling: str) -> None:
    """Programs quote and encode what they name."""
    spelled = SPELLINGS[spelling](password)
    for mask in (
        mask_of("RESTIC_REST_PASSWORD", password),
        configured(secret={"RESTIC_REPOSITORY": f"rest:http://bob:{password}@host/x"}).mask,
    ):
        shown = mask(f"server said {spelled} is wrong")

        assert spelled not in shown
        assert "Hunter2" not in shown


@pytest.mark.parametrize("password", SPECIAL, ids=ascii)
@pytest.mark.parametrize(
    "line",
    [
        'parse "http://bob:{go}@127.0.0.1:9/x/": invalid port ":Hunter2" after host',
        'parse "http://bob:Hunter2": invalid port ":Hunter2" after host',
        'parse "http://bob:{go}@127.0.0.1:9/x/": net/url: invalid userinfo',
        'Get "http://bob:{percent}@127.0.0.1:9/x/config": dial tcp: lookup Hunter2: no such host',
        "Fatal: unable to open repository at rest:http://bob:{plain}@127.0.0.1:9/x/: Stat",
        "curl: (3) URL rejected: http://bob:Hunt...",
    ],
)
def test_an_address_is_shown_without_its_password(password: str, line: str) -> None:
    """Cut short by Go, or whole; the user and the server stay."""
    mask = configured(secret={"RESTIC_REPOSITORY": f"rest:http://bob:{password}@127.0.0.1:9/x/"})
    spelled = {
        "go": SPELLINGS["Go"](password), "percent": SPELLINGS["percent"](password),
        "plain": password,
    }  # fmt: skip
    shown = mask.mask(line.format(**spelled))

    assert "Hunter2" not in shown
    assert "x9" not in shown
    assert "http://bob:***" in shown


@pytest.mark.parametrize("password", ["1", "a/b", "x#", "backup", "data", "1234/5", "p@s", "a b"])
def test_a_short_or_common_password_is_masked_in_addresses_alone(password: str) -> None:
    """It stands in every message, and as such tells nobody anything."""
    mask = configured(secret={"RESTIC_REPOSITORY": f"rest:http://bob:{password}@rest:80/x"}).mask

    for line in (
        f"Fatal: unable to open rest:http://bob:{password}@rest:80/x",
        f'Get "http://bob:{quote(password)}@rest:80/x/config": EOF',
    ):
        assert f":{password}@" not in mask(line)
        assert "bob:***@rest:80/x" in mask(line)
    line = "open /backup/data/1: 1234 a b c; the backup of data failed at p"
    assert mask(line) == line


@pytest.mark.parametrize(
    ("begins", "ends"), [("1234", "/5"), ("12", "#"), ("a", " b"), ("7", "?"), ("0", "@@")]
)
def test_the_start_of_a_short_password_is_masked_after_its_user(begins: str, ends: str) -> None:
    """Go takes it for a port, and names the address up to there."""
    mask = configured(secret={"RESTIC_REPOSITORY": f"rest:http://bob:{begins}{ends}@rest/x"}).mask

    shown = mask(f'Get "http://bob:{begins}/config": dial tcp')
    assert shown == 'Get "http://bob:***/config": dial tcp'


@pytest.mark.parametrize("key", ["RESTIC_PASSWORD", "NTFY_CREDS", "COPY_RESTIC_PASSWORD"])
@pytest.mark.parametrize("value", ["prod", "wiki", "Deployment", "backup", "data", "1", "", "404"])
def test_a_password_that_is_a_common_word_changes_no_sentence(key: str, value: str) -> None:
    """Nor does one that is the namespace's, the workload's or the host's name."""
    line = "Fatal: prod/wiki: 404 backup of data in 1 Deployment"
    assert mask_of(key, value)(line) == line


@pytest.mark.parametrize("line", ["open /backup/hunter7/x", "hunter7-old", "unhunter7", "hunter71"])
def test_a_short_password_is_masked_as_a_word_of_its_own(line: str) -> None:
    """Names of files and hosts may hold it."""
    mask = mask_of("MYSQL_PWD", "hunter7")

    assert mask(line) == line
    assert mask("pw hunter7, 'hunter7' =hunter7; -phunter7.") == "pw ***, '***' =***; -p***."


KEY = """-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACBq8Hunter2cHJpdmF0ZQAAAJgAAAAA
-----END OPENSSH PRIVATE KEY-----
"""


@pytest.mark.parametrize("escaped", [True, False])
def test_each_line_of_a_key_is_secret(escaped: bool) -> None:
    """Programs name the line that they cannot use, or all of it on one line."""
    mask = mask_of("id_ed25519", KEY)
    lines = [json.dumps(KEY)[1:-1]] if escaped else KEY.splitlines()

    for line in lines:
        assert "Hunter2" not in mask(f"bad line: {line}")
        assert "b3BlbnNzaC1" not in mask(f"bad line: {line}")
    assert mask("-----BEGIN RSA PRIVATE KEY-----") == "-----BEGIN RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("line", "gone"),
    [
        ("curl -H 'Authorization: Basic Ym9iOkh1bnRlcjI='", "Ym9iOkh1bnRlcjI"),
        ('{"Authorization":"Bearer tk_abcdef12345"}', "tk_abcdef12345"),
        ("https://acc.blob.core.windows.net/c?sv=1&sig=aBcD%2FeF&se=2", "aBcD%2FeF"),
        ("https://s3/x?X-Amz-Credential=AKIAX&X-Amz-Signature=00ff00ff", "00ff00ff"),
        ("connecting with password=hunter2 to db", "hunter2"),
        ('{"client_secret": "hun ter2", "id": 1}', "hun ter2"),
        ("+ export RESTIC_PASSWORD=hunter2", "hunter2"),
        ("postgresql://wiki:hunter2@db/wiki", "hunter2"),
        ("mysql://root:p/w@db", "p/w"),
    ],
)
def test_text_in_the_place_of_credentials_is_masked(line: str, gone: str) -> None:
    """Also those that are no value of the Secret."""
    shown = configured().mask(line)

    assert gone not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "line",
    [
        "Fatal: wrong password or no key found",
        "Fatal: unable to open config file: Stat: Get: dial tcp 127.0.0.1:9: connection refused",
        "Save(<data/70282ea467>) returned error, retrying after 1.2s: 403 Forbidden",
        "s3:https://s3.example.net:9000/backups/prod does not exist",
        "sftp://backup@host.example.net//srv: permission denied",
        "https://s3.example.net/backups@prod",
        "Basic authentication is required by http://[::1]:8000/",
        "unable to create lock in backend: repository is already locked by PID 7 on wiki by u",
    ],
)
def test_a_line_without_credentials_is_unchanged(line: str) -> None:
    """It says what to do."""
    assert configured().mask(line) == line


@pytest.mark.parametrize("cut", [slice(0, 20), slice(8, None), slice(0, -1), slice(1, None)])
@pytest.mark.parametrize("before_dots", [True, False])
def test_a_part_of_a_secret_is_masked_where_a_line_was_cut(cut: slice, before_dots: bool) -> None:
    """At either end, or where dots stand for the rest."""
    secret = "aq7Zt0-92jfkLLmx-Wq0011"
    mask = mask_of("RESTIC_PASSWORD", secret)
    part = secret[cut]

    if cut.start:
        assert part not in mask(f"{part} is wrong")
    else:
        assert part not in mask(f"it is {part}" + ("... and so on" if before_dots else ""))


def test_failure_patterns_get_the_unmasked_line() -> None:
    """A password may be a word that says what is wrong."""
    mask = mask_of("RESTIC_PASSWORD", "no-such-host-12")
    listener = Listener(mask=mask)
    listener.stderr("Fatal: lookup x: no-such-host-12: no such host", 0)
    done = listener.completed(1, "")

    assert done.said == "lookup x: ***: no such host"
    assert [heard(line) for line in done.tail] == ["Fatal: lookup x: no-such-host-12: no such host"]


@pytest.mark.parametrize(
    ("password", "line", "is_so"),
    [
        ("forbidden-403x", "remove(<lock/abc>) failed: forbidden-403x", "must_not_delete"),
        ("config-damaged", "config or key 0a is damaged: config-damaged", "wrong_key"),
        ("already-keys-9", "already contains keys already-keys-9", "was_begun"),
    ],
)
def test_a_password_changes_no_verdict(password: str, line: str, is_so: str) -> None:
    """It is the same as without the mask."""
    listener = Listener(mask=mask_of("RESTIC_PASSWORD", password))
    listener.stderr(line, 0)
    done = listener.completed(1, "")

    assert password not in " ".join(done.tail)
    assert getattr(done, is_so) == getattr(replace(done, tail=(line,)), is_so)
    assert getattr(done, is_so)


def test_unmasked_output_is_not_kept() -> None:
    """Copies, files and formatted texts have what people see."""
    line = Foreign("it is ***", "it is geheim")

    for kept in (copy.deepcopy(line), copy.copy(line), pickle.loads(pickle.dumps(line))):  # noqa: S301 -- our own
        assert kept == "it is ***"
        assert heard(kept) == "it is ***"
    assert "geheim" not in f"{line} {line!r} {json.dumps([line])} {Completed(1, tail=(line,))!r}"
    assert line + "" == "it is ***"


def test_machine_readable_output_is_unchanged() -> None:
    """Lists, messages and names of files are no text for people."""
    listener = Listener(mask=mask_of("RESTIC_PASSWORD", WORD))
    listener.stdout(json.dumps([{"tags": [f"ns={WORD}"]}]))
    listener.stdout(json.dumps({"message_type": "summary", "snapshot_id": WORD}))
    error = {"message_type": "error", "item": f"/backup/{WORD}", "error": {"message": WORD}}
    listener.stderr(json.dumps(error), 0)
    done = listener.completed(3, "")

    assert json.loads(done.text) == [{"tags": [f"ns={WORD}"]}]
    assert done.message("summary")["snapshot_id"] == WORD
    assert (done.unreadable, done.reasons) == ((f"/backup/{WORD}",), ("***",))


def test_a_problem_quotes_no_secret() -> None:
    """Somebody put the password where the schedule belongs, or it into a wrong place too."""
    read = configured(secret={"RESTIC_PASSWORD": WORD, "BACKUP_SCHEDULE": WORD, "NTFY_PRIO": WORD})

    assert read.problems
    assert WORD not in " ".join(map(str, read.problems))


@pytest.mark.parametrize("key", ["BACKUP_NAMESPACE", "BACKUP_HOST", "BACKUP_POD", "BACKUP_KIND"])
@pytest.mark.parametrize("name", ["wunderbar", "wunderbar-77-blog"])
def test_a_password_that_is_a_public_name_is_masked_in_addresses_alone(key: str, name: str) -> None:
    """It stands in every tag, and tells nobody there that it is a password."""
    mask = configured({key: name}, {"RESTIC_PASSWORD": name, "RESTIC_REST_PASSWORD": name}).mask

    assert mask(f"no snapshot of {name} found") == f"no snapshot of {name} found"
    assert mask(f"at http://bob:{name}@host/") == "at http://bob:***@host/"
