"""Real sidecars that report to a real Prometheus, and what webhook and API server show it."""

import json
import os
import shutil
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time
from typing import Any
from urllib.parse import urlencode

from prometheus_client import CollectorRegistry, Gauge, Histogram, start_http_server

from certs.keeper import Status
from contract.names import Reason
from kube.watch import ADDED
from tests.alerts import rules
from tests.blocks import blocks, run
from tests.cluster.work import WorkError, until
from tests.faults.repository import sealing
from tests.integration.sidecars import PASSWORD, Json, Sidecar
from tests.services import alertmanager, ntfy, programs, prometheus, pushgateway
from tests.services.prometheus import Prometheus
from webhook.admission.admit import Admission
from webhook.admission.model import Options
from webhook.cluster import view as webhook_cluster
from webhook.coverage.background import BackgroundScan, Seen
from webhook.server.coverage_metrics import Coverage
from webhook.server.metrics import Metrics

TOPIC = "alerts"
PATIENCE = 120.0
"""Seconds for what comes within four, to be waited for on a machine that does much else."""
_TITLE = "{{.status}}: {{(index .alerts 0).labels.alertname}}"
_MESSAGE = "{{range .alerts}}{{.annotations.summary}}\n{{.annotations.description}}\n{{end}}"
_WEBHOOK = "sidecar.backup-webhook.io"
_MONTH = timedelta(days=30)


_OPTIONS = Options("backup-webhook-sidecar:test")
_DAY = 86_400.0


def _following() -> webhook_cluster.Cluster:
    return webhook_cluster.Cluster("backup-webhook", "prepull", _OPTIONS, follow=True)


@dataclass
class Cluster:
    """What the webhook sees, its metrics as it shows them, and those of an API server."""

    seen: webhook_cluster.Cluster = field(default_factory=_following)
    certificate: timedelta = _MONTH  # how long it still is good
    trusted: bool = True
    background: BackgroundScan = field(
        default_factory=lambda: BackgroundScan(_OPTIONS, seconds=_DAY)
    )
    metrics: Metrics = field(default_factory=Metrics)
    server: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        """Register everything."""
        registry = self.metrics.registry
        self.metrics.certificates(self._status)
        self.metrics.cluster(self.seen)
        self.follows(well=True)
        registry.register(Coverage(self.background))
        self.covers(protected=12)
        self.admits()
        self.open = Gauge(
            "apiserver_admission_webhook_fail_open_count", "A counter there.", ["name", "type"],
            registry=self.server,
        )  # fmt: skip
        self.open.labels(_WEBHOOK, "admit").set(0)
        self.took = Histogram(
            "apiserver_admission_webhook_admission_duration_seconds", "Time.", ["name"],
            buckets=(0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25), registry=self.server,
        )  # fmt: skip
        self.answers(seconds=0.003, times=1)

    def follows(self, *, well: bool) -> None:
        """Let the watches of the webhook work, or not."""
        for watch in self.seen.watches:
            watch._set_up(up=well)

    def comes(self, sidecar: Sidecar) -> None:
        """Let the webhook see a sidecar's pod."""
        pod = {**sidecar.pod, "status": {"phase": "Running"}}
        self.seen._sidecars.change(pod, ADDED)

    def covers(self, **pods: int) -> None:
        """Let the webhook have seen so many pods by reason when it looked at all."""
        found = {("prod", reason): number for reason, number in pods.items()}
        self.background._seen = Seen(found, {"prod": 1}, time())

    def admits(self) -> None:
        """Let the webhook have decided on a pod."""
        self.metrics.count("prod", Admission(Reason.INJECTED), 0.0008, 4000)

    def open_count(self, pods: int) -> None:
        """Let the API server have admitted so many pods without an answer."""
        self.open.labels(_WEBHOOK, "admit").set(pods)

    def answers(self, *, seconds: float, times: int) -> None:
        """Let the API server have waited so long for the webhook."""
        for _ in range(times):
            self.took.labels(_WEBHOOK).observe(seconds)

    def _status(self) -> Status:
        now = datetime.now(UTC)
        ends = now + self.certificate
        return Status(ends, now + _MONTH, self.trusted, "", leaf_life=_MONTH)


class World:
    """Everything that is planted, and all that watches it."""

    def __init__(
        self, folder: Path, cluster: Cluster, ntfy_address: str, push: str, watching: Prometheus
    ) -> None:
        self._folder = folder
        self.cluster = cluster
        self.ntfy = ntfy_address
        self.push = push
        self.prometheus = watching
        self._template = folder / "template"
        sealing.make_quick(self._template, PASSWORD)

    def sidecar(self, name: str, annotations: Mapping[str, str] | None = None) -> Sidecar:
        """Return a sidecar that has not run, with a repository of its own."""
        reports = {"PUSHGATEWAY_ENABLED": "true", "PUSHGATEWAY_URL": self.push}
        root = self._folder / name
        made = Sidecar(root, name=name, annotations=annotations, secret=reports)
        shutil.copytree(self._template, made.repository)
        (made.volume / "page").write_bytes(os.urandom(20_000))
        return made

    def backed_up(
        self, name: str, *, hours_ago: float = 0, seen: bool = True, **annotations: str
    ) -> Sidecar:
        """Return one that has had a good backup, some hours ago by its own clock.

        ``seen``: the webhook sees its pod; without, it is one that is gone.
        """
        made = self.sidecar(name, {f"backup.{k}": v for k, v in annotations.items()})
        usual = made._extra
        if hours_ago:
            faked = {"LD_PRELOAD": str(programs.need("faketime")), "FAKETIME": f"-{hours_ago}h"}
            made._extra = {**usual, **faked}
        made.back_up()
        made._extra = usual
        if seen:
            self.seen(made)
        return made

    def seen(self, sidecar: Sidecar) -> None:
        """Let the webhook see the pod of a sidecar that has reported."""
        self.await_value(f'backup_host_info{{instance="{sidecar.status()["host"]}"}}', 1)
        self.cluster.comes(sidecar)

    def await_value(self, expression: str, value: float) -> None:
        """Wait until Prometheus knows it."""
        is_so = f"{expression} is {value}"
        until(lambda: self.prometheus.value(expression) == value, is_so, PATIENCE)

    def await_alerts(self, alerts: set[str]) -> None:
        """Wait until these fire and no others."""
        try:
            until(lambda: self.firing() == alerts, "the alerts are right", PATIENCE)
        except WorkError:
            found = self.firing()
            assert found == alerts, f"missing: {alerts - found}; too many: {found - alerts}"

    def firing(self) -> set[str]:
        """Return what fires, such as ``BackupOverdue wiki``."""
        return {
            " ".join(filter(None, (each["alertname"], _subject(each))))
            for each in self.prometheus.alerts()
        }

    def await_told(self, titles: set[str]) -> None:
        """Wait until people have heard all these."""
        until(lambda: {m["title"] for m in self.told()} >= titles, "ntfy has them all", PATIENCE)

    def told(self) -> list[dict[str, Any]]:
        """Return all messages of Alertmanager's, the oldest first."""
        return ntfy.messages(self.ntfy, TOPIC)

    def forget(self, name: str) -> None:
        """Delete a workload's report as the documentation says."""
        (delete,) = blocks("docs/runbooks.md", "# Runbooks", "curl")
        path = programs.clients(self._folder / "clients", "curl", "curl")
        real = {"http://PUSHGATEWAY": self.push, "instance/wiki": f"instance/{name}"}
        run(delete, self._folder, {**os.environ, "PATH": path}, real)

    def empty(self) -> None:
        """Let the Pushgateway lose everything, as where it restarts without a disk."""
        self._call("PUT", "/api/v1/admin/wipe")

    def _call(self, method: str, path: str) -> None:
        request = urllib.request.Request(f"{self.push}{path}", method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=60):  # noqa: S310 -- loopback
            pass


def _subject(labels: Mapping[str, str]) -> str:
    return labels.get("host") or labels.get("task", "") + " " * ("task" in labels) + (
        labels.get("instance") or labels.get("namespace", "")
    )


def change_state(sidecar: Sidecar, **tasks: Json) -> None:
    """Change what a sidecar remembers of tasks."""
    file = sidecar.path("/var/lib/backup") / "state.json"
    known = json.loads(file.read_text())
    for name, values in tasks.items():
        known["tasks"].setdefault(name, {}).update(values)
    file.write_text(json.dumps(known))


@contextmanager
def watched(folder: Path) -> Iterator[World]:
    """Run all that watches, to the end of the block."""
    with ExitStack() as services:
        cluster = Cluster()
        address = services.enter_context(ntfy.serve(folder))
        push = services.enter_context(pushgateway.serve(folder))
        shown = {"webhook": cluster.metrics.registry, "apiserver": cluster.server}
        targets = {"pushgateway": push.removeprefix("http://")}
        for job, registry in shown.items():
            http, thread = start_http_server(0, "127.0.0.1", registry)
            services.callback(thread.join)
            services.callback(http.server_close)
            services.callback(http.shutdown)
            targets[job] = f"127.0.0.1:{http.server_port}"
        hook = {"template": "yes", "title": _TITLE, "message": _MESSAGE}
        manager = services.enter_context(
            alertmanager.serve(folder, f"http://{address}/{TOPIC}?{urlencode(hook)}")
        )
        hasty = rules.hasty(folder / "rules.yaml")
        watching = services.enter_context(prometheus.serve(folder, targets, hasty, manager))
        yield World(folder, cluster, address, push, watching)
