"""Which pods have a backup and which have none: every reason, and what is no gap."""

import json
import tracemalloc
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace

import pytest

from contract import VERSION
from contract.annotations.namespace import NOTHING
from contract.names import Reason
from tests.webhook.admitting import BAD_NODE, IMAGE, OPTIONS, Json
from webhook.admission.admit import admit
from webhook.admission.model import NamespaceContext, Options
from webhook.coverage.classify import AS_WANTED, Cover, Finding, Report, Survey, is_same, judge


@pytest.fixture
def pod(pod: Json) -> Json:
    """The pod as it runs."""
    pod["metadata"]["name"] = "wiki-6d4cf56db6-abcde"
    return pod


def admitted(pod: Json, options: Options = OPTIONS, around: NamespaceContext | None = None) -> Json:
    """Return the pod as the webhook has let it through."""
    made = deepcopy(pod)
    additions = admit(pod, "prod", options, around or NamespaceContext()).additions
    made["spec"].setdefault("initContainers", []).extend(additions.containers)
    made["spec"]["volumes"] += additions.volumes
    made["metadata"]["annotations"] |= additions.annotations
    return made


def judged(pod: Json, options: Options = OPTIONS, *, opted_in: bool = True) -> str:
    return judge(pod, options, NOTHING if opted_in else None)


def surveyed(*pods: Json, claims: tuple[Json, ...] = (), opted_in: tuple[str, ...] = ("prod",)) -> (
    Report
):  # fmt: skip
    survey = Survey(OPTIONS, dict.fromkeys(opted_in, NOTHING))
    for claim in claims:
        survey.claim({"metadata": claim})
    for each in pods:
        survey.pod(each)
    return survey.report()


# One pod


def test_a_pod_with_the_sidecar_is_protected(pod: Json) -> None:
    assert judged(admitted(pod)) == Cover.PROTECTED
    assert judged(admitted(pod), opted_in=False) == Cover.PROTECTED, "whatever its namespace says"


@pytest.mark.parametrize("value", ["true", "Yes", "1"])
def test_an_enabled_pod_that_the_webhook_never_saw_is_missed(pod: Json, value: str) -> None:
    pod["metadata"]["annotations"]["backup.enabled"] = value

    assert judged(pod) == Cover.MISSED


def test_an_enabled_pod_in_an_unlabelled_namespace_says_so(pod: Json) -> None:
    assert judged(pod, opted_in=False) == Cover.NOT_OPTED_IN


@pytest.mark.parametrize("annotations", [{}, None, {"other": "x"}])
def test_a_pod_without_annotation_is_a_gap_only_with_claims_in_a_labelled_namespace(
    pod: Json, annotations: object
) -> None:
    pod["metadata"]["annotations"] = annotations

    assert judged(pod) == Cover.NOT_ANNOTATED
    assert judged(pod, opted_in=False) == ""
    pod["spec"]["containers"][0]["volumeMounts"] = []
    assert judged(pod) == "", "a volume that nobody mounts"


def test_a_block_device_is_data_too(pod: Json) -> None:
    pod["metadata"]["annotations"] = {}
    container = pod["spec"]["containers"][0]
    container["volumeMounts"] = None
    container["volumeDevices"] = [{"name": "pages", "devicePath": "/dev/x"}]

    assert judged(pod) == Cover.NOT_ANNOTATED
    pod["metadata"]["annotations"] = {"backup.enabled": "true"}
    assert judged(pod) == Reason.NO_VOLUMES


@pytest.mark.parametrize("value", ["false", "off", "0"])
def test_a_disabled_pod_is_no_gap(pod: Json, value: str) -> None:
    pod["metadata"]["annotations"]["backup.enabled"] = value

    assert judged(pod) == Cover.OPTED_OUT
    assert Cover.OPTED_OUT in AS_WANTED
    assert judged(pod, opted_in=False) == ""


@pytest.mark.parametrize("annotations", [{}, {"backup.enabled": "true"}])
def test_an_excluded_namespace_is_reported(pod: Json, annotations: Json) -> None:
    pod["metadata"]["annotations"] = annotations
    options = replace(OPTIONS, excluded_namespaces=frozenset({"prod"}))

    assert judged(pod, options) == Reason.EXCLUDED_NAMESPACE


@pytest.mark.parametrize(
    ("around", "reason"),
    [
        (NamespaceContext((BAD_NODE,)), Reason.IMAGE_UNAVAILABLE),
        (NamespaceContext(refused=True), Reason.REFUSED_ELSEWHERE),
    ],
)
def test_the_reason_at_admission_counts_even_if_it_no_longer_applies(
    pod: Json, around: NamespaceContext, reason: Reason
) -> None:
    assert judged(admitted(pod, around=around)) == reason


@pytest.mark.parametrize(
    "reason",
    sorted(set(Reason) - {"injected", "already_injected", "not_enabled", "not_a_pod_create"}),
)
def test_every_reason_of_a_pod_without_a_sidecar_is_reported(pod: Json, reason: str) -> None:
    pod["metadata"]["annotations"]["backup.status"] = json.dumps({"reason": reason})

    assert judged(pod) == reason
    assert reason not in AS_WANTED


@pytest.mark.parametrize(
    "status",
    ['{"reason":"injected"}', '{"reason":"whatever"}', '{"reason":["quota"]}', "[1]", "{", "",
     "[" * 100_000],
)  # fmt: skip
def test_a_status_annotation_of_another_author_gives_no_reason(pod: Json, status: str) -> None:
    pod["metadata"]["annotations"]["backup.status"] = status

    assert judged(pod) == Cover.MISSED


def test_a_pod_annotated_later_has_the_reason_that_it_would_get_now(pod: Json) -> None:
    pod["metadata"]["annotations"]["backup.enabled"] = "ja"
    assert judged(pod) == Reason.INVALID_VALUE

    pod["metadata"]["annotations"]["backup.enabled"] = "true"
    pod["spec"]["nodeSelector"] = {"kubernetes.io/os": "windows"}
    assert judged(pod) == Reason.WINDOWS


@pytest.mark.parametrize("annotations", [{}, {"backup.enabled": "true"}])
@pytest.mark.parametrize(
    "change",
    [
        {"status": {"phase": "Succeeded"}},
        {"status": {"phase": "Failed"}},
        {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}},
    ],
)
def test_a_completed_or_terminating_pod_is_skipped(
    pod: Json, annotations: Json, change: dict[str, Json]
) -> None:
    pod["metadata"]["annotations"] = annotations
    for key, value in change.items():
        pod[key] = {**pod.get(key, {}), **value}

    assert judged(pod) == ""


# The sidecar's version


def test_a_sidecar_of_another_version_is_outdated_but_no_gap(pod: Json) -> None:
    made = admitted(pod)
    status = json.loads(made["metadata"]["annotations"]["backup.status"])
    assert status["version"] == VERSION
    made["metadata"]["annotations"]["backup.status"] = json.dumps({**status, "version": "0.0.1"})

    assert judged(made) == Cover.OUTDATED
    assert Cover.OUTDATED in AS_WANTED


def test_a_sidecar_of_another_image_is_outdated(pod: Json) -> None:
    made = admitted(pod)

    assert judged(made, replace(OPTIONS, image=IMAGE.replace("0123", "4567"))) == Cover.OUTDATED


def test_a_sidecar_with_database_clients_is_current(pod: Json) -> None:
    options = replace(OPTIONS, database_image="backup-sidecar-db:1")
    pod["metadata"]["annotations"]["backup.dump"] = "postgres"

    assert judged(admitted(pod, options), options) == Cover.PROTECTED
    other = replace(options, database_image="backup-sidecar-db:2")
    assert judged(admitted(pod, options), other) == Cover.OUTDATED


def test_a_sidecar_without_its_status_is_judged_by_its_image(pod: Json) -> None:
    made = admitted(pod)
    del made["metadata"]["annotations"]["backup.status"]

    assert judged(made) == Cover.PROTECTED


@pytest.mark.parametrize(
    ("image", "wanted", "same"),
    [
        ("sidecar:1", "sidecar:1", True),
        ("mirror.example.com:5000/hub/sidecar:1", "registry.example.com/sidecar:1", True),
        ("sidecar:1@sha256:aa", "sidecar:1", True),
        ("sidecar@sha256:aa", "sidecar:1", True),
        ("copy@sha256:aa", "sidecar@sha256:aa", True),
        ("sidecar:2", "sidecar:1", False),
        ("sidecar-db:1", "sidecar:1", False),
        ("sidecar@sha256:aa", "sidecar@sha256:bb", False),
        ("sidecar:1", "sidecar@sha256:aa", False),
        ("", "sidecar:1", False),
    ],
)
def test_images_are_compared_without_their_registry(image: str, wanted: str, same: bool) -> None:
    assert is_same(image, wanted) is same


# All pods


def test_pods_of_one_workload_are_one_finding(pod: Json) -> None:
    pod["metadata"]["annotations"] = {}
    other = deepcopy(pod)
    other["metadata"]["name"] = "wiki-6d4cf56db6-fghij"

    report = surveyed(pod, other, admitted(pod | {"metadata": {**pod["metadata"], "annotations": {
        "backup.enabled": "true"}}}))  # fmt: skip

    assert report.findings == (
        Finding("prod", "Deployment", "wiki", "not_annotated", 2, "wiki-6d4cf56db6-abcde"),
    )
    assert report.counts == {("prod", "not_annotated"): 2, ("prod", "protected"): 1}
    assert report.gaps == 2


def test_protected_pods_are_only_counted(pod: Json) -> None:
    out = deepcopy(pod)
    out["metadata"]["annotations"] = {"backup.enabled": "false"}

    report = surveyed(admitted(pod), out)

    assert report.findings == ()
    assert report.gaps == 0
    assert report.counts == {("prod", "opted_out"): 1, ("prod", "protected"): 1}


def test_an_invalid_pod_hides_no_other(pod: Json) -> None:
    odd = deepcopy(pod)
    odd["spec"]["containers"] = [7]

    report = surveyed(odd, pod)

    assert report.counts == {("prod", "internal_error"): 1, ("prod", "missed"): 1}


def test_unused_claims_are_listed(pod: Json) -> None:
    claims: tuple[Json, ...] = (
        {"name": "wiki-pages", "namespace": "prod"},
        {"name": "old", "namespace": "prod"},
        {"name": "elsewhere", "namespace": "other"},
        {"name": "gone", "namespace": "prod", "deletionTimestamp": "2026-01-01T00:00:00Z"},
        {"name": "p-scratch", "namespace": "prod", "ownerReferences": [{"kind": "Pod"}]},
    )
    ended = {**pod, "status": {"phase": "Succeeded"}}

    assert surveyed(ended, claims=claims).unused == (("prod", "old"),), "used again by the next"
    assert surveyed(claims=claims).unused == (("prod", "old"), ("prod", "wiki-pages"))


def test_an_unused_claim_is_no_gap() -> None:
    assert surveyed(claims=({"name": "old", "namespace": "prod"},)).gaps == 0


# Memory


def _crowd(pod: Json, number: int) -> Iterator[Json]:
    """Yield pods of 20 KB each as JSON, none the same object; every tenth has a backup."""
    pod["metadata"]["annotations"] = {}
    pod["spec"]["containers"][0]["env"] = [
        {"name": f"VARIABLE_{each}", "value": "x" * 200} for each in range(80)
    ]
    plain = json.dumps(pod)
    asking = {**pod, "metadata": {**pod["metadata"], "annotations": {"backup.enabled": "true"}}}
    protected = json.dumps(admitted(asking))
    assert len(plain) > 19_000
    for each in range(number):
        made = json.loads(protected if each % 10 == 0 else plain)
        made["metadata"] |= {"name": f"app-{each}", "namespace": f"n{each % 100}"}
        made["metadata"]["ownerReferences"][0] |= {"kind": "StatefulSet", "name": f"app-{each}"}
        made["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] = f"data-app-{each}"
        yield made


def test_ten_thousand_pods_without_backups_need_little_memory(pod: Json) -> None:
    """As many workloads, and a claim each: 200 MB as JSON."""
    namespaces = dict.fromkeys((f"n{number}" for number in range(100)), NOTHING)
    survey = Survey(OPTIONS, namespaces)
    tracemalloc.start()
    for number in range(10_000):
        survey.claim({"metadata": {"name": f"data-app-{number}", "namespace": f"n{number % 100}"}})
    for each in _crowd(pod, 10_000):
        survey.pod(each)
    report = survey.report()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(report.findings) == report.gaps == 9000
    assert sum(report.counts.values()) == 10_000
    assert report.unused == ()
    assert peak < 8 * 2**20


@pytest.mark.parametrize(
    ("limits", "cover"),
    [
        ({"memory": "52Mi", "cpu": "50m"}, Cover.STARVED),
        ({"memory": "256Mi", "cpu": "5m"}, Cover.STARVED),
        ({"memory": "64Mi", "cpu": "10m"}, Cover.PROTECTED),
        ({"memory": "67108864"}, Cover.PROTECTED),
        ({}, Cover.PROTECTED),
        (None, Cover.PROTECTED),
    ],
)
def test_limits_that_were_lowered_after_admission_are_a_gap(
    pod: Json, limits: Json | None, cover: Cover
) -> None:
    made = admitted(pod)
    (sidecar,) = made["spec"]["initContainers"]
    sidecar["resources"] = {"limits": limits, "requests": limits}

    assert judged(made) == cover
    assert Cover.STARVED not in AS_WANTED
