"""containerd, kubelet and kube-proxy: the node's programs and the files that configure them."""

import json
from typing import Any

from tests.cluster.node.control_plane import PKI
from tests.cluster.node.sandbox import Sandbox
from tests.cluster.programs import build
from tests.cluster.settings import CGROUP, IMAGES, NETWORK, NODE, ROOT

SOCKET = ROOT / "containerd.sock"
_CNI = ROOT / "cni"


def start_containerd(sandbox: Sandbox) -> None:
    """Start containerd and return when it answers, so that images can be imported."""
    _CNI.mkdir(exist_ok=True)
    (_CNI / "10-bridge.conflist").write_text(json.dumps(_bridge()))
    (ROOT / "containerd.toml").write_text(_containerd())
    sandbox.start("containerd", "containerd", "--config", str(ROOT / "containerd.toml"))
    sandbox.until(SOCKET.exists, "containerd listens", 120)


def start_kubelet(sandbox: Sandbox) -> None:
    """Start the kubelet and the Service proxy. The node registers itself some seconds later."""
    programs = build.kubernetes()
    (ROOT / "kubelet.json").write_text(json.dumps(_kubelet()))
    (ROOT / "proxy.json").write_text(json.dumps(_proxy()))
    sandbox.start(
        "kubelet",
        str(programs / "kubelet"),
        f"--config={ROOT}/kubelet.json",
        f"--kubeconfig={PKI}/kubelet.conf",
        f"--hostname-override={NODE}",
        f"--node-ip={NETWORK.node}",
    )
    sandbox.start("kube-proxy", str(programs / "kube-proxy"), f"--config={ROOT}/proxy.json")


def import_image(sandbox: Sandbox, archive: str) -> None:
    """Make the image of an archive below IMAGES known to the node, under the name it bears."""
    path = str(IMAGES / archive)
    sandbox.run("ctr", "--address", str(SOCKET), "--namespace", "k8s.io", "images", "import", path)


def _containerd() -> str:
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""
version = 2
root = "{ROOT}/containerd"
state = "/run/containerd/state"
[grpc]
  address = "{SOCKET}"
[{cri}]
  sandbox_image = "localhost/pause:test"
  # runc would die without CAP_SYS_RESOURCE: machines and CI rarely have it.
  restrict_oom_score_adj = true
  [{cri}.cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{_CNI}"
  [{cri}.containerd]
    snapshotter = "overlayfs"
    [{cri}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [{cri}.containerd.runtimes.runc.options]
        SystemdCgroup = false
"""


def _bridge() -> dict[str, Any]:
    ranges = [[{"subnet": NETWORK.pods}]]
    return {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": True,
                "ipMasq": False,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "ranges": ranges,
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            }
        ],
    }


def _kubelet() -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "enforceNodeAllocatable": ["pods"],
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "authentication": {
            "x509": {"clientCAFile": f"{PKI}/ca.crt"},
            "webhook": {"enabled": True},
            "anonymous": {"enabled": False},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{PKI}/kubelet-server.crt",
        "tlsPrivateKeyFile": f"{PKI}/kubelet-server.key",
        "volumePluginDir": f"{ROOT}/volume-plugins",
        "resolvConf": "",
        "failSwapOn": False,
        "oomScoreAdj": 0,
        # So often a running pod gets what its Secret holds now; once a minute else.
        "syncFrequency": "10s",
        # A machine's disk that is nearly full must not cost the images that were imported.
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
        },
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
    }


def _proxy() -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": f"{PKI}/proxy.conf"},
        "hostnameOverride": NODE,
        "clusterCIDR": NETWORK.pods,
        "conntrack": {"maxPerCore": 0, "min": 0},
        "nodePortAddresses": ["primary"],
        # Pods that meet on one bridge would answer each other past the proxy.
        "nftables": {"masqueradeAll": True},
        "oomScoreAdj": 0,
    }
