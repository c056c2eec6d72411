"""The one watch loop: what it passes on, how it goes on after an end, how it is closed."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from kubernetes import client

from kube.reader import Json, Reader, Source
from kube.watch import Reflector
from tests.certs.kube import NAMESPACE, SECRET, SECRET_PATH, Kube, serving

PATH = f"/api/v1/namespaces/{NAMESPACE}/secrets"


@dataclass
class Heard:
    """What a listener got."""

    happened: threading.Condition = field(default_factory=threading.Condition)
    events: list[str] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)

    def replace(self, objects: Iterator[Json]) -> None:
        self._add(f"LISTED {len(list(objects))}")

    def change(self, found: Json, event: str) -> None:
        self._add(f"{event} {found['metadata']['resourceVersion']}")

    def listen(self, listening: bool) -> None:
        self._add(f"listening {listening}")

    def report(self, watch: str, problem: str) -> None:
        self.problems.append((watch, problem))

    def until(self, true: Callable[[], bool]) -> None:
        with self.happened:
            assert self.happened.wait_for(true, 30), self.events

    def _add(self, event: str) -> None:
        with self.happened:
            self.events.append(event)
            self.happened.notify_all()


@pytest.fixture
def kube() -> Kube:
    made = Kube()
    made.put(SECRET_PATH, {"kind": "Secret", "data": {}})
    return made


def reader(address: str) -> Reader:
    source = Source(PATH, fields=f"metadata.name={SECRET}", listed=False)
    return Reader(source, lambda: client.ApiClient(client.Configuration(host=address)))


def test_a_watch_without_a_list_forwards_existing_objects_and_each_change(kube: Kube) -> None:
    heard = Heard()
    with serving(kube) as address:
        watch = Reflector("secret", reader(address), heard, heard.report)
        watch.start()
        heard.until(lambda: "ADDED 101" in heard.events)
        kube.put(SECRET_PATH, {"kind": "Secret", "data": {"a": ""}})
        heard.until(lambda: "MODIFIED 102" in heard.events)
        up = watch.up
        watch.close()
        watch.join(30)

    assert up
    assert watch.synced
    assert heard.events == ["listening True", "ADDED 101", "MODIFIED 102", "listening False"]
    assert heard.problems == []


def test_close_ends_an_idle_stream_and_its_thread(kube: Kube) -> None:
    heard = Heard()
    with serving(kube) as address:
        watch = Reflector("idle", reader(address), heard, heard.report)
        watch.start()
        heard.until(lambda: "ADDED 101" in heard.events)
        assert "idle-watch" in {each.name for each in threading.enumerate()}

        watch.close()
        watch.join(30)

        assert "idle-watch" not in {each.name for each in threading.enumerate()}


def test_a_persistent_problem_is_reported_once() -> None:
    heard, attempts = Heard(), threading.Semaphore(0)

    def connect() -> client.ApiClient:
        attempts.release()
        raise ConnectionRefusedError

    watch = Reflector("down", Reader(Source(PATH, listed=False), connect), heard, heard.report)
    watch.start()
    for _ in range(2):
        assert attempts.acquire(timeout=30)
    watch.close()
    watch.join(30)

    assert heard.problems == [("down", "ConnectionRefusedError")]
    assert heard.events == []
