"""The policies: what they know is what the webhook knows, and only one of them refuses."""

import json
import re
from typing import Any

import pytest
import yaml

from contract import names
from contract.annotations import namespace, settings
from contract.workloads.left_out import LEFT_OUT
from tests.chart.rendering import Json, of_kind, one, text
from tests.cluster.programs.helm import RefusedError
from tests.cluster.programs.release import CHART, NAME

BY_ANNOTATION = {setting.annotation: setting for setting in settings.ALL}
SAMPLES = (
    "true", "FALSE", "Yes", "on", "1", "0", "ture", "2", "7", "-1", "0007", "1234567", "1.5", "٣",
    "30d", "1y6m", "d", "30 d", "30D", "root", "Root", "1000", "1000:1000", "1000:", "a:b",
    "off", "OFF", "@daily", "@Hourly", "@yearly", "@ daily", "H * * * *", "H(0-29) 3 * * 1-5",
    "0 3 * *", "0 3 * * * *", "*/5  *\t* * *", "daily", "H/15 9-17 * JAN,FEB MON#1",
    "H/15 9-17 * JAN,FEB MON#9", "never", "If-Empty", "required", "if empty", "prod/wiki",
    "prod/Wiki.1", "Prod/wiki", "prod/", "/wiki", "prod/-", "prod/a/b", "-/a", "prod/" + "a" * 203,
)  # fmt: skip
RESTORE = f"{NAME}-restore"


def _spec(name: str, *values: str, kind: str = "ValidatingAdmissionPolicy") -> Json:
    (found,) = [each for each in of_kind(kind, *values) if each["metadata"]["name"] == name]
    spec: Json = found["spec"]
    return spec


def _variables() -> dict[str, str]:
    """Return the expression of each variable of the policy that warns."""
    found = _spec(NAME)["variables"]
    return {each["name"]: each["expression"] for each in found}


def _shapes() -> dict[str, re.Pattern[str]]:
    """Return what the values of an annotation look like, where that is judged."""
    # CEL's expressions are RE2's, which are a part of Python's; \s is ASCII there.
    shapes = json.loads(_variables()["shapes"])
    return {annotation: re.compile(each["is"], re.ASCII) for annotation, each in shapes.items()}


def _taken(annotation: str, text: str) -> bool:
    try:
        BY_ANNOTATION[annotation].parse(text)
    except ValueError:
        return False
    return True


def test_warning_policies_deny_nothing() -> None:
    assert _spec(NAME)["failurePolicy"] == "Ignore"
    assert _spec(NAME, kind="ValidatingAdmissionPolicyBinding") == {
        "policyName": NAME,
        "validationActions": ["Warn", "Audit"],
    }


def test_a_missing_restore_is_denied_even_where_the_policy_errors() -> None:
    assert _spec(RESTORE)["failurePolicy"] == "Fail"
    assert _spec(RESTORE, kind="ValidatingAdmissionPolicyBinding") == {
        "policyName": RESTORE,
        "validationActions": ["Deny"],
    }


def test_only_pods_that_the_webhook_sees_can_be_denied() -> None:
    """Else nothing could ever add what is missing."""
    (webhook,) = one("MutatingWebhookConfiguration")["webhooks"]
    matched = _spec(RESTORE)["matchConstraints"]

    assert matched["namespaceSelector"] == webhook["namespaceSelector"]
    assert matched["resourceRules"] == webhook["rules"]
    assert matched["matchPolicy"] == webhook["matchPolicy"]


@pytest.mark.parametrize(
    ("values", "restored"),
    [
        ((), "false"),
        (("sidecar.defaults.restore=never",), "false"),
        (("sidecar.defaults.restore=if-empty",), "true"),
        (("sidecar.defaults.schedule=off",), "false"),
    ],
)
def test_a_default_restore_applies_to_pods_without_the_annotation(
    values: tuple[str, ...], restored: str
) -> None:
    (variable,) = [
        each["expression"]
        for each in _spec(RESTORE, *values)["variables"]
        if each["name"] == "restored"
    ]

    assert variable.endswith(f" : {restored})")


def test_policies_know_the_settings_of_the_contract() -> None:
    assert json.loads(_variables()["known"]) == list(BY_ANNOTATION)


def test_policies_and_webhook_agree_on_unknown_keys() -> None:
    allowed = set(re.findall(r"'(backup\.[a-z-]+)'", _variables()["unknown"]))

    of_namespaces = {names.PULL_SECRETS_ANNOTATION}
    assert allowed | BY_ANNOTATION.keys() == settings._KNOWN | of_namespaces


def test_policies_and_webhook_agree_on_what_a_namespace_cannot_say() -> None:
    listed = re.findall(r"'(backup\.[a-z-]+)'", _variables()["unshared"])

    assert listed == [setting.annotation for setting in namespace.OF_ONE_WORKLOAD]


def test_chart_and_contract_leave_out_the_same_controllers() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))

    assert values["leftOut"] == list(LEFT_OUT)


@pytest.mark.parametrize(("value", "expected"), [("[]", "none"), ('["Job"]', "Job")])
def test_the_webhook_leaves_out_what_the_chart_does(value: str, expected: str) -> None:
    """An empty variable would stand for the usual list."""
    (webhook,) = of_kind("Deployment", f"leftOut={value}", "enabled=all")
    env = webhook["spec"]["template"]["spec"]["containers"][0]["env"]

    assert {"name": "BACKUP_WEBHOOK_LEFT_OUT", "value": expected} in env


@pytest.mark.parametrize("policy", ["namespaces", "all"])
def test_a_cluster_policy_needs_to_follow_namespaces(policy: str) -> None:
    with pytest.raises(RefusedError, match=f"follow: false, but enabled: {policy} needs it"):
        text(f"enabled={policy}", "follow=false")


def test_policies_warn_of_no_valid_value() -> None:
    wrong = [
        (annotation, text)
        for annotation, shape in _shapes().items()
        for text in SAMPLES
        if _taken(annotation, text) and not shape.search(text)
    ]

    assert wrong == []


def test_policies_warn_of_invalid_values() -> None:
    """A schedule must only look like one: its fields are the webhook's to judge."""
    missed = {
        (annotation, text)
        for annotation, shape in _shapes().items()
        for text in SAMPLES
        if shape.search(text) and not _taken(annotation, text)
    }

    fields = "H/15 9-17 * JAN,FEB MON#9"
    assert missed == {("backup.schedule", fields), ("backup.forget", fields)}


def test_remedies_are_those_of_the_webhook() -> None:
    for annotation, shape in json.loads(_variables()["shapes"]).items():
        setting: settings.Setting[Any] = BY_ANNOTATION[annotation]
        with pytest.raises(ValueError, match="write") as told:
            setting.parse("?")

        assert str(told.value) == "write " + shape["write"]
