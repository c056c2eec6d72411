"""`backup-webhook lint`: pods that end by themselves, and when they are backed up."""

import pytest

from tests.webhook.admitting import Json
from tests.webhook.commands import template_of, workload
from tests.webhook.lint.lint_files import Lint, complete, namespace

KEY = "backup.on-exit"


@pytest.mark.parametrize(
    ("kind", "policy", "said"),
    [
        ("Job", "Never", True),
        ("CronJob", "OnFailure", True),
        ("Pod", "Never", True),
        ("Deployment", "Always", False),
        ("StatefulSet", None, False),
    ],
)
def test_a_pod_that_ends_may_end_before_a_backup_is_due(
    lint: Lint, pod: Json, kind: str, policy: str | None, said: bool
) -> None:
    manifest = workload(kind, pod)
    template_of(manifest)["spec"]["restartPolicy"] = policy

    linted = lint(manifest)

    found = [note["message"] for note in linted.told("note") if note["key"] == KEY]
    assert len(found) == said
    assert not said or f"restartPolicy {policy}" in found[0]
    assert linted.status == 0


@pytest.mark.parametrize(
    ("annotation", "variable", "said"),
    [("true", "", False), ("", "true", False), ("false", "true", True), ("", "maybe", True)],
)
def test_wherever_the_last_backup_is_asked_for(
    lint: Lint, pod: Json, annotation: str, variable: str, said: bool
) -> None:
    pod["metadata"]["annotations"][KEY] = annotation
    manifest = workload("Job", pod)
    manifest["metadata"]["namespace"] = "prod"
    template_of(manifest)["spec"]["restartPolicy"] = "Never"
    known = complete(BACKUP_ON_EXIT=variable)
    known["metadata"]["namespace"] = "prod"

    linted = lint(manifest, known, namespace())

    assert [note["key"] for note in linted.told("note")].count(KEY) == said
