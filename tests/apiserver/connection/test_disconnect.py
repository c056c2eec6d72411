"""The webhook loses the API server: it goes on as it knew, says so, and catches up by itself."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import yaml

from tests.apiserver.api import Api
from tests.apiserver.conftest import Namespaces
from tests.apiserver.connection.relay import Relay, relayed
from tests.apiserver.namespaces import room
from tests.apiserver.namespaces.test_following import ENABLED, created, sidecar
from tests.apiserver.served import Served, serving
from tests.cluster.node.cluster import KUBECONFIG
from tests.cluster.settings import NETWORK
from tests.cluster.work import until


@pytest.fixture(scope="module")
def broken(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Relay]]:
    """The webhook, and what stands between it and the API server."""
    folder = tmp_path_factory.mktemp("relayed")
    known = yaml.safe_load(KUBECONFIG.read_text())
    cluster = known["clusters"][0]["cluster"]
    server = urlsplit(cluster["server"])
    assert server.hostname
    assert server.port
    with relayed(NETWORK.host, (server.hostname, server.port)) as relay:
        cluster["server"] = f"https://{NETWORK.host}:{relay.address[1]}"
        cluster["tls-server-name"] = server.hostname
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(known))
        with serving(api, kubeconfig, folder) as served:
            yield served, relay


def _watches(served: Served) -> set[str]:
    """Return the values of the gauges that tell which watches are up."""
    return set(re.findall(r"(?m)^backup_webhook_watch_up\{[^}]*\} (\S+)$", served.metrics()))


def test_changes_during_a_broken_watch_apply_afterwards(
    api: Api, namespaces: Namespaces, broken: tuple[Served, Relay]
) -> None:
    served, relay = broken
    namespace = namespaces(labels=ENABLED)

    def memory() -> str:
        return str(sidecar(created(api, namespace))["resources"]["limits"]["memory"])

    until(lambda: _watches(served) == {"1.0"}, "all watches are up", 60)

    assert relay.break_off() > 0
    until(lambda: _watches(served) == {"0.0"}, "all watches are known to be down", 60)
    assert memory() == "256Mi"  # answered all the same, as it knew
    limits = room.limit_range(min={"memory": "300Mi"}, default={"memory": "300Mi"})
    api.make(limits, namespace)

    relay.restore()
    until(lambda: _watches(served) == {"1.0"}, "the watches are up again", 60)
    until(lambda: memory() == "300Mi", "the limit counts", 60)
