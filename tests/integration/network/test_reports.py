"""What others learn of a run: metrics, messages, and never a secret."""

import json
import socket
from base64 import b64encode
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from prometheus_client.parser import text_string_to_metric_families

from contract import VERSION
from demo.receiver import Receiver
from tests.integration.secrets.watch import Watch
from tests.integration.sidecars import Sidecar

_CANARY = "canary-7Qx2Lw9"


def _with_metrics(sidecar: Sidecar, web: Receiver) -> None:
    sidecar.change_secret(PUSHGATEWAY_ENABLED="true", PUSHGATEWAY_URL=web.url)


def _with_ntfy(sidecar: Sidecar, web: Receiver) -> None:
    sidecar.change_secret(
        NTFY_ENABLED="true", NTFY_SERVER=web.url, NTFY_TOPIC="home", NTFY_PRIO="4",
        NTFY_TAG="bangbang", NTFY_CREDS="-u backup:geheim-9",
        NTFY_TITLE="$(echo wiki-1 | cut -d '-' -f1) - Backup failed",
    )  # fmt: skip


def test_every_metric_is_pushed_to_the_workloads_group(sidecar: Sidecar, web: Receiver) -> None:
    _with_metrics(sidecar, web)

    sidecar.back_up()

    assert {received.path for received in web.all} == {
        "/metrics/job/backup/namespace/prod/instance/wiki"
    }
    body = web.all[-1].body.decode()
    families = {family.name for family in text_string_to_metric_families(body)}
    assert {"backup_duration_seconds", "backup_start_timestamp", "backup_status"} <= families
    values = web.metrics()
    assert values['backup_status{status="success"}'] == 1
    assert values['backup_status{status="failure"}'] == 0
    assert values["backup_last_success_timestamp_seconds"] > 1.7e9
    assert values["backup_next_due_timestamp_seconds"] > values["backup_start_timestamp"]
    assert values["backup_snapshots"] == 1
    assert values["backup_stale_locks"] == 0
    restic = sidecar.restic("version").split()[1]
    assert values[f'backup_info{{version="{VERSION}",restic="{restic}"}}'] == 1
    assert "x7k2p" not in body  # the pod's name


def test_failure_keeps_the_time_of_the_last_success(sidecar: Sidecar, web: Receiver) -> None:
    _with_metrics(sidecar, web)
    sidecar.back_up()
    good = web.metrics()["backup_last_success_timestamp_seconds"]
    sidecar.change_secret(RESTIC_PASSWORD="wrong")

    sidecar.back_up(expected=1)

    values = web.metrics()
    assert values['backup_status{status="failure"}'] == 1
    assert values['backup_status{status="success"}'] == 0
    assert values['backup_failure{class="auth"}'] == 1
    assert values["backup_last_success_timestamp_seconds"] == good


def test_first_failure_and_recovery_are_reported_and_a_persistent_failure_is_not(
    sidecar: Sidecar, web: Receiver
) -> None:
    _with_ntfy(sidecar, web)
    sidecar.back_up()
    right = sidecar.secret["RESTIC_PASSWORD"]
    for password, expected in (("wrong", 1), ("wrong", 1), (right, 0), (right, 0)):
        sidecar.change_secret(RESTIC_PASSWORD=password)
        sidecar.back_up(expected)

    failed, recovered = (json.loads(received.body) for received in web.all)
    assert failed["title"] == "wiki - Backup failed"
    assert failed["topic"] == "home"
    assert (failed["priority"], failed["tags"]) == (4, ["bangbang"])
    assert failed["message"].startswith("prod/wiki: backup failure (auth): ")
    assert recovered["title"] == "Backup recovered: prod/wiki"
    assert {received.path for received in web.all} == {"/"}
    expected_header = f"Basic {b64encode(b'backup:geheim-9').decode()}"
    assert {received.headers["Authorization"] for received in web.all} == {expected_header}


def test_undelivered_message_is_retried_and_counted(sidecar: Sidecar, web: Receiver) -> None:
    _with_ntfy(sidecar, web)
    sidecar.change_secret(RESTIC_PASSWORD="", PRE_HOOK="exit 7")
    web.status = 500
    sidecar.back_up(expected=1)
    web.status = 200

    sidecar.back_up(expected=1)

    assert len(web.all) == 2


def test_no_secret_appears_anywhere(sidecar: Sidecar, web: Receiver) -> None:
    """Success, failure and hooks; arguments, log, metrics, messages, status and state."""
    _with_metrics(sidecar, web)
    _with_ntfy(sidecar, web)
    sidecar.change_secret(
        RESTIC_PASSWORD=f"{_CANARY}-password",
        AWS_SECRET_ACCESS_KEY=f"{_CANARY}-aws",
        NTFY_CREDS=f"-u backup:{_CANARY}-ntfy",
        UNKNOWN_VARIABLE=f"{_CANARY}-unknown",
        PUSHGATEWAY_URL=web.url.replace("http://", f"http://user:{_CANARY}-url@"),
    )
    seen: list[str] = []
    with Watch(seen, "restic\0backup"):
        seen.append(sidecar.run("backup-runner", "run").stdout)
        # A hook that prints the password, and an unknown repository whose URL holds one.
        sidecar.change_secret(
            RESTIC_REPOSITORY=f"rest:http://user:{_CANARY}-rest@127.0.0.1:9/",
            PRE_HOOK='echo "using $RESTIC_PASSWORD" >&2',
        )
        done = sidecar.run("backup-runner", "run")
        sidecar.change_secret(PRE_HOOK='echo "using $RESTIC_PASSWORD" >&2; exit 1')
        hook = sidecar.run("backup-runner", "run")
    seen += [done.stdout, done.stderr, hook.stdout, hook.stderr]
    seen += [sidecar.run("backup-runner", "status", *flag).stdout for flag in ((), ("--json",))]
    seen += [
        path.read_text(errors="replace")
        for path in sidecar.path("/var/lib/backup").glob("*")
        if path.is_file()
    ]
    seen += [f"{received.path} {received.body!r}" for received in web.all]

    by_url = f"Basic {b64encode(f'user:{_CANARY}-url'.encode()).decode()}"
    assert by_url in {received.headers["Authorization"] for received in web.all}
    assert hook.returncode == 1
    assert "the pre-backup hook failed" in hook.stdout
    assert not [text for text in seen if _CANARY in text]


def test_a_dead_mans_switch_gets_each_run(sidecar: Sidecar, web: Receiver) -> None:
    sidecar.change_secret(PING_URL=f"{web.url}/ping/4f1a")
    sidecar.back_up()
    sidecar.change_secret(RESTIC_PASSWORD="wrong")
    sidecar.back_up(expected=1)

    assert [received.path for received in web.all] == [
        "/ping/4f1a/start", "/ping/4f1a", "/ping/4f1a/start", "/ping/4f1a/fail",
    ]  # fmt: skip
    assert b"no key found" in web.all[-1].body


def test_uptime_kuma_gets_up_and_down(sidecar: Sidecar, web: Receiver) -> None:
    sidecar.change_secret(PING_URL=f"{web.url}/api/push/tok3n?status=up&msg=OK&ping=")
    sidecar.back_up()
    sidecar.change_secret(RESTIC_PASSWORD="wrong")
    sidecar.back_up(expected=1)

    up, down = (parse_qs(urlsplit(received.path).query) for received in web.all)
    assert (up["status"], down["status"]) == (["up"], ["down"])
    assert up["msg"][0].startswith("20")
    assert float(up["ping"][0]) > 0


def test_services_are_notified_by_addresses_from_a_file(
    sidecar: Sidecar, web: Receiver, tmp_path: Path
) -> None:
    host = web.url.removeprefix("http://")
    file = tmp_path / "addresses"
    file.write_text(f"json://u:{_CANARY}@{host}/a\njson://{host}/{_CANARY}\n")
    sidecar.change_secret(NOTIFY_URLS_FILE=str(file))
    right = sidecar.secret["RESTIC_PASSWORD"]
    sidecar.back_up()
    logs = ""
    for password, expected in (("wrong", 1), (right, 0)):
        sidecar.change_secret(RESTIC_PASSWORD=password)
        logs += sidecar.run("backup-runner", "run").stdout
        assert sidecar.status()["last"]["status"] == ("failure" if expected else "success")

    heard = sorted((received.path, json.loads(received.body)["type"]) for received in web.all)
    assert heard == [
        ("/a", "failure"), ("/a", "success"),
        (f"/{_CANARY}", "failure"), (f"/{_CANARY}", "success"),
    ]  # fmt: skip
    assert _CANARY not in logs


def _pushed(sidecar: Sidecar, web: Receiver, *flags: str) -> dict[str, float]:
    """Return what a look pushes."""
    before = len(web.all)
    assert sidecar.run("backup-runner", "tick", *flags).returncode == 0
    assert len(web.all) == before + 1
    return web.metrics()


def test_a_tick_with_nothing_due_pushes_the_expected_metrics(
    sidecar: Sidecar, web: Receiver
) -> None:
    """Else nobody would know of a pause until it ends, nor of a pod that has not run yet."""
    _with_metrics(sidecar, web)
    sidecar.annotate({"backup.schedule": "@daily"})

    values = _pushed(sidecar, web, "--start")
    assert values["backup_next_due_timestamp_seconds"] > 1.7e9
    assert values["backup_interval_seconds"] == 24 * 3600
    assert values['backup_host_info{host="wiki"}'] == 1
    assert not [name for name in values if name.startswith("backup_status")]
    sidecar.annotate({"backup.paused": "true"})
    assert _pushed(sidecar, web)["backup_next_due_timestamp_seconds"] == 0
    sidecar.annotate({"backup.paused": "false", "backup.schedule": "off"})
    assert _pushed(sidecar, web)["backup_next_due_timestamp_seconds"] == 0


def test_a_tick_waits_only_seconds_for_an_unresponsive_pushgateway(sidecar: Sidecar) -> None:
    """Whoever deletes the pod meanwhile waits too."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        sidecar.change_secret(PUSHGATEWAY_ENABLED="true", PUSHGATEWAY_URL=url)
        done = sidecar.run("backup-runner", "tick", "--start")

    assert done.returncode == 0
    assert "Pushgateway: metrics were not delivered" in done.stdout
    assert "within 5 s" in done.stdout or "timed out" in done.stdout
