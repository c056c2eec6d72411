"""A cluster of two objects, replicas on it, and certificates that are good today."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from kubernetes import client

from certs import authority, probe
from certs.authority import CA, Leaf
from certs.own import OwnCA
from certs.rotation import Lifetimes
from certs.store import Store
from tests.certs.kube import CONFIGURATION, HOOKS_PATH, NAMESPACE, SECRET, Json, Kube, serving

NAMES = authority.names("backup-webhook", "backup")
TIMES = Lifetimes(ca=timedelta(days=90), leaf=timedelta(hours=1), overlap=timedelta(minutes=5))


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give handshakes with ourselves time: both sides are threads of one process here."""
    monkeypatch.setattr(probe, "_SECONDS", 60.0)


@pytest.fixture
def now() -> datetime:
    """The real time: handshakes go by it. Tests move on from here by themselves."""
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def ca(now: datetime) -> CA:
    return authority.new_ca(now, TIMES.ca)


@pytest.fixture
def leaf(ca: CA, now: datetime) -> Leaf:
    return authority.new_leaf(ca, now, TIMES.leaf, NAMES)


def hooks() -> Json:
    """Return a webhook configuration as the chart makes it: two webhooks, no caBundle."""
    names = ("pods.backup-webhook.dev", "restores.backup-webhook.dev")
    service = {"name": "backup-webhook", "namespace": NAMESPACE, "path": "/mutate"}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": CONFIGURATION, "labels": {"helm": "made this"}},
        "webhooks": [
            {"name": name, "failurePolicy": "Ignore", "clientConfig": {"service": dict(service)}}
            for name in names
        ],
    }


@pytest.fixture
def kube() -> Kube:
    """The cluster after `helm install`: no Secret yet."""
    made = Kube()
    made.put(HOOKS_PATH, hooks())
    return made


@pytest.fixture
def address(kube: Kube) -> Iterator[str]:
    with serving(kube) as served:
        yield served


@pytest.fixture
def new_store(address: str) -> Iterator[Callable[[], Store]]:
    """Make stores, each with a connection of its own, as replicas have."""
    opened: list[client.ApiClient] = []

    def make() -> Store:
        settings = client.Configuration()
        settings.host = address
        opened.append(client.ApiClient(settings))
        return Store(NAMESPACE, SECRET, CONFIGURATION, opened[-1])

    yield make
    for each in opened:
        each.rest_client.pool_manager.clear()


@pytest.fixture
def store(new_store: Callable[[], Store]) -> Store:
    return new_store()


@pytest.fixture
def replica(new_store: Callable[[], Store]) -> Callable[[], OwnCA]:
    """Make replicas."""
    return lambda: OwnCA(new_store(), NAMES, TIMES)
