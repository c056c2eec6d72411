"""No pod, however large, holds up the others: work grows as the pod does, and ends at limits."""

import gc
import json
from collections.abc import Callable
from time import process_time

import pytest

from contract.names import Reason
from tests.webhook.admitting import OPTIONS, Json
from webhook.admission.admit import Admission, admit
from webhook.admission.pod import complexity


def _pod(annotations: Json | None = None, **spec: object) -> Json:
    return {
        "metadata": {"name": "x", "annotations": {"backup.enabled": "true", **(annotations or {})}},
        "spec": {
            "containers": [_container([{"name": "d", "mountPath": "/d"}])],
            "volumes": [_volume("d")],
            **spec,
        },
    }


def _container(mounts: list[Json], name: str = "c", **more: object) -> Json:
    return {"name": name, "image": "i", "volumeMounts": mounts, **more}


def _volume(name: str) -> Json:
    return {"name": name, "persistentVolumeClaim": {"claimName": name}}


def _sub_paths(count: int) -> Json:
    mounts = [{"name": "d", "mountPath": f"/m/{n:x}", "subPath": f"{n:x}"} for n in range(count)]
    return _pod(containers=[_container(mounts)])


def _nested_sub_paths(count: int) -> Json:
    mounts = [
        {"name": "d", "mountPath": f"/m/{n:x}", "subPath": f"a/{n % 7}/b-{n:x}/c"}
        for n in range(count)
    ]
    return _pod(containers=[_container(mounts)])


def _expressions(count: int) -> Json:
    env = [{"name": f"V{n}", "value": str(n)} for n in range(count)]
    mounts = [
        {"name": "d", "mountPath": f"/m/{n}", "subPathExpr": f"$(V{n})"} for n in range(count)
    ]
    return _pod(containers=[_container(mounts, env=env)])


def _volumes(count: int) -> Json:
    mounts = [{"name": f"v{n}", "mountPath": f"/v{n}"} for n in range(count)]
    return _pod(containers=[_container(mounts)], volumes=[_volume(f"v{n}") for n in range(count)])


def _containers(count: int) -> Json:
    mount = [{"name": "d", "mountPath": "/d"}]
    each = {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"cpu": "1m", "memory": "1Mi"}}
    made = [_container(mount, f"c{n}", resources=each) for n in range(count)]
    return _pod(containers=made)


def _bad_entries(count: int) -> Json:
    """Case by case, each with all folders of a volume beside it."""
    mounts = [
        {"name": "d", "mountPath": f"/d{n}", "subPath": f"{n:016d}"} for n in range(count // 4)
    ]
    wanted = " ".join(f"d:z{n:x}" for n in range(count))
    return _pod({"backup.volumes": wanted}, containers=[_container(mounts)])


def _good_entries(count: int) -> Json:
    mounts = [{"name": "d", "mountPath": f"/d{n}", "subPath": f"s{n:x}"} for n in range(count)]
    wanted = " ".join(f"d:s{n:x}/below" for n in range(count))
    return _pod({"backup.volumes": wanted}, containers=[_container(mounts)])


def _same_entries(count: int) -> Json:
    mounts = [{"name": "d", "mountPath": f"/d{n}", "subPath": f"s{n:x}"} for n in range(count)]
    return _pod({"backup.volumes": "d " * count}, containers=[_container(mounts)])


def _unknown_settings(count: int) -> Json:
    return _pod({f"backup.s{n}": "" for n in range(count)})


def _excludes(count: int) -> Json:
    return _pod({"backup.exclude": "\n".join(f"/x/[a-z]{n}/*" for n in range(count))})


def _deep(count: int) -> Json:
    return _pod({"backup.volumes": "d:" + "a/" * count})


GROWING: list[tuple[Callable[[int], Json], int]] = [
    (_sub_paths, 2000), (_nested_sub_paths, 2000), (_expressions, 2000), (_volumes, 2000),
    (_containers, 100), (_bad_entries, 4000), (_good_entries, 2000), (_same_entries, 2000),
    (_unknown_settings, 4000), (_excludes, 4000), (_deep, 30_000),
]  # fmt: skip


def _seconds(pod: Json) -> float:
    """Return the least processor time of a few decisions: a busy machine does not matter."""
    best = float("inf")
    gc.collect()  # of others' garbage: a collection in the middle would be counted
    for _ in range(5):
        started = process_time()
        admission = admit(pod, "ns", OPTIONS)
        best = min(best, process_time() - started)
        assert admission.reason is Reason.INJECTED, admission.warnings
    return best


@pytest.mark.parametrize(
    ("made", "count"), GROWING, ids=[made.__name__.strip("_") for made, _ in GROWING]
)
def test_admission_time_grows_linearly_with_the_pods_size(
    made: Callable[[int], Json], count: int
) -> None:
    small, large = _seconds(made(count)), _seconds(made(4 * count))

    # By the square it were sixteen times; what takes no time at all says nothing.
    assert large < 9 * small + 0.01, (small, large)


def _over() -> list[tuple[str, Json]]:
    """Return pods of which each is just over one limit."""
    one = [{"name": "d", "mountPath": "/d"}]
    env = [{"name": f"V{n}", "value": ""} for n in range(complexity.VARIABLES + 1)]
    many = complexity.CONTAINERS + 1
    owners = [{"kind": "X", "name": "x"}] * (complexity.OWNERS + 1)
    owned = _pod()
    owned["metadata"]["ownerReferences"] = owners
    labelled = _pod()
    labelled["metadata"]["labels"] = {"x": "y" * (complexity.TEXT + 1)}
    halves = [_container(one * (complexity.MOUNTS // 2 + 1), name) for name in "ab"]
    return [
        ("containers", _pod(initContainers=[{"name": f"i{n}"} for n in range(many)])),
        ("volumes", _volumes(complexity.VOLUMES + 1)),
        ("volume mounts", _pod(containers=halves)),
        ("volume mounts", _pod(containers=[_container(one, volumeDevices=one * 10_001)])),
        ("environment variables", _pod(containers=[_container(one, env=env)])),
        ("owner references", owned),
        ("annotations and labels", _pod({"note": "x" * (complexity.TEXT + 1)})),
        ("annotations and labels", labelled),
        ("volume paths", _pod(containers=[_container([{**one[0], "subPath": "p" * 300_000}])])),
    ]


@pytest.mark.parametrize(("what", "pod"), _over())
def test_a_pod_over_a_limit_gets_no_sidecar_and_a_reason(what: str, pod: Json) -> None:
    admission = admit(pod, "ns", OPTIONS)

    assert admission.reason is Reason.TOO_COMPLEX
    paths = {each["path"] for each in admission.operations}
    assert paths <= {"/metadata/annotations/backup.status"}
    assert bool(paths) == ("annotations" not in what)
    (line,) = admission.warnings
    assert what in line
    assert "not backed up" in line


def test_a_pod_that_is_not_enabled_is_not_checked_against_the_limits() -> None:
    """Other people's pods may be as large as they like; nothing of them is in the log."""
    pod = _volumes(complexity.VOLUMES + 1)
    del pod["metadata"]["annotations"]

    assert admit(pod, "ns", OPTIONS) == Admission(Reason.NOT_ENABLED)


def test_thousands_of_invalid_entries_give_a_few_short_warnings() -> None:
    admission = admit(_bad_entries(20_000), "ns", OPTIONS)

    assert admission.reason is Reason.INJECTED
    assert len(admission.warnings) <= 12
    assert len(json.dumps(admission.warnings)) < 4096
    assert any("19990 more entries" in line for line in admission.warnings)


def test_nested_folders_are_mounted_once() -> None:
    """Also where names sort between a folder and what lies in it."""
    names = ["a", "a-b", "a/b", "a-b/c", "a.b", "a0/x", "b/c/d", "b/c", "b-c/d"]
    mounts = [{"name": "d", "mountPath": f"/m{n}", "subPath": s} for n, s in enumerate(names)]

    admission = admit(_pod(containers=[_container(mounts)]), "ns", OPTIONS)

    mounted = [m["subPath"] for m in admission.additions.containers[0]["volumeMounts"]
               if m["name"] == "d"]  # fmt: skip
    assert sorted(mounted) == sorted(["a", "a-b", "a.b", "a0/x", "b/c", "b-c/d"])
