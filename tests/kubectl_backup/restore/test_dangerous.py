"""`kubectl backup restore --in-place` and `--to-pvc`: whatever happens at whichever request."""

import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import pytest

from kubectl_backup.restore import follow, recover, scaling
from tests.kubectl_backup.conftest import Clock, Run, Said
from tests.kubectl_backup.pods import Json, pod
from tests.kubectl_backup.world import PODS, SCALERS, Event, Fault, World

IN_PLACE = ("restore", "wiki", "--volume", "data", "--in-place", "--yes")
OVERLAP = 12  # requests in which a pod of a workload that somebody scaled up is met by ours
TO_CLAIM = ("restore", "wiki", "--volume", "data", "--to-pvc", "mine", "--yes")
TO_NEW = ("restore", "wiki", "--volume", "data", "--to-pvc", "new", "--yes")
NOTE = "kubectl-backup/replicas"
MOST = 60  # requests of any clean run


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait."""
    made = Clock()
    for module in (scaling, follow, recover):
        monkeypatch.setattr(module, "time", made)


def is_as_before(world: World) -> bool:
    """Whether the workload has its pods, and no note of ours."""
    found = world.workload
    if found is None:
        return False
    return found["spec"]["replicas"] == world.count and NOTE not in found["metadata"].get(
        "annotations", {}
    )


def judge(world: World, said: Said, *, stranger: bool = False) -> list[str]:
    """Return what must not be, after a run. ``stranger``: somebody else scaled the workload."""
    again = f"kubectl -n prod scale {short(world)}/wiki --replicas={world.count}"
    whole = is_as_before(world)
    wrong = {
        "the volume was written beside the app": world.beside > (OVERLAP if stranger else 0),
        "something else was deleted": any(
            not each.startswith("restore-") for each in world.deleted
        ),
        "a trace": "internal error" in said.err or "Traceback" in said.err,
        "no reason": said.code == 1 and not said.err.strip(),
        "success without a restore": said.code == 0 and not world.restored,
        "success, and it is not as before": said.code == 0 and not whole,
        "a pod of ours is left, and nobody says so": any(
            f"delete pod {each['metadata']['name']}" not in said.err for each in world.helpers()
        )
        and said.code == 0,
        "it is down, and no command says how to scale it up": said.code != 0
        and world.workload is not None
        and not whole
        and again not in said.err,
        "it is gone, and nobody says so": world.workload is None and said.code == 0,
    }
    return [key for key, is_so in wrong.items() if is_so]


def short(world: World) -> str:
    """Return the short word of the workload's kind."""
    return {"Deployment": "deploy", "StatefulSet": "sts"}[world.kind]


def second(world: World, run: Run, words: Sequence[str]) -> list[str]:
    """Run it again, once all is well; return what must not be."""
    world.settle()
    mended(world)
    world.settle()
    world.beside = 0
    world.deleted.clear()
    world.restored.clear()
    said = run(world, *words)
    if said.code:
        return [f"the second run fails: {said.err.strip()}"]
    return [f"second run: {each}" for each in judge(world, said)]


def requests(run: Run, words: Sequence[str], kind: str = "Deployment") -> int:
    """Return how many requests a run takes where nothing happens."""
    world = World(kind=kind)
    said = run(world, *words)
    assert (said.code, judge(world, said)) == (0, []), said
    assert len(world.requests) < MOST
    return len(world.requests)


def walk(
    run: Run,
    make: Callable[[int], World],
    words: Sequence[str] = IN_PLACE,
    *,
    stranger: bool = False,
) -> None:
    """Run it as often as it has requests, in a world where something happens at one of them."""
    wrong = []
    for at in range(1, requests(run, words, make(0).kind) + 1):
        world = make(at)
        said = run(world, *words)
        found = judge(world, said, stranger=stranger)
        if said.code or stranger:
            found += second(world, run, words)
        if found:
            wrong.append((at, *world.requests[at - 1], found, said.code, said.err))
    assert wrong == []


FAULTS = {
    **{str(status): Fault(status) for status in (403, 404, 409, 500)},
    "request lost": Fault(),
    "answer lost": Fault(counts=True),
    "away from then on, or we were killed": Fault(lasts=True),
    "away once it has done it, or we were killed": Fault(counts=True, lasts=True),
}
OTHERS = (Fault(401), Fault(410), Fault(429), Fault(503), Fault(500, counts=True))


def test_other_errors_of_the_api_server_at_any_request_are_handled(run: Run) -> None:
    """Which are met as those below are: a fifth of them at each request."""
    walk(run, lambda at: World(at=at, fault=OTHERS[at % len(OTHERS)]))


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_any_error_of_the_api_server_at_any_request_is_handled(run: Run, fault: Fault) -> None:
    """It may also be us who are killed: from then on, nothing of ours arrives."""
    walk(run, lambda at: World(at=at, fault=fault))


@pytest.mark.parametrize("fault", [Fault(500), Fault(counts=True, lasts=True)])
def test_the_same_holds_for_a_stateful_set_named_by_its_pod(run: Run, fault: Fault) -> None:
    words = ("restore", "pod/wiki-0", *IN_PLACE[2:])
    walk(run, lambda at: World("StatefulSet", 1, at=at, fault=fault), words)


def scaled(world: World) -> None:
    """Somebody scales it up."""
    if world.workload is not None:
        world.change(replicas=world.count)


def deleted(world: World) -> None:
    """Somebody deletes the workload."""
    world.workload = None


def scaler(world: World) -> None:
    """Somebody makes an autoscaler."""
    reference = {"kind": world.kind, "name": "wiki"}
    world.scalers = [{"metadata": {"name": "hpa"}, "spec": {"scaleTargetRef": reference}}]


def user(world: World) -> None:
    """Somebody starts another pod that mounts the claim."""
    world.pods["other"] = pod("other", of="")


def unclaimed(world: World) -> None:
    """Somebody deletes the claim."""
    world.claims.pop("wiki-data")


def evicted(world: World) -> None:
    """The node has no room for the pod that restores."""
    for each in world.helpers():
        each["status"] = {"phase": "Failed", "reason": "Evicted", "message": "no memory is left"}


def removed(world: World) -> None:
    """Somebody deletes the pod that restores."""
    for each in world.helpers():
        world.end(each)


def vanished(world: World) -> None:
    """Somebody deletes it at once."""
    for each in world.helpers():
        world.pods.pop(each["metadata"]["name"])


def forgotten(world: World) -> None:
    """Somebody applies the workload as it was, without our note."""
    if world.workload is not None:
        world.workload["metadata"]["annotations"] = {}
        world.change(replicas=world.count)


def marked(world: World) -> None:
    """Somebody gives it to Argo CD."""
    if world.workload is not None:
        world.workload["metadata"]["labels"] = {"argocd.argoproj.io/instance": "wiki"}
        world.change()


STRANGERS = (
    scaled,
    deleted,
    scaler,
    user,
    unclaimed,
    evicted,
    removed,
    vanished,
    forgotten,
    marked,
)


def mended(world: World) -> None:
    """Undo what others did, but for what they scaled."""
    fresh = World(world.kind, world.count)
    world.scalers, world.claims = [], fresh.claims
    world.pods.pop("other", None)
    if world.workload is None:
        world.workload = fresh.workload
    assert world.workload is not None
    world.workload["metadata"].pop("labels", None)


@pytest.mark.parametrize("event", STRANGERS)
def test_any_change_by_others_before_any_request_is_handled(run: Run, event: Event) -> None:
    walk(run, lambda at: World(at=at, event=event), stranger=True)


def test_a_replica_count_changed_during_the_question_stays(run: Run) -> None:
    """It counts how many there are when they are stopped, not when the question was asked."""
    for at in range(1, 13):
        world = World(at=at, event=lambda world: world.change(replicas=5))
        said = run(world, *IN_PLACE)
        assert world.workload is not None
        assert (said.code, world.workload["spec"]["replicas"]) == (0, 5), (at, said)


def interrupt() -> None:
    """Press Ctrl-C twice."""
    ours = threading.main_thread().ident
    assert ours is not None
    for _ in range(2):
        signal.pthread_kill(ours, signal.SIGINT)


def test_ctrl_c_at_any_request_is_handled(run: Run) -> None:
    """Twice, as people press it. It ends as any error: all is as it was before."""
    walk(run, lambda at: World(at=at, event=lambda _world: interrupt()))


def test_ctrl_c_at_any_line_is_handled(run: Run) -> None:
    """Of what scales, creates and removes: no gap between two lines leaves anything behind."""
    ours = {each.__file__ for each in (follow, scaling)}

    def interrupted(at: int) -> tuple[World, Said, int]:
        """Run it, with an interrupt before the ``at``-th new line; return how many there are."""
        seen: set[tuple[str, int]] = set()

        def trace(frame: FrameType, event: str, _given: object) -> Any:  # noqa: ANN401 -- sys's
            place = (frame.f_code.co_filename, frame.f_lineno)
            if place[0] not in ours:
                return None
            if event == "line" and place not in seen:
                seen.add(place)
                if len(seen) == at:
                    signal.raise_signal(signal.SIGINT)
            return trace

        world, before = World(), sys.gettrace()
        sys.settrace(trace)
        try:
            said = run(world, *IN_PLACE)
        finally:
            sys.settrace(before)
        return world, said, len(seen)

    lines = interrupted(0)[2]
    assert lines > 70
    wrong = []
    for at in range(1, lines + 1):
        world, said, _ = interrupted(at)
        found = judge(world, said)
        found += ["a pod of ours is left"] if world.helpers() else []
        if found or said.code not in {0, 130}:
            wrong.append((at, found, said))
    assert wrong == []


FORBIDDEN = {
    "delete the pod": (f"DELETE {PODS}/restore", ()),
    "create the pod": (f"POST {PODS}", ("status 403",)),
    "change the workload": ("PATCH /apis/apps", ("status 403",)),
    "read autoscalers": (f"GET {SCALERS}", ("status 403",)),
    "read the workload": ("GET /apis/apps", ("status 403",)),
    "read the pod": (f"GET {PODS}/restore", ("status 403", "INCOMPLETE")),
}


@pytest.mark.parametrize("right", FORBIDDEN)
def test_a_missing_permission_is_named_and_the_workload_is_unchanged(run: Run, right: str) -> None:
    """Is named, and nothing is left scaled down."""
    refused, words = FORBIDDEN[right]
    world = World(forbidden=(refused,))

    said = run(world, *IN_PLACE)

    assert judge(world, said) == []
    assert is_as_before(world)
    assert said.code == (0 if right == "delete the pod" else 1)
    assert [each for each in words or () if each not in said.err] == []


def test_a_helper_pod_that_cannot_be_deleted_keeps_the_workload_down(run: Run) -> None:
    """Or the app would run beside it. The line says what to do, in which order."""
    world = World(forbidden=(f"DELETE {PODS}/restore", f"GET {PODS}/restore"))

    said = run(world, *IN_PLACE)

    (helper,) = (each["metadata"]["name"] for each in world.helpers())
    line = said.err.splitlines()[-1]
    delete, scale = f"kubectl -n prod delete pod {helper}", "kubectl -n prod scale deploy/wiki"
    assert (said.code, world.beside) == (1, 0)
    assert 0 < line.index(delete) < line.index(scale)
    assert line.endswith("--replicas=2")
    world.helpers()[0]["age"] = -100  # it is still at work
    again = run(world, *IN_PLACE)
    assert f"pod {helper} restores deploy/wiki" in again.err, again
    world.forbidden = ()
    world.helpers()[0]["age"] = 100
    assert second(world, run, IN_PLACE) == []


SCHEDULER = {"type": "PodScheduled", "status": "False", "message": "volume node affinity conflict"}
WAITS: dict[str, tuple[Json, str]] = {
    "image": ({"containerStatuses": [{"name": "restore", "state": {"waiting": {
        "reason": "ErrImagePull", "message": "no such image"}}}]}, "ErrImagePull: no such image"),
    "node": ({"conditions": [SCHEDULER]}, "volume node affinity conflict"),
    "evicted": ({"phase": "Failed", "message": "The node was low on memory"}, "low on memory"),
}  # fmt: skip


@pytest.mark.parametrize("why", WAITS)
def test_a_helper_pod_that_fails_names_the_cause(run: Run, why: str) -> None:
    status, text = WAITS[why]
    world = World(waits=status)

    said = run(world, *IN_PLACE)

    assert (said.code, judge(world, said), is_as_before(world)) == (1, [], True)
    assert text in said.err
    assert world.helpers() == []
    world.waits = None
    assert second(world, run, IN_PLACE) == []


@pytest.mark.parametrize("code", [1, 75, 137])
def test_a_failed_restore_is_no_success(run: Run, code: int) -> None:
    """Whatever another container in its pod ended with."""
    world = World(exit_code=code)

    said = run(world, *IN_PLACE)

    assert (said.code, judge(world, said), is_as_before(world)) == (1, [], True)
    assert f"status {code} and is INCOMPLETE" in said.err


def test_pods_that_do_not_terminate_stop_the_restore(run: Run) -> None:
    world = World(goes=False)

    said = run(world, *IN_PLACE)

    assert (said.code, judge(world, said), world.helpers()) == (1, [], [])
    assert "of deploy/wiki did not end within 600 s" in said.err


@pytest.mark.parametrize("words", [IN_PLACE, TO_CLAIM])
def test_nothing_is_written_without_a_terminal_to_confirm(run: Run, words: tuple[str, ...]) -> None:
    """And what would be is in the question."""
    world = World()
    world.claims["mine"] = world.claims["wiki-data"]

    said = run(world, *words[:-1])

    assert (said.code, world.writes) == (1, [])
    assert "OVERWRITTEN" in said.err
    assert "--yes" in said.err


def operated(world: World) -> None:
    """An operator owns the workload."""
    assert world.workload is not None
    owner = {"kind": "Wiki", "name": "mine", "controller": True}
    world.workload["metadata"]["ownerReferences"] = [owner]


REFUSALS: dict[Event, str] = {
    scaler: "HorizontalPodAutoscaler hpa may scale it up",
    marked: "Argo CD may scale it up",
    operated: "its controller Wiki/mine may scale it up",
    user: "the claim wiki-data is in use by pod other",
}


@pytest.mark.parametrize("at", [0, 9])
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
@pytest.mark.parametrize("event", REFUSALS)
def test_a_controller_that_would_interfere_is_named_before_anything_is_written(
    run: Run, event: Event, kind: str, at: int
) -> None:
    """Also where it came after the question was asked."""
    world = World(kind, 1, at=at, event=event if at else None)
    if not at:
        event(world)

    said = run(world, *IN_PLACE)

    assert (said.code, world.writes) == (1, [])
    assert REFUSALS[event] in said.err
    assert world.requests.count(("GET", world.path)) == (2 if at else 1)


@pytest.mark.parametrize("kind", ["", "DaemonSet", "Job"])
def test_a_workload_that_cannot_be_scaled_down_is_named(run: Run, kind: str) -> None:
    world = World()
    assert world.workload is not None
    world.change(replicas=0)
    world.settle()
    world.pods["lonely"] = pod("lonely", kind=kind, of="lonely" if kind else "")

    said = run(world, "restore", "pod/lonely", *IN_PLACE[2:])

    assert (said.code, world.writes) == (1, [])
    assert "cannot be scaled down: use --to-pvc or --to-local" in said.err


@pytest.mark.parametrize("fault", [Fault(403), Fault(500), Fault(counts=True, lasts=True)])
@pytest.mark.parametrize("words", [TO_NEW, TO_CLAIM])
def test_a_restore_into_a_claim_leaves_the_workload_running(
    run: Run, words: tuple[str, ...], fault: Fault
) -> None:
    """The workload runs on, whatever happens."""
    clean = World()
    clean.claims["mine"] = clean.claims["wiki-data"]
    assert run(clean, *words).code == 0
    wrong = []
    for at in range(1, len(clean.requests) + 1):
        world = World(at=at, fault=fault)
        world.claims["mine"] = world.claims["wiki-data"]
        said = run(world, *words)
        found = judge(world, said)
        found += [] if is_as_before(world) else ["the workload was changed"]
        found += second(world, run, words) if said.code else []
        wrong += [(at, found, said)] if found else []
    assert wrong == []
