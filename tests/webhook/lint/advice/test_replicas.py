"""`backup-webhook lint`: what stands around a pod, its namespace, claims and replicas."""

import pytest

from tests.webhook.admitting import Json
from tests.webhook.commands import template_of, workload
from tests.webhook.lint.lint_files import Lint, claim, complete, namespace, secret

Output = pytest.CaptureFixture[str]


@pytest.mark.parametrize("value", [None, "yes", "True", True, "false"])
def test_a_namespace_without_the_label_is_an_error(lint: Lint, wiki: Json, value: object) -> None:
    linted = lint(wiki, namespace(value), complete())

    assert (linted.status, linted.report["injected"]) == (1, False)
    assert linted.report["reason"] == "not_enabled"
    message = linted.one("error", "backup.enabled")
    assert ("is missing" if value is None else f"is {value!r}") in message
    assert "kubectl label namespace prod backup.enabled=true" in message


def test_an_unlabelled_namespace_hides_no_other_finding(lint: Lint, wiki: Json) -> None:
    template_of(wiki)["metadata"]["annotations"]["backup.schedule"] = "hourly"

    linted = lint(wiki, namespace(None), secret())

    keys = [finding["key"] for finding in linted.report["findings"]]
    assert keys == ["backup.enabled", "RESTIC_REPOSITORY", "RESTIC_PASSWORD", "backup.schedule"]


def test_a_pods_own_reason_is_reported_in_an_unlabelled_namespace(lint: Lint, wiki: Json) -> None:
    template_of(wiki)["spec"]["volumes"][0] = {"name": "pages", "emptyDir": {}}

    linted = lint(wiki, namespace(None))

    assert linted.report["reason"] == "no_volumes"
    assert len(linted.told("error")) == 2


def test_an_unknown_namespace_is_a_note_with_the_command(lint: Lint, wiki: Json) -> None:
    linted = lint(wiki, namespace(None, "other"), complete())

    assert linted.status == 0
    message = linted.one("note", "backup.enabled")
    assert message.endswith("kubectl label namespace prod backup.enabled=true")


@pytest.mark.parametrize("by", ["label", "flag"])
def test_pod_security_of_the_namespace_counts(lint: Lint, wiki: Json, by: str) -> None:
    template_of(wiki)["metadata"]["annotations"]["backup.run-as"] = "root"
    enforcing = namespace()
    arguments: tuple[str, ...] = ("--pod-security", "restricted")
    if by == "label":
        enforcing["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "restricted"
        arguments = ()

    assert lint(wiki, namespace(), complete()).report["findings"] == []
    linted = lint(wiki, enforcing, complete(), arguments=arguments)
    assert "Pod Security" in linted.one("warning", "backup.run-as")


def test_a_pod_that_is_not_enabled_has_no_finding_about_its_namespace(
    lint: Lint, wiki: Json
) -> None:
    template_of(wiki)["metadata"]["annotations"]["backup.enabled"] = "false"

    assert lint(wiki, namespace(None), secret()).report["findings"] == []


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("Deployment", "spec.replicas"),
        ("StatefulSet", "spec.replicas"),
        ("ReplicaSet", "spec.replicas"),
        ("Rollout", "spec.replicas"),
        ("DaemonSet", "kind"),
    ],
)
def test_replicas_that_share_a_claim_are_named(lint: Lint, pod: Json, kind: str, key: str) -> None:
    manifest = workload(kind, pod)
    if kind != "DaemonSet":
        manifest["spec"]["replicas"] = 2

    linted = lint(manifest)

    assert (linted.status, linted.report["injected"]) == (1, True)
    message = linted.one("warning", key)
    assert "share claim wiki-pages (volume pages)" in message
    assert "one pod only" in message


@pytest.mark.parametrize("replicas", [None, 0, 1, "2"])
def test_a_single_replica_shares_no_claim(lint: Lint, pod: Json, replicas: object) -> None:
    manifest = workload("Deployment", pod)
    manifest["spec"]["replicas"] = replicas

    assert lint(manifest).told("warning") == []


def test_claims_of_templates_are_not_shared(lint: Lint, pod: Json) -> None:
    manifest = workload("StatefulSet", pod)
    manifest["spec"] |= {
        "replicas": 3,
        "volumeClaimTemplates": [{"metadata": {"name": "pages"}}],
    }

    assert lint(manifest).told("warning") == []


def test_a_shared_claim_can_be_left_out_by_backup_volumes(lint: Lint, pod: Json) -> None:
    manifest = workload("StatefulSet", pod)
    template_of(manifest)["spec"]["containers"][0]["volumeMounts"] += [
        {"name": "db", "mountPath": "/db"}
    ]
    manifest["spec"] |= {"replicas": 3, "volumeClaimTemplates": [{"metadata": {"name": "db"}}]}

    message = lint(manifest).one("warning", "spec.replicas")
    assert message.endswith('backup.volumes: "db"')
    template_of(manifest)["metadata"]["annotations"]["backup.volumes"] = "db"
    assert lint(manifest).told("warning") == []


@pytest.mark.parametrize("strategy", [None, {}, {"type": "RollingUpdate"}])
@pytest.mark.parametrize(
    ("mode", "status", "severity"),
    [("ReadWriteOnce", 0, "note"), ("ReadWriteOncePod", 1, "warning")],
)
def test_a_rolling_update_waits_for_a_volume_of_one_node_or_pod(
    lint: Lint, wiki: Json, strategy: object, mode: str, status: int, severity: str
) -> None:
    wiki["spec"] |= {"replicas": 1, "strategy": strategy}

    linted = lint(wiki, namespace(), complete(), claim("wiki-pages", mode))

    assert (linted.status, len(linted.report["findings"])) == (status, 1)
    message = linted.one(severity, "spec.strategy.type")
    assert message.startswith(f"claim wiki-pages is {mode}, ")
    assert message.endswith("write spec.strategy.type: Recreate")


@pytest.mark.parametrize(
    ("spec", "modes"),
    [
        ({"strategy": {"type": "Recreate"}}, ["ReadWriteOnce"]),
        ({"strategy": {"rollingUpdate": {"maxSurge": 0}}}, ["ReadWriteOnce"]),
        ({"replicas": 0}, ["ReadWriteOnce"]),
        ({}, ["ReadWriteMany"]),
        ({}, ["ReadWriteOnce", "ReadWriteMany"]),
        ({}, []),
        ({}, None),
    ],
)
def test_a_rollout_that_cannot_hang_or_is_unknown_has_no_note(
    lint: Lint, wiki: Json, spec: Json, modes: list[str] | None
) -> None:
    wiki["spec"] |= spec
    claims = [] if modes is None else [claim("wiki-pages", *modes)]

    assert lint(wiki, namespace(), complete(), *claims).report["findings"] == []
