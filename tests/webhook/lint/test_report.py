"""`backup-webhook lint`: what would happen to each pod and why."""

import io
import json
from pathlib import Path

import pytest
import yaml

from tests.webhook.admission.corpus.corpus import PODS
from tests.webhook.admitting import Json
from tests.webhook.commands import inject, run, workload
from tests.webhook.lint.lint_files import Lint, complete, namespace
from tests.webhook.manifests.test_inject import KINDS

Output = pytest.CaptureFixture[str]


def _in_prod(kind: str, pod: Json) -> Json:
    manifest = workload(kind, pod)
    manifest["metadata"]["namespace"] = "prod"
    return manifest


@pytest.mark.parametrize("kind", KINDS)
def test_a_correct_workload_has_no_findings(lint: Lint, pod: Json, kind: str) -> None:
    manifest = _in_prod(kind, pod)
    if kind == "DaemonSet":
        pod["spec"]["volumes"][0] = {"name": "pages", "hostPath": {"path": "/srv"}}
        pod["metadata"]["annotations"]["backup.volumes"] = "pages"
        manifest = _in_prod(kind, pod)

    linted = lint(manifest, namespace(), complete())

    assert linted.status == 0
    file = linted.report.pop("file")
    assert file.endswith("/0.yaml")
    assert linted.report.pop("line") > 0
    assert linted.report == {
        "kind": kind, "name": "wiki", "template": "", "namespace": "prod", "reason": "injected",
        "injected": True, "volumes": ["pages"], "restore": None, "schedule": "H * * * *",
        "timezone": "UTC", "secret": "backup-env-configuration",
        "host": {"StatefulSet": "wiki-<ordinal>", "DaemonSet": "wiki-<node>"}.get(kind, "wiki"),
        "findings": [],
    }  # fmt: skip
    assert linted.text.startswith(f"{kind.lower()}/wiki in prod: injected\n  volumes  pages\n")
    assert linted.text.endswith("1 pod, 1 injected; 0 errors, 0 warnings, 0 notes\n")


def test_annotations_decide_which_workloads_are_reported(lint: Lint, pod: Json) -> None:
    pod["metadata"]["annotations"] |= {
        "backup.schedule": "@daily", "backup.timezone": "Europe/Berlin", "backup.name": "my-wiki",
        "backup.volumes": "pages:public tmp", "backup.secret": "other",
    }  # fmt: skip

    report = lint(workload("Deployment", pod)).report

    assert report["schedule"] == "@daily"
    assert report["timezone"] == "Europe/Berlin"
    assert report["host"] == "my-wiki"
    assert report["volumes"] == ["pages/public", "tmp"]
    assert report["secret"] == "other"


@pytest.mark.parametrize("name", PODS)
def test_the_reason_and_every_warning_are_those_of_inject(
    tmp_path: Path, capsys: Output, lint: Lint, name: str
) -> None:
    pod = {**PODS[name], "metadata": {**PODS[name]["metadata"], "namespace": "apps"}}
    linted = lint(pod)
    verdict, *warnings = inject(capsys, tmp_path / "0.yaml").err.splitlines()

    assert verdict.endswith(f": {linted.report['reason']}")
    said = "\n".join(finding["message"] for finding in linted.report["findings"])
    assert [line for line in warnings if line.split(": warning: ", 1)[1] not in said] == []


def test_an_invalid_value_is_a_warning(lint: Lint, pod: Json) -> None:
    pod["metadata"]["annotations"] |= {"backup.schedule": "hourly", "backup.shedule": "@daily"}

    linted = lint(workload("Deployment", pod))

    assert (linted.status, linted.report["schedule"]) == (1, "H * * * *")
    assert "'hourly': write five cron fields" in linted.one("warning", "backup.schedule")
    assert "did you mean backup.schedule?" in linted.one("warning", "backup.shedule")
    assert linted.told("error") == []


@pytest.mark.parametrize(
    ("value", "advice"), [("ja", "write true or false"), (True, 'quote it: "true"')]
)
def test_an_invalid_value_of_enabled_is_an_error(
    lint: Lint, pod: Json, value: object, advice: str
) -> None:
    pod["metadata"]["annotations"]["backup.enabled"] = value

    linted = lint(workload("Deployment", pod))

    assert (linted.status, linted.report["reason"]) == (1, "invalid_value")
    assert advice in linted.one("error", "backup.enabled")
    report = linted.report
    shown = [report[key] for key in ("injected", "volumes", "schedule", "secret", "host")]
    assert shown == [False, [], None, None, None]


def test_a_pod_without_volumes_is_an_error_with_a_remedy(lint: Lint, pod: Json) -> None:
    pod["spec"]["volumes"][0] = {"name": "pages", "emptyDir": {}}

    linted = lint(workload("Deployment", pod))

    assert linted.report["reason"] == "no_volumes"
    assert "name a volume in backup.volumes" in linted.one("error", "spec.volumes")


def test_a_pod_without_a_backup_has_one_error(lint: Lint, pod: Json) -> None:
    pod["spec"]["volumes"][0] = {"name": "pages", "emptyDir": {}}
    pod["metadata"]["annotations"]["backup.schedule"] = "hourly"

    linted = lint(workload("Deployment", pod))

    assert len(linted.told("error")) == 1
    assert linted.one("warning", "backup.schedule")


def test_an_excluded_namespace_is_an_error_for_an_enabled_pod(lint: Lint, pod: Json) -> None:
    manifest = _in_prod("Deployment", pod)
    manifest["metadata"]["namespace"] = "kube-system"

    linted = lint(manifest)

    assert (linted.status, linted.report["reason"]) == (1, "excluded_namespace")
    assert "never injected" in linted.one("error", "backup.enabled")
    assert "kubectl label" not in linted.printed


def test_an_excluded_namespace_is_no_error_for_other_pods(lint: Lint, pod: Json) -> None:
    pod["metadata"]["annotations"] = {"backup.enabled": "false"}
    manifest = _in_prod("Deployment", pod)
    manifest["metadata"]["namespace"] = "kube-system"

    assert lint(manifest).report["findings"] == []


def test_an_injected_pod_has_no_findings(
    tmp_path: Path, capsys: Output, lint: Lint, pod: Json
) -> None:
    lint(workload("Deployment", pod))
    (once,) = inject(capsys, tmp_path / "0.yaml").documents()

    linted = lint(once)

    assert (linted.status, linted.report["reason"]) == (0, "already_injected")
    assert linted.report["injected"] is True
    assert linted.report["findings"] == []


def test_standard_input_and_files_are_checked_together(
    tmp_path: Path, capsys: Output, pod: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(_in_prod("Deployment", pod))))
    others = {"kind": "List", "items": [namespace(), complete()]}
    (tmp_path / "others.yaml").write_text(yaml.safe_dump(others), "utf-8")

    ran = run(capsys, "lint", "-f", str(tmp_path / "others.yaml"), "-f", "-")

    assert (ran.status, ran.err) == (0, "")
    assert ran.out.endswith("1 pod, 1 injected; 0 errors, 0 warnings, 0 notes\n")


@pytest.mark.parametrize(
    ("key", "value", "fix"),
    [("backup.enabled", True, '"true"'), ("backup.keep-daily", 14, '"14"'),
     ("backup.paused", False, '"false"'), ("backup.sqlite", 1.5, '"1.5"')],
)  # fmt: skip
def test_a_setting_that_is_no_text_is_refused_by_kubernetes(
    lint: Lint, pod: Json, key: str, value: object, fix: str
) -> None:
    pod["metadata"]["annotations"][key] = value

    linted = lint(workload("Deployment", pod))

    (error,) = linted.told("error")
    assert linted.status == 1
    assert (error["rule"], error["key"]) == ("BW001", key)
    assert error["message"].endswith(f"is not text, quote it: {fix}; Kubernetes refuses it")
