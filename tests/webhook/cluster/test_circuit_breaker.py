"""The circuit breaker, with moments given in place of a clock."""

from collections.abc import Iterator

import pytest

from webhook.admission.pod_spec import Owner
from webhook.cluster import circuit_breaker
from webhook.cluster.circuit_breaker import Breaker, Verdict
from webhook.cluster.evidence import TELLING, Evidence

WEB = Owner("prod", "apps/ReplicaSet", "7e57ab1e-0000-4000-8000-000000000001")
CUSTOM = Owner("prod", "core.strimzi.io/StrimziPodSet", "7e57ab1e-0000-4000-8000-000000000002")
BARE = Owner("prod", name="job-")
_NUMBERS = iter(range(10**9))


class _World:
    """A breaker that listens, and what the API server tells it."""

    def __init__(self, *, authenticated: bool = False, events: bool = True) -> None:
        self.evidence = Evidence()
        self.evidence.events_seen = events
        self.announced: list[tuple[Owner, Verdict]] = []
        self.breaker = Breaker(
            self.evidence,
            lambda owner, verdict: self.announced.append((owner, verdict)),
            authenticated=authenticated,
        )
        self.breaker.listen(True)

    def try_(self, *moments: float, owner: Owner = WEB) -> None:
        """Inject pods of ``owner``, each by a request of its own."""
        for moment in moments:
            self.breaker.attempt(owner, f"request {next(_NUMBERS)}", moment)

    def refuse(self, moment: float, owner: Owner = WEB) -> None:
        """Write an event as a controller does."""
        self.evidence.refused(owner.namespace, owner.uid, moment)

    def has(self, owner: Owner, name: str = "pod") -> None:
        """Show a pod of ``owner``."""
        self.evidence.change(_pod(owner, name), "ADDED")


def _pod(owner: Owner, name: str) -> dict[str, object]:
    group, _, kind = owner.kind.rpartition("/")
    reference = {"apiVersion": f"{group}/v1", "kind": kind, "uid": owner.uid, "controller": True}
    meta = {"namespace": owner.namespace, "name": name, "ownerReferences": [reference]}
    return {"metadata": meta}


def test_three_attempts_and_an_event_open_the_breaker_for_this_owner_alone() -> None:
    world = _World()
    world.try_(100.0, 100.1, 100.3)
    world.refuse(100.2)

    assert not world.breaker.is_open(WEB, 102.2), "the third may still be on its way"
    assert world.breaker.is_open(WEB, 102.4)
    assert not world.breaker.is_open(CUSTOM, 102.4)
    assert world.breaker.count(102.4) == 1
    assert world.announced == [(WEB, Verdict.CONFIRMED)]


def test_one_event_is_enough() -> None:
    """Controllers count equal events in one, and their client holds back many."""
    world = _World()
    world.try_(100.0)
    world.refuse(100.05)
    world.try_(100.1, 100.2, 101.0)

    assert world.breaker.is_open(WEB, 103.5)


@pytest.mark.parametrize("owner", [*(WEB._replace(kind=kind) for kind in TELLING), BARE, CUSTOM])
def test_attempts_without_evidence_do_not_open_the_breaker(owner: Owner) -> None:
    """Whoever reaches the port can send reviews, of an owner that exists too."""
    world = _World()
    if owner is not CUSTOM:
        world.has(owner)
    for moment in range(0, 600, 2):
        world.try_(float(moment), owner=owner)
        assert not world.breaker.is_open(owner, moment + 0.5)

    assert world.announced == [(owner, Verdict.UNCONFIRMED)], "told once"
    assert world.breaker.tally == {
        "confirmed": 0, "suspicious": 0, "broken": 0, "unconfirmed": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    "claimed",
    [
        WEB._replace(namespace="dev"),
        WEB._replace(uid="made-up"),
        WEB._replace(uid="", name="web-"),
    ],
    ids=["another namespace", "another uid", "no owner"],
)
def test_claims_about_other_owners_do_not_count(claimed: Owner) -> None:
    """Nor is the event of one owner evidence for another."""
    world = _World()
    world.try_(100.0, 100.1, 100.2, owner=claimed)
    world.refuse(100.3)

    assert not world.breaker.is_open(claimed, 110.0)
    assert not world.breaker.is_open(WEB, 110.0)


def test_an_owner_of_another_kind_is_another_owner() -> None:
    """Else who calls a ReplicaSet something else would get around the need for an event."""
    world = _World()
    world.has(WEB)
    other = WEB._replace(kind="example.com/Thing")
    world.try_(100.0, 100.1, 100.2, owner=other)

    assert not world.breaker.is_open(other, 110.0)
    assert not world.breaker.is_open(WEB, 110.0)


def test_a_refusal_from_before_the_attempts_confirms_nothing() -> None:
    world = _World()
    world.refuse(99.9)
    world.try_(100.0, 100.1, 100.2)

    assert not world.breaker.is_open(WEB, 110.0)

    world.refuse(110.5)
    assert world.breaker.is_open(WEB, 111.0), "this one does"


def test_a_replayed_request_is_one_attempt() -> None:
    world = _World()
    world.refuse(100.5)
    for moment in (100.0, 101.0, 102.0, 103.0):
        world.breaker.attempt(WEB, "7d0dbc24-6d1c-4b56-9a24-6f3d4f3c9f0e", moment)
    world.refuse(103.5)

    assert not world.breaker.is_open(WEB, 110.0)


def test_without_events_an_existing_owner_is_skipped_briefly() -> None:
    """Not every controller writes them, and the right to read them may be missing."""
    world = _World()
    world.has(CUSTOM)
    world.try_(100.0, 100.1, 100.2, owner=CUSTOM)
    blind = _World(events=False)
    blind.has(WEB)
    blind.try_(100.0, 100.1, 100.2)
    blind.try_(100.0, 100.1, 100.2, owner=WEB._replace(uid="made-up"))

    assert world.breaker.is_open(CUSTOM, 103.0)
    assert world.announced == [(CUSTOM, Verdict.SUSPICIOUS)]
    assert world.breaker.is_open(CUSTOM, 103.0 + circuit_breaker.BRIEF - 1)
    assert not world.breaker.is_open(CUSTOM, 103.0 + circuit_breaker.BRIEF + 1)
    assert blind.breaker.is_open(WEB, 103.0)
    assert not blind.breaker.is_open(WEB._replace(uid="made-up"), 103.0)


def test_an_owner_without_pods_no_longer_exists() -> None:
    world = _World()
    for name in ("a", "b"):
        world.has(CUSTOM, name)
    world.evidence.change(_pod(CUSTOM, "a"), "DELETED")
    assert world.evidence.exists(CUSTOM)
    world.evidence.change(_pod(CUSTOM, "b"), "MODIFIED")
    assert world.evidence.exists(CUSTOM)

    world.evidence.change(_pod(CUSTOM, "b"), "DELETED")
    world.try_(100.0, 100.1, 100.2, owner=CUSTOM)

    assert not world.breaker.is_open(CUSTOM, 110.0)


def test_after_a_new_list_only_its_owners_exist() -> None:
    world = _World()
    world.has(WEB)

    world.evidence.replace(iter([_pod(CUSTOM, "b"), {"metadata": {"name": "c"}}]))

    assert (world.evidence.exists(WEB), world.evidence.exists(CUSTOM)) == (False, True)
    assert not world.evidence.exists(Owner(""))


@pytest.mark.parametrize("owner", [CUSTOM, BARE])
def test_requests_with_a_client_certificate_are_evidence_without_events(
    owner: Owner,
) -> None:
    world = _World(authenticated=True)
    world.try_(100.0, 100.1, 100.2, owner=owner)
    world.try_(100.0, 100.1, 100.2)

    assert world.breaker.is_open(owner, 103.0)
    assert not world.breaker.is_open(WEB, 103.0), "who may create pods can name a ReplicaSet too"
    assert (owner, Verdict.SUSPICIOUS) in world.announced


def test_a_created_pod_resets_the_count() -> None:
    world = _World()
    world.try_(100.0, 100.1)
    world.breaker.came_to_be(WEB)
    world.try_(100.3)
    world.refuse(100.4)

    assert not world.breaker.is_open(WEB, 110.0)


def test_a_created_pod_settles_earlier_refusals() -> None:
    world = _World()
    world.try_(100.0)
    world.refuse(100.1)
    world.breaker.came_to_be(WEB)
    world.try_(100.0, 100.05, 100.08)

    assert not world.breaker.is_open(WEB, 110.0)


def test_a_created_pod_closes_the_breaker() -> None:
    world = _World()
    world.try_(1.0, 2.0, 3.0)
    world.refuse(3.1)
    assert world.breaker.is_open(WEB, 10.0)

    world.breaker.came_to_be(WEB)

    assert not world.breaker.is_open(WEB, 10.0)
    assert world.breaker.count(10.0) == 0


def test_attempts_more_than_a_minute_apart_do_not_add_up() -> None:
    world = _World()
    world.try_(0.0, 50.0, 100.0)
    world.refuse(101.0)

    assert not world.breaker.is_open(WEB, 105.0)


def test_a_burst_of_pods_in_creation_does_not_open_the_breaker() -> None:
    world = _World()
    world.try_(*(100.0 + number / 100 for number in range(100)))
    world.refuse(101.0)

    assert not world.breaker.is_open(WEB, 101.9)


def test_injection_is_retried_after_a_while() -> None:
    world = _World()
    world.try_(1.0, 2.0, 3.0)
    world.refuse(3.1)
    assert world.breaker.is_open(WEB, 10.0)

    assert world.breaker.is_open(WEB, 10.0 + circuit_breaker.OPEN - 1)
    assert not world.breaker.is_open(WEB, 10.0 + circuit_breaker.OPEN + 1)


def test_the_breaker_does_not_open_while_the_watch_is_broken() -> None:
    world = _World()
    world.breaker.listen(False)
    world.try_(1.0, 2.0, 3.0)
    world.refuse(3.1)
    assert not world.breaker.is_open(WEB, 10.0)

    world.breaker.listen(True)
    world.try_(11.0, 12.0, 13.0)
    world.refuse(13.1)
    world.breaker.listen(False)
    world.breaker.listen(True)

    assert not world.breaker.is_open(WEB, 20.0), "what happened in the gap is unknown"


def _invented() -> Iterator[Owner]:
    return (WEB._replace(uid=f"invented {number}") for number in range(30_000))


def test_memory_is_bounded() -> None:
    world = _World(authenticated=True)
    for owner in _invented():
        world.try_(1.0, 1.1, 1.2, owner=owner)
    for owner in _invented():
        world.refuse(1.3, owner)
    for owner in _invented():
        world.try_(1.4, 1.5, 1.6, owner=owner)
    for owner in _invented():
        world.breaker.is_open(owner, 10.0)
    one = world.breaker
    held = len(one._claimed) + len(one._backed) + len(one._open)

    assert held <= circuit_breaker._CLAIMS + 2 * circuit_breaker._OWNERS
    assert len(world.evidence._refusals) <= circuit_breaker._OWNERS

    for _ in range(1000):
        world.try_(20.0)
    assert len(world.breaker._claimed[WEB].at) == len(world.breaker._claimed[WEB].requests) <= 16


@pytest.mark.parametrize("field", Owner._fields)
def test_an_owner_that_no_api_server_would_accept_is_not_stored(field: str) -> None:
    world = _World()
    huge = WEB._replace(**{field: "x" * 1_000_000})
    world.try_(1.0, 1.1, 1.2, owner=huge)

    assert not world.breaker._claimed


def test_a_flood_of_invented_owners_does_not_keep_the_breaker_closed() -> None:
    """What the API server has told of is kept apart; an attempt from before that may be lost."""
    world = _World()
    world.try_(100.0)
    world.refuse(100.0)
    world.try_(100.1, 100.2, 100.3)
    for owner in _invented():
        world.try_(100.4, owner=owner)
    world.refuse(100.5)

    assert world.breaker.is_open(WEB, 103.0)
