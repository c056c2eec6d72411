"""Which pods a word means."""

import pytest

from kubectl_backup.workload import target
from kubectl_backup.workload.target import Owner, Reference, TargetError
from tests.kubectl_backup.pods import Json, pod
from tests.webhook.admission.corpus.corpus import PODS as CORPUS
from webhook.admission import pod_spec


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("wiki", Reference("", "wiki")),
        ("deploy/wiki", Reference("Deployment", "wiki")),
        ("deployments/wiki", Reference("Deployment", "wiki")),
        ("deployment.apps/wiki", Reference("Deployment", "wiki")),
        ("STS/db", Reference("StatefulSet", "db")),
        ("pod/x", Reference("Pod", "x")),
        ("cj/report", Reference("CronJob", "report")),
    ],
)
def test_a_workload_argument_is_parsed(text: str, reference: Reference) -> None:
    assert target.parse(text) == reference


@pytest.mark.parametrize("text", ["", "/", "deploy/", "/wiki", "svc/wiki", "deploy/a/b"])
def test_an_invalid_workload_argument_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(TargetError, match="write deploy/wiki, sts/db, pod/x or a name"):
        target.parse(text)


PLACE = "namespace prod"
JOB = pod("report-29391840-xyz", kind="Job", of="report-29391840")
PODS = [
    pod(),
    pod("db-0", kind="StatefulSet", of="db"),
    pod("db-1", kind="StatefulSet", of="db"),
    pod("lonely", of=""),
    JOB,
]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("deploy/wiki", ["wiki-5f8b9c-abcde"]),
        ("wiki", ["wiki-5f8b9c-abcde"]),
        ("sts/db", ["db-0", "db-1"]),
        ("db", ["db-0", "db-1"]),
        ("db-1", ["db-1"]),
        ("pod/db-1", ["db-1"]),
        ("lonely", ["lonely"]),
        ("cronjob/report", ["report-29391840-xyz"]),
    ],
)
def test_pods_of_a_workload_are_found(text: str, names: list[str]) -> None:
    found = target.matching(target.parse(text), PODS, PLACE)

    assert [each["metadata"]["name"] for each in found] == names


def test_an_ambiguous_name_is_refused() -> None:
    both = [pod(), pod("wiki-0", kind="StatefulSet", of="wiki")]

    with pytest.raises(TargetError, match="write deploy/wiki or sts/wiki"):
        target.matching(target.parse("wiki"), both, PLACE)


_MINE = {"backup.name": "mine"}
NAMED = {
    "runs": [pod(f"etl-{tag}-load-7", kind="Workflow", of=f"etl-{tag}", annotations=_MINE)
             for tag in ("7xk2p", "9abcd")],
    "pods": [pod("shell-a", of="", annotations=_MINE), pod("shell-b", of="", annotations=_MINE)],
    "a Deployment": [pod(annotations=_MINE)],
    "a StatefulSet": [pod("db-0", kind="StatefulSet", of="db", annotations=_MINE)],
}  # fmt: skip


@pytest.mark.parametrize("named", NAMED.values(), ids=NAMED)
def test_a_workload_is_found_by_the_name_that_its_pods_give_it(named: list[Json]) -> None:
    assert target.matching(target.parse("mine"), [*PODS, *named], PLACE) == named


def test_two_deployments_with_one_given_name_are_two_workloads() -> None:
    both = [pod(annotations=_MINE), pod("a-5f8b9c-x", of="a-5f8b9c", annotations=_MINE)]

    with pytest.raises(TargetError, match="write deploy/a or deploy/wiki"):
        target.matching(target.parse("mine"), both, PLACE)


def test_what_is_not_there_names_what_is() -> None:
    with pytest.raises(
        TargetError, match=r"no pod of sts/wiki in namespace prod; .*with backups: deploy/wiki"
    ):
        target.matching(target.parse("sts/wiki"), PODS, PLACE)
    with pytest.raises(TargetError, match="with backups: cronjob/report, deploy/wiki, pod/lonely"):
        target.matching(target.parse("wikki"), PODS, PLACE)


def test_running_pods_come_first() -> None:
    waiting = pod("wiki-5f8b9c-aaaaa", state={"waiting": {"reason": "PodInitializing"}})
    ending = pod("wiki-5f8b9c-bbbbb")
    ending["metadata"]["deletionTimestamp"] = "2026-09-21T12:00:00Z"

    found = target.matching(target.parse("wiki"), [waiting, ending, pod()], PLACE)

    assert [each["metadata"]["name"][-5:] for each in found] == ["abcde", "aaaaa", "bbbbb"]


@pytest.mark.parametrize(
    "each",
    [*PODS, pod("x", kind="ReplicaSet", of="bare-set"), pod("y", kind="Job", of="once")],
    ids=lambda each: each["metadata"]["name"],
)
def test_owners_are_those_that_the_webhook_names(each: Json) -> None:
    """The tags of snapshots come from there."""
    identity = pod_spec.identity(each, None)

    assert target.owner(each) == Owner(identity.kind, identity.workload)


_NAMED = {name: each for name, each in CORPUS.items() if each["metadata"].get("name")}


@pytest.mark.parametrize("each", _NAMED.values(), ids=_NAMED)
def test_owners_of_all_controllers_are_those_that_the_webhook_names(each: Json) -> None:
    identity = pod_spec.identity(each, None)

    assert target.owner(each) == Owner(identity.kind, identity.workload)


@pytest.mark.parametrize(
    ("annotations", "asks"),
    [({}, True), ({"backup.enabled": "no"}, False), ({"backup.enabled": "ture"}, True)],
)
def test_only_an_enabled_pod_requests_backups(annotations: dict[str, str], asks: bool) -> None:
    assert target.asks(pod(reason="", annotations=annotations)) is asks
    assert target.asks(pod(annotations=annotations))  # it has a sidecar, whatever it says
