"""The webhook's own metrics. No label has values that others choose."""

from collections.abc import Callable, Iterable
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from certs.keeper import Status
from contract.names import Reason

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Metrics:
    """Everything that /metrics shows, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.admissions = Counter(
            "backup_webhook_admissions", "Admission reviews by what became of the pod.",
            ["reason"], registry=self.registry,
        )  # fmt: skip
        self.refused = Counter(
            "backup_webhook_refused_calls", "Calls that were no admission review, by HTTP status.",
            ["status"], registry=self.registry,
        )  # fmt: skip
        self.defaulted = Counter(
            "backup_webhook_defaulted_settings", "Settings whose value could not be used.",
            ["key"], registry=self.registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "backup_webhook_duration_seconds", "Time to decide on a pod.",
            buckets=_BUCKETS, registry=self.registry,
        )  # fmt: skip
        for reason in Reason:
            self.admissions.labels(reason.value)  # so that each series starts at 0

    def count(self, reason: Reason, defaulted: Iterable[str], seconds: float) -> None:
        """Count one admission review and what it took."""
        self.admissions.labels(reason.value).inc()
        for key in defaulted:
            self.defaulted.labels(key).inc()
        self.seconds.observe(seconds)

    def certificates(self, status: Callable[[], Status]) -> None:
        """Show the certificates' state as it is at each scrape."""
        expiry = Gauge(
            "backup_webhook_certificate_expiry_timestamp_seconds",
            "When the certificate in use ends; 0 where there is none.",
            ["kind"], registry=self.registry,
        )  # fmt: skip
        expiry.labels("leaf").set_function(lambda: _seconds(status().leaf_expires))
        expiry.labels("ca").set_function(lambda: _seconds(status().ca_expires))
        in_sync = Gauge(
            "backup_webhook_ca_bundle_in_sync",
            "Whether the API server trusts our CA; -1 where somebody else sees to it.",
            registry=self.registry,
        )
        in_sync.set_function(lambda: _tristate(status().bundle_in_sync))

    def image(self, problem: Callable[[], str]) -> None:
        """Show whether the sidecar's image can be had."""
        unavailable = Gauge(
            "backup_webhook_image_unavailable",
            "1 where a pre-pull pod cannot pull the sidecar's image: nothing is injected.",
            registry=self.registry,
        )
        unavailable.set_function(lambda: float(bool(problem())))


def _seconds(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0.0


def _tristate(value: bool | None) -> float:
    return -1.0 if value is None else float(value)
