"""The one complete request; each test changes only the field that it is about."""

from pathlib import Path

import pytest

from tests.webhook.admitting import Json
from tests.webhook.commands import workload
from tests.webhook.lint.lint_files import Lint, linter


@pytest.fixture
def asked() -> Json:
    """The creation of one pod of Deployment prod/wiki, as the API server asks."""
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
            "requestResource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": "prod",
            "operation": "CREATE",
            "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
            "object": {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "generateName": "wiki-6d4cf56db6-",
                    "namespace": "prod",
                    "labels": {"app": "wiki", "pod-template-hash": "6d4cf56db6"},
                    "annotations": {"backup.enabled": "true"},
                    "ownerReferences": [
                        {
                            "apiVersion": "apps/v1",
                            "kind": "ReplicaSet",
                            "name": "wiki-6d4cf56db6",
                            "uid": "2b2d1b5e-7f7c-4b3a-9d0e-2f7a5f7a1c11",
                            "controller": True,
                            "blockOwnerDeletion": True,
                        }
                    ],
                },
                "spec": {
                    "serviceAccountName": "default",
                    "restartPolicy": "Always",
                    "terminationGracePeriodSeconds": 30,
                    "containers": [
                        {
                            "name": "wiki",
                            "image": "registry.example.net/wiki:2",
                            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
                            "volumeMounts": [
                                {"name": "pages", "mountPath": "/srv/pages"},
                                {"name": "tmp", "mountPath": "/srv/tmp"},
                                {"name": "token", "mountPath": "/run/token", "readOnly": True},
                            ],
                        }
                    ],
                    "volumes": [
                        {"name": "pages", "persistentVolumeClaim": {"claimName": "wiki-pages"}},
                        {"name": "tmp", "emptyDir": {}},
                        {"name": "token", "projected": {"sources": []}},
                    ],
                },
            },
            "oldObject": None,
            "dryRun": False,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    }


@pytest.fixture
def pod(asked: Json) -> Json:
    """The pod inside the request; changing it changes the request."""
    made: Json = asked["request"]["object"]
    return made


@pytest.fixture
def lint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Lint:
    """`backup-webhook lint`, as somebody types it."""
    return linter(tmp_path, capsys)


@pytest.fixture
def wiki(pod: Json) -> Json:
    """Deployment wiki in namespace prod."""
    manifest = workload("Deployment", pod)
    manifest["metadata"]["namespace"] = "prod"
    return manifest
