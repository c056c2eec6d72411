"""Versions, folders and addresses of the test cluster: what more than one module must know."""

import ipaddress
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
KUBERNETES_VERSION = os.environ.get("KUBERNETES_VERSION", "1.37.2").removeprefix("v")

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "backup-webhook"
TOOLS = CACHE / "bin"  # helm, rclone, etcd
KUBERNETES = CACHE / f"kubernetes-{KUBERNETES_VERSION}" / "bin"
IMAGES = CACHE / "images"
# All that the running cluster writes; `down` removes it. Clusters of two names run side by side.
NAME = os.environ.get("CLUSTER_TEST_NAME", "cluster")
ROOT = CACHE / NAME

NODE = "node1"


@dataclass(frozen=True)
class Network:
    """Addresses of one cluster, all of them in one /16 of its own.

    `host` is this machine's end of the cable to the node: where pods find servers that a test
    runs outside of the cluster. `node` is the other end: the API server, and the way to the pods.
    `api` is the first Service address, under which pods find the API server.
    """

    link: str
    host: str
    node: str
    pods: str
    services: str
    api: str
    prefix: int = 24  # of `host` and `node`


def _network() -> Network:
    """Derive the network from the folder, so that clusters of two users or names do not meet."""
    number = (zlib.crc32(str(CACHE).encode()) + zlib.crc32(NAME.encode())) % 64
    whole = ipaddress.ip_network(f"10.{192 + number}.0.0/16")
    services = f"{whole[0x4000]}/18"
    return Network(
        link=f"bwh{number}",
        host=str(whole[1]),
        node=str(whole[2]),
        pods=f"{whole[0x8000]}/17",
        services=services,
        api=str(ipaddress.ip_network(services)[1]),
    )


NETWORK = _network()
CGROUP = f"backup-webhook-{NETWORK.link}"
API_SERVER = f"https://{NETWORK.node}:6443"
