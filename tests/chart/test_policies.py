"""The policies: what they know is what the webhook knows, and only one of them refuses."""

import json
import re
from typing import Any

import pytest

from contract.annotations import settings
from tests.chart.rendering import Json, of_kind, one
from tests.cluster.programs.release import NAME

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
    ("values", "silent"),
    [
        ((), ["", "never"]),
        (("sidecar.defaults.restore=never",), ["", "never"]),
        (("sidecar.defaults.restore=if-empty",), ["never"]),
        (("sidecar.defaults.schedule=off",), ["", "never"]),
    ],
)
def test_a_default_restore_applies_to_pods_without_the_annotation(
    values: tuple[str, ...], silent: list[str]
) -> None:
    (condition,) = [
        each["expression"]
        for each in _spec(RESTORE, *values)["matchConditions"]
        if each["name"] == "asks-for-a-restore"
    ]

    assert condition.endswith(f" in {silent})".replace('"', "'"))


def test_policies_know_the_settings_of_the_contract() -> None:
    assert json.loads(_variables()["known"]) == list(BY_ANNOTATION)


def test_policies_and_webhook_agree_on_unknown_keys() -> None:
    allowed = set(re.findall(r"'(backup\.[a-z]+)'", _variables()["unknown"]))

    assert allowed | BY_ANNOTATION.keys() == settings._KNOWN


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
