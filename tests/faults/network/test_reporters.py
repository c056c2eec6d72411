"""Whoever is told of a run, and cannot be reached or answers badly: no backup is worse for it."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from demo import receiver
from demo.ports import free_port
from demo.receiver import Receiver
from tests.cluster.work import until
from tests.faults.network import line, told
from tests.faults.network.line import WORKS, Fault, Line, always
from tests.faults.network.told import Receivers, Told
from tests.integration.sidecars import Json, Sidecar
from tests.services import pushgateway

COUNTED = "backup_notify_failures_total"
HANGING = 2 * 5 + 2 * 20  # seconds: pings at both ends, ntfy and Pushgateway
FAULTS = {
    "401": Fault(401, b"unauthorized"),
    "429": Fault(429, b"limit reached"),
    "endless": Fault(500, endless=True),
    "redirected": Fault(302, location="http://127.0.0.1:9"),
    "reset": Fault(reset_after=0),
}
LOST = {
    "ntfy": "ntfy: the message was not delivered",
    "Pushgateway": "Pushgateway: metrics were not delivered",
    "pings": "PING_URL: the ping was not delivered",
}


class Heard:
    """A sidecar that tells all reporters, each over a line of its own."""

    def __init__(self, root: Path, told: Told, ways: dict[str, Line], pings: Receiver) -> None:
        self.told = told
        self.ways = ways
        self.pings = pings
        self.sidecar = Sidecar(root, secret=told.secret)
        (self.sidecar.volume / "page").write_text("some")
        self.point(**{name: way.url for name, way in ways.items()})

    def point(self, **urls: str) -> None:
        """Name other addresses in the Secret."""
        keys = {"ntfy": "NTFY_SERVER", "Pushgateway": "PUSHGATEWAY_URL", "pings": "PING_URL"}
        self.sidecar.change_secret(**{keys[name]: url for name, url in urls.items()})

    def lose(self) -> None:
        """Let nothing arrive any more of what is still on its way."""
        for way in self.ways.values():
            way.rule = always(Fault(reset_after=0))
        until(lambda: not any(way.hanging for way in self.ways.values()), "it is lost", 60)

    def mend(self) -> None:
        """Let every way work."""
        for way in self.ways.values():
            way.rule = always(WORKS)


@pytest.fixture
def heard(tmp_path: Path, receivers: Receivers) -> Iterator[Heard]:
    """All reporters, each over a line of its own that works."""
    with ExitStack() as stack:
        web = stack.enter_context(receiver.running())
        servers = {"ntfy": receivers.ntfy, "Pushgateway": receivers.pushgateway, "pings": web.url}
        ways = {name: stack.enter_context(line.to(url)) for name, url in servers.items()}
        yield Heard(tmp_path, Told(receivers), ways, web)


def _fails_early(sidecar: Sidecar) -> tuple[Json, list[Json]]:
    """Run a backup that a hook forbids; return how it ended, and all lines of its log."""
    sidecar.change_secret(PRE_HOOK="echo 'not today' >&2; exit 7")
    done = sidecar.run("backup-runner", "run")
    lines = [json.loads(text) for text in done.stdout.splitlines()]
    ended = next(each for each in lines if "status" in each)
    assert (done.returncode, ended["class"]) == (1, "config"), done.stdout
    return ended, lines


def _lost(lines: list[Json]) -> list[str]:
    said = [str(each["message"]) for each in lines]
    return sorted(name for name, text in LOST.items() if any(text in each for each in said))


@pytest.mark.parametrize("reporter", LOST)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_receiver_that_responds_with_errors(heard: Heard, reporter: str, fault: str) -> None:
    """The others are told all the same; it is told with the next run."""
    heard.ways[reporter].rule = always(FAULTS[fault])

    ended, lines = _fails_early(heard.sidecar)

    assert "not today" in ended["message"]
    assert _lost(lines) == [reporter]
    assert "no answer within" not in str(lines), "nobody is waited for"
    _is_told_later(heard)


@pytest.mark.parametrize("reporter", LOST)
def test_an_unreachable_receiver(heard: Heard, reporter: str) -> None:
    with line.refused() as address:
        heard.point(**{reporter: f"http://{address}"})

        _, lines = _fails_early(heard.sidecar)

    assert _lost(lines) == [reporter]
    heard.point(**{reporter: heard.ways[reporter].url})
    _is_told_later(heard)


def _is_told_later(heard: Heard) -> None:
    """Prove that the next run tells everyone everything, once, and how often it failed to."""
    heard.mend()

    _, lines = _fails_early(heard.sidecar)

    assert _lost(lines) == []
    heard.told.check("failure", "config")
    assert len(heard.told.messages()) == 1
    assert heard.told.metrics()[COUNTED] >= 1
    assert heard.pings.all[-1].path == "/fail"


def test_receivers_that_all_hang(heard: Heard) -> None:
    """Four deliveries wait for their time each, and no longer; the backup is a success."""
    heard.sidecar.annotate({"backup.forget": "off"})  # it is a delivery of its own
    _fails_early(heard.sidecar)
    heard.sidecar.change_secret(PRE_HOOK="")
    for way in heard.ways.values():
        way.rule = always(Fault(hangs=True))
    began = time.monotonic()

    done = heard.sidecar.run("backup-runner", "run")

    spent = time.monotonic() - began
    lines = [json.loads(text) for text in done.stdout.splitlines()]
    ended = next(each for each in lines if "status" in each)
    assert (done.returncode, ended["status"]) == (0, "success")
    assert _lost(lines) == sorted(LOST)
    assert spent - ended["seconds"] < HANGING + 30
    heard.lose()
    heard.mend()
    assert heard.sidecar.back_up()["status"] == "success"  # and the recovery is told
    heard.told.check("success", "")
    assert heard.told.metrics()[COUNTED] >= 4
    assert len(heard.told.messages()) == 2


def test_a_failure_and_its_recovery_as_notified(heard: Heard) -> None:
    heard.sidecar.change_secret(NTFY_TAG="skull", NTFY_PRIO="5", NTFY_TITLE="Backup broke")
    heard.sidecar.back_up()
    assert heard.told.messages() == []
    for _ in range(2):
        _fails_early(heard.sidecar)
    heard.sidecar.change_secret(PRE_HOOK="")

    heard.sidecar.back_up()

    failed, recovered = heard.told.messages()
    assert (failed["title"], failed["priority"], failed["tags"]) == ("Backup broke", 5, ["skull"])
    assert "not today" in failed["message"]
    assert recovered["title"] == "Backup recovered: prod/wiki"
    assert recovered["tags"] == ["white_check_mark"]
    assert [each.path for each in heard.pings.all] == [
        "/start", "/", "/start", "/fail", "/start", "/fail", "/start", "/",
    ]  # fmt: skip


def test_a_pushgateway_that_lost_its_data(tmp_path: Path) -> None:
    """The next run tells it all, and the time of the last success too."""
    port = free_port()
    sidecar = Sidecar(
        tmp_path, secret={"PUSHGATEWAY_ENABLED": "1", "PUSHGATEWAY_URL": f"127.0.0.1:{port}"}
    )
    (sidecar.volume / "page").write_text("some")
    with pushgateway.serve(tmp_path, port) as url:
        sidecar.back_up()
        before = told.metrics(url)
    with pushgateway.serve(tmp_path, port) as url:
        assert told.metrics(url) == {}

        _fails_early(sidecar)

        after = told.metrics(url)
    good = "backup_last_success_timestamp_seconds"
    assert after["backup_status/failure"] == 1
    assert after[good] == before[good]
    assert after.keys() == before.keys()


@pytest.mark.parametrize("letter", ["x", "ä", "\U0001f4be"])
def test_a_message_that_is_too_long(heard: Heard, letter: str) -> None:
    """It is cut, and stays a message: ntfy makes an attachment of more than 4,095 bytes."""
    heard.sidecar.change_secret(PRE_HOOK=f"printf '{letter}%.0s' $(seq 6000) >&2; exit 1")

    heard.sidecar.back_up(expected=1)

    [message] = heard.told.messages()
    assert "attachment" not in message
    assert 3900 < len(message["message"].encode()) <= 4000
    assert "\ufffd" not in message["message"]
