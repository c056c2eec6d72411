"""Where a dead-man's switch is called, and what it is told."""

from urllib.parse import parse_qs, urlsplit

from runner.config.notifiers import Pings
from tests.runner.config.workload import configured


def _pings(url: str) -> Pings:
    found = configured(secret={"PING_URL": url}).receivers.pings
    assert found is not None
    return found


def test_a_healthcheck_gets_start_success_and_failure() -> None:
    url = "https://hc.example.com/ping/4f8a?x=1"
    pings = _pings(url)

    assert pings.started() == "https://hc.example.com/ping/4f8a/start?x=1"
    assert pings.ended(good=True, message="m", seconds=1) == url
    assert pings.ended(good=False, message="m", seconds=1) == (
        "https://hc.example.com/ping/4f8a/fail?x=1"
    )


def test_a_push_monitor_gets_only_ends_with_status_message_and_time() -> None:
    pings = _pings("https://kuma.example.com/api/push/4f8a?status=up&msg=OK&ping=")

    assert pings.started() == ""
    for good, status in ((True, "up"), (False, "down")):
        parts = urlsplit(pings.ended(good=good, message="m" * 500, seconds=1.23456))
        assert (parts.netloc, parts.path) == ("kuma.example.com", "/api/push/4f8a")
        assert parse_qs(parts.query) == {
            "status": [status], "msg": ["m" * 200], "ping": ["1.235"],
        }  # fmt: skip


def test_a_disabled_notifier_gets_nothing() -> None:
    named = {"NTFY_SERVER": "https://ntfy.example.com", "NTFY_TOPIC": "t",
             "PUSHGATEWAY_URL": "http://push"}  # fmt: skip

    off = configured(secret={**named, "NTFY_ENABLED": "false", "PUSHGATEWAY_ENABLED": "false"})
    on = configured(secret={**named, "NTFY_ENABLED": "true", "PUSHGATEWAY_ENABLED": "true"})

    assert not off.receivers
    assert (on.receivers.ntfy is None, on.receivers.pushgateway) == (False, "http://push")
