"""The webhook's metrics. The number of namespace labels is bounded."""

import time
from collections.abc import Callable, Iterator, Mapping, Sized
from datetime import datetime, timedelta
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

from certs.keeper import Status
from contract.names import Reason
from kube.watch import Reflector
from webhook.admission.admit import Admission
from webhook.cluster.circuit_breaker import Verdict
from webhook.cluster.view import Cluster

_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_SIZES = tuple(1024 * 4**power for power in range(7))  # 1 KiB to 4 MiB
_NAMESPACES = 1000  # that have series of their own
OTHERS = "_others"


class Metrics:
    """Everything that /metrics shows, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.admissions = Counter(
            "backup_webhook_admissions", "Admission reviews by result for the pod.",
            ["reason", "namespace"], registry=self.registry,
        )  # fmt: skip
        self.bodies = Histogram(
            "backup_webhook_body_bytes", "Size of admission reviews.",
            buckets=_SIZES, registry=self.registry,
        )  # fmt: skip
        self.in_flight = Gauge(
            "backup_webhook_in_flight", "Admission reviews in progress.",
            registry=self.registry,
        )  # fmt: skip
        self.refused = Counter(
            "backup_webhook_refused_calls", "Requests that were not admission reviews, by HTTP "
            "status.",
            ["status"], registry=self.registry,
        )  # fmt: skip
        self._closed = Counter(
            "backup_webhook_closed_connections", "Connections that the webhook closed: silent for "
            "too long, headers too large, too many (crowded), or a client certificate with "
            "another name (stranger).", ["reason"],
            registry=self.registry,
        )  # fmt: skip
        self.defaulted = Counter(
            "backup_webhook_defaulted_settings", "Settings with an invalid value.",
            ["key"], registry=self.registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "backup_webhook_duration_seconds", "Time to decide on a pod.",
            buckets=_BUCKETS, registry=self.registry,
        )  # fmt: skip
        self._namespaces: set[str] = set()
        self._counters: dict[tuple[Reason, str], Counter] = {}

    def count(self, namespace: str, admission: Admission, seconds: float, size: int) -> None:
        """Count one admission review of ``size`` bytes, and what it took."""
        self._counter(admission.reason, namespace).inc()
        for key in admission.defaulted:
            self.defaulted.labels(key).inc()
        self.seconds.observe(seconds)
        self.bodies.observe(size)

    def _counter(self, reason: Reason, namespace: str) -> Counter:
        if len(self._namespaces) < _NAMESPACES:
            self._namespaces.add(namespace)
        shown = namespace if namespace in self._namespaces else OTHERS
        if (reason, shown) not in self._counters:
            self._counters[reason, shown] = self.admissions.labels(reason.value, shown)
        return self._counters[reason, shown]

    def closed(self, reason: str) -> None:
        """Count a connection that was ended."""
        self._closed.labels(reason).inc()

    def connections(self, gate: Sized) -> None:
        """Show how many connections there are at each scrape."""
        opened = Gauge(
            "backup_webhook_connections", "Open connections to the webhook, including idle ones.",
            registry=self.registry,
        )  # fmt: skip
        opened.set_function(lambda: float(len(gate)))

    def certificates(self, status: Callable[[], Status]) -> None:
        """Show the certificates' state as it is at each scrape."""
        expiry = Gauge(
            "backup_webhook_certificate_expiry_timestamp_seconds",
            "Expiry time of the certificate in use; 0 if there is none.",
            ["kind"], registry=self.registry,
        )  # fmt: skip
        expiry.labels("leaf").set_function(lambda: _seconds(status().leaf_expires))
        expiry.labels("ca").set_function(lambda: _seconds(status().ca_expires))
        life = Gauge(
            "backup_webhook_certificate_lifetime_seconds",
            "Lifetime of the server's certificate in use; 0 if there is none.",
            registry=self.registry,
        )
        life.set_function(lambda: _length(status().leaf_life))
        in_sync = Gauge(
            "backup_webhook_ca_bundle_in_sync",
            "Whether the API server trusts our CA; -1 if the CA bundle is managed elsewhere.",
            registry=self.registry,
        )
        in_sync.set_function(lambda: _tristate(status().bundle_in_sync))

    def cluster(self, cluster: Cluster) -> None:
        """Show what is known of the cluster, and whether it is being followed."""
        unavailable = Gauge(
            "backup_webhook_image_unavailable",
            "1 if a node cannot pull or run the sidecar's image; pods that may run there get none.",
            registry=self.registry,
        )
        unavailable.set_function(lambda: float(bool(cluster.image_problems)))
        refused = Gauge(
            "backup_webhook_refused_owners",
            "Workloads whose pods another policy refuses with a sidecar; they are admitted "
            "without.",
            registry=self.registry,
        )
        refused.set_function(lambda: float(cluster.breaker.count(time.monotonic())))
        self.registry.register(_Breaker(cluster.breaker.tally))
        up = Gauge(
            "backup_webhook_watch_up", "Whether changes in the cluster are seen immediately.",
            ["watch"], registry=self.registry,
        )  # fmt: skip
        for watch in cluster.watches:
            up.labels(watch.name).set_function(partial(_is_up, watch))
        self.sidecars(cluster.sidecars)

    def sidecars(self, known: Callable[[], Mapping[tuple[str, str], int]]) -> None:
        """Show at each scrape whose sidecars there are: a workload that is gone is not missed."""
        self.registry.register(_Sidecars(known))


class _Breaker:
    def __init__(self, tally: Mapping[Verdict, int]) -> None:
        self._tally = tally

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the counter."""
        family = CounterMetricFamily(
            "backup_webhook_breaker_decisions", "Workloads whose reviews suggest that their pods "
            "are refused, by what the API server confirms: confirmed, broken (a sidecar did not "
            "run), suspicious (admitted "
            "without a sidecar briefly) or unconfirmed (injected as usual; forged reviews show "
            "here).",
            labels=["evidence"],
        )  # fmt: skip
        for verdict, count in self._tally.items():
            family.add_metric([verdict.value], count)
        yield family


class _Sidecars:
    def __init__(self, known: Callable[[], Mapping[tuple[str, str], int]]) -> None:
        self._known = known

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauge with all its labels as they are now."""
        family = GaugeMetricFamily(
            "backup_webhook_sidecars", "Pods with a sidecar, by host in the repository.",
            labels=["namespace", "host"],
        )  # fmt: skip
        for labels, pods in self._known().items():
            family.add_metric(labels, pods)
        yield family


def _is_up(watch: Reflector) -> float:
    return float(watch.up)


def _seconds(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0.0


def _length(life: timedelta) -> float:
    return life.total_seconds()


def _tristate(value: bool | None) -> float:
    return -1.0 if value is None else float(value)
