"""One host for all pods of a workload that follow each other; its own for each with own data."""

from typing import Any

import pytest

from tests.webhook.admitting import Json, answer_to


def _owned(kind: str, name: str, **labels: str) -> Json:
    return {
        "labels": labels, "ownerReferences": [{"kind": kind, "name": name, "controller": True}],
    }  # fmt: skip


def _host(asked: Json, pod: Json, metadata: Json, claim: str = "web") -> Any:  # noqa: ANN401 -- text, or a field
    pod["metadata"] = {"annotations": pod["metadata"]["annotations"], **metadata}
    pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] = claim
    return answer_to(asked).environment()["BACKUP_HOST"]


ROLLOUTS: dict[str, tuple[str, list[Json]]] = {
    "DeploymentConfig": (
        "db",
        [{"generateName": f"db-{n}-",
          **_owned("ReplicationController", f"db-{n}", deploymentconfig="db")} for n in (1, 2)],
    ),
    "CloneSet": (
        "web",
        [{"name": f"web-{tag}", "generateName": "web-", **_owned("CloneSet", "web")}
         for tag in ("abcde", "fghij")],
    ),
    "no name yet": ("vm", [{"generateName": "launcher-vm-", **_owned("VirtualMachine", "vm")}]),
}  # fmt: skip


@pytest.mark.parametrize(("host", "pods"), ROLLOUTS.values(), ids=ROLLOUTS)
def test_pods_that_replace_each_other_share_a_host(
    asked: Json, pod: Json, host: str, pods: list[Json]
) -> None:
    assert [_host(asked, pod, metadata) for metadata in pods] == [host] * len(pods)


OWN: dict[str, tuple[Json, str]] = {
    "a claim by its name": (
        {"name": "web-abcde", "generateName": "web-", **_owned("CloneSet", "web")},
        "data-web-abcde",
    ),
    "a name by its operator": ({"name": "pg-1", **_owned("Cluster", "pg")}, "pg-1"),
    "a StatefulSet's": ({"name": "db-0", **_owned("StatefulSet", "db")}, "data-db-0"),
}  # fmt: skip


@pytest.mark.parametrize(("metadata", "claim"), OWN.values(), ids=OWN)
def test_a_pod_with_data_of_its_own_has_a_host_of_its_own(
    asked: Json, pod: Json, metadata: Json, claim: str
) -> None:
    assert _host(asked, pod, metadata, claim) == "$(BACKUP_POD)"


def test_the_annotation_outranks_the_workloads_name(asked: Json, pod: Json) -> None:
    pod["metadata"]["annotations"]["backup.name"] = "mine"

    for metadata, claim in OWN.values():
        assert _host(asked, pod, metadata, claim).startswith("mine")
