"""The chart's values: what may be given, what is refused, and what is said of each."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from contract import VERSION
from contract.annotations import settings
from tests.chart import rendering
from tests.chart.rendering import EXAMPLES, EXISTING
from tests.cluster.programs.helm import RefusedError
from tests.cluster.programs.release import CHART
from tools import chart_values

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())


def test_version_is_the_projects() -> None:
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert about["version"] == about["appVersion"] == VERSION


@pytest.mark.parametrize("example", ["", *EXAMPLES])
def test_lint_finds_nothing(example: str) -> None:
    given = f"--values={CHART / 'examples' / example}.yaml" if example else "--set=registry=x.io"

    assert "1 chart(s) linted, 0 chart(s) failed" in rendering.helm(
        "lint", "--strict", given, str(CHART)
    )


def test_tables_match_their_sources() -> None:
    """Else: `python -m tools.chart_values`."""
    assert chart_values.README.read_text() == chart_values.readme()
    assert chart_values.ANNOTATIONS.read_text() == chart_values.annotations()


def test_value_without_a_comment_is_detected() -> None:
    with pytest.raises(chart_values.UndocumentedError, match=r"value image\.tag needs"):
        list(chart_values.table('image:\n  tag: ""\n'))


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_sets_no_default(example: str) -> None:
    given = yaml.safe_load((CHART / "examples" / f"{example}.yaml").read_text())

    assert [
        path for path, value in _leaves(given) if dict(_leaves(VALUES)).get(path) == value
    ] == []


def _leaves(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


# The schema


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref", "").removeprefix("#/definitions/")
    return SCHEMA["definitions"][reference] if reference else schema


def _missing(values: dict[str, Any], schema: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield what only one of both knows, but for what may be in a map of any keys."""
    known = schema.get("properties", {})
    if not values or isinstance(schema["additionalProperties"], dict):
        return
    for key in values.keys() ^ known.keys():
        yield prefix + key
    for key in values.keys() & known.keys():
        if isinstance(values[key], dict):
            yield from _missing(values[key], _resolved(known[key]), f"{prefix}{key}.")


def test_schema_covers_all_values() -> None:
    assert set(_missing(VALUES, SCHEMA)) == {"global"}


def _schemas(schema: object) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "type" in schema and not isinstance(schema["type"], dict):
            yield schema
        for below in schema.values():
            yield from _schemas(below)


def test_schema_is_strict_except_for_kubernetes_types() -> None:
    objects = [each for each in _schemas(SCHEMA) if each["type"] == "object"]
    # A schema for all keys, such as of labels, is no open door either.
    opened = [each for each in objects if each.get("additionalProperties", True) is True]

    assert opened == [SCHEMA["properties"]["global"], SCHEMA["definitions"]["kubernetes"]]


def test_defaults_are_those_settings_that_the_webhook_knows() -> None:
    known = SCHEMA["properties"]["sidecar"]["properties"]["defaults"]["properties"]

    assert list(known) == [each.key for each in settings.ALL if each != settings.ENABLED]


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("replica=2", "'replica' not allowed"),
        ("sidecar.defaults.shedule=@daily", "'shedule' not allowed"),
        ("webhook.timeout=5", "'timeout' not allowed"),
        ("metrics.servicemonitor.enabled=true", "'servicemonitor' not allowed"),
        ('resources={"limit":{}}', "'limit' not allowed"),
        ('tolerations=[{"operater":"Exists"}]', "'operater' not allowed"),
        ("replicas=-1", "/replicas"),
        ("replicas=0", "/replicas"),
        ("webhook.failurePolicy=Ignored", "/webhook/failurePolicy"),
        ("webhook.timeoutSeconds=31", "/webhook/timeoutSeconds"),
        ("webhook.port=443", "/webhook/port"),
        ("certificates.mode=selfsigned", "/certificates/mode"),
        ("certificates.caDays=0", "/certificates/caDays"),
        ("certificates.leafHours=1e3", "/certificates/leafHours"),
        ("certificates.caDays=2", "certificates.caDays"),
        ("certificates.mode=existing", "certificates.existing.secretName"),
        ("certificates.certManager.duration=90d", "/certificates/certManager/duration"),
        ("certificates.certManager.issuerRef.kind=Issuer", "/certificates/certManager/issuerRef"),
        ("image.digest=sha256:abc", "/image/digest"),
        ("image.pullPolicy=ifNotPresent", "/image/pullPolicy"),
        ("sidecar.image.tag=12", "/sidecar/image/tag"),
        ("retention.floorWithin=7w", "/retention/floorWithin"),
        ("retention.floorLast=-1", "/retention/floorLast"),
        ("retention.graceDays=-1", "/retention/graceDays"),
        ("retention.keepLast=1", "'keepLast' not allowed"),
        ("sidecar.defaults.keep-daily=-7", "/sidecar/defaults/keep-daily"),
        ("clusterName=two words", "/clusterName"),
        ('namespaceExcludes=["Kube_System"]', "/namespaceExcludes/0"),
        ("policies.warn=maybe", "/policies/warn"),
        ("policies.restore=maybe", "/policies/restore"),
        ("maintenance.enable=true", "'enable' not allowed"),
        ("maintenance.secret=Shared", "/maintenance/secret"),
        ("maintenance.schedule=daily", "/maintenance/schedule"),
        ("maintenance.checkSubsets=-1", "/maintenance/checkSubsets"),
        ("maintenance.deadlineSeconds=60", "/maintenance/deadlineSeconds"),
        ("sidecar.defaults.maintenance=others", "/sidecar/defaults/maintenance"),
        ("prometheusRule.enable=true", "'enable' not allowed"),
        ("prometheusRule.runbooks=two words", "/prometheusRule/runbooks"),
        ("dashboard.labels.grafana_dashboard=1", "/dashboard/labels/grafana_dashboard"),
        ("networkPolicy.apiServerPorts=[0]", "/networkPolicy/apiServerPorts/0"),
        ('networkPolicy.metricsNamespaces=["Monitoring"]', "/networkPolicy/metricsNamespaces/0"),
        ("metrics.port=80", "/metrics/port"),
        ('webhook.clientCA.names=["a,b"]', "/webhook/clientCA/names/0"),
        ('extraEnv=[{"name":"BACKUP_WEBHOOK_EXCLUDED_NAMESPACES"}]', "/extraEnv/0/name"),
    ],
)
def test_an_invalid_value_is_refused_by_name(value: str, key: str) -> None:
    with pytest.raises(RefusedError, match=key):
        rendering.text(value)


@pytest.mark.parametrize(
    "values",
    [
        ("global.anything=1",),
        ("certificates.caDays=0.5", "certificates.leafHours=0.1", "certificates.overlapHours=0.1"),
        ("sidecar.defaults.keep-daily=14", "sidecar.defaults.run-as=1000:1000"),
        ('extraEnv=[{"name":"HTTPS_PROXY","value":"http://proxy.example.com"}]',),
        ('affinity={"nodeAffinity":{}}', 'resources={"limits":{"cpu":1,"memory":"1Gi"}}'),
        ("maintenance.enabled=true", "maintenance.schedule=0 3 * * 1-5"),
        (*EXISTING, "fullnameOverride=backups"),
    ],
)
def test_valid_values_are_accepted(values: tuple[str, ...]) -> None:
    assert rendering.objects(*values)
