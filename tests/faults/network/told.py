"""What a real Pushgateway and a real ntfy server know of a sidecar's last run."""

import json
import os
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

_SAMPLES = {"namespace": "prod", "instance": "wiki"}
_TROUBLE = {"failure", "warning"}
_NO_NEWS = {"skipped", "interrupted"}


@dataclass(frozen=True, slots=True)
class Receivers:
    """Addresses of running servers, such as http://127.0.0.1:9091."""

    ntfy: str
    pushgateway: str


class Told:
    """A sidecar's own topic, and a Pushgateway that knows nothing yet."""

    def __init__(self, receivers: Receivers) -> None:
        self._receivers = receivers
        self._topic = f"night-{os.urandom(4).hex()}"
        self._known = self._heard = 0
        request = f"{receivers.pushgateway}/api/v1/admin/wipe"
        _get(urllib.request.Request(request, method="PUT"))  # noqa: S310 -- loopback
        self.secret = {
            "NTFY_ENABLED": "true", "NTFY_SERVER": receivers.ntfy, "NTFY_TOPIC": self._topic,
            "PUSHGATEWAY_ENABLED": "true", "PUSHGATEWAY_URL": receivers.pushgateway,
        }  # fmt: skip

    def check(self, status: str, failure: str) -> None:
        """Prove that metrics and messages say how the last run ended, and nothing else."""
        known = self.metrics()
        assert _ones(known, "backup_status/") == {status}
        assert _ones(known, "backup_failure/") == ({failure} if failure else set())
        news = [_kind(message["message"]) for message in self.messages()[self._known :]]
        assert all(one != next_one for one, next_one in pairwise(news)), news
        if status in _NO_NEWS:
            assert len(news) == self._heard, news
        else:
            believed = news[-1] if news and news[-1] != "backup recovered" else ""
            assert believed == (f"backup {status} ({failure})" if status in _TROUBLE else "")
        self._heard = len(news)

    def begin_anew(self) -> None:
        """Let all be told once more: the sidecar has lost its state."""
        self._known, self._heard = len(self.messages()), 0

    def metrics(self) -> dict[str, float]:
        """Return the sidecar's values by series, such as ``backup_status/success``."""
        return metrics(self._receivers.pushgateway)

    def messages(self) -> list[dict[str, Any]]:
        """Return all messages of this sidecar, the oldest first, as ntfy keeps them."""
        lines = _get(f"{self._receivers.ntfy}/{self._topic}/json?poll=1&since=all").splitlines()
        return [json.loads(line) for line in lines]


def metrics(pushgateway: str) -> dict[str, float]:
    """Return prod/wiki's values by series, such as ``backup_status/success``."""
    text = _get(f"{pushgateway}/metrics").decode()
    return {
        "/".join((sample.name, *_own(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.items() >= _SAMPLES.items()
    }


def _own(labels: Iterable[tuple[str, str]]) -> list[str]:
    return [value for key, value in labels if key not in {"job", *_SAMPLES}]


def _ones(known: dict[str, float], name: str) -> set[str]:
    return {key.removeprefix(name) for key, on in known.items() if key.startswith(name) and on}


def _kind(message: str) -> str:
    """Return ``backup failure (auth)`` of ``prod/wiki: backup failure (auth): why``."""
    return message.split(": ")[1]


def _get(url: str | urllib.request.Request) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 -- a loopback address
        body: bytes = answer.read()
    return body
