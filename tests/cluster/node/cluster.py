"""The cluster as a whole: started, found running, stopped."""

import json
import os
import sys
import time
from pathlib import Path
from subprocess import run

from tests.cluster.node import control_plane, pki, worker
from tests.cluster.node.sandbox import Sandbox
from tests.cluster.programs import build, images
from tests.cluster.programs.kubectl import Kubectl
from tests.cluster.settings import NETWORK, NODE, ROOT, TOOLS
from tests.cluster.work import WorkError, alone, spent

KUBECONFIG = ROOT / "kubeconfig"
_PACKAGES = Path(__file__).with_name("packages.sh")
_PROVISIONER = Path(__file__).with_name("provisioner.py")
_IMPORTED = ROOT / "imported.json"  # archive name: its digest

_CLASS = "standard"
_STORAGE_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {
        "name": _CLASS,
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    },
    "provisioner": "backup-webhook.test/local",
}


class Cluster:
    """The one test cluster below ROOT: a control plane and, unless left out, one node."""

    def __init__(self) -> None:
        self._sandbox = Sandbox()

    @property
    def host(self) -> str:
        """The address under which pods reach servers that a test runs on this machine."""
        return NETWORK.host

    @property
    def kubectl(self) -> Kubectl:
        """The administrator's kubectl."""
        return Kubectl(build.kubernetes() / "kubectl", KUBECONFIG)

    def is_running(self) -> bool:
        """Tell whether the API server answers."""
        return self._sandbox.first != 0 and KUBECONFIG.exists() and control_plane.is_ready()

    def start(self, *, with_node: bool = True) -> None:
        """Start what does not run yet, from nothing: a new cluster is empty. Raises WorkError.

        A cluster that runs is kept: a missing node is added to it, and images that have
        changed are imported anew.
        """
        prepare(with_node=with_node)
        with alone(ROOT.with_suffix(".lock")):
            began = time.monotonic()
            if not self.is_running():
                self._sandbox.destroy()
                self._start_control_plane()
            if with_node:
                self._start_node()
            print(f"The test cluster runs after {spent(began)}", flush=True)

    def _start_control_plane(self) -> None:
        ROOT.mkdir(mode=0o700)
        self._sandbox.create()
        pki.create(control_plane.PKI)
        control_plane.start(self._sandbox)
        # Last: where it is, the control plane is complete.
        (control_plane.PKI / "admin.conf").rename(KUBECONFIG)

    def _start_node(self) -> None:
        is_new = not worker.SOCKET.exists()
        if is_new:
            worker.start_containerd(self._sandbox)
            worker.start_kubelet(self._sandbox)
        self._import_images()
        kubectl = self.kubectl
        if is_new:
            kubectl.apply(_STORAGE_CLASS)
            self._start_provisioner()
        kubectl.wait(f"node/{NODE}", "condition=Ready")
        kubectl.wait("serviceaccount/default", "create")

    def _start_provisioner(self) -> None:
        arguments = [KUBECONFIG, ROOT / "volumes", NODE, _CLASS]
        argv = [sys.executable, _PROVISIONER, *arguments]
        self._sandbox.start("provisioner", *map(str, argv))

    def _import_images(self) -> None:
        known = json.loads(_IMPORTED.read_text()) if _IMPORTED.exists() else {}
        for archive, digest in images.archives().items():
            if known.get(archive) != digest:
                worker.import_image(self._sandbox, archive)
                known[archive] = digest
                _IMPORTED.write_text(json.dumps(known))

    def run(self, *argv: str) -> str:
        """Run a command on the node, in its namespaces; return its output. Raises WorkError."""
        return self._sandbox.run(*argv)

    def stop(self) -> None:
        """End the cluster and remove everything of it, whatever state it is in."""
        with alone(ROOT.with_suffix(".lock")):
            self._sandbox.destroy()


def prepare(*, with_node: bool = True) -> None:
    """Install packages, build programs and images where missing. Raises WorkError."""
    if os.geteuid() != 0:
        raise WorkError("the test cluster makes network and mount namespaces: it needs root")
    if sys.platform != "linux":
        raise WorkError("the test cluster needs Linux")
    if run(["sh", str(_PACKAGES), str(TOOLS)], check=False).returncode != 0:
        raise WorkError("the test cluster lacks packages")
    build.kubernetes()
    if with_node:
        images.build()
