"""What the chart hands to Prometheus and Grafana is what lies in manifests/, word for word."""

import json
from pathlib import Path

import yaml

from tests.chart.rendering import of_kind, one

MANIFESTS = Path(__file__).parents[2] / "manifests"
RULES, DASHBOARD = MANIFESTS / "alerts" / "backup.yaml", MANIFESTS / "dashboards" / "backup.json"


def test_alerts_and_dashboard_have_one_source_in_the_chart() -> None:
    """helm reads nothing outside of a chart; who has no helm follows the link."""
    for link in (RULES, DASHBOARD):
        assert link.is_symlink()
        assert link.resolve().parent == MANIFESTS / "chart" / "files"


def test_rules_are_installed_unchanged_with_the_address_of_their_runbooks() -> None:
    given = ("prometheusRule.enabled=true", "prometheusRule.runbooks=https://wiki.example.com/it")
    rules = yaml.safe_load(RULES.read_text())

    assert one("PrometheusRule", given[0])["spec"] == rules
    elsewhere = one("PrometheusRule", *given, "prometheusRule.labels.release=prom")
    assert elsewhere["metadata"]["labels"]["release"] == "prom"
    pages = {
        rule["annotations"]["runbook_url"].partition("#")[0]
        for group in elsewhere["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert pages == {"https://wiki.example.com/it"}


def test_dashboard_is_installed_unchanged_with_grafanas_label() -> None:
    found = one("ConfigMap", "dashboard.enabled=true")

    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(found["data"]["backup.json"]) == json.loads(DASHBOARD.read_text())


def test_neither_is_installed_by_default() -> None:
    assert of_kind("PrometheusRule") == of_kind("ConfigMap") == []


def test_scraping_keeps_the_labels_of_metrics() -> None:
    """Else `namespace` would be the webhook's own, in every count of other namespaces."""
    (endpoint,) = one("ServiceMonitor", "metrics.serviceMonitor.enabled=true")["spec"]["endpoints"]

    assert endpoint["honorLabels"] is True
