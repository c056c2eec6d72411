"""What the cluster says at the moment, and what becomes of a pod then."""

from contract.names import Reason
from demo import app
from tests.webhook.admission import OPTIONS
from webhook.admit import admit
from webhook.cluster import problem_of
from webhook.inject import Surroundings

IMAGE = "backup-webhook-sidecar:1"


def test_pod_is_not_injected_while_no_node_can_get_the_image() -> None:
    around = Surroundings("ErrImagePull on node n")

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


def test_only_a_pre_pull_pod_that_cannot_pull_this_image_is_evidence() -> None:
    assert problem_of(_pod("ImagePullBackOff"), "prepull", IMAGE)
    for pod in (
        _pod(None), _pod("ContainerCreating"), _pod("ErrImagePull", image="other"),
        _pod("ErrImagePull", owner="app"),
    ):  # fmt: skip
        assert problem_of(pod, "prepull", IMAGE) == ""
