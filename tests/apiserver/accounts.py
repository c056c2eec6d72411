"""Accounts with the rights that the chart gives, and no others."""

from pathlib import Path

import yaml

from tests.apiserver.api import Api, Json
from tests.cluster.node.cluster import KUBECONFIG

ACCOUNT = "looks"


def account(api: Api, namespace: str, role: Json, folder: Path) -> tuple[Path, str]:
    """Make an account with a ClusterRole; return its kubeconfig and the role's path."""
    name = role["metadata"]["name"] = f"{namespace}-role"
    made = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}}
    api.make(made, namespace)
    group = "/apis/rbac.authorization.k8s.io/v1"
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}
    binding = {
        "metadata": {"name": name}, "subjects": [subject],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
    }  # fmt: skip
    api.client.post(f"{group}/clusterroles", json=role).raise_for_status()
    api.client.post(f"{group}/clusterrolebindings", json=binding).raise_for_status()
    path = f"{api.path('ServiceAccount', namespace, 'looks')}/token"
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = api.client.post(path, json=asked).raise_for_status().json()["status"]["token"]
    known = yaml.safe_load(KUBECONFIG.read_text())
    known["users"][0]["user"] = {"token": token}
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(known))
    return file, f"{group}/clusterroles/{name}"
