"""Metrics of coverage: which pods have a backup and which have none."""

from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from webhook.coverage.background import BackgroundScan
from webhook.server.metrics import OTHERS

_NAMESPACES = 1000  # that have series of their own


class Coverage(Collector):
    """Made again at each scrape: what is not there any more has no series."""

    def __init__(self, background: BackgroundScan) -> None:
        self._background = background

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield what was seen last."""
        seen = self._background.seen
        looked = GaugeMetricFamily(
            "backup_webhook_coverage_timestamp_seconds",
            "Time of the last scan of all pods; 0 if it is too long ago.",
            value=seen.at if seen else 0.0,
        )
        yield looked
        pods = GaugeMetricFamily(
            "backup_webhook_pods",
            "Running pods that have a backup (protected, outdated), opt out or have to ask "
            "(opted_out, left_out) or should have one (all other reasons).",
            labels=["namespace", "reason"],
        )
        claims = GaugeMetricFamily(
            "backup_webhook_unused_claims",
            "Claims that no pod uses, in namespaces that have opted in.",
            labels=["namespace"],
        )
        if seen:
            for key, number in _bounded(seen.pods).items():
                pods.add_metric(key, number)
            idle = {(namespace, ""): number for namespace, number in seen.claims.items()}
            for (namespace, _), number in _bounded(idle).items():
                claims.add_metric([namespace], number)
        yield from (pods, claims)


def _bounded(counts: Mapping[tuple[str, str], int]) -> Counter[tuple[str, str]]:
    """Return the counts; namespaces beyond the bound share one series."""
    known = set(sorted({namespace for namespace, _ in counts})[:_NAMESPACES])
    bounded: Counter[tuple[str, str]] = Counter()
    for (namespace, reason), number in counts.items():
        bounded[namespace if namespace in known else OTHERS, reason] += number
    return bounded
