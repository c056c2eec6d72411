"""A sidecar that does not run opens the breaker for its owner, and no other container does."""

from copy import deepcopy
from typing import Any

import pytest

from tests.webhook.admission.patch.applier import apply
from tests.webhook.admitting import OPTIONS
from webhook.admission.admit import Admission, admit
from webhook.admission.pod_spec import owner
from webhook.cluster import circuit_breaker, crashes
from webhook.cluster.view import Cluster

Json = dict[str, Any]

BORN = "2026-11-23T12:00:00Z"
YOUNG, OLD = "2026-11-23T12:01:00Z", "2026-11-23T12:02:00Z"


def _ended(at: str = YOUNG, code: int = 255) -> Json:
    return {"terminated": {"exitCode": code, "reason": "Error", "finishedAt": at}}


def _waits(reason: str) -> Json:
    return {"state": {"waiting": {"reason": reason}}}


_LOOPS: Json = {**_waits("CrashLoopBackOff"), "lastState": _ended(), "restartCount": 2}
BROKEN: list[tuple[Json, str]] = [
    (_waits("RunContainerError"), "RunContainerError"),
    (_waits("CreateContainerError"), "CreateContainerError"),
    (_waits("CreateContainerConfigError"), "CreateContainerConfigError"),
    (_waits("ImagePullBackOff"), "ImagePullBackOff"),
    (_LOOPS, "CrashLoopBackOff, exit status 255"),
    ({"state": _ended(), "restartCount": 3}, "Error, exit status 255"),
    ({**_LOOPS, "lastState": _ended(code=0)}, "CrashLoopBackOff, exit status 0"),
]
RUNNING: dict[str, Json] = {
    "running": {"state": {"running": {}}, "ready": True},
    "between crashes": {**_LOOPS, "state": {"running": {}}},
    "coming": _waits("PodInitializing"),
    "objects to be read": {
        "state": {
            "waiting": {
                "reason": "CreateContainerConfigError",
                "message": "failed to sync secret cache: timed out waiting for the condition",
            }
        }
    },
    "first pull": _waits("ErrImagePull"),
    "first crash": {**_LOOPS, "restartCount": 1},
    "old": {**_LOOPS, "lastState": _ended(OLD)},
    "ran before": {**_waits("RunContainerError"), "lastState": _ended(OLD), "restartCount": 1},
    "no moment": {**_LOOPS, "lastState": {"terminated": {"exitCode": 1}}},
    "nothing": {},
}


@pytest.fixture
def injected(pod: Json) -> Json:
    """A pod of a ReplicaSet with a sidecar, as it was created."""
    made = apply(deepcopy(pod), list(admit(pod, "prod", OPTIONS).operations))
    assert isinstance(made, dict)
    made["metadata"]["name"] = "wiki-6d4cf56db6-x"
    return made


def _with(pod: Json, status: Json, container: str = "backup") -> Json:
    statuses = [{"name": "other", **_LOOPS}, {"name": container, **status}]
    return {**pod, "status": {"startTime": BORN, "initContainerStatuses": statuses}}


@pytest.mark.parametrize(("status", "why"), BROKEN)
def test_a_crashing_sidecar_is_detected(injected: Json, status: Json, why: str) -> None:
    assert crashes.crash(_with(injected, status)) == why


@pytest.mark.parametrize("status", RUNNING.values(), ids=RUNNING)
def test_a_sidecar_that_runs_or_may_start_is_not_crashing(injected: Json, status: Json) -> None:
    assert crashes.crash(_with(injected, status)) == ""


@pytest.mark.parametrize("status", [status for status, _ in BROKEN])
def test_a_crashing_app_container_does_not_open_the_breaker(
    injected: Json, pod: Json, status: Json
) -> None:
    assert crashes.crash(_with(injected, status, "init")) == ""
    assert crashes.crash(_with(pod, status)) == "", "it has no sidecar of ours"


def _next(cluster: Cluster, pod: Json) -> Admission:
    return admit(pod, "prod", OPTIONS, cluster.namespace_context("prod", owner(pod, "prod")))


@pytest.mark.parametrize("event", ["listed", "MODIFIED"])
def test_the_next_pod_of_this_owner_is_skipped_with_a_reason(
    injected: Json, pod: Json, event: str, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = Cluster("backup", "", OPTIONS, follow=True)
    other = deepcopy(pod)
    other["metadata"]["ownerReferences"][0]["uid"] = "another"
    assert _next(cluster, pod).reason == "injected"

    (watch,) = (each for each in cluster.watches if each.name == "sidecars")
    broken = _with(injected, _LOOPS)
    if event == "listed":
        watch._listener.replace(iter([broken]))
    else:
        watch._listener.change(broken, event)

    admission = _next(cluster, pod)
    assert admission.reason == "sidecar_broken"
    (told,) = admission.operations
    assert told["path"] == "/metadata/annotations/backup.status"
    assert "did not run: CrashLoopBackOff, exit status 255" in told["value"]
    assert _next(cluster, other).reason == "injected"
    assert cluster.breaker.tally[circuit_breaker.Verdict.BROKEN] == 1
    (line,) = (vars(each)["fields"] for each in caplog.records if each.msg == "circuit breaker")
    assert (line["evidence"], line["problem"]) == ("broken", "CrashLoopBackOff, exit status 255")
    assert cluster.sidecars().total() == 1


def test_a_terminating_pod_does_not_open_the_breaker(injected: Json, pod: Json) -> None:
    cluster = Cluster("backup", "", OPTIONS, follow=True)
    (watch,) = (each for each in cluster.watches if each.name == "sidecars")

    watch._listener.change(_with(injected, _LOOPS), "DELETED")

    assert _next(cluster, pod).reason == "injected"


def test_injection_is_retried_after_an_hour_and_not_for_a_created_pod(pod: Json) -> None:
    breaker = Cluster("backup", "", OPTIONS, follow=True).breaker
    ours = owner(pod, "prod")
    breaker.broke(ours, "StartError", 100.0)
    breaker.came_to_be(ours)

    assert breaker.is_open(ours, 100.0 + circuit_breaker.OPEN - 1)
    assert not breaker.is_open(ours, 100.0 + circuit_breaker.OPEN + 1)
    assert breaker.why(ours) == ""


def test_a_pod_without_an_owner_does_not_open_the_breaker(pod: Json) -> None:
    breaker = Cluster("backup", "", OPTIONS, follow=True).breaker
    pod["metadata"]["ownerReferences"] = []

    breaker.broke(owner(pod, "prod"), "StartError", 100.0)

    assert breaker.count(101.0) == 0
