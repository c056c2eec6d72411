"""NOTIFY_URLS: real messages through Apprise, one by one; and nothing of an address anywhere."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from runner.config.notifiers import Service
from runner.notify import dispatch, messages, metrics
from runner.process.log import Log
from runner.process.signals import Stop
from runner.session.session import Session
from runner.state.model import State, Tally
from runner.state.store import Store
from tests.runner.config.workload import changed, configured
from tests.runner.notify.test_metrics import DAY, FAILED, LAST, NOW, STATE
from tests.runner.stand_ins.web import Web, served
from tests.services import ntfy

TOKEN = "t0p-s3cret-77"


@pytest.fixture
def web() -> Iterator[Web]:
    """A service that works; each test changes its answer."""
    with served() as running:
        yield running


@pytest.fixture
def other() -> Iterator[Web]:
    """Another one."""
    with served() as running:
        yield running


def address(web: Web) -> str:
    """Return the address of a service for Apprise."""
    return f"json://user:{TOKEN}@{web.address}/{TOKEN}/in?+X-Key={TOKEN}"


def session(folder: Path, state: State, *urls: str) -> Session:
    """Return a session that tells these services, and nobody else."""
    config = configured({"BACKUP_STATE_DIR": str(folder)}, {"NOTIFY_URLS": "\n ".join(urls)})
    return Session(config, state, Store(folder), Log(), Stop())


def run_ended(session: Session, last: object, now: float) -> None:
    """Let a run end as ``last`` did."""
    session.state.runs.last = last  # type: ignore[assignment]  # a Last of test_report's
    dispatch.deliver(session, now)


def told(web: Web) -> list[tuple[str, str]]:
    """Return kind and text of what a service was told."""
    bodies = [json.loads(request.body) for request in web.requests]
    return [(body["type"], body["message"]) for body in bodies]


def test_failure_warning_and_recovery_are_notified(web: Web, tmp_path: Path) -> None:
    """In the words that ntfy gets; Apprise knows kinds of news."""
    given = session(tmp_path, changed(STATE), address(web))

    run_ended(given, FAILED, NOW)
    run_ended(given, replace(LAST, status="warning", failure="source"), NOW + 1)
    run_ended(given, LAST, NOW + 2)
    run_ended(given, LAST, NOW + 3)

    assert told(web) == [
        ("failure", messages.news(given.config, FAILED).text),
        ("warning", "prod/wiki: backup warning (source): 10 files"),
        ("success", "prod/wiki: backup recovered: 10 files"),
    ]
    assert json.loads(web.requests[0].body)["title"] == "Backup failure: prod/wiki"
    assert given.state.reports.notify_failures == STATE.reports.notify_failures


def test_only_failed_deliveries_are_retried(web: Web, other: Web, tmp_path: Path) -> None:
    """Each address stands for itself."""
    other.status = 500
    given = session(tmp_path, changed(STATE, notify_failures=0), address(web), address(other))

    run_ended(given, FAILED, NOW)
    given.save()
    known = given.store.load()
    assert known is not None
    given = replace(given, state=known)
    other.status = 200
    run_ended(given, FAILED, NOW + 1)
    run_ended(given, FAILED, NOW + 2)

    assert [len(told(web)), len(told(other))] == [1, 2]
    assert given.state.reports.notify_failures == 1


def test_a_digest_is_sent_until_one_service_has_it(web: Web, tmp_path: Path) -> None:
    """It comes beside the news, and begins anew once it was told."""
    given = session(tmp_path, changed(STATE), address(web))
    given = replace(given, config=configured(
        {"BACKUP_STATE_DIR": str(tmp_path)}, {"NOTIFY_URLS": address(web)},
        {"backup.digest": "@hourly"},
    ))  # fmt: skip
    given.state.reports.tally = Tally(since=NOW - DAY, runs={"success": 24})
    web.status = 500

    run_ended(given, LAST, NOW)
    web.status = 200
    run_ended(given, LAST, NOW + 1)
    run_ended(given, LAST, NOW + 2)

    kind, text = told(web)[-1]
    assert (len(web.requests), kind) == (2, "info")
    assert "24 runs: 24 success" in text
    assert given.state.reports.tally.runs == {}


def test_a_service_without_the_failure_gets_no_recovery(
    web: Web, other: Web, tmp_path: Path
) -> None:
    """ "Recovered" from what?"""
    other.status = 500
    given = session(tmp_path, changed(STATE), address(web), address(other))

    run_ended(given, FAILED, NOW)
    other.status = 200
    run_ended(given, LAST, NOW + 1)

    assert [kind for kind, _ in told(web)] == ["failure", "success"]
    assert [kind for kind, _ in told(other)] == ["failure"]


def test_a_removed_service_is_forgotten(web: Web, other: Web, tmp_path: Path) -> None:
    """State does not grow with each change of the Secret."""
    first = session(tmp_path, changed(STATE), address(web), address(other))
    run_ended(first, FAILED, NOW)
    assert len(first.state.reports.notified) == 2

    run_ended(session(tmp_path, first.state, address(other)), FAILED, NOW + 1)

    assert len(first.state.reports.notified) == len(told(other)) == 1


def test_nothing_of_an_address_is_ever_shown(
    web: Web, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither by us nor by Apprise, nor by what it uses, on any stream; nor kept in state."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"127.0.0.1:{server.getsockname()[1]}"
    web.status, web.answer = 401, f"{TOKEN} is wrong".encode()
    urls = [
        address(web), f"json://u:{TOKEN}@{closed}/{TOKEN}", f"jsons://u:{TOKEN}@{web.address}?verify=no",
        f"nonsense://{TOKEN}", f"tgram://{TOKEN}", f"json://{TOKEN}.invalid/", f"discord://{TOKEN}",
    ]  # fmt: skip
    given = session(tmp_path, changed(STATE, notify_failures=0), *urls)

    run_ended(given, FAILED, NOW)
    given.save()

    out, err = capfd.readouterr()
    assert err == ""
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["message"].split(":")[:2] for line in lines] == [
        ["NOTIFY_URLS", f" address {number}"] for number in range(1, len(urls) + 1)
    ]
    assert {line["level"] for line in lines} == {"warning"}
    assert given.state.reports.notify_failures == len(urls)
    kept = (tmp_path / "state.json").read_text()
    for text in (TOKEN, "json://", web.address, closed, "nonsense"):
        assert text not in out + kept + metrics.metrics(given.config, given.state)


def test_libraries_log_nothing_without_a_handler() -> None:
    """Without pytest's handlers Python would print their warnings to standard error."""
    script = (
        "import logging, sys, warnings; from runner.notify import transport as send\n"
        "print(send.tell(sys.argv[1:], 't', 'x', 'failure'))\n"
        "logging.getLogger('a.plugin').error(sys.argv)\n"
        "logging.error(sys.argv)\n"
        "warnings.warn(str(sys.argv))\n"
    )
    urls = (f"json://127.0.0.1:9/{TOKEN}", f"nonsense://{TOKEN}")
    done = python(script, *urls)

    assert done.stderr == ""
    assert done.stdout.strip() == str(
        ["it did not accept the message", "Apprise does not know this address, or it is incomplete"]
    )


def python(script: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a script in a process of its own."""
    return subprocess.run(
        (sys.executable, "-c", script, *arguments),
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip


@contextmanager
def silent() -> Iterator[str]:
    """Accept connections and never answer; give HOST:PORT."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_unresponsive_services_share_one_timeout() -> None:
    """And the process ends although they still wait: its end waits for no daemon."""
    script = (
        "import sys, threading, time, apprise; "
        "from runner.notify import transport as send; send._WHOLE = 3.0\n"
        "began = time.monotonic()\n"
        "print(send.tell(sys.argv[1:], 't', 'x', 'failure'), time.monotonic() - began < 9)\n"
        "print([thread.daemon for thread in threading.enumerate()])"
    )
    with silent() as address:
        url = f"json://{address}/?rto=300&cto=300"
        done = python(script, url, url + "&x=1", url + "&x=2")

    assert done.stdout.splitlines() == [
        f"{['no answer within 3 s'] * 3} True",
        "[False, True, True, True]",
    ]
    assert done.stderr == ""


def test_apprise_is_imported_only_for_a_notification() -> None:
    """It costs 30 MiB, and each look and each good run would pay."""
    script = (
        "import sys; from runner.backup import run; from runner.cli import tick\n"
        "from runner.notify import dispatch, transport\n"
        "print([name for name in ('apprise', 'requests', 'yaml') if name in sys.modules])"
    )

    assert python(script).stdout == "[]\n"


def test_invalid_addresses_are_named_by_position() -> None:
    """Never by their value."""
    config = configured(secret={"NOTIFY_URLS": f"json://a {TOKEN}\n\nmailto://b {TOKEN}:x "})

    assert [service.label for service in config.receivers.services] == [
        "NOTIFY_URLS: address 1", "NOTIFY_URLS: address 3",
    ]  # fmt: skip
    (problem,) = config.problems
    assert str(problem) == (
        "Secret variable NOTIFY_URLS: not an address such as mailto://…: word 2, 4; using the "
        "others"
    )


@pytest.mark.parametrize("text", ["", " \n"])
def test_without_addresses_there_are_no_services_and_no_problem(text: str) -> None:
    """As in most Secrets."""
    config = configured(secret={"NOTIFY_URLS": text})

    assert (config.receivers.services, config.problems) == ((), ())


def test_a_repeated_address_is_notified_once() -> None:
    """State knows services by their addresses."""
    config = configured(secret={"NOTIFY_URLS": "json://a json://a"})

    assert config.receivers.services == (Service("json://a", "NOTIFY_URLS: address 1"),)


def test_restic_does_not_get_the_addresses() -> None:
    """Nor does a hook."""
    read = configured(secret={"NOTIFY_URLS": "json://a"})
    assert "NOTIFY_URLS" not in read.repository.environment


def test_a_real_ntfy_accepts_both_kinds_of_messages(tmp_path: Path) -> None:
    """By its own variables and by an address for Apprise."""
    with ntfy.serve(tmp_path) as server:
        secret = {
            "NTFY_ENABLED": "true", "NTFY_SERVER": f"http://{server}", "NTFY_TOPIC": "own",
            "NTFY_PRIO": "5", "NOTIFY_URLS": f"ntfy://{server}/through",
        }  # fmt: skip
        config = configured({"BACKUP_STATE_DIR": str(tmp_path)}, secret)
        state = changed(STATE, notify_failures=0)
        given = Session(config, state, Store(tmp_path), Log(), Stop())
        for last in (replace(FAILED, message="no such höst"), LAST):
            run_ended(given, last, NOW)
        own, through = ntfy.messages(server, "own"), ntfy.messages(server, "through")

    assert [message["title"] for message in own] == [message["title"] for message in through]
    assert [message["message"] for message in own] == [message["message"] for message in through]
    assert "no such höst" in own[0]["message"]
    assert [len(own), given.state.reports.notify_failures, own[0]["priority"]] == [2, 0, 5]
