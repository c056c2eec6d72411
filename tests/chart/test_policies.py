"""The warnings at `kubectl apply`: what they know is what the webhook knows."""

import json
import re
from typing import Any

import pytest

from contract import settings
from tests.chart.rendering import one

BY_ANNOTATION = {setting.annotation: setting for setting in settings.ALL}
SAMPLES = (
    "true", "FALSE", "Yes", "on", "1", "0", "ture", "2", "7", "-1", "0007", "1234567", "1.5", "٣",
    "30d", "1y6m", "d", "30 d", "30D", "root", "Root", "1000", "1000:1000", "1000:", "a:b",
    "off", "OFF", "@daily", "@Hourly", "@yearly", "@ daily", "H * * * *", "H(0-29) 3 * * 1-5",
    "0 3 * *", "0 3 * * * *", "*/5  *\t* * *", "daily", "H/15 9-17 * JAN,FEB MON#1",
    "H/15 9-17 * JAN,FEB MON#9",
)  # fmt: skip


def _variables() -> dict[str, str]:
    """Return the expression of each variable of the policy."""
    found = one("ValidatingAdmissionPolicy")["spec"]["variables"]
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


def test_nothing_is_ever_refused_by_them() -> None:
    assert one("ValidatingAdmissionPolicy")["spec"]["failurePolicy"] == "Ignore"
    assert one("ValidatingAdmissionPolicyBinding")["spec"] == {
        "policyName": "backup-webhook",
        "validationActions": ["Warn", "Audit"],
    }


def test_settings_they_know_are_those_of_the_contract() -> None:
    assert json.loads(_variables()["known"]) == list(BY_ANNOTATION)


def test_keys_they_call_unknown_are_those_that_the_webhook_calls_unknown() -> None:
    allowed = set(re.findall(r"'(backup\.[a-z]+)'", _variables()["unknown"]))

    assert allowed | BY_ANNOTATION.keys() == settings._KNOWN


def test_no_value_is_called_unusable_that_the_webhook_takes() -> None:
    wrong = [
        (annotation, text)
        for annotation, shape in _shapes().items()
        for text in SAMPLES
        if _taken(annotation, text) and not shape.search(text)
    ]

    assert wrong == []


def test_value_that_the_webhook_does_not_take_is_called_unusable() -> None:
    """A schedule must only look like one: its fields are the webhook's to judge."""
    missed = {
        (annotation, text)
        for annotation, shape in _shapes().items()
        for text in SAMPLES
        if shape.search(text) and not _taken(annotation, text)
    }

    fields = "H/15 9-17 * JAN,FEB MON#9"
    assert missed == {("backup.schedule", fields), ("backup.forget", fields)}


def test_advice_is_the_webhooks_own() -> None:
    for annotation, shape in json.loads(_variables()["shapes"]).items():
        setting: settings.Setting[Any] = BY_ANNOTATION[annotation]
        with pytest.raises(ValueError, match="write") as told:
            setting.parse("?")

        assert str(told.value) == "write " + shape["write"]
