"""`pause`, `resume`, `now`, `reinject` and `status`: whatever happens at whichever request.

Each command runs as often as it makes requests, with one fault at one of them. Afterwards its exit
status and its lines are compared with what the cluster has become.
"""

import json
import re
from collections.abc import Callable

import pytest

from kubectl_backup.cluster import api as cluster_api
from kubectl_backup.commands import follow
from kubectl_backup.workload import sidecar
from tests.kubectl_backup.conftest import Clock, Run, Said
from tests.kubectl_backup.pods import pod
from tests.kubectl_backup.world import SILENT, Fault, World

FAULTS = {
    **{str(status): Fault(status) for status in (401, 403, 404, 409, 429, 500, 503)},
    "request lost": Fault(),
    "answer lost": Fault(counts=True),
    "no answer": Fault(SILENT),
    "no answer to a request that counts": Fault(SILENT, counts=True),
    "away from then on": Fault(lasts=True),
    "away once it has done it": Fault(counts=True, lasts=True),
}
PAUSED = "backup.paused"
REQUESTED = re.compile(
    r"a backup of pod (.+?) is already requested|pod (.+?): backup requested"
    r"|pod (\S+) may still start one|pod (\S+): (?:success|.*the backup is requested)"
)
Judge = Callable[[World, Said], list[str]]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait: neither for the next look, nor for long for an answer."""
    monkeypatch.setattr(follow, "time", Clock())
    monkeypatch.setattr(cluster_api, "_READ", 0.3)
    monkeypatch.setattr(sidecar, "_SILENCE", 0.3)
    monkeypatch.setattr(sidecar, "_PATIENCE", 0.3)


def stateful() -> World:
    """Two pods, each with its own backups."""
    return World("StatefulSet")


def running() -> World:
    """Two pods, both paused."""
    world = stateful()
    for each in world.own():
        each["metadata"]["annotations"][PAUSED] = "true"
    return world


def bare() -> World:
    """Two pods that were admitted without a sidecar."""
    world = World()
    for each in world.own():
        name = each["metadata"]["name"]
        world.pods[name] = {**pod(name, reason="quota")}
        world.pods[name]["metadata"]["of"] = "wiki"
    return world


def paused(world: World, said: Said) -> list[str]:
    """Compare what `pause` says with the pods."""
    return _annotated(world, said, "true", "paused")


def resumed(world: World, said: Said) -> list[str]:
    """Compare what `resume` says with the pods."""
    return _annotated(world, said, None, "resumed")


def _annotated(world: World, said: Said, value: str | None, word: str) -> list[str]:
    is_so = {
        each["metadata"]["name"]: each["metadata"]["annotations"].get(PAUSED) == value
        for each in world.own()
    }
    told = {name for name in is_so if f"pod {name}: {word}" in said.out}
    unsure = {name for name in is_so if f"pod {name}: it may not be {word}" in said.out}
    done = {name for name in is_so if is_so[name]}
    return wrong(
        said,
        {
            "done, and nobody says so": bool(done - told - unsure),
            "said, and not done": bool(told - done),
            "success, and not done": said.code == 0 and done != set(is_so),
        },
    )


def requested(world: World, said: Said) -> list[str]:
    """Compare what `now` says with the pods that were asked for a backup."""
    named = REQUESTED.findall(said.out + said.err)
    told = {name for each in named for group in each for name in group.split(", ")}
    asked = set(world.requested)
    every = {each["metadata"]["name"] for each in world.own()}
    return wrong(
        said,
        {
            "requested, and nobody says so": bool(asked - told),
            "success, and not requested": said.code == 0 and asked != every,
            "twice": len(world.requested) != len(asked),
        },
    )


def evicted(world: World, said: Said) -> list[str]:
    """Compare what `reinject` says with the pods that were evicted."""
    gone = set(world.evicted)
    told = {line.removesuffix(": evicted") for line in said.out.splitlines() if ": evicted" in line}
    shown = {name for name in gone if f"{name}: it may not be evicted" in said.out}
    over = said.out.count(": already deleted")  # as the API server says
    return wrong(
        said,
        {
            "evicted, and nobody says so": bool(gone - told - shown),
            "said, and not evicted": bool(told - gone),
            "success, and some are left": said.code == 0 and len(gone) + over < 2,
        },
    )


def listed(world: World, said: Said) -> list[str]:
    """Compare what `status` says with the pods."""
    rows = json.loads(said.out) if said.out else []
    known = [each for each in rows if each["status"] == "success"]
    return wrong(
        said,
        {
            "success, and not all are known": said.code == 0 and len(known) < len(world.own()),
            "it writes": bool(world.writes),
        },
    )


def wrong(said: Said, found: dict[str, bool]) -> list[str]:
    """Return what must not be; nor may a trace, a failure without a line, or many lines for one."""
    errors = [line for line in said.err.splitlines() if line.startswith("kubectl backup: ")]
    found |= {
        "a trace": "internal error" in said.err or "Traceback" in said.err,
        "a failure without a line": said.code != 0 and not (said.out + said.err).strip(),
        "another exit status": said.code not in {0, 1, 75},
        "more lines than pods": len(errors) > 2,
        "an empty reason": any(line.rstrip().endswith(":") for line in errors),
    }
    return [key for key, is_so in found.items() if is_so]


WALKS: dict[str, tuple[Callable[[], World], Judge]] = {
    "pause wiki": (stateful, paused),
    "resume wiki": (running, resumed),
    "now wiki": (stateful, requested),
    "now wiki --wait": (stateful, requested),
    "now wiki --keep": (stateful, requested),
    "reinject --yes": (bare, evicted),
    "status -o json": (stateful, listed),
}


@pytest.mark.parametrize("words", WALKS)
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_reported_result_is_the_real_one(run: Run, words: str, fault: Fault) -> None:
    make, judge = WALKS[words]
    clean = make()
    said = run(clean, *words.split())
    assert (said.code, judge(clean, said)) == (0, []), said

    found = []
    for at in range(1, len(clean.requests) + 1):
        world = make()
        world.at, world.fault = at, fault
        said = run(world, *words.split())
        if bad := judge(world, said):
            found.append((at, world.requests[at - 1], bad, said))

    assert found == []
