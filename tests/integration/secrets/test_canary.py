"""No secret is shown anywhere, however it is spelled, and no word of ours is masked."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.names import SECRET_DIR
from demo import app
from tests.integration.restore.restores import Start, renew
from tests.integration.secrets import echoing
from tests.integration.secrets.echoing import Hostile
from tests.integration.sidecars import PASSWORD, Json, Sidecar

CANARY, TAIL = "Hunter2", "x9Kq"
PASSWORDS = [
    f"{CANARY}{between}{TAIL}"
    for between in (
        "/", "#", "?", " ", '"', "'", "@", ":", "%", "%zz", "%2f", "[", "]", "\\", "&", "=", "+",
        "$(x)", "`", "<>", "|", ";", ",", "*", "~", "{}", "\t", "ä", "語", "", "-", "//", "@@/",
    )
]  # fmt: skip
UUID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


@pytest.fixture(scope="module")
def server() -> Iterator[Hostile]:
    """A server that repeats credentials."""
    with echoing.serve() as made:
        yield made


def everything(sidecar: Sidecar, *outputs: str) -> str:
    """Return all that anybody can see of a run: what was written, and the files of the state."""
    state = sidecar.path("/var/lib/backup")
    files = [path for path in state.rglob("*") if path.is_file() and "cache" not in path.parts]
    return "\n".join((*outputs, *(path.read_bytes().decode("utf-8", "replace") for path in files)))


def seen_of(sidecar: Sidecar, *commands: str) -> str:
    """Run commands that show anything; return what is seen."""
    outputs = []
    for words in commands:
        done = sidecar.run("backup-runner", *words.split())
        outputs += [done.stdout, done.stderr]
    return everything(sidecar, *outputs)


@pytest.mark.parametrize(("number", "password"), [*enumerate(PASSWORDS)], ids=ascii)
def test_no_password_of_an_address_is_shown(
    tmp_path: Path, server: Hostile, number: int, password: str
) -> None:
    """By restic, servers, hooks and reports; be the address in the Secret or a file."""
    server.bodies.clear()
    user = f"bob:{password}@{server.address}"
    sidecar = Sidecar(
        tmp_path,
        secret={
            "RESTIC_REPOSITORY": f"rest:http://{user}/x/", "RESTIC_PASSWORD": password,
            "PUSHGATEWAY_ENABLED": "true", "PUSHGATEWAY_URL": f"http://{user}",
            "NTFY_ENABLED": "true", "NTFY_SERVER": f"http://{server.address}", "NTFY_TOPIC": "t",
            "NTFY_CREDS": f"-u bob:{password}", "PING_URL": f"http://{server.address}/{UUID}",
            "DEBUG": "true", "PRE_HOOK": 'set -x; echo "$RESTIC_REPOSITORY" "$RESTIC_PASSWORD" >&2',
            "POST_HOOK": 'printf "%q\\n" "$RESTIC_PASSWORD" >&2; env >&2; exit 1',
        },
    )  # fmt: skip
    if number % 2:
        (tmp_path / "named").write_text(sidecar.secret.pop("RESTIC_REPOSITORY") + "\n")
        sidecar.change_secret(RESTIC_REPOSITORY_FILE=str(tmp_path / "named"))
    app.write_files(sidecar.volume)

    seen = seen_of(sidecar, "run", "status --json")

    seen += b"\n".join(server.bodies).decode("utf-8", "replace")
    for secret in (CANARY, TAIL, UUID, base64.b64encode(f"bob:{password}".encode()).decode()):
        found = seen.find(secret)
        assert found < 0, seen[max(0, found - 300) : found + 100]
    assert "backup failure" in seen
    assert '"failure": "' in seen


def test_no_command_shows_a_password_of_an_address(sidecar: Sidecar, server: Hostile) -> None:
    """Not those that people start either."""
    address = f"rest:http://bob:{CANARY}/{TAIL}@{server.address}/x/"
    sidecar.change_secret(
        RESTIC_REPOSITORY=address, COPY_RESTIC_REPOSITORY=address.replace("bob", "eve"),
        NOTIFY_URLS=f"json://bob:{CANARY}%2F{TAIL}@{server.address}/p", DEBUG="true",
    )  # fmt: skip

    seen = seen_of(
        sidecar, "tick --start", "tick --now", "status", "restore --json", "verify", "check",
        "unlock", "load postgres", "maintain",
    )  # fmt: skip

    for secret in (CANARY, TAIL):
        found = seen.find(secret)
        assert found < 0, seen[max(0, found - 300) : found + 100]
    assert seen.count("http://bob:***@127.0.0.1") > 5, seen


def test_no_secret_is_in_a_termination_message(tmp_path: Path, server: Hostile) -> None:
    """Of a pod that waits for its data."""
    user = f"bob:{CANARY}/{TAIL}@{server.address}"
    sidecar = Sidecar(tmp_path, secret={"RESTIC_REPOSITORY": f"rest:http://{user}/x/"})
    renew(sidecar.volume)

    start = Start(sidecar).run(expected=1)

    assert "http://bob:***@127.0.0.1" in start.told
    assert CANARY not in start.told + json.dumps(start.lines)


KEY = f"""-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASC{CANARY}AgEAAoIBAQC7{TAIL}7VJTUt9Us8cKj
MzEfYyji{CANARY}WA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYE
-----END PRIVATE KEY-----
"""
VALUES = {
    **dict.fromkeys(
        (
            "RESTIC_REST_PASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "B2_ACCOUNT_KEY",
            "AZURE_ACCOUNT_KEY", "ST_KEY", "OS_PASSWORD", "OS_APPLICATION_CREDENTIAL_SECRET",
            "PGPASSWORD", "MYSQL_PWD", "REDISCLI_AUTH", "COPY_RESTIC_PASSWORD",
            "COPY_AWS_SECRET_ACCESS_KEY", "RCLONE_CONFIG_X_PASS", "MY_OWN",
        ),
        f'{CANARY} "q"\\{TAIL}',
    ),
    "AZURE_ACCOUNT_SAS": f"?sv=2024-01-01&sig={CANARY}%2F{TAIL}%3D&se=2030",
    "NOTIFY_URLS": f"tgram://123456789:{CANARY}_{TAIL}77/-1001",
    "PING_URL": f"http://127.0.0.1:9/ping/{CANARY}-{TAIL}/wiki",
    "COPY_RESTIC_REPOSITORY": f"rest:http://eve:{CANARY}/{TAIL}@127.0.0.1:9/copy/",
    "rclone.conf": f"[x]\ntype = s3\nsecret_access_key = {CANARY}{TAIL}\n",
    "gcs.json": json.dumps({"type": "service_account", "private_key": KEY}, indent=1),
    "id_ed25519": KEY,
}  # fmt: skip
SAID = """\
cd '{folder}' && cat {key} >&2 && tail -n 3 {key} >&2
python3 - {key} >&2 <<'END'
import base64, json, shlex, sys, urllib.parse
text = open(sys.argv[1], newline="").read()
for each in (json.dumps(text), repr(text), shlex.quote(text), urllib.parse.quote(text, safe="")):
    print("it is", each, "here")
print("Authorization: Basic", base64.b64encode(b"bob:" + text.encode()).decode())
END
exit 1
"""


@pytest.mark.parametrize("key", VALUES)
def test_no_secret_written_by_a_hook_is_shown(tmp_path: Path, key: str) -> None:
    """In any spelling; and the log, though it repeats the hook, stays as readable."""
    sidecar = Sidecar(
        tmp_path,
        secret={
            key: VALUES[key], "DEBUG": "true", "COPY_RESTIC_PASSWORD_COMMAND": "false",
        },
    )  # fmt: skip
    folder = sidecar.path(SECRET_DIR)
    sidecar.change_secret(PRE_HOOK=SAID.replace("{folder}", str(folder)).replace("{key}", key))
    app.write_files(sidecar.volume)

    done = sidecar.run("backup-runner", "run")
    seen = everything(sidecar, done.stdout, done.stderr, json.dumps(sidecar.status()))

    assert done.returncode == 1
    assert "it is " in done.stdout
    assert "***" in done.stdout
    for secret in (CANARY, TAIL):
        found = seen.find(secret)
        assert found < 0, seen[max(0, found - 300) : found + 100]


Seen = tuple[Json, list[Json], str]
CONTROL = "Zq7-nothing-like-it"
WORDS = ["prod", "wiki", "backup", "data", "1", "success", "ns=prod", "true"]


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """What is read where no secret is a word of ours."""
    return machine_read(tmp_path_factory.mktemp("control") / "two", CONTROL)


def machine_read(root: Path, text: str) -> Seen:
    """Back up with this text as every secret; return status.json, the log, and what was wrong.

    What differs by the run is left out.
    """
    sidecar = Sidecar(
        root,
        secret={
            "RESTIC_PASSWORD": text, "RESTIC_REST_USERNAME": text, "RESTIC_REST_PASSWORD": text,
            "NTFY_TOPIC": text, "MYSQL_USER": text, "MYSQL_PWD": text, "APP_SECRET": text,
        },
    )  # fmt: skip
    app.write_files(sidecar.volume)
    done = sidecar.run("backup-runner", "run")
    log = [json.loads(line) for line in done.stdout.splitlines()]
    known = json.loads((sidecar.path("/var/lib/backup") / "status.json").read_text())
    return _steady(known), [_steady(line) for line in log], done.stderr


def _steady(given: Json) -> Json:
    text = json.dumps(given, sort_keys=True)
    text = re.sub(r'"\d+ \* \* \* \*"', '"SCHEDULE"', text)  # by the time of the day
    text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:]+Z", "TIME", text)
    text = re.sub(
        r'"(seconds|started|ended|added_bytes|snapshot)": ("[^"]*"|[0-9.]+)', r'"\1": 0', text
    )
    text = re.sub(r"[0-9.]+ [KM]iB (added)", r"\1", text)
    made: Json = json.loads(re.sub(r"pytest-\d+/(popen-gw\d+/)?[^/\"]+/(one|two)", "ROOT", text))
    return made


@pytest.mark.parametrize("word", WORDS)
def test_a_secret_that_is_a_common_word_changes_nothing(
    tmp_path: Path, control: Seen, word: str
) -> None:
    """Status, log and tags are the same whatever the password is."""
    seen = machine_read(tmp_path / "one", word)

    assert seen == control
    assert seen[0]["tags"] == ["ns=prod", "kind=Deployment", "workload=wiki"]
    assert "***" not in json.dumps(seen)


def test_the_repositorys_password_is_not_shown_where_it_is_wrong(sidecar: Sidecar) -> None:
    """And the message is the whole of restic's."""
    sidecar.back_up()
    sidecar.change_secret(RESTIC_PASSWORD="password")

    ended = sidecar.back_up(expected=1)

    assert "wrong password or no key found" in ended["message"]
    assert PASSWORD not in json.dumps(ended)
