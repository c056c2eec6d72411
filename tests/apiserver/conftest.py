"""A control plane without a node, the webhook behind it, and namespaces of every kind."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from tests.apiserver.api import Api, Json
from tests.apiserver.served import Served, serving
from tests.cluster.node.cluster import KUBECONFIG, Cluster
from tests.cluster.work import until

Namespaces = Callable[..., str]


@pytest.fixture(scope="session")
def api(own_cluster: Cluster) -> Iterator[Api]:
    """A running API server; a whole cluster that runs already is used."""
    own_cluster.start(with_node=False)
    connected = Api(KUBECONFIG)
    yield connected
    connected.client.close()


@pytest.fixture(scope="module")
def webhook(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The webhook, following the cluster."""
    with serving(api, KUBECONFIG, tmp_path_factory.mktemp("webhook")) as running:
        yield running


@pytest.fixture(scope="module")
def namespaces(api: Api) -> Iterator[Namespaces]:
    """What makes a namespace, with labels, annotations and objects in it; all are deleted."""
    made: list[str] = []

    def make(*objects: Json, labels: Json | None = None, annotations: Json | None = None) -> str:
        name = f"test-{uuid4().hex[:10]}"
        meta = {"name": name, "labels": labels or {}, "annotations": annotations or {}}
        api.make({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
        made.append(name)
        for each in objects:
            api.make(each, name)
        until(lambda: _has_quotas(api, name), "quotas count", 60)
        until(lambda: _has_account(api, name), "the namespace has its account", 60)
        return name

    yield make
    for name in made:
        api.delete("Namespace", name=name)


def _has_quotas(api: Api, namespace: str) -> bool:
    """Return whether all that there are hold: the API server goes by their status."""
    found = api.get("ResourceQuota", namespace)["items"]
    return all("hard" in each.get("status", {}) for each in found)


def _has_account(api: Api, namespace: str) -> bool:
    return any(
        account["metadata"]["name"] == "default"
        for account in api.get("ServiceAccount", namespace)["items"]
    )
