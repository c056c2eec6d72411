"""A real Prometheus that keeps nothing when it ends, and what it is asked."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from demo.ports import free_port
from tests.cluster.work import until
from tests.services import server
from tests.services.programs import need

Json = dict[str, Any]
_LOOKS = "2s"  # in which a target has to answer, else it is as if it had nothing


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One that runs at ``url``."""

    url: str

    def ready(self) -> bool:
        """Return whether it answers questions."""
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=60):  # noqa: S310 -- loopback
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return False

    def query(self, expression: str) -> list[Json]:
        """Return the samples that an expression gives now."""
        found: list[Json] = self._get("query", query=expression)["result"]
        return found

    def value(self, expression: str) -> float | None:
        """Return the one number that an expression gives; None where it gives none."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else None

    def alerts(self) -> list[Json]:
        """Return the labels of all alerts that fire."""
        alerts = self._get("alerts")["alerts"]
        return [each["labels"] for each in alerts if each["state"] == "firing"]

    def has_ruled(self) -> bool:
        """Return whether each group of its rules was looked at."""
        groups = self._get("rules")["groups"]
        return all(not each["lastEvaluation"].startswith("0001-") for each in groups)

    def range(self, expression: str, start: float, end: float, step: float) -> list[Json]:
        """Return the series that an expression gives between two times."""
        found: list[Json] = self._get(
            "query_range", query=expression, start=start, end=end, step=step
        )["result"]
        return found

    def _get(self, what: str, **parameters: object) -> Json:
        url = f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 -- loopback
            data: Json = json.load(answer)["data"]
        return data


@contextmanager
def serve(
    folder: Path,
    targets: Mapping[str, str],
    rules: Path,
    alertmanager: str,
    flags: Sequence[str] = (),
) -> Iterator[Prometheus]:
    """Serve on a free port of loopback to the end of the block, looking at all every other second.

    ``targets`` are addresses HOST:PORT by their job; labels of their metrics are kept. ``flags``
    are for Prometheus itself. Raises WorkError where it does not start.
    """
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump({
        "global": {"scrape_interval": _LOOKS, "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [
            {"job_name": job, "honor_labels": True, "static_configs": [{"targets": [address]}]}
            for job, address in targets.items()
        ],
    }))  # fmt: skip
    port = free_port()
    argv: tuple[str | Path, ...] = (
        need("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn", *flags,
    )  # fmt: skip
    with server.running("Prometheus", argv, port, folder / "prometheus.log"):
        started = Prometheus(f"http://127.0.0.1:{port}")
        until(started.ready, "Prometheus is ready", 60)  # it listens before it answers
        yield started
