"""What a Namespace in the files says about its pods."""

from copy import deepcopy

import pytest

from tests.webhook.admitting import Json
from tests.webhook.commands import workload
from tests.webhook.lint.lint_files import Lint


@pytest.fixture
def quiet(pod: Json) -> Json:
    """A Deployment in prod whose pods say nothing."""
    made = workload("Deployment", deepcopy(pod))
    made["metadata"]["namespace"] = "prod"
    made["spec"]["template"]["metadata"].pop("annotations", None)
    return made


def namespace(**annotations: str) -> Json:
    given = {f"backup.{key.replace('_', '-')}": value for key, value in annotations.items()}
    meta = {"name": "prod", "labels": {"backup.enabled": "true"}, "annotations": given}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}


@pytest.mark.parametrize(
    ("policy", "said", "reason"),
    [
        ("annotated", "true", "not_enabled"), ("namespaces", "true", "injected"),
        ("namespaces", "false", "not_enabled"), ("all", "false", "not_enabled"),
        ("all", "true", "injected"),
    ],
)  # fmt: skip
def test_pods_are_judged_by_their_namespace_and_the_chart(
    lint: Lint, quiet: Json, policy: str, said: str, reason: str
) -> None:
    found = lint(namespace(enabled=said), quiet, arguments=(f"--enabled={policy}",))

    assert found.report["reason"] == reason


def test_a_namespace_that_the_chart_does_not_let_decide_is_named(lint: Lint, quiet: Json) -> None:
    notes = [each["message"] for each in lint(namespace(enabled="true"), quiet).told("note")]

    assert any("counts where the chart's value `enabled` is namespaces or all" in n for n in notes)
    for other in (
        lint(namespace(), quiet),
        lint(namespace(enabled="true"), quiet, arguments=("--enabled=namespaces",)),
        lint(namespace(enabled="false"), quiet),
    ):
        assert "counts where the chart's" not in other.printed


def test_settings_of_the_namespace_count_and_invalid_ones_are_named(
    lint: Lint, quiet: Json
) -> None:
    given = namespace(
        enabled="true", schedule="@daily", keep_daily="many", keep_dayly="3", name="w"
    )

    found = lint(given, quiet, arguments=("--enabled=namespaces",))

    assert found.report["schedule"] == "@daily"
    assert found.report["host"] == "wiki"
    rules = {each["key"]: each["rule"] for each in found.told("warning")}
    assert rules == {
        "backup.keep-daily": "BW006", "backup.keep-dayly": "BW005", "backup.name": "BW006",
    }  # fmt: skip
