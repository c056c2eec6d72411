"""The look at the cluster that `serve` has taken now and then, and what /metrics shows of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.webhook.admitting import OPTIONS, Json
from tests.webhook.cluster import lists
from tests.webhook.cluster.lists import Lists
from webhook.coverage.background import BackgroundScan
from webhook.server.coverage_metrics import Coverage
from webhook.server.metrics import Metrics

_CLAIMS = "/api/v1/persistentvolumeclaims"
_PODS = "/api/v1/pods"
_OFTEN = 0.05  # seconds


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lists]:
    """A cluster with the namespace prod, which has opted in, and a pod in it without a backup."""
    with lists.serving() as served:
        monkeypatch.setenv("KUBECONFIG", str(lists.kubeconfig(tmp_path, served.url)))
        labels = {"backup.enabled": "true"}
        served.put("/api/v1/namespaces", [{"metadata": {"name": "prod", "labels": labels}}])
        served.put(_CLAIMS, [{"metadata": {"name": "old", "namespace": "prod"}}])
        yield served


@contextmanager
def looking(seconds: float = _OFTEN) -> Iterator[tuple[BackgroundScan, Metrics]]:
    background, metrics = BackgroundScan(OPTIONS, seconds), Metrics()
    metrics.registry.register(Coverage(background))
    background.start()
    try:
        yield background, metrics
    finally:
        background.stop()


def shown(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Return the samples of coverage, by name and labels."""
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    return {
        (sample.name.removeprefix("backup_webhook_"), *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
        if family.name.endswith(("_pods", "_unused_claims", "_coverage_timestamp_seconds"))
    }


def _until(metrics: Metrics, key: tuple[str, ...], value: float) -> None:
    """Wait until a sample has a value; it comes from another process."""
    _await(lambda: shown(metrics).get(key) == value, f"{key} is {value}")


def _await(holds: Callable[[], bool], what: str) -> None:
    """Wait for another process, which has the lowest priority."""
    end, pause = time.monotonic() + 120, Event()
    while not holds():
        assert time.monotonic() < end, what
        pause.wait(0.02)


def test_no_series_is_exported_before_the_first_scan() -> None:
    metrics = Metrics()
    metrics.registry.register(Coverage(BackgroundScan(OPTIONS, 300)))

    assert shown(metrics) == {("coverage_timestamp_seconds",): 0.0}


def test_pods_are_counted_by_namespace_and_reason(cluster: Lists, pod: Json) -> None:
    pod["metadata"] |= {"name": "wiki-1"}
    cluster.put(_PODS, [pod])
    began = time.time()
    with looking() as (_, metrics):
        _until(metrics, ("pods", "prod", "missed"), 1)
        seen = shown(metrics)
        assert seen.pop(("coverage_timestamp_seconds",)) >= began
        assert seen == {("pods", "prod", "missed"): 1, ("unused_claims", "prod"): 1}

        for path in ("/api/v1/namespaces", _PODS, _CLAIMS):
            cluster.put(path, [])
        # A look that was under way may have seen some of it still.
        only = {("coverage_timestamp_seconds",)}
        _await(lambda: shown(metrics).keys() == only, "nothing else is shown")


def test_a_failed_scan_keeps_the_last_result_and_is_logged_once(
    cluster: Lists, pod: Json, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.put(_PODS, [pod])
    with looking() as (background, metrics):
        _until(metrics, ("pods", "prod", "missed"), 1)
        before = background.seen
        cluster.refused[_PODS] = 403
        refusals = len(cluster.asked) + 9  # three looks
        cluster.wait(lambda: len(cluster.asked) > refusals)

        assert before
        assert shown(metrics)["pods", "prod", "missed"] == 1
        told = [vars(record)["fields"] for record in caplog.records if record.name == "coverage"]
        assert told == [{"problem": "backup-webhook: cannot list pods: HTTP 403 Forbidden"}]

        cluster.refused.clear()
        cluster.put(_PODS, [pod, pod])
        _until(metrics, ("pods", "prod", "missed"), 2)


def test_an_old_scan_is_not_exported(
    cluster: Lists, pod: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would say for ever that all is well."""
    cluster.put(_PODS, [pod])
    with looking(60) as (_, metrics):
        _until(metrics, ("pods", "prod", "missed"), 1)
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 4 * 60)
    assert ("pods", "prod", "missed") in shown(metrics), "a few may fail"

    monkeypatch.setattr("time.time", lambda: now + 4 * 60 + 300)
    assert shown(metrics) == {("coverage_timestamp_seconds",): 0.0}


def test_namespaces_beyond_the_bound_share_one_series(cluster: Lists, pod: Json) -> None:
    names = [f"n{number:04}" for number in range(1100)]
    labels = {"backup.enabled": "true"}
    cluster.put(
        "/api/v1/namespaces", [{"metadata": {"name": each, "labels": labels}} for each in names]
    )
    cluster.put(_PODS, [{**pod, "metadata": {**pod["metadata"], "namespace": n}} for n in names])
    cluster.put(_CLAIMS, [{"metadata": {"name": "old", "namespace": each}} for each in names])
    with looking(60) as (_, metrics):
        _until(metrics, ("pods", "_others", "missed"), 100)

        found = shown(metrics)
        assert found["pods", "n0000", "missed"] == 1
        assert found["unused_claims", "_others"] == 100
        assert len([key for key in found if key[0] == "pods"]) == 1001


def test_the_scanning_process_has_low_priority_and_limits(cluster: Lists) -> None:
    """And ends with the webhook."""
    held, answered = Event(), Event()

    def slow(_: int) -> bytes:
        answered.set()
        held.wait(120)
        return b"{}"

    cluster.crowd(_PODS, 1, slow)
    with looking(60) as (background, _):
        assert answered.wait(120)
        process = background._process
        assert process
        folder = Path(f"/proc/{process.pid}")

        def is_bounded() -> bool:
            """Half of what the chart gives the whole container."""
            limits = (folder / "limits").read_text().splitlines()
            (bound,) = [line.split()[3] for line in limits if line.startswith("Max data")]
            return bound.isdecimal() and int(bound) <= 128 << 20

        def gives_way() -> bool:
            return (folder / "stat").read_text().rpartition(")")[2].split()[16] == "19"

        # Right after it began; by now it may have asked.
        _await(lambda: gives_way() and is_bounded(), "it gives way and is bounded")
    held.set()
    assert process.wait(30) < 0
