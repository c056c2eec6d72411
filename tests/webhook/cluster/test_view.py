"""What is known of the cluster at the moment of a decision, by what its watches were told."""

from collections.abc import Iterator
from typing import Any

import pytest

from kube.watch import DELETED
from tests.webhook.admitting import OPTIONS
from webhook.admission.model import NamespaceContext
from webhook.admission.pod_spec import Owner
from webhook.cluster.evidence import Evidence, Refusals
from webhook.cluster.view import Cluster, Table

Json = dict[str, Any]
OWNER = Owner("prod", "apps/ReplicaSet", "u-1")
ENFORCE = "pod-security.kubernetes.io/enforce"


@pytest.fixture
def cluster() -> Cluster:
    """One that follows, and has been told nothing yet."""
    return Cluster("backup", "prepull", OPTIONS, follow=True)


def _tell(cluster: Cluster, watch: str, *objects: Json) -> None:
    (found,) = (each for each in cluster.watches if each.name == watch)
    found._listener.replace(iter(objects))


def _limits(namespace: str, most: str) -> Json:
    limits = [{"type": "Container", "max": {"memory": most}}]
    return {"metadata": {"name": "l", "namespace": namespace}, "spec": {"limits": limits}}


def _namespace(name: str, **labels: str) -> Json:
    return {"metadata": {"name": name, "labels": labels}}


def _waiting(name: str, reason: str, **meta: Any) -> Json:  # noqa: ANN401 -- any JSON
    container = {"name": "sidecar", "image": OPTIONS.image}
    state = {"name": "sidecar", "state": {"waiting": {"reason": reason}}}
    owners = [{"kind": "DaemonSet", "name": "prepull"}]
    return {
        "metadata": {"name": name, "namespace": "backup", "ownerReferences": owners, **meta},
        "spec": {"nodeName": "node-1", "containers": [container]},
        "status": {"containerStatuses": [state]},
    }


def test_an_unknown_namespace_is_treated_as_the_strictest(cluster: Cluster) -> None:
    assert cluster.namespace_context("prod", OWNER).pod_security == "restricted"

    _tell(cluster, "namespaces", _namespace("prod"), _namespace("dev", **{ENFORCE: "baseline"}))

    assert cluster.namespace_context("prod", OWNER).pod_security == OPTIONS.pod_security
    assert cluster.namespace_context("dev", OWNER).pod_security == "baseline"


def test_without_a_watch_the_strictest_is_assumed() -> None:
    around = Cluster("backup", "", OPTIONS, follow=False).namespace_context("prod", OWNER)

    assert around == NamespaceContext(pod_security="restricted")


def test_limit_ranges_are_those_of_the_pods_namespace(cluster: Cluster) -> None:
    _tell(cluster, "limitranges", _limits("prod", "1Gi"), _limits("dev", "64Mi"))

    (limit,) = cluster.namespace_context("prod", OWNER).limits
    assert limit.maximum == {"memory": 1 << 30}
    assert cluster.namespace_context("other", OWNER).limits == ()


def test_namespaces_that_have_opted_in_are_watched_and_no_others(cluster: Cluster) -> None:
    selectors = {each.name: each._reader.source.selector for each in cluster.watches}

    assert selectors["namespaces"] == "backup.enabled=true"
    assert selectors["injected"] == selectors["sidecars"] == "backup.injected=true"


@pytest.mark.parametrize(
    ("pod", "is_trouble"),
    [
        (_waiting("a", "ImagePullBackOff"), True),
        (_waiting("a", "ContainerCreating"), False),
        (_waiting("a", "ImagePullBackOff", deletionTimestamp="2026-11-23T12:00:00Z"), False),
        (_waiting("a", "ImagePullBackOff", ownerReferences=[]), False),
    ],
    ids=["cannot pull", "is pulling", "is going", "of nobody"],
)
def test_a_persistent_pre_pull_pod_is_evidence_about_the_image(
    cluster: Cluster, pod: Json, *, is_trouble: bool
) -> None:
    _tell(cluster, "prepull", pod)

    assert bool(cluster.image_problems) is is_trouble


def test_a_table_drops_deleted_objects_and_skips_unreadable_ones() -> None:
    def read(found: Json) -> int:
        return int(found["value"])

    def made(name: str, value: object) -> Json:
        return {"metadata": {"name": name, "namespace": "prod"}, "value": value}

    def all_of(*objects: Json) -> Iterator[Json]:
        return iter(objects)

    table: Table[int] = Table(read)  # type: ignore[arg-type]  # any mapping will do
    table.replace(all_of(made("a", 1), made("odd", "x"), made("none", None), made("b", 2)))
    assert table.of("prod") == (1, 2)

    table.change(made("b", 3), "MODIFIED")
    table.change(made("a", 1), DELETED)

    assert table.of("prod") == (3,)
    assert table.of("dev") == ()


@pytest.mark.parametrize(
    ("reason", "event", "counts"),
    [
        ("FailedCreate", "ADDED", True), ("FailedCreate", "MODIFIED", True),
        ("FailedCreate", "DELETED", False), ("SuccessfulCreate", "ADDED", False),
        ("FailedScheduling", "ADDED", False),
    ],
)  # fmt: skip
def test_only_a_failed_create_event_is_a_refusal(reason: str, event: str, *, counts: bool) -> None:
    evidence = Evidence()
    found = {
        "metadata": {"namespace": "prod", "name": "e"}, "reason": reason,
        "involvedObject": {"uid": "u-1"},
    }  # fmt: skip

    Refusals(evidence, lambda: 100.0).change(found, event)

    assert evidence.refused_since(OWNER, 100.0) is counts
    assert not evidence.refused_since(OWNER, 100.1)
    assert not evidence.refused_since(Owner("dev", OWNER.kind, OWNER.uid), 0)
