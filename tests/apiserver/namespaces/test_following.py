"""What namespaces allow is followed: a change counts for the next pod, without a restart."""

from collections.abc import Callable

import pytest

from demo import app
from tests.apiserver.api import Api, Json
from tests.apiserver.conftest import Namespaces
from tests.apiserver.namespaces import room
from tests.apiserver.served import Served
from tests.cluster.work import until

ENABLED = {"backup.enabled": "true"}
LEVEL = "pod-security.kubernetes.io/enforce"


@pytest.fixture
def namespace(webhook: Served, namespaces: Namespaces) -> str:
    """A namespace that has opted in and restricts nothing."""
    del webhook
    return namespaces(labels=ENABLED)


def _pod() -> Json:
    pod: Json = app.pod()
    for key in ("namespace", "ownerReferences"):
        pod["metadata"].pop(key, None)
    pod["spec"].pop("securityContext", None)
    for container in pod["spec"]["containers"]:
        container.pop("securityContext", None)
    return pod


def created(api: Api, namespace: str) -> Json:
    """Return an app's pod as the API server would store it; it must accept it."""
    answer = api.create(_pod(), namespace, dry_run=True)
    assert answer.is_success, answer.text
    made: Json = answer.json()
    return made


def sidecar(pod: Json) -> Json:
    """Return our container of a pod, empty where it has none."""
    found = [c for c in pod["spec"].get("initContainers", []) if c["name"] == "backup"]
    return found[0] if found else {}


def _soon(api: Api, namespace: str, holds: Callable[[Json], bool], what: str) -> None:
    """Wait until it holds. The API server knows of an object first: until the watch has told the
    webhook, too, a pod may be refused, and its controller creates it again."""

    def does() -> bool:
        answer = api.create(_pod(), namespace, dry_run=True)
        return answer.is_success and holds(answer.json())

    until(does, what, 60)


def test_a_limit_range_applies_from_creation_to_deletion(api: Api, namespace: str) -> None:
    def memory(pod: Json) -> str:
        return str(sidecar(pod)["resources"]["limits"]["memory"])

    assert memory(created(api, namespace)) == "256Mi"

    limits = room.limit_range(
        max={"memory": "128Mi"}, default={"memory": "64Mi"}, defaultRequest={"memory": "1Mi"}
    )
    api.make(limits, namespace)
    _soon(api, namespace, lambda pod: memory(pod) == "128Mi", "the limit counts")

    api.delete("LimitRange", namespace, "limits")
    _soon(api, namespace, lambda pod: memory(pod) == "256Mi", "it counts no more")


def test_an_exhausted_quota_skips_pods_until_it_has_capacity(api: Api, namespace: str) -> None:
    api.make(room.quota({"requests.ephemeral-storage": "1Gi", "pods": "9"}), namespace)
    api.make(room.quota({"pods": "0"}, scopes=["NotBestEffort"]) | _named("full"), namespace)
    _soon(api, namespace, lambda pod: not sidecar(pod), "the quota counts")

    api.delete("ResourceQuota", namespace, "full")
    _soon(api, namespace, lambda pod: bool(sidecar(pod)), "it counts no more")


def _named(name: str) -> Json:
    return {"metadata": {"name": name}}


def test_labels_and_annotations_of_the_namespace_apply(api: Api, namespace: str) -> None:
    assert sidecar(created(api, namespace))["securityContext"]["runAsUser"] == 0

    change = {"metadata": {"annotations": {"backup.image-pull-secrets": "team, other"}}}
    api.client.patch(
        api.path("Namespace", name=namespace), json=change,
        headers={"Content-Type": "application/merge-patch+json"},
    ).raise_for_status()  # fmt: skip

    def pulls(pod: Json) -> bool:
        return bool(pod["spec"].get("imagePullSecrets") == [{"name": "team"}, {"name": "other"}])

    _soon(api, namespace, pulls, "the pull secrets count")


def test_root_is_not_used_once_the_namespace_is_restricted(api: Api, namespace: str) -> None:
    change = {"metadata": {"labels": {LEVEL: "restricted"}}}
    api.client.patch(
        api.path("Namespace", name=namespace), json=change,
        headers={"Content-Type": "application/merge-patch+json"},
    ).raise_for_status()  # fmt: skip
    pod = _pod()
    for container in pod["spec"]["containers"]:
        container["securityContext"] = {
            "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"},
        }  # fmt: skip
    pod["metadata"]["annotations"]["backup.run-as"] = "root"

    def user() -> int:
        answer = api.create(pod, namespace, dry_run=True)
        # Refused until the webhook has heard of the level: its ReplicaSet would try again.
        return answer.is_success and int(sidecar(answer.json())["securityContext"]["runAsUser"])

    until(lambda: user() == 65532, "the level counts", 60)
