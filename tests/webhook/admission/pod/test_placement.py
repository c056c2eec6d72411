"""Which pods a node without the image keeps uninjected: those that may run there, and no others."""

import pytest

from contract.names import Reason
from demo import app
from tests.webhook.admitting import OPTIONS, Json
from webhook.admission.admit import admit
from webhook.admission.model import NamespaceContext, NodeProblem
from webhook.admission.pod.placement import Node

LABELS = {
    "kubernetes.io/arch": "arm64", "kubernetes.io/hostname": "ip-10-0-0-1", "pool": "gpu",
    "cores": "8",
}  # fmt: skip
BAD = Node("bad", LABELS, frozenset({"good", "better"}))
UNKNOWN = Node("bad", {}, frozenset({"good", "better"}))
HOST, NAME, ARCH = "kubernetes.io/hostname", "metadata.name", "kubernetes.io/arch"


def _affinity(*terms: Json) -> Json:
    return {
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [*terms]},
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": 1, "preference": _expression("pool", "In", "cpu")}
                ],
            }
        }
    }


def _expression(key: str, operator: str, *values: str) -> Json:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": [*values]}]}


def _field(operator: str, *values: str, key: str = NAME) -> Json:
    return {"matchFields": [{"key": key, "operator": operator, "values": [*values]}]}


def _is_injected(placement: Json, node: Node) -> bool:
    pod = app.pod()
    pod["spec"] |= placement
    admission = admit(pod, "prod", OPTIONS, NamespaceContext((NodeProblem("ErrImagePull", node),)))
    assert admission.reason in {Reason.INJECTED, Reason.IMAGE_UNAVAILABLE}
    return admission.reason is Reason.INJECTED


CANNOT: dict[str, Json] = {
    "another architecture": {"nodeSelector": {ARCH: "amd64"}},
    "another pool": {"nodeSelector": {ARCH: "arm64", "pool": "cpu"}},
    "another host name": {"nodeSelector": {HOST: "ip-10-0-0-2"}},
    "another node": _affinity(_field("In", "good")),
    "any but this node": _affinity(_field("NotIn", "bad", "worse")),
    "bound elsewhere": {"nodeName": "good"},
    "affinity to another pool": _affinity(_expression("pool", "In", "cpu", "db")),
    "no pool of this name": _affinity(_expression("pool", "NotIn", "gpu")),
    "no pool": _affinity(_expression("pool", "DoesNotExist")),
    "more cores": _affinity(_expression("cores", "Gt", "8")),
    "less cores": _affinity(_expression("cores", "Lt", "8")),
    "either of two elsewhere": _affinity(_expression(ARCH, "In", "amd64"), _field("In", "good")),
    "an empty term and one elsewhere": _affinity({}, _expression(ARCH, "In", "amd64")),
    "one of two conditions": _affinity(
        {"matchExpressions": [
            {"key": "pool", "operator": "In", "values": ["gpu"]},
            {"key": ARCH, "operator": "In", "values": ["amd64"]}]}),
}  # fmt: skip
MAY: dict[str, Json] = {
    "anywhere": {},
    "null": {"nodeSelector": None, "affinity": None, "nodeName": None},
    "this architecture": {"nodeSelector": {ARCH: "arm64"}},
    "a label that is unknown": {"nodeSelector": {"zone": "b"}},
    "this node": _affinity(_field("In", "good", "bad")),
    "bound to it": {"nodeName": "bad", "nodeSelector": {ARCH: "amd64"}},
    "a field that is unknown": _affinity(_field("In", "good", key="metadata.uid")),
    "a label that exists": _affinity(_expression("pool", "Exists")),
    "unknown labels": _affinity(
        _expression("zone", "NotIn", "b"), _expression("zone", "DoesNotExist")),
    "an operator of the future": _affinity(_expression("pool", "Near", "cpu")),
    "as many cores": _affinity(_expression("cores", "Gt", "7")),
    "either of two, one here": _affinity(
        _expression(ARCH, "In", "amd64"), _expression("pool", "In", "gpu")),
    "only preferably elsewhere": _affinity(),
}  # fmt: skip


@pytest.mark.parametrize("placement", CANNOT.values(), ids=CANNOT)
def test_a_pod_that_cannot_run_there_is_injected(placement: Json) -> None:
    assert _is_injected(placement, BAD)


@pytest.mark.parametrize("placement", MAY.values(), ids=MAY)
def test_a_pod_that_may_run_there_is_not(placement: Json) -> None:
    assert not _is_injected(placement, BAD)


# Of a node without known labels: its name alone keeps pods away.
BY_NAME: list[tuple[Json, bool]] = [
    ({"nodeSelector": {HOST: "good"}}, True),
    ({"nodeSelector": {HOST: "bad"}}, False),
    ({"nodeSelector": {HOST: "ip-10-0-0-2"}}, False),
    (_affinity(_expression(HOST, "In", "good", "better")), True),
    (_affinity(_expression(HOST, "In", "good", "bad")), False),
    (_affinity(_expression(HOST, "NotIn", "bad")), False),  # may not be the label's value
    ({"nodeSelector": {ARCH: "amd64"}}, False),
    (_affinity(_field("NotIn", "bad")), True),
]


@pytest.mark.parametrize(("placement", "injected"), BY_NAME, ids=str)
def test_of_an_unknown_node_only_the_name_counts(placement: Json, *, injected: bool) -> None:
    assert _is_injected(placement, UNKNOWN) is injected
