"""`helm test`: whether a pod gets the sidecar, checked with a dry run, which creates no pod."""

import json
import os
import sys
import time

from kubernetes import client

from kube.connection import connection

NAMESPACE = os.environ["NAMESPACE"]
POD = {
    "metadata": {"name": "test", "annotations": {"backup.enabled": "true"}},
    "spec": {
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "app",
                "image": "app",
                "resources": {
                    "requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "64Mi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            }
        ],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    },
}  # fmt: skip


def problem(api: client.CoreV1Api) -> str:
    """Return why the pod would not get the sidecar; empty if it would."""
    try:
        answer = api.create_namespaced_pod(
            NAMESPACE, POD, dry_run="All", _preload_content=False, _request_timeout=30
        )
    except client.ApiException as error:
        return f"HTTP {error.status} {error.body}"
    pod = json.loads(answer.data)
    if any(each["name"] == "backup" for each in pod["spec"].get("initContainers", ())):
        return ""
    return pod["metadata"]["annotations"].get("backup.status", "no answer from the webhook")


api = client.CoreV1Api(connection())
deadline = time.monotonic() + 60  # RBAC, the namespace's ServiceAccount and the CA need some time
while why := problem(api):
    if time.monotonic() > deadline:
        sys.exit(f"not injected: {why}")
    time.sleep(1)
print("a pod in a labelled namespace gets the sidecar")
