"""A list of snapshots has those of earlier names too, and none of a neighbour's."""

import json
from pathlib import Path

from tests.kubectl_backup.api import Api, Ran
from tests.kubectl_backup.conftest import Backup
from tests.kubectl_backup.pods import Json, known, pod

LISTED = (
    ("a", "web-1", "ReplicationController", 1),
    ("b", "web-2", "ReplicationController", 2),
    ("c", "web", "DeploymentConfig", 3),
    ("d", "web-3", "Deployment", 4),
    ("e", "web-4", "ReplicationController", 5),
)


def _snapshot(letter: str, host: str, kind: str, day: int) -> Json:
    return {
        "id": letter * 64, "short_id": letter * 8, "time": f"2026-09-0{day}T03:00:00Z",
        "hostname": host, "tags": ["ns=prod", f"kind={kind}", f"workload={host}"],
        "paths": ["/backup/data"],
    }  # fmt: skip


def test_snapshots_of_earlier_rollouts_are_listed(
    api: Api, kubeconfig: Path, backup: Backup
) -> None:
    del kubeconfig
    owned = pod(kind="ReplicationController", of="web-7")
    owned["metadata"]["labels"]["deploymentconfig"] = "web"
    name, tags = owned["metadata"]["name"], ["ns=prod", "kind=DeploymentConfig", "workload=web"]
    api.objects["/api/v1/namespaces/prod/pods"] = {"items": [owned]}
    api.commands[name] = Ran(json.dumps(known(host="web", tags=tags)).encode())
    listed = [_snapshot(*each) for each in LISTED]
    api.by_word["restic snapshots"] = Ran(json.dumps(listed).encode())

    said = backup("snapshots", "dc/web")

    assert said.code == 0
    assert [letter for letter, *_ in LISTED if letter * 8 in said.out] == ["a", "b", "c"]
