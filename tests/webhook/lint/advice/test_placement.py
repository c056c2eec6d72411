"""`backup-webhook lint`: what stands where nobody reads it, or nowhere."""

import pytest

from tests.webhook.admitting import Json
from tests.webhook.commands import template_of, workload
from tests.webhook.lint.lint_files import Lint, complete, namespace
from tests.webhook.manifests.test_inject import KINDS

Output = pytest.CaptureFixture[str]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "Pod"])
def test_an_annotation_on_the_workload_is_an_error_that_names_the_place(
    lint: Lint, pod: Json, kind: str
) -> None:
    manifest = workload(kind, pod)
    manifest["metadata"]["annotations"] = template_of(manifest)["metadata"].pop("annotations")

    linted = lint(manifest)

    assert (linted.status, linted.report["reason"]) == (1, "not_enabled")
    message = linted.one("error", "backup.enabled")
    assert f"backup.enabled 'true' is on the {kind}" in message
    path = "spec.jobTemplate.spec.template" if kind == "CronJob" else "spec.template"
    assert f"move it to {path}.metadata.annotations" in message
    assert linted.told("note") == []


def test_an_annotation_on_a_cronjobs_job_template_is_an_error(lint: Lint, pod: Json) -> None:
    manifest = workload("CronJob", pod)
    annotations = template_of(manifest)["metadata"].pop("annotations")
    manifest["spec"]["jobTemplate"]["metadata"] = {"annotations": annotations}

    assert "is on the job template" in lint(manifest).one("error", "backup.enabled")


def test_another_setting_on_the_workload_is_a_warning(lint: Lint, pod: Json) -> None:
    manifest = workload("Deployment", pod)
    manifest["metadata"]["annotations"] = {
        "backup.schedule": "@daily", "backup.velero.io/x": "y", "backup.enabled": "true",
    }  # fmt: skip

    linted = lint(manifest)

    assert linted.report["schedule"] == "H * * * *"
    assert "'@daily' is on the Deployment" in linted.one("warning", "backup.schedule")
    assert (linted.told("error"), len(linted.told("warning"))) == ([], 1)


def test_enabled_false_on_the_workload_is_only_a_note(lint: Lint, pod: Json) -> None:
    manifest = workload("Deployment", {**pod, "metadata": {"annotations": {}}})
    manifest["metadata"]["annotations"] = {"backup.enabled": "false"}

    linted = lint(manifest)

    assert (linted.status, len(linted.report["findings"])) == (0, 1)
    assert linted.one("note", "backup.enabled")


@pytest.mark.parametrize("place", ["workload", "template"])
def test_a_label_in_place_of_the_annotation_is_an_error(lint: Lint, pod: Json, place: str) -> None:
    pod["metadata"]["annotations"] = {}
    manifest = workload("Deployment", pod)
    holder = manifest if place == "workload" else template_of(manifest)
    holder["metadata"]["labels"] = {"backup.enabled": "true"}

    linted = lint(manifest)

    assert (linted.status, linted.report["reason"]) == (1, "not_enabled")
    message = linted.one("error", "backup.enabled")
    assert "label backup.enabled 'true'" in message
    assert "add it to spec.template.metadata.annotations" in message
    assert linted.told("note") == []


def test_a_label_in_addition_to_the_annotation_is_no_finding(lint: Lint, pod: Json) -> None:
    manifest = workload("Pod", pod)
    manifest["metadata"]["namespace"] = "prod"
    manifest["metadata"]["labels"] = {"backup.enabled": "true"}

    assert lint(manifest, namespace(), complete()).report["findings"] == []


def test_a_pod_with_claims_and_no_annotation_is_a_note(lint: Lint, pod: Json) -> None:
    pod["metadata"]["annotations"] = {}

    linted = lint(workload("Deployment", pod))

    assert (linted.status, len(linted.report["findings"])) == (0, 1)
    message = linted.one("note", "backup.enabled")
    assert 'pages would not be backed up; write backup.enabled: "true"' in message


def test_enabled_false_and_a_pod_without_claims_have_no_finding(lint: Lint, pod: Json) -> None:
    refused = workload("Deployment", {**pod, "metadata": {"annotations": {"backup.enabled": "no"}}})
    empty = workload("Job", {"metadata": {"annotations": {}}, "spec": {"containers": []}})

    linted = lint(refused, empty)

    assert (linted.status, [report["findings"] for report in linted.reports]) == (0, [[], []])
    assert linted.text == (
        "deployment/wiki: not_enabled\n\njob/wiki: not_enabled\n\n"
        "2 pods, 0 injected; 0 errors, 0 warnings, 0 notes\n"
    )


def test_an_exhausted_quota_in_the_files_is_an_error(lint: Lint, pod: Json) -> None:
    manifest = workload("Deployment", pod)
    manifest["metadata"]["namespace"] = "prod"
    quota = {
        "apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": {"name": "team", "namespace": "prod"}, "spec": {"hard": {"pods": "0"}},
    }  # fmt: skip
    elsewhere = {**quota, "metadata": {"name": "team", "namespace": "other"}}

    refused, free = lint(manifest, quota), lint(manifest, elsewhere)

    assert (refused.status, refused.report["reason"]) == (1, "quota")
    assert "quota team has not enough left of pods" in refused.text
    assert free.report["reason"] == "injected"


MISTYPED = [
    "backup.enable", "backup.enabeld", "backups.enabled", "backup-enabled", "backup_enabled",
    "Backup.Enabled", "BACKUP_ENABLED", "backup/enabled", "bakcup.enabled", "backupenabled",
]  # fmt: skip


@pytest.mark.parametrize("key", MISTYPED)
def test_a_mistyped_enabled_key_is_a_warning(lint: Lint, pod: Json, key: str) -> None:
    pod["metadata"]["annotations"] = {key: "true"}

    linted = lint(workload("Deployment", pod))

    assert (linted.status, linted.report["reason"]) == (1, "not_enabled")
    (warning,) = linted.told("warning")
    assert f"annotation {key} 'true': no such setting" in warning["message"]
    assert "did you mean backup.enabled?" in warning["message"]


FOREIGN = [
    "backup.velero.io/backup-volumes", "k8up.io/backup", "backup.example.net/enabled", "base",
    "build-enabled", "backupinfo", "example.net/backup.enabled",
]  # fmt: skip


@pytest.mark.parametrize("key", FOREIGN)
def test_a_key_of_another_program_is_ignored(lint: Lint, pod: Json, key: str) -> None:
    pod["metadata"]["annotations"] = {key: "true"}

    assert lint(workload("Deployment", pod)).told("warning") == []


def test_a_setting_without_enabled_is_a_warning(lint: Lint, pod: Json) -> None:
    pod["metadata"]["annotations"] = {"backup.schedule": "@daily", "backup.volumes": "pages"}

    message = lint(workload("Deployment", pod)).one("warning", "backup.enabled")

    assert message.startswith("backup.schedule, backup.volumes without backup.enabled: nothing is")
