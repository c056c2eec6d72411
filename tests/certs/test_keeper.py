"""The keeper's thread on a real cluster edge: it reacts, it waits, and it never gives up."""

import base64
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta

import pytest

from certs import authority, keeper, own
from certs.authority import Leaf
from certs.keeper import Keeper, StoppedError
from certs.own import OwnCA
from certs.settings import Mode, Settings
from certs.source import Source, View
from tests.certs.conftest import TIMES, hooks
from tests.certs.kube import HOOKS_PATH, SECRET_PATH, Kube
from tests.certs.serving.handshakes import client, connected, echoing, free_port, shake, shown

NewKeeper = Callable[..., Keeper]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let attempts follow each other at once, and looks that nothing calls for never come."""
    monkeypatch.setattr(keeper, "_SHORTEST", 0.005)
    monkeypatch.setattr(own, "_SOON", timedelta(hours=1))
    monkeypatch.setattr(own, "_POLL", timedelta(hours=1))


@pytest.fixture
def new_keeper(replica: Callable[[], OwnCA], kube: Kube) -> Iterator[NewKeeper]:
    """Make keepers that are stopped at the end."""
    with ExitStack() as stack:

        def make(source: Source | None = None) -> Keeper:
            settings = Settings(Mode.SELF, "backup-webhook", "backup", "0.0.0.0", free_port())  # noqa: S104 -- as the server is told
            made = Keeper(settings, source or replica())
            stack.callback(made.stop)
            rescue = threading.Timer(120, made.stop)  # a start that never ends fails instead
            rescue.start()
            stack.callback(rescue.cancel)
            return made

        yield make
        kube.refuse = {}


def _bundle(kube: Kube) -> str:
    first: str = kube.objects[HOOKS_PATH]["webhooks"][0]["clientConfig"].get("caBundle", "")
    return first


def _threads() -> set[str]:
    return {each.name for each in threading.enumerate() if each.name.startswith("certs")}


def test_started_keeper_is_ready_and_serves(new_keeper: NewKeeper) -> None:
    made = new_keeper()
    context = made.start()

    with echoing(context, made._settings.port):
        assert made.ready()
    status = made.status()
    assert status.problem == ""
    assert status.bundle_in_sync is True
    assert status.leaf_expires is not None
    assert status.ca_expires is not None
    assert status.leaf_expires < status.ca_expires


def test_before_the_server_listens_it_is_not_ready(new_keeper: NewKeeper) -> None:
    made = new_keeper()
    made.start()

    assert not made.ready()
    assert "Connection refused" in made.status().problem


def test_wiped_bundle_is_restored_without_waiting_for_a_check(
    new_keeper: NewKeeper, kube: Kube
) -> None:
    new_keeper().start()
    kube.until(lambda: kube.streams == 2)
    before = _bundle(kube)

    for _ in range(3):
        kube.put(HOOKS_PATH, hooks())
        kube.until(lambda: _bundle(kube) == before)


def test_deleted_secret_is_restored_without_waiting_for_a_check(
    new_keeper: NewKeeper, kube: Kube
) -> None:
    new_keeper().start()
    kube.until(lambda: kube.streams == 2)
    before = kube.objects[SECRET_PATH]["data"]

    kube.put(SECRET_PATH, None)

    kube.until(lambda: SECRET_PATH in kube.objects)
    assert kube.objects[SECRET_PATH]["data"] == before


def test_configuration_created_later_gets_the_bundle(new_keeper: NewKeeper, kube: Kube) -> None:
    kube.put(HOOKS_PATH, None)
    made = new_keeper()
    context = made.start()
    with echoing(context, made._settings.port):
        assert not made.ready()
        assert made.status().bundle_in_sync is False

        kube.put(HOOKS_PATH, hooks())
        kube.until(lambda: _bundle(kube) != "")


def test_start_waits_for_the_cluster(new_keeper: NewKeeper, kube: Kube) -> None:
    kube.refuse = {"GET": 503}
    asked = threading.Semaphore(0)
    kube.before = lambda _method, _path: asked.release()
    made = new_keeper()
    thread = threading.Thread(target=made.start)
    thread.start()
    for _ in range(6):
        assert asked.acquire(timeout=60)
    assert thread.is_alive()
    assert "HTTP 503" in made.status().problem

    kube.refuse = {}

    thread.join(60)
    assert not thread.is_alive()
    assert made.status().leaf_expires is not None


def test_stop_interrupts_a_start_that_waits(new_keeper: NewKeeper, kube: Kube) -> None:
    kube.refuse = {"GET": 503}
    asked = threading.Semaphore(0)
    kube.before = lambda _method, _path: asked.release()
    made = new_keeper()
    raised = []

    def start() -> None:
        try:
            made.start()
        except StoppedError as error:
            raised.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    assert asked.acquire(timeout=60)

    made.stop()

    thread.join(60)
    assert len(raised) == 1


def test_stop_ends_all_threads_and_the_context_still_serves(
    new_keeper: NewKeeper, kube: Kube
) -> None:
    made = new_keeper()
    context = made.start()
    kube.until(lambda: kube.streams == 2)
    assert len(_threads()) == 3

    made.stop()

    assert _threads() == set()
    with echoing(context, made._settings.port):
        assert made.ready()


def test_unreachable_api_server_changes_nothing_for_clients(
    new_keeper: NewKeeper, kube: Kube, now: datetime
) -> None:
    made = new_keeper()
    made.tick(now)
    before = made.status()
    kube.refuse = {"GET": 503, "PATCH": 503}

    assert made.tick(now + timedelta(minutes=1))

    assert made.status().leaf_expires == before.leaf_expires
    assert "HTTP 503" in made.status().problem
    with echoing(made._front.context, made._settings.port):
        assert made.ready()


def test_wiped_bundle_that_cannot_be_restored_is_not_ready(
    new_keeper: NewKeeper, kube: Kube, now: datetime
) -> None:
    made = new_keeper()
    made.tick(now)
    kube.refuse = {"PATCH": 403}
    kube.put(HOOKS_PATH, hooks())

    assert made.tick(now + timedelta(minutes=1))

    with echoing(made._front.context, made._settings.port):
        assert not made.ready()
    assert made.status().bundle_in_sync is False
    assert "HTTP 403" in made.status().problem


def test_connection_outlives_a_whole_rotation(
    new_keeper: NewKeeper, kube: Kube, now: datetime
) -> None:
    made, other = new_keeper(), new_keeper()
    start = now - timedelta(minutes=50)  # so that every certificate is good now
    for each in (made, other):
        each.tick(start)
    bundles, serials = set(), set()
    with (
        echoing(made._front.context, made._settings.port) as port,
        connected(port, client(_installed(kube))) as standing,
    ):
        kube.objects[SECRET_PATH]["data"]["rotate"] = ""
        for minute in range(100):
            for each in (other, made):
                each.tick(start + timedelta(minutes=minute))
            bundles.add(_bundle(kube))
            if minute < 50:
                with connected(port, client(_installed(kube))) as fresh:
                    serials.add(shown(fresh))
        standing.sendall(b"still here")
        assert standing.recv(10) == b"still here"

    assert len(bundles) == 3
    assert len(serials) >= 2


def _installed(kube: Kube) -> bytes:
    return base64.b64decode(_bundle(kube))


class _Failing:
    """A source with a bug, whose message quotes a key."""

    def __init__(self, views: list[View]) -> None:
        self._views = views

    def refresh(self, now: datetime) -> View:  # noqa: ARG002 -- the protocol's
        if not self._views:
            raise RuntimeError("-----BEGIN PRIVATE KEY-----")
        return self._views.pop()

    def watch(self, changed: Callable[[], None]) -> None:
        """Watch nothing."""

    def close(self) -> None:
        """Close nothing."""


def test_unexpected_exception_changes_nothing_and_is_not_quoted(
    new_keeper: NewKeeper, leaf: Leaf, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    made = new_keeper(_Failing([View(leaf, now)]))
    assert made.tick(now)

    assert made.tick(now)

    assert "internal error: RuntimeError at " in made.status().problem
    assert made.status().leaf_expires == leaf.expires
    assert "PRIVATE" not in caplog.text


def test_repeated_problem_and_its_end_are_logged_once(
    new_keeper: NewKeeper, kube: Kube, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "certs")
    made = new_keeper()
    kube.refuse = {"GET": 503}
    for _ in range(5):
        made.tick(now)
    kube.refuse = {}
    made.tick(now)

    levels = [record.levelname for record in caplog.records if record.message == "certificates"]
    assert levels == ["WARNING", "INFO"]


def test_context_is_never_replaced(new_keeper: NewKeeper, kube: Kube, now: datetime) -> None:
    made = new_keeper()
    context = made.start()
    trusting = client(_installed(kube))
    first = shake(context, trusting)

    made.tick(now + TIMES.leaf)

    assert made._front.context is context
    assert shake(context, trusting) == shake(context, trusting) != first


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 0.5), (2, 1), (3, 2), (6, 16), (7, 30), (1000, 30)]
)
def test_retries_back_off(
    new_keeper: NewKeeper, monkeypatch: pytest.MonkeyPatch, now: datetime,
    failures: int, seconds: float,
) -> None:  # fmt: skip
    monkeypatch.setattr(keeper, "_SHORTEST", 0.5)
    made = new_keeper()
    made._failures = failures

    assert made._pause(now) == seconds


@pytest.mark.parametrize(("ahead", "seconds"), [(-5, 0), (7, 7), (3600, 60)])
def test_it_checks_when_the_source_requests_and_at_least_each_minute(
    new_keeper: NewKeeper, leaf: Leaf, now: datetime, ahead: float, seconds: float
) -> None:
    made = new_keeper(_Failing([View(leaf, now + timedelta(seconds=ahead))]))
    made.tick(now)

    assert made._pause(now) == seconds


def test_sni_of_the_probe_is_the_services_name(new_keeper: NewKeeper, kube: Kube) -> None:
    context = new_keeper().start()

    for name in authority.names("backup-webhook", "backup"):
        assert shake(context, client(_installed(kube)), name)


class Mounted:
    """A source whose leaf clients verify by any of these bundles, as two webhooks may have them."""

    def __init__(self, leaf: Leaf, *bundles: bytes) -> None:
        self.leaf, self.bundles = leaf, frozenset(bundles)

    def refresh(self, now: datetime) -> View:
        return View(self.leaf, now + timedelta(minutes=1), self.bundles)

    def watch(self, changed: Callable[[], None]) -> None:
        del changed

    def close(self) -> None:
        """Nothing is open."""


def test_one_invalid_bundle_of_two_is_not_ready(
    new_keeper: NewKeeper, leaf: Leaf, ca: authority.CA, now: datetime
) -> None:
    """Each webhook of a configuration has its own, and the API server calls by each.

    A set has its own order: one of two texts of the same bundle is looked at first.
    """
    good = authority.pem(ca.certificate)
    bad = authority.pem(authority.new_ca(now, TIMES.ca).certificate)
    pairs = [(good + b"\n" * number, bad) for number in range(20)]
    firsts = {next(iter(frozenset(pair))) == bad: pair for pair in pairs}
    assert len(firsts) == 2
    for bundles, ready in (
        ((good,), True), (firsts[True], False), (firsts[False], False), ((b"", good), False),
    ):  # fmt: skip
        made = new_keeper(Mounted(leaf, *bundles))
        with echoing(made.start(), made._settings.port):
            assert made.ready() is ready
