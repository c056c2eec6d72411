"""Coverage in the chart: a switch, the rights that go with it, and a policy that is off."""

import json

import kubernetes_validate  # type: ignore[import-untyped] # ships no types
import pytest

from tests.chart import rendering
from tests.chart.rendering import EXISTING, Json, objects, of_kind, one
from tests.cluster.programs.helm import RefusedError

_ALONE = (*EXISTING, "prePull.enabled=false", "follow=false")
_VERSIONS = [f"1.{minor}" for minor in range(30, 38)]


def _seconds(*values: str) -> str:
    (container,) = one("Deployment", *values)["spec"]["template"]["spec"]["containers"]
    given = {each["name"]: each.get("value", "") for each in container["env"]}
    return str(given["BACKUP_WEBHOOK_COVERAGE_SECONDS"])


def test_scans_may_only_list_what_they_count() -> None:
    rules = one("ClusterRole", *_ALONE)["rules"]

    assert rules == [{
        "apiGroups": [""],
        "resources": ["namespaces", "persistentvolumeclaims", "pods"],
        "verbs": ["list"],
    }]  # fmt: skip
    assert of_kind("Role", *_ALONE) == []
    assert one("Deployment", *_ALONE)["spec"]["template"]["spec"]["automountServiceAccountToken"]


def test_scans_add_only_claims_to_the_watched_kinds() -> None:
    followed = {
        verb: {kind for rule in one("ClusterRole")["rules"] for kind in rule["resources"]
               if verb in rule["verbs"]}
        for verb in ("list", "watch")
    }  # fmt: skip

    assert followed["list"] - followed["watch"] == {"persistentvolumeclaims"}


def test_disabled_scans_need_no_rights() -> None:
    assert _seconds() == "300"
    assert _seconds("coverage.seconds=60") == "60"
    assert _seconds("coverage.enabled=false", "coverage.seconds=60") == "0"
    assert of_kind("ClusterRole", *_ALONE, "coverage.enabled=false") == []


def test_notes_show_the_command_where_it_may_list() -> None:
    command = "kubectl -n default exec deploy/backup-webhook -- backup-webhook coverage"

    assert command in rendering.text(notes=True)
    assert command not in rendering.text("coverage.enabled=false", notes=True)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("coverage.policy=refuse", "/coverage/policy"),
        ("coverage.seconds=1", "/coverage/seconds"),
        ("coverage.enable=true", "'enable' not allowed"),
    ],
)
def test_an_invalid_value_is_refused_by_name(value: str, key: str) -> None:
    with pytest.raises(RefusedError, match=key):
        rendering.text(value)


# The policy


def _policies(*values: str) -> list[Json]:
    found = [each for each in objects(*values) if "Policy" in each["kind"]]
    return [each for each in found if each["metadata"]["name"] == "backup-webhook-coverage"]


@pytest.mark.parametrize("off", ["off", "false"])
def test_the_policy_is_off_by_default(off: str) -> None:
    """YAML reads an unquoted off as false."""
    assert _policies() == []
    assert _policies(f"coverage.policy={off}") == []


@pytest.mark.parametrize(("policy", "actions"), [("warn", ["Warn", "Audit"]), ("deny", ["Deny"])])
def test_the_policy_applies_only_where_the_webhook_injects(policy: str, actions: list[str]) -> None:
    rule, binding = _policies(f"coverage.policy={policy}")
    (webhook,) = one("MutatingWebhookConfiguration")["webhooks"]

    assert rule["spec"]["failurePolicy"] == "Ignore"
    assert binding["spec"] == {
        "policyName": rule["metadata"]["name"],
        "validationActions": actions,
        "matchResources": {"namespaceSelector": webhook["namespaceSelector"]},
    }


@pytest.mark.parametrize("version", _VERSIONS)
@pytest.mark.parametrize("policy", ["warn", "deny"])
def test_the_policy_is_valid(policy: str, version: str) -> None:
    for each in _policies(f"coverage.policy={policy}"):
        kubernetes_validate.validate(json.loads(json.dumps(each)), version, strict=True)


@pytest.mark.parametrize("policy", ["warn", "deny"])
def test_the_policy_is_refused_where_the_cluster_has_none(policy: str) -> None:
    with pytest.raises(RefusedError, match=r"coverage\.policy needs Kubernetes 1\.30"):
        rendering.text(f"coverage.policy={policy}", kubernetes="1.29.14")
