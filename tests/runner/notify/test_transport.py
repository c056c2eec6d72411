"""ntfy and Pushgateway over real HTTP: what arrives, and what is said when nothing does."""

import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from contract import VERSION
from runner.notify import dispatch, messages, metrics, transport
from runner.process.log import Log
from runner.process.signals import Stop
from runner.session.session import Session
from runner.state.model import State
from runner.state.store import Store
from tests.runner.config.workload import NTFY, changed, configured
from tests.runner.notify.test_metrics import FAILED, LAST, NOW, STATE
from tests.runner.stand_ins.web import Web, served

NTFY_BODY = 8192  # bytes of JSON that ntfy reads: twice the longest message


@pytest.fixture
def web() -> Iterator[Web]:
    """One server; each test changes its answer."""
    with served() as running:
        yield running


def basic(text: str) -> str:
    """Return the header for user and password."""
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_metrics_are_posted_as_text(web: Web) -> None:
    """POST leaves what other names hold."""
    assert transport.push(f"{web.url}/metrics/job/backup", "x 1\n") == ""

    (request,) = web.requests
    assert (request.method, request.path, request.body) == ("POST", "/metrics/job/backup", b"x 1\n")
    assert request.headers["Content-Type"] == "text/plain; version=0.0.4"
    assert request.headers["User-Agent"] == f"backup-webhook/{VERSION}"
    assert "Authorization" not in request.headers


def test_a_message_is_posted_as_json(web: Web) -> None:
    """To the root, where ntfy takes the topic from the body."""
    message = {"topic": "x", "message": "Käse"}

    assert transport.notify(web.url, message, "Bearer tk_x") == ""

    (request,) = web.requests
    assert (request.path, json.loads(request.body)) == ("/", message)
    assert request.headers["Authorization"] == "Bearer tk_x"


def test_userinfo_in_the_address_becomes_a_header(web: Web) -> None:
    """As curl does it; the address is sent without."""
    url = f"http://back%40up:p%3Ass@{web.address}/metrics"

    assert transport.push(url, "x 1\n") == ""

    (request,) = web.requests
    assert request.headers["Authorization"] == basic("back@up:p:ss")
    assert request.headers["Host"] == web.address


@pytest.mark.parametrize("status", [200, 202, 204])
def test_every_2xx_is_delivered(web: Web, status: int) -> None:
    """Whatever else it says."""
    web.status = status

    assert transport.push(web.url, "x 1\n") == ""


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 500, 503])
def test_a_refused_delivery_is_reported(web: Web, status: int) -> None:
    """With the server's own words, cut short."""
    web.status, web.answer = status, b"because " + b"x" * 9000

    wrong = transport.push(web.url, "x 1\n")

    assert wrong.startswith(f"HTTP {status} because xxx")
    assert len(wrong) < 250


def test_a_dropped_connection_is_a_failure(web: Web) -> None:
    """Some servers crash where they should answer."""
    web.status = 0

    assert transport.push(web.url, "x 1\n") != ""
    assert len(web.requests) == 1


def test_a_closed_port_is_a_failure() -> None:
    """With the system's words."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert "refused" in transport.push(f"http://127.0.0.1:{port}", "x 1\n")


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "nonsense", "http://", "http://a b/", "",
            "http://[::1", "http://127.0.0.1:port/"],
)  # fmt: skip
def test_an_invalid_address_is_a_failure_and_no_exception(url: str) -> None:
    """A typo in the Secret never costs a backup."""
    assert transport.push(url, "x 1\n") != ""


def session(web: Web, state: State, folder: Path, **secret: str) -> Session:
    """Return a session whose reporters are this server."""
    given = {
        **NTFY,
        "NTFY_SERVER": f"{web.url}/",
        "PUSHGATEWAY_ENABLED": "true",
        "PUSHGATEWAY_URL": web.url,
        **secret,
    }
    config = configured({"BACKUP_STATE_DIR": str(folder)}, given)
    return Session(config, state, Store(folder), Log(), Stop())


@pytest.mark.parametrize("letter", ["x", "ü", "語", "🎉", '"', "\\"])
def test_the_longest_message_is_small_enough_for_ntfy(
    web: Web, tmp_path: Path, letter: str
) -> None:
    """As a message and as the JSON that it travels in."""
    state = changed(STATE, last=replace(FAILED, message=letter * 9000))

    dispatch.deliver(session(web, state, tmp_path), NOW)

    body = web.requests[0].body
    assert len(json.loads(body)["message"].encode()) <= 4000
    assert len(body) < NTFY_BODY


def test_a_failure_is_notified_and_pushed(web: Web, tmp_path: Path) -> None:
    """The message once, the metrics at each run."""
    given = session(web, changed(STATE, last=FAILED), tmp_path)

    dispatch.deliver(given, NOW)
    dispatch.deliver(given, NOW + 60)

    assert [request.path for request in web.requests] == [
        "/",
        metrics.group(given.config),
        metrics.group(given.config),
    ]
    assert web.requests[0].headers["Authorization"] == basic("backup:s3cret-word")
    assert json.loads(web.requests[0].body)["title"] == "wiki - Backup failed"
    assert web.requests[1].body.decode() == metrics.metrics(given.config, given.state)


def test_a_success_is_pushed_and_not_notified(web: Web, tmp_path: Path) -> None:
    """Nobody reads 24 messages a day."""
    dispatch.deliver(session(web, changed(STATE, last=LAST), tmp_path), NOW)

    assert len(web.requests) == 1
    assert web.requests[0].path.startswith("/metrics/")


def test_failed_deliveries_are_counted_and_logged(
    web: Web, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And stays news; each reporter is tried."""
    web.status, web.answer = 401, b"unauthorized: backup:s3cret-word"
    given = session(web, changed(STATE, last=FAILED, notify_failures=0), tmp_path)

    dispatch.deliver(given, NOW)

    assert len(web.requests) == 2
    assert given.state.reports.notify_failures == 2
    assert messages.worth_telling(given.state, "ntfy", NOW)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["level"] for line in lines] == ["warning", "warning"]
    assert "HTTP 401" in lines[0]["message"]
    assert "s3cret-word" not in str(lines)


def test_without_reporters_nothing_is_sent(web: Web, tmp_path: Path) -> None:
    """Each has its own switch."""
    off = {"NTFY_ENABLED": "false", "PUSHGATEWAY_ENABLED": "false"}

    dispatch.deliver(session(web, changed(STATE, last=FAILED), tmp_path, **off), NOW)

    assert web.requests == []


@pytest.mark.parametrize(
    ("title", "sent"),
    [
        ("$(echo wiki-1 | cut -d '-' -f1) - Backup failed", "wiki - Backup failed"),
        ("`echo wiki` failed", "wiki failed"),
        ("$BACKUP_HOST failed in $BACKUP_NAMESPACE", "wiki failed in prod"),
        ("plain 'quotes' stay", "plain 'quotes' stay"),
        ("$(exit 3", "$(exit 3"),
        ("[$RESTIC_PASSWORD] failed", "[] failed"),
    ],
)
def test_the_title_may_hold_shell_commands(web: Web, tmp_path: Path, title: str, sent: str) -> None:
    """As it always could, but without the Secret."""
    given = session(web, changed(STATE, last=FAILED), tmp_path, NTFY_TITLE=title)

    dispatch.deliver(given, NOW)

    assert json.loads(web.requests[0].body)["title"] == sent


@pytest.mark.parametrize("dripping", [b"HTTP/1.1 200 OK\r\nX: ", b""], ids=["headers", "nothing"])
def test_a_delivery_takes_no_longer_than_its_limit(
    dripping: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes in time, the answer never does."""
    monkeypatch.setattr(transport, "_PING", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.sendall(dripping)
                while not ended.wait(0.05):
                    connection.sendall(b"x" if dripping else b"")

        thread = threading.Thread(target=drip)
        thread.start()
        began = time.monotonic()

        wrong = transport.ping(f"http://127.0.0.1:{listener.getsockname()[1]}/", "")

        assert time.monotonic() - began < 20, "it would go on for ever"
        ended.set()
        thread.join()
    assert wrong


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirected_delivery_is_a_failure(web: Web, status: int) -> None:
    """It would become a GET of something else, and look like success."""
    web.status = status

    assert f"HTTP {status}" in transport.push(f"{web.url}/metrics/job/backup", "x 1\n")
    assert len(web.requests) == 1
