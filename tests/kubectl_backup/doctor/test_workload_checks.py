"""Planted faults: the first thing that the doctor calls a problem is the one that was planted."""

import math
from dataclasses import replace

import pytest

from contract.names import Reason
from contract.secret.plaintext import WHY
from kubectl_backup.doctor import cluster_checks, workload_checks
from kubectl_backup.doctor.findings import WEBHOOK, Facts, Finding, Level, Repository
from tests.kubectl_backup.pods import NOW, Json, known, last, pod, task

DAY = 86400.0


def configuration(**changed: object) -> Json:
    """Return the webhook configuration, with a webhook that is changed so."""
    hook = {
        "name": WEBHOOK,
        "failurePolicy": "Ignore",
        "clientConfig": {"caBundle": "Y2E=", "service": {"namespace": "bw", "name": "bw"}},
        "namespaceSelector": {"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]},
        ]},
        **changed,
    }  # fmt: skip
    return {"metadata": {"name": "bw"}, "webhooks": [hook]}


def deployment(replicas: int = 2, ready: int = 2) -> Json:
    """Return the webhook's Deployment."""
    return {"metadata": {"name": "bw", "namespace": "bw"}, "spec": {"replicas": replicas},
            "status": {"readyReplicas": ready}}  # fmt: skip


def prepull(reason: str = "") -> Json:
    """Return a pod of the pre-pull DaemonSet."""
    state = {"waiting": {"reason": reason}} if reason else {"running": {}}
    return {"metadata": {}, "spec": {"nodeName": "node7"},
            "status": {"containerStatuses": [{"image": "sidecar:1", "state": state}]}}  # fmt: skip


def template(annotations: Json, on_itself: Json | None = None) -> Json:
    """Return the Deployment that is looked at."""
    inner = {"metadata": {"annotations": annotations}}
    return {"metadata": {"annotations": on_itself or {}}, "spec": {"template": inner}}


GOOD = Facts(
    now=NOW,
    namespace="prod",
    server="https://api",
    version=(1, 37),
    configurations=(configuration(),),
    bundle_ends=NOW + 300 * DAY,
    deployment=deployment(),
    prepull=(prepull(),),
    labels={"backup.enabled": "true"},
    trial=pod(),
    workload="deploy/wiki",
    template=template({"backup.enabled": "true"}),
    pods=(pod(),),
    secret="backup-env-configuration",
    keys={"RESTIC_REPOSITORY": True, "RESTIC_PASSWORD": True, "AWS_ACCESS_KEY_ID": True},
    repository=Repository(0, ""),
    known=known(),
)


def problems(facts: Facts) -> list[Finding]:
    """Return what is called a problem, in order."""
    return [each for each in workload_checks.examine(facts) if each.level == Level.PROBLEM]


def test_a_healthy_chain_is_ok_in_every_check() -> None:
    """And the one question is asked all the same."""
    found = list(workload_checks.examine(GOOD))

    assert [(each.subject, each.level) for each in found] == [
        (subject, Level.OK) for subject in (
            "API server", "chart", "certificate", "webhook", "image", "namespace", "admission",
            "annotation", "injection", "sidecar", "Secret", "repository", "last run", "drill",
            "notifications",
        )
    ] + [("password", Level.HINT)]  # fmt: skip
    assert "outside this cluster" in found[-1].text
    assert "get secret backup-env-configuration" in found[-1].remedy


def bare(*, uninjected: str = "", **annotations: str) -> tuple[Json, ...]:
    """Return the pods of a workload without a sidecar."""
    return (pod(reason=uninjected, annotations=annotations),)


def without_annotation(on_itself: Json | None = None) -> Facts:
    """Return facts of a workload whose pods ask for nothing."""
    plain = pod(reason="")
    del plain["metadata"]["annotations"]["backup.enabled"]
    return replace(
        GOOD, pods=(plain,), template=template({}, on_itself), known=None, repository=None
    )


def keys(**changed: bool) -> Json:
    """Return the keys of a Secret."""
    return dict(changed)


WAITING = {"waiting": {"reason": "ImagePullBackOff"}}
OOM = pod()
OOM["status"]["initContainerStatuses"][0]["lastState"] = {"terminated": {"reason": "OOMKilled"}}

FAULTS = {
    "old Kubernetes": (replace(GOOD, version=(1, 28)), "API server", "native sidecars"),
    "no chart": (replace(GOOD, configurations=()), "chart", "not installed"),
    "two charts": (
        replace(GOOD, configurations=(configuration(), configuration())), "chart", "2 times"),
    "failurePolicy Fail": (
        replace(GOOD, configurations=(configuration(failurePolicy="Fail"),)), "chart", "Fail"),
    "no caBundle": (
        replace(GOOD, configurations=(configuration(clientConfig={}),)), "certificate",
        "no caBundle"),
    "unreadable caBundle": (replace(GOOD, bundle_ends=0), "certificate", "is invalid"),
    "expired CA": (replace(GOOD, bundle_ends=NOW - DAY * 3), "certificate", "expired 3d ago"),
    "CA not renewed": (replace(GOOD, bundle_ends=NOW + DAY), "certificate", "expires in 24h"),
    "no Deployment": (replace(GOOD, deployment=None), "webhook", "Deployment does not exist"),
    "webhook scaled to 0": (replace(GOOD, deployment=deployment(0, 0)), "webhook", "scaled to 0"),
    "webhook not ready": (
        replace(GOOD, deployment=deployment(2, 0)), "webhook", "0 of 2 pods ready"),
    "image cannot be pulled": (
        replace(GOOD, prepull=(prepull(), prepull("ErrImagePull"))), "image", "node node7"),
    "namespace without label": (replace(GOOD, labels={}), "namespace", "has no label"),
    "namespace label wrong": (
        replace(GOOD, labels={"backup.enabled": "yes"}), "namespace", "'yes' instead of 'true'"),
    "excluded namespace": (replace(GOOD, namespace="kube-system"), "namespace", "excludes"),
    "webhook not reached": (
        replace(GOOD, trial=pod(reason="")), "admission", "does not reach the webhook"),
    "refused by quota": (replace(GOOD, trial=pod(reason="quota")), "admission", "quota"),
    "annotation missing": (without_annotation(), "annotation", "no annotation backup.enabled"),
    "annotation on the Deployment": (
        without_annotation({"backup.enabled": "true"}), "annotation", "its pod template does not"),
    "annotation mistyped": (
        replace(GOOD, pods=bare(**{"backup.enabled": "ture"})), "annotation", "'ture'"),
    "annotation says no": (
        replace(GOOD, pods=bare(**{"backup.enabled": "off"})), "annotation", "turns backups off"),
    "schedule mistyped": (
        replace(GOOD, pods=(pod(annotations={"backup.schedule": "hourly"}),)), "annotation",
        "backup.schedule 'hourly'"),
    "key mistyped": (
        replace(GOOD, pods=(pod(annotations={"backup.shedule": "@daily"}),)), "annotation",
        "did you mean backup.schedule?"),
    "no pod": (replace(GOOD, pods=()), "pod", "has no pod"),
    "pod older than the label": (replace(GOOD, pods=bare()), "injection", "never saw"),
    "image was away": (
        replace(GOOD, pods=bare(uninjected="image_unavailable")), "injection",
        "image_unavailable"),
    "no volumes": (
        replace(GOOD, pods=bare(uninjected="no_volumes")), "injection", "no_volumes"),
    "sidecar waits": (
        replace(GOOD, pods=(pod(state=WAITING),), known=None), "sidecar", "ImagePullBackOff"),
    "sidecar killed": (replace(GOOD, pods=(OOM,)), "sidecar", "memory"),
    "sidecar restarts": (
        replace(GOOD, pods=(pod(restarts=9),)), "sidecar", "restarted 9 times"),
    "no Secret": (
        replace(GOOD, keys={}, repository=None, known=known(missing="RESTIC_REPOSITORY")),
        "Secret", "Secret backup-env-configuration does not exist"),
    "a newline after the password": (
        replace(GOOD, newlines=("RESTIC_PASSWORD",)), "Secret",
        "RESTIC_PASSWORD ends with a newline"),
    "a newline after the password, as the sidecar says": (
        replace(GOOD, known=known(problems=["RESTIC_PASSWORD: ends with a newline"])), "settings",
        "RESTIC_PASSWORD: ends with a newline"),
    "no repository": (
        replace(GOOD, keys=keys(RESTIC_PASSWORD=True)), "Secret", "RESTIC_REPOSITORY is missing"),
    "no password": (
        replace(GOOD, keys=keys(RESTIC_REPOSITORY=True)), "Secret", "RESTIC_PASSWORD is missing"),
    "password mistyped": (
        replace(GOOD, keys=keys(RESTIC_REPOSITORY=True, RESTIC_PASSWROD=True)), "Secret",
        "did you mean RESTIC_PASSWROD?"),
    "password empty": (
        replace(GOOD, keys=keys(RESTIC_REPOSITORY=True, RESTIC_PASSWORD=False)), "Secret",
        "RESTIC_PASSWORD is empty"),
    "wrong password": (
        replace(GOOD, repository=Repository(12, "")), "repository", "password is wrong"),
    "repository gone": (
        replace(GOOD, repository=Repository(10, "")), "repository", "no longer exists"),
    "repository silent": (
        replace(GOOD, repository=Repository(124, "")), "repository", "does not answer"),
    "repository refuses": (
        replace(GOOD, repository=Repository(1, "Fatal: AccessDenied")), "repository",
        "AccessDenied"),
    "paused": (replace(GOOD, known=known(paused=True)), "schedule", "paused"),
    "schedule off": (replace(GOOD, known=known(next=None)), "schedule", "no run is scheduled"),
    "run missed": (
        replace(GOOD, known=known(next="2026-09-21T05:33:20Z")), "schedule", "due 8h ago"),
    "last run failed": (
        replace(GOOD, known=known(last=last(status="failure", failure="space", message="full"))),
        "last run", "failure (space), 30m ago: full"),
    "retention held": (replace(GOOD, known=known(held=True)), "retention", "lost files"),
    "value in the Secret": (
        replace(GOOD, known=known(problems=["Secret variable KEEP_DAILY 'x': bad"])), "settings",
        "KEEP_DAILY"),
    "drill failed": (
        replace(GOOD, known=known(tasks={"verify": task("failure", None, "a differs")})),
        "drill", "a differs"),
    "check failed": (
        replace(GOOD, known=known(tasks={"check": task("failure", None, "pack damaged")})),
        "check", "pack damaged"),
    "messages lost": (
        replace(GOOD, known=known(notify_failures=4)), "notifications", "4 messages were not"),
    "one message lost": (
        replace(GOOD, known=known(notify_failures=1)), "notifications", "1 message was not"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_named_first(fault: str) -> None:
    """With what to do."""
    facts, subject, text = FAULTS[fault]

    first = problems(facts)[0]

    assert (first.subject, text in first.text) == (subject, True), first
    assert first.remedy


@pytest.mark.parametrize(
    "fault", sorted(set(FAULTS) - {"no Secret", "no chart", "two charts", "password mistyped"})
)
def test_most_faults_give_one_problem(fault: str) -> None:
    """What holds is not blamed."""
    facts, _, _ = FAULTS[fault]

    assert len(problems(facts)) == 1, problems(facts)


HINTS = {
    "credentials without TLS": (
        replace(GOOD, known=known(problems=[f"Secret variable NTFY_TOKEN: sends it {WHY}"])),
        "settings", "NTFY_TOKEN"),
    "never run": (
        replace(GOOD, known=known(last=None, last_success=None)), "last run", "none yet"),
    "new pod": (replace(GOOD, known=known(last=None)), "last run", "last good backup was 30m ago"),
    "unread": (
        replace(GOOD, known=known(last=None, last_success=None, last_success_known=False)),
        "last run", "unknown: "),
    "unread drill": (
        replace(GOOD, known=known(
            tasks={"verify": {**task("", None), "last_success_known": False}})),
        "drill", "unknown: "),
    "interrupted": (
        replace(GOOD, known=known(last=last(status="interrupted"))), "last run", "interrupted"),
    "no drill": (replace(GOOD, known=known(tasks={})), "drill", "no test restore yet"),
    "old drill": (
        replace(GOOD, known=known(tasks={"verify": task("success", "2026-08-01T00:00:00Z")})),
        "drill", "51d ago"),
    "nobody told": (replace(GOOD, known=known(receivers=[])), "notifications", "none are sent"),
    "first repository": (
        replace(GOOD, repository=Repository(10, ""), known=known(last_success=None)),
        "repository", "does not exist yet"),
    "one replica away": (replace(GOOD, deployment=deployment(2, 1)), "webhook", "1 of 2"),
    "unknown key": (
        replace(GOOD, keys={**(GOOD.keys or {}), "AWS_SECRET_ACESS_KEY": True}), "Secret",
        "AWS_SECRET_ACESS_KEY is unknown"),
}  # fmt: skip


@pytest.mark.parametrize("case", HINTS)
def test_hints_are_no_problems(case: str) -> None:
    facts, subject, text = HINTS[case]
    found = list(workload_checks.examine(facts))

    hints = [each for each in found if each.level == Level.HINT]
    assert problems(facts) == []
    assert any(each.subject == subject and text in each.text for each in hints), hints


@pytest.mark.parametrize(
    ("field", "subject"),
    [
        ("configurations", "chart"), ("deployment", "webhook"), ("labels", "namespace"),
        ("trial", "admission"), ("keys", "Secret"), ("repository", "repository"),
        ("known", "last run"),
    ],
)  # fmt: skip
def test_a_check_without_permission_is_neither_ok_nor_a_problem(field: str, subject: str) -> None:
    """Rights are few in many a cluster."""
    empty: Json = {"configurations": (), "labels": {}}
    nothing: Json = {field: empty.get(field)}
    facts = replace(GOOD, untold={field: "you may not"}, **nothing)

    found = {each.subject: each for each in workload_checks.examine(facts)}

    assert (found[subject].level, "you may not" in found[subject].text) == (Level.UNKNOWN, True)


def test_without_a_workload_only_the_cluster_is_checked() -> None:
    found = workload_checks.examine(replace(GOOD, workload="", pods=()))
    assert [each.subject for each in found] == [
        "API server", "chart", "certificate", "webhook", "image", "namespace", "admission",
    ]  # fmt: skip


def test_a_bundle_without_a_ca_is_not_called_expired() -> None:
    assert problems(replace(GOOD, bundle_ends=math.inf)) == []


def test_a_mirror_needs_neither_repository_nor_password() -> None:
    mirror = pod(annotations={"backup.engine": "rclone"})

    assert problems(replace(GOOD, pods=(mirror,), keys=keys(BUP_DST=True), repository=None)) == []


@pytest.mark.parametrize("reason", sorted(set(Reason) - {Reason.INJECTED}))
def test_every_reason_of_the_webhook_has_a_next_step(reason: Reason) -> None:
    (first, *_) = problems(replace(GOOD, pods=bare(uninjected=reason.value)))

    assert (first.subject, bool(first.remedy)) == ("injection", True)


def test_the_dry_run_pod_is_restricted_and_enabled() -> None:
    made = cluster_checks.trial_pod("prod")

    assert made["metadata"]["annotations"]["backup.enabled"] == "true"
    assert made["spec"]["containers"][0]["securityContext"]["runAsNonRoot"] is True
