"""`backup-webhook lint`: objects beside a pod that change what its backups are worth."""

import pytest

from tests.webhook.admitting import Json
from tests.webhook.commands import workload
from tests.webhook.lint.lint_files import Lint, namespace

Output = pytest.CaptureFixture[str]


def item(kind: str, spec: Json, name: str = "it") -> Json:
    """Return an object in namespace prod."""
    return {"apiVersion": "x/v1", "kind": kind, "metadata": {"name": name, "namespace": "prod"},
            "spec": spec}  # fmt: skip


_TARGET = {"kind": "Deployment", "name": "wiki"}
_USE = {"target": {"type": "Utilization", "averageUtilization": 60}}
_CPU = {"type": "Resource", "resource": {"name": "cpu", **_USE}}
_VALUE = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue"}}}
_APPS = {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "wiki"}}
SCALERS: list[tuple[Json, bool]] = [
    ({"metrics": [_CPU]}, True),
    ({"targetCPUUtilizationPercentage": 60}, True),
    ({"metrics": [_APPS]}, False),
    ({"metrics": [_VALUE]}, False),
    ({"metrics": None}, False),
]


@pytest.mark.parametrize(("scaling", "said"), SCALERS)
def test_an_autoscaler_by_utilization_counts_the_sidecar(
    lint: Lint, wiki: Json, scaling: Json, said: bool
) -> None:
    scaler = item("HorizontalPodAutoscaler", {"scaleTargetRef": _TARGET, **scaling})

    notes = [note for note in lint(wiki, scaler).told("note") if note["key"] == "spec.metrics"]

    assert len(notes) == said
    assert not said or "ContainerResource" in notes[0]["message"]


@pytest.mark.parametrize(("least", "said"), [(2, True), (1, False), (None, False)])
def test_an_autoscaled_workload_has_pods_that_share_a_claim(
    lint: Lint, wiki: Json, least: int | None, said: bool
) -> None:
    scaler = item("HorizontalPodAutoscaler", {"scaleTargetRef": _TARGET, "minReplicas": least})

    warnings = lint(wiki, scaler).told("warning")

    assert [each["key"] for each in warnings] == ["spec.minReplicas"] * said


_ANY: Json = {"podSelector": {}, "policyTypes": ["Egress"]}
_SELECTED = {"matchLabels": {"app": "wiki"}}
POLICIES: list[tuple[list[Json], str]] = [
    ([_ANY], "warning"),
    ([{**_ANY, "podSelector": _SELECTED}], "warning"),
    ([{**_ANY, "egress": [{"ports": [{"port": 53}]}]}], "note"),
    ([{"podSelector": {}, "egress": [{"to": []}]}], "note"),
    ([_ANY, {**_ANY, "egress": [{}]}], ""),
    ([{**_ANY, "policyTypes": ["Ingress"]}], ""),
    ([{"podSelector": {}, "ingress": []}], ""),
    ([{**_ANY, "podSelector": {"matchLabels": {"app": "other"}}}], ""),
    ([{**_ANY, "podSelector": {"matchExpressions": [
        {"key": "app", "operator": "NotIn", "values": ["wiki"]}]}}], ""),
    ([{**_ANY, "podSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}}],
     "warning"),
]  # fmt: skip


@pytest.mark.parametrize(("policies", "severity"), POLICIES)
def test_a_network_policy_without_egress_for_backups_is_named(
    lint: Lint, wiki: Json, policies: list[Json], severity: str
) -> None:
    made = [item("NetworkPolicy", spec, f"p{n}") for n, spec in enumerate(policies)]

    reports = lint(wiki, *made)

    found = [each for report in reports.reports for each in report["findings"]
             if each["key"] == "spec.egress"]  # fmt: skip
    assert [each["severity"] for each in found] == ([severity] if severity else [])


def test_a_network_policy_of_another_namespace_is_ignored(lint: Lint, wiki: Json) -> None:
    policy = item("NetworkPolicy", _ANY)
    policy["metadata"]["namespace"] = "other"

    assert lint(wiki, policy).told("warning") == []


def _in(key: str, operator: str, *values: str) -> Json:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


SELECTORS: list[tuple[Json | None, bool]] = [
    (None, True),
    ({"matchLabels": {"app": "wiki"}}, True),
    ({"matchLabels": {"app": "wiki", "tier": "web"}}, False),
    ({"matchLabels": {"app": "other"}}, False),
    (_in("app", "In", "wiki", "other"), True),
    (_in("app", "In", "other"), False),
    (_in("app", "NotIn", "other"), True),
    (_in("app", "NotIn", "wiki"), False),
    (_in("tier", "NotIn", "web"), True),
    (_in("app", "Exists"), True),
    (_in("tier", "Exists"), False),
    (_in("app", "DoesNotExist"), False),
    (_in("tier", "DoesNotExist"), True),
    ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
    ({"matchLabels": {"app": "wiki"}, **_in("app", "DoesNotExist")}, False),
    ({"matchLabels": {"app": "other"}, **_in("app", "Exists")}, False),
]


@pytest.mark.parametrize(("selector", "selects"), SELECTORS, ids=str)
def test_a_network_policy_applies_to_pods_that_its_selector_matches(
    lint: Lint, wiki: Json, selector: Json | None, selects: bool
) -> None:
    wiki["spec"]["template"]["metadata"]["labels"] = {"app": "wiki"}

    warnings = lint(wiki, item("NetworkPolicy", {**_ANY, "podSelector": selector})).told("warning")

    assert [each["key"] for each in warnings] == ["spec.egress"] * selects


def test_an_empty_selector_matches_a_pod_without_labels(lint: Lint, wiki: Json) -> None:
    wiki["spec"]["template"]["metadata"].pop("labels", None)

    for selector, count in (({}, 1), (_in("pod-template-hash", "Exists"), 1), (_SELECTED, 0)):
        policy = item("NetworkPolicy", {**_ANY, "podSelector": selector})
        assert len(lint(wiki, policy).told("warning")) == count


def test_network_policies_are_named_in_order(lint: Lint, wiki: Json) -> None:
    policies = [item("NetworkPolicy", _ANY, name) for name in ("two", "one")]

    assert "NetworkPolicy one, two allows no egress" in lint(wiki, *policies).one(
        "warning", "spec.egress"
    )


def test_an_autoscaler_is_named_with_its_metric(lint: Lint, wiki: Json) -> None:
    memory = {"type": "Resource", "resource": {"name": "memory", **_USE}}
    scaling = {"metrics": [memory, _APPS, _CPU]}
    for given, said in (
        (scaling, "by the memory and cpu of"),
        ({"targetCPUUtilizationPercentage": 60}, "by the cpu of"),
    ):
        scaler = item("HorizontalPodAutoscaler", {"scaleTargetRef": _TARGET, **given})
        assert said in lint(wiki, scaler).one("note", "spec.metrics")


_OURS = {"containerName": "backup", "mode": "Off"}
RESIZERS: list[tuple[Json, bool]] = [
    ({}, True),
    *(
        ({"updatePolicy": {"updateMode": mode}}, True)
        for mode in ("Auto", "Recreate", "Initial", "InPlaceOrRecreate")
    ),
    ({"updatePolicy": {"updateMode": "Off"}}, False),
    ({"resourcePolicy": {"containerPolicies": [_OURS]}}, False),
    ({"resourcePolicy": {"containerPolicies": [{"containerName": "wiki", "mode": "Off"}]}}, True),
]


@pytest.mark.parametrize(("resizing", "said"), RESIZERS)
def test_a_vertical_autoscaler_may_starve_the_sidecar(
    lint: Lint, wiki: Json, resizing: Json, said: bool
) -> None:
    resizer = item("VerticalPodAutoscaler", {"targetRef": _TARGET, **resizing})

    notes = [each for each in lint(wiki, resizer).told("note") if "Vertical" in each["message"]]

    assert len(notes) == said


@pytest.mark.parametrize("kind", ["Job", "CronJob"])
@pytest.mark.parametrize(("rule", "said"), [
    ({"onExitCodes": {"operator": "In", "values": [1]}}, True),
    ({"onExitCodes": {"operator": "In", "values": [1], "containerName": "wiki"}}, False),
    ({"onPodConditions": [{"type": "DisruptionTarget"}]}, False),
])  # fmt: skip
def test_a_pod_failure_policy_counts_the_sidecars_exit_codes(
    lint: Lint, pod: Json, kind: str, rule: Json, said: bool
) -> None:
    made = workload(kind, pod)
    spec = made["spec"]["jobTemplate"]["spec"] if kind == "CronJob" else made["spec"]
    spec["podFailurePolicy"] = {"rules": [rule]}

    notes = [each for each in lint(made).told("note") if "podFailurePolicy" in each["key"]]

    assert len(notes) == said


def test_the_pods_of_a_rollouts_workload_are_the_rollouts(lint: Lint, wiki: Json) -> None:
    rollout = item("Rollout", {"workloadRef": _TARGET}, "canary")

    assert lint(wiki, rollout).report["host"] == "canary"
    rollout["metadata"]["namespace"] = "other"
    assert lint(wiki, rollout).report["host"] == "wiki"


def test_a_note_common_to_two_pods_is_printed_once(lint: Lint, wiki: Json) -> None:
    other = {**wiki, "metadata": {"name": "other", "namespace": "prod"}}

    linted = lint(wiki, other)

    assert linted.text.count("namespace prod must have the label") == 1
    assert [len([f for f in report["findings"] if f["key"] == "backup.enabled"])
            for report in linted.reports] == [1, 1]  # fmt: skip
    assert lint(wiki, other, namespace("false")).text.count("error BW016: Namespace prod") == 2


_SELECTING: Json = {"selector": {"matchLabels": {"app": "wiki"}}}


@pytest.mark.parametrize(
    ("replicas", "budget", "said"),
    [
        (None, {"maxUnavailable": 0}, "maxUnavailable 0, 1 pod"),
        (None, {"maxUnavailable": "0%"}, "maxUnavailable 0%"),
        (1, {"minAvailable": 1}, "minAvailable 1, 1 pod"),
        (3, {"minAvailable": 3}, "minAvailable 3, 3 pods"),
        (3, {"minAvailable": "100%"}, "minAvailable 100%"),
        (3, {"minAvailable": 2}, ""),
        (1, {"maxUnavailable": 1}, ""),
        (1, {"minAvailable": "50%"}, ""),
        (1, {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "other"}}}, ""),
    ],
)
def test_a_budget_without_an_eviction_is_a_note(
    lint: Lint, wiki: Json, replicas: int | None, budget: Json, said: str
) -> None:
    wiki["spec"] |= {"replicas": replicas, "strategy": {"type": "Recreate"}}
    wiki["spec"]["template"]["metadata"]["labels"] = {"app": "wiki"}

    told = lint(wiki, item("PodDisruptionBudget", {**_SELECTING, **budget})).told("note")

    notes = [each["message"] for each in told if each["rule"] == "BW038"]

    assert len(notes) == bool(said)
    assert not said or said in notes[0]
