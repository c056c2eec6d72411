"""Which snapshots of earlier names are a workload's own: only what its own history proves."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from contract.snapshots import Snapshot
from contract.tags import owner_tags
from contract.workloads import predecessors
from contract.workloads.predecessors import History

DAY = datetime(2026, 3, 1, tzinfo=UTC)


def _made(
    kind: str, workload: str, *days: int, host: str = "", namespace: str = "prod",
    cluster: str = "",
) -> list[Snapshot]:  # fmt: skip
    """Return a snapshot of each of these days; their ids name host and day."""
    return [
        Snapshot(f"{host or workload}@{day}", DAY + timedelta(days=day), host or workload,
                 owner_tags(namespace, kind, workload, cluster))
        for day in days
    ]  # fmt: skip


def _history(kind: str, workload: str, listed: list[Snapshot], *, settled: bool = False) -> History:
    tags = owner_tags("prod", kind, workload, "")
    return predecessors.history(workload, tags, listed, settled=settled)


def _ids(found: History) -> set[str]:
    return {each.id for each in found.snapshots}


def _rc(number: int, *days: int, **other: str) -> list[Snapshot]:
    return _made("ReplicationController", f"web-{number}", *days, **other)


OWN = _made("DeploymentConfig", "web", 20, 21)
VERSIONS: dict[str, tuple[str, str, list[Snapshot]]] = {
    "DeploymentConfig": ("DeploymentConfig", "web", [*_rc(9, 1, 2), *_rc(10, 3, 4)]),
    "Knative Service": ("Service", "hello", [
        *_made("Deployment", "hello-00001-deployment", 1),
        *_made("Deployment", "hello-00002-deployment", 2)]),
    "Knative Configuration": ("Configuration", "hello",
                              _made("Deployment", "hello-00001-deployment", 1)),
    "CronWorkflow": ("CronWorkflow", "etl.load", [
        *_made("Workflow", "etl-1764547200", 1, host="etl-1764547200-load-77"),
        *_made("Workflow", "etl-1764633600", 2, host="etl-1764633600-load-8")]),
    "CronWorkflow without templates": (
        "CronWorkflow", "etl", _made("Workflow", "etl-1764547200", 1, host="etl-1764547200-77")),
    "ScheduledSparkApplication": (
        "ScheduledSparkApplication", "etl.driver",
        _made("SparkApplication", "etl-1764547200000", 1, host="etl-1764547200000-driver")),
    "CloneSet, with replicas side by side": ("CloneSet", "web", [
        *_made("CloneSet", "web", 1, 3, host="web-bcd2f"),
        *_made("CloneSet", "web", 2, 4, host="web-xz9kk")]),
    "backup.name of runs": ("Workflow", "mine", [
        *_made("Workflow", "etl-7xk2p", 1, 3, host="mine"),
        *_made("Workflow", "etl-9abcd", 2, host="mine")]),
    "backup.name of pods": ("Pod", "mine", _made("Pod", "shell-7", 1, host="mine")),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "workload", "earlier"), VERSIONS.values(), ids=VERSIONS)
def test_earlier_versions_are_found_with_and_without_a_newer_backup(
    kind: str, workload: str, earlier: list[Snapshot]
) -> None:
    own, tags = _made(kind, workload, 20), owner_tags("prod", kind, workload, "")

    for listed in (earlier, [*earlier, *own]):
        found = _history(kind, workload, listed)
        assert _ids(found) == {each.id for each in listed}
        assert {(each.host, *each.tags) for each in found.snapshots} == {(workload, *tags)}
        assert found.doubted == ()


def test_a_snapshot_says_who_made_it_and_keeps_its_other_tags() -> None:
    [dump] = [replace(each, tags=(*each.tags, "dump=pg", "keep")) for each in _rc(3, 1)]

    [found] = _history("DeploymentConfig", "web", [dump]).snapshots

    assert found.has_dump("pg")
    assert "keep" in found.tags
    assert found.made_as == ("web-3", *sorted(dump.tags[:3]))


# Beside the versions 1 and 2 of `web`, and its own snapshots since day 20.
HONEST = [*_rc(1, 1, 2), *_rc(2, 3, 4)]
HOSTILE: dict[str, list[Snapshot]] = {
    "a Deployment by the name of a version": _made("Deployment", "web-3", 5),
    "a ReplicationController in another namespace": _rc(3, 5, namespace="dev"),
    "one of another cluster": _rc(3, 5, cluster="west"),
    "a DeploymentConfig by the name of a version": _made("DeploymentConfig", "web-3", 5),
    "a version of that": _made("ReplicationController", "web-3-1", 5),
    "a name that only begins so": _made("ReplicationController", "web-3x", 5),
    "a name that only ends so": _made("ReplicationController", "my-web-3", 5),
    "a host that it gave itself": _rc(3, 5, host="web"),
    "a host beside its name": _made("ReplicationController", "other", 5, host="web-3"),
    "a DeploymentConfig's pod by backup.name": _made("DeploymentConfig", "other", 5, host="web"),
    "a snapshot of no sidecar": [Snapshot("stray", DAY, "web-3", ("ns=prod",))],
    "a snapshot with two owners": [
        replace(each, tags=(*each.tags, "workload=web")) for each in _rc(3, 5)],
}  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("own", [[], OWN], ids=["first start", "later"])
def test_no_other_workload_is_taken_for_an_earlier_version(
    hostile: list[Snapshot], own: list[Snapshot]
) -> None:
    found = _history("DeploymentConfig", "web", [*HONEST, *hostile, *own])

    assert _ids(found) == {each.id for each in (*HONEST, *own)}
    assert found.doubted == ()


# A ReplicationController of the right form: only times can tell that it is another's.
DOUBTED: dict[str, tuple[list[Snapshot], list[Snapshot], set[str]]] = {
    "goes on beside the successor": (_rc(3, 5, 25), OWN, {"web-3"}),
    "began after the successor": (_rc(3, 22), OWN, {"web-3"}),
    "goes on beside a later version": (_rc(0, 0, 2), OWN, {"web-0", "web-1"}),
    "goes on beside all versions": (_rc(0, 0, 9), [], {"web-0", "web-1", "web-2"}),
    "is older than an earlier version": (_rc(3, 0), [], {"web-1", "web-2", "web-3"}),
    "does not say when": ([replace(each, time=Snapshot().time) for each in _rc(3, 5)], [],
                          {"web-1", "web-2", "web-3"}),
}  # fmt: skip


@pytest.mark.parametrize(("other", "own", "doubted"), DOUBTED.values(), ids=DOUBTED)
def test_what_may_be_another_workload_is_named_and_left_alone(
    other: list[Snapshot], own: list[Snapshot], doubted: set[str]
) -> None:
    found = _history("DeploymentConfig", "web", [*HONEST, *other, *own])

    assert set(found.doubted) == doubted
    assert {each.made_as[0] for each in found.snapshots if each.made_as} == (
        {"web-1", "web-2"} - doubted
    )
    assert "backup.restore-from" in str(found)


NEVER = [
    ("Deployment", "hello"), ("StatefulSet", "db"), ("DaemonSet", "agent"), ("CronJob", "x"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "workload"), NEVER)
def test_workloads_that_never_had_another_name_do_not_look(kind: str, workload: str) -> None:
    tags = owner_tags("prod", kind, workload, "")

    assert not predecessors.are_possible(workload, tags)
    assert _ids(_history(kind, workload, _made(kind, "other", 1, host=workload))) == set()


def test_each_pod_with_data_of_its_own_has_only_its_own() -> None:
    tags = owner_tags("prod", "CloneSet", "web", "")
    listed = _made("CloneSet", "web", 1, host="web-bcd2f")

    assert not predecessors.are_possible("web-xz9kk", tags)
    assert predecessors.history("web-xz9kk", tags, listed).snapshots == []


@pytest.mark.parametrize(("days", "counts"), [(29, False), (30, False), (31, True), (400, True)])
@pytest.mark.parametrize("earlier", [_rc(3, 0), _made("DeploymentConfig", "web", 0,
                                                      host="web-bcd2f")])  # fmt: skip
def test_retention_counts_what_made_no_backup_for_a_month(
    earlier: list[Snapshot], days: int, *, counts: bool
) -> None:
    own = _made("DeploymentConfig", "web", 1, days)

    found = _history("DeploymentConfig", "web", [*earlier, *own], settled=True)

    assert bool(_ids(found) - {each.id for each in own}) is counts
    assert not _ids(_history("DeploymentConfig", "web", earlier, settled=True))


def test_all_that_is_read_has_the_namespace_and_the_cluster_in_common() -> None:
    tags = owner_tags("prod", "DeploymentConfig", "web", "west")

    assert predecessors.scope(tags) == ("ns=prod", "cluster=west")
