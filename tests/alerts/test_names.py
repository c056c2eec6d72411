"""Alerts, runbooks and metrics are of one world: none speaks of what another does not know."""

import re

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from certs.keeper import Status
from runner.notify import metrics as notify_metrics
from runner.state.model import Task
from tests.alerts import dashboard, rules
from tests.runner.config.workload import changed, configured
from tests.runner.notify.test_metrics import STATE
from webhook.admission.model import Options
from webhook.cluster.view import Cluster
from webhook.coverage.background import BackgroundScan
from webhook.coverage.classify import AS_WANTED
from webhook.server.coverage_metrics import Coverage
from webhook.server.metrics import Metrics

API_SERVER = {
    "apiserver_admission_webhook_fail_open_count",
    "apiserver_admission_webhook_rejection_count",
    "apiserver_admission_webhook_admission_duration_seconds_bucket",
}
_STRINGS = re.compile(r'"[^"]*"')
_GROUPING = re.compile(r"\b(by|on|ignoring|without|group_left|group_right)\s*\([^)]*\)")
_METRIC = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b(?!\s*\()|\bbackup:[a-z]+\b|\bALERTS\b")


def used(expression: str) -> set[str]:
    """Return the metrics that an expression names: all words with a _ that are no functions."""
    text = _GROUPING.sub("", _STRINGS.sub('""', expression))
    return set(_METRIC.findall(text)) - _label_names(text)


def _label_names(text: str) -> set[str]:
    return set(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)\s*\"", text))


def exported() -> set[str]:
    """Return the names of everything that runner and webhook show, or rules make of it."""
    tasks = {name: Task(success=1) for name in ("forget", "prune", "check", "copy", "verify")}
    metrics = Metrics()
    metrics.certificates(lambda: Status(None, None, None, ""))
    options = Options("image:1")
    metrics.cluster(Cluster("ns", "prepull", options, follow=True))
    metrics.registry.register(Coverage(BackgroundScan(options, seconds=600)))
    texts = [
        notify_metrics.metrics(configured(), changed(STATE, tasks=tasks)),
        notify_metrics.of_maintenance(configured(), changed(STATE, began=1, workloads={"held": 1})),
        generate_latest(metrics.registry).decode(),
    ]
    found = {f.name for text in texts for f in text_string_to_metric_families(text)}
    return {
        *found,
        *(f"{name}_total" for name in found),
        *(f"{name}_{part}" for name in found for part in ("bucket", "sum", "count")),
    } | set(_recorded())


def _recorded() -> list[str]:
    return ["ALERTS", *(rule["record"] for rule in rules.load() if "record" in rule)]


@pytest.mark.parametrize("name", rules.alerts())
def test_metrics_of_an_alert_are_exported(name: str) -> None:
    named = used(rules.alerts()[name]["expr"])

    assert named
    assert named - exported() - API_SERVER == set()


@pytest.mark.parametrize("title", dashboard.panels())
def test_metrics_of_a_panel_are_exported(title: str) -> None:
    for query in dashboard.queries(title):
        assert used(query)
        assert used(query) - exported() - API_SERVER == set()


def test_a_metric_that_is_not_exported_is_detected() -> None:
    expression = (
        'sum by (some_label) (backup_files{state="new"}) > on (x) backup_fils * backup:gone'
    )

    assert used(expression) == {"backup_files", "backup_fils", "backup:gone"}
    assert "backup_fils" not in exported()


def test_every_alert_has_a_section_and_every_section_an_alert() -> None:
    sections = re.findall(r"^## (.+)$", rules.RUNBOOKS.read_text(), re.MULTILINE)

    assert sorted(sections) == sorted(rules.alerts())


@pytest.mark.parametrize("name", rules.alerts())
def test_alert_has_a_summary_a_severity_and_a_runbook(name: str) -> None:
    alert = rules.alerts()[name]
    annotations = alert["annotations"]

    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    assert annotations.keys() == {"summary", "description", "runbook_url"}
    assert annotations["runbook_url"] == f"docs/runbooks.md#{name.lower()}"
    assert "Next: " in annotations["description"]
    assert len(annotations["summary"]) < 100


def test_alert_and_coverage_agree_on_requested_backups() -> None:
    expression = rules.alerts()["BackupPodsUnprotected"]["expr"]
    named = re.search(rf'{rules.COVERAGE}{{reason!~"([^"]+)"}}', expression)

    assert named
    assert set(named[1].split("|")) == set(AS_WANTED)
