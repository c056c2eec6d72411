"""What the cluster says at the moment, and what becomes of a pod then."""

from dataclasses import replace

import pytest

from contract.names import Reason
from demo import app
from tests.webhook.admitting import BAD_NODE, OPTIONS
from webhook.admission.admit import admit
from webhook.admission.model import NamespaceContext
from webhook.cluster.prepull import problems_of

IMAGE = "backup-webhook-sidecar:1"


def test_a_pod_is_not_injected_while_no_node_can_pull_the_image() -> None:
    around = NamespaceContext((BAD_NODE,))

    admission = admit(app.pod(), "prod", OPTIONS, around)

    assert admission.reason is Reason.IMAGE_UNAVAILABLE
    assert not any("/spec" in operation["path"] for operation in admission.operations)
    assert "ErrImagePull on node n" in admission.warnings[-1]


def _pod(reason: str | None, image: str = IMAGE, owner: str = "prepull") -> dict[str, object]:
    state = {"waiting": {"reason": reason}} if reason else {"running": {}}
    return {
        "metadata": {"name": "p", "ownerReferences": [{"name": owner}]},
        "spec": {"nodeName": "n", "containers": [{"name": "c", "image": image}]},
        "status": {"containerStatuses": [{"name": "c", "state": state}]},
    }


def test_only_a_pre_pull_pod_that_cannot_pull_an_image_is_evidence() -> None:
    assert problems_of(_pod("ImagePullBackOff"), "prepull") == {IMAGE: "ImagePullBackOff"}
    for pod in (_pod(None), _pod("ContainerCreating"), _pod("ErrImagePull", owner="app")):
        assert problems_of(pod, "prepull") == {}


@pytest.mark.parametrize(
    "reason",
    [
        "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
        "CrashLoopBackOff", "RunContainerError", "CreateContainerError", "StartError",
    ],
)  # fmt: skip
def test_each_reason_of_the_kubelet_is_reported(reason: str) -> None:
    assert problems_of(_pod(reason), "prepull") == {IMAGE: reason}


def test_a_terminating_or_unowned_pod_is_no_evidence() -> None:
    going, owned_by_none, unknown = (_pod("ErrImagePull") for _ in range(3))
    going["metadata"] = {**_pod(None)["metadata"], "deletionTimestamp": "2026-12-01T00:00:00Z"}  # type: ignore[dict-item] # a mapping
    owned_by_none["metadata"] = {"name": "p"}
    unknown["status"] = None

    for pod in (going, owned_by_none, unknown):
        assert problems_of(pod, "prepull") == {}


_FOREIGN = {"exitCode": 255, "reason": "Error", "message": "exec /usr/bin/sleep: exec format error"}
_ENDED = {"exitCode": 139, "reason": "Error"}
# What the kubelet says of a container that has to do nothing but run, and what that shows.
STATES: list[tuple[dict[str, object], str]] = [
    ({"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": _FOREIGN}},
     "exec format error"),
    ({"state": {"terminated": _FOREIGN}}, "exec format error"),
    ({"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": _ENDED}},
     "CrashLoopBackOff"),
    ({"state": {"waiting": {"reason": "RunContainerError"}}}, "RunContainerError"),
    ({"state": {"waiting": {"reason": "CreateContainerError"}}}, "CreateContainerError"),
    ({"state": {"terminated": _ENDED}}, "Error"),
    ({"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}, "OOMKilled"),
    ({"state": {"terminated": {"exitCode": 1}}}, "Error"),
    ({"state": {"running": {}}, "lastState": {"terminated": _FOREIGN}}, ""),
    ({"state": {"running": {}}, "lastState": {"terminated": _ENDED}, "restartCount": 7}, ""),
    ({"state": {"terminated": {"exitCode": 0}}}, ""),
    ({"state": {"waiting": {"reason": "ContainerCreating"}}}, ""),
    ({"state": {}}, ""),
    ({}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("status", "said"), STATES)
def test_an_image_that_cannot_run_on_a_node_is_evidence(
    status: dict[str, object], said: str
) -> None:
    pod = _pod(None)
    pod["status"] = {"containerStatuses": [{"name": "c", **status}]}

    found = problems_of(pod, "prepull")

    assert set(found) == ({IMAGE} if said else set())
    assert said in found.get(IMAGE, "")


def _dumping() -> dict[str, object]:
    pod = app.pod()
    pod["metadata"]["annotations"]["backup.dump"] = "postgres"
    return pod


def test_a_pod_is_skipped_only_for_its_own_image() -> None:
    options = replace(OPTIONS, database_image="db:1")
    plain, databases = NamespaceContext((BAD_NODE,)), NamespaceContext((), (BAD_NODE,))

    assert admit(app.pod(), "prod", options, plain).reason is Reason.IMAGE_UNAVAILABLE
    assert admit(_dumping(), "prod", options, plain).reason is Reason.INJECTED
    assert admit(app.pod(), "prod", options, databases).reason is Reason.INJECTED
    assert admit(_dumping(), "prod", options, databases).reason is Reason.IMAGE_UNAVAILABLE


def test_a_pod_with_a_dump_gets_the_image_with_clients_and_its_setting() -> None:
    (ours,) = admit(
        _dumping(), "prod", replace(OPTIONS, database_image="db:1")
    ).additions.containers
    (other,) = admit(
        app.pod(), "prod", replace(OPTIONS, database_image="db:1")
    ).additions.containers

    assert ours["image"] == "db:1"
    assert {"name": "BACKUP_DUMP", "value": '[["postgres"]]'} in ours["env"]
    assert other["image"] == OPTIONS.image
    assert "BACKUP_DUMP" not in {each["name"] for each in other["env"]}


def test_volumes_are_backed_up_where_dumps_are_not_allowed() -> None:
    admission = admit(_dumping(), "prod", OPTIONS)

    (ours,) = admission.additions.containers
    assert ours["image"] == OPTIONS.image
    assert any(
        "the chart does not allow dumps (sidecar.dumps)" in line for line in admission.warnings
    )
    assert admission.defaulted == ("backup.dump",)
