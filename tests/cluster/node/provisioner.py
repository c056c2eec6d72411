"""Dynamic volumes on the node's own disk: `provisioner.py KUBECONFIG FOLDER NODE CLASS`.

Of type `local`, because the kubelet gives those to the pod's fsGroup, as it does with volumes of
a cloud; the controller manager's host-path volumes belong to root for good. Runs in the sandbox
and imports nothing of the project.
"""

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import client, config, watch

Json = dict[str, Any]


class Provisioner:
    """Makes a volume for each claim of the class that has none, and removes released ones."""

    def __init__(self, folder: Path, node: str, storage_class: str) -> None:
        self._folder = folder
        self._node = node
        self._class = storage_class
        self._core: Any = client.CoreV1Api()

    def run(self) -> None:
        """Follow claims and volumes until killed."""
        while True:
            stream: Any = watch.Watch()  # type: ignore[no-untyped-call] # has no annotations
            claims = self._core.list_persistent_volume_claim_for_all_namespaces
            # One stream: a claim that goes away is what releases a volume.
            try:
                for event in stream.stream(claims, timeout_seconds=60):
                    if event["type"] == "DELETED":
                        self._remove(event["raw_object"])
                    else:
                        self._provide(event["raw_object"])
            except (client.ApiException, urllib3.exceptions.HTTPError) as error:
                # Without it no volume is made any more: look anew.
                print(json.dumps({"message": str(error)}), flush=True)
                time.sleep(1)

    def _provide(self, claim: Json) -> None:
        spec = claim["spec"]
        if spec.get("storageClassName") != self._class or spec.get("volumeName"):
            return
        meta = claim["metadata"]
        name = f"pvc-{meta['uid']}"
        path = self._folder / name
        path.mkdir(parents=True, exist_ok=True)
        here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [self._node]}
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                "storageClassName": self._class,
                "accessModes": spec["accessModes"],
                "capacity": spec["resources"]["requests"],
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {k: meta[k] for k in ("namespace", "name", "uid")},
                "local": {"path": str(path)},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
            },
        }
        try:
            self._core.create_persistent_volume(volume)
        except client.ApiException as error:
            if error.status != 409:  # it is there
                raise

    def _remove(self, claim: Json) -> None:
        name = f"pvc-{claim['metadata']['uid']}"
        if not (self._folder / name).is_dir():
            return
        self._core.delete_persistent_volume(name)
        shutil.rmtree(self._folder / name)


if __name__ == "__main__":
    kubeconfig, folder, node, storage_class = sys.argv[1:]
    load: Any = config  # its functions have no annotations
    load.load_kube_config(kubeconfig)
    print(json.dumps({"message": "provisioning", "class": storage_class}), flush=True)
    Provisioner(Path(folder), node, storage_class).run()
