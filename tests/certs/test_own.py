"""Replicas on one cluster: whoever is first wins, and the others follow."""

import base64
import copy
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import pytest

from certs import authority, secret
from certs.own import OwnCA
from certs.rotation import Content
from certs.source import View
from certs.store import Store, StoreError
from tests.certs.conftest import TIMES, hooks
from tests.certs.kube import HOOKS_PATH, SECRET_PATH, Kube

MINUTE = timedelta(minutes=1)
NewReplica = Callable[[], OwnCA]


def _stored(store: Store) -> Content:
    found = store.secret()
    assert found is not None
    parsed = secret.parse(found.data)
    content, broken = parsed.content, parsed.broken
    assert content is not None
    assert broken == ()
    return content


def _installed(store: Store) -> set[bytes]:
    seen = store.webhooks()
    assert seen is not None
    return set(seen.bundles.values())


def _write(store: Store, data: dict[str, bytes | None]) -> None:
    found = store.secret()
    assert found is not None
    store.update(data, found.version)


def _change_bundle(kube: Kube, bundle: str | None) -> None:
    """Let somebody change one of the two webhooks."""
    changed = copy.deepcopy(kube.objects[HOOKS_PATH])
    changed["webhooks"][1]["clientConfig"]["caBundle"] = bundle
    kube.put(HOOKS_PATH, changed)


def _good(view: View) -> None:
    """Check that the leaf is of a CA that is installed."""
    assert view.leaf is not None
    assert view.problem == ""
    assert view.in_sync is True
    [bundle] = view.bundles
    assert view.leaf.signer in authority.load_bundle(bundle)


def test_first_start_creates_a_ca_installs_it_and_signs(
    replica: NewReplica, store: Store, now: datetime
) -> None:
    view = replica().refresh(now)

    _good(view)
    content = _stored(store)
    assert _installed(store) == view.bundles == {authority.pem(content.current.certificate)}
    assert view.ca_expires == now + TIMES.ca


def test_second_check_writes_nothing_and_keeps_the_leaf(
    replica: NewReplica, kube: Kube, now: datetime
) -> None:
    first = replica()
    before = first.refresh(now)
    written = len(kube.requests)

    after = first.refresh(now + MINUTE)

    assert len(kube.requests) == written
    assert after.leaf is before.leaf


def test_each_replica_signs_a_leaf_of_its_own_from_the_same_ca(
    replica: NewReplica, now: datetime
) -> None:
    one, two = replica().refresh(now).leaf, replica().refresh(now).leaf

    assert one is not None
    assert two is not None
    assert one.signer == two.signer
    assert one.key != two.key


@pytest.mark.parametrize("empty", [None, {"metadata": {}}, {"metadata": {}, "data": {}}], ids=str)
@pytest.mark.parametrize("when", ["create", "apply"])
def test_replicas_that_race_at_first_start_agree(
    replica: NewReplica, kube: Kube, store: Store, now: datetime, when: str,
    empty: dict[str, object] | None,
) -> None:  # fmt: skip
    kube.put(SECRET_PATH, empty)
    one, two = replica(), replica()
    views: list[View] = []

    def overtake(method: str, path: str) -> None:
        if method == "PATCH" and path == (HOOKS_PATH if when == "apply" else SECRET_PATH):
            kube.before = lambda _method, _path: None
            views.append(two.refresh(now))  # while the other's first write is on its way

    kube.before = overtake
    views.append(one.refresh(now))

    assert len(views) == 2
    for view in views:
        _good(view)
    content = _stored(store)
    assert {view.leaf and view.leaf.signer for view in views} == {content.current.certificate}


def test_replica_that_loses_every_race_serves_no_leaf_of_its_own_ca(
    replica: NewReplica, kube: Kube, now: datetime
) -> None:
    kube.refuse = {"PATCH": 409}

    view = replica().refresh(now)

    assert view.leaf is None
    assert "HTTP 409" in view.problem


def test_deleted_secret_is_restored_from_memory(
    replica: NewReplica, kube: Kube, store: Store, now: datetime
) -> None:
    one, two = replica(), replica()
    before = (one.refresh(now), two.refresh(now))
    content = _stored(store)
    kube.put(SECRET_PATH, None)

    after = (two.refresh(now + MINUTE), one.refresh(now + MINUTE))

    assert _stored(store) == content
    assert {view.leaf for view in after} == {view.leaf for view in before}


@pytest.mark.parametrize("key", ["ca.crt", "ca.key"])
@pytest.mark.parametrize("value", [None, b"", b"junk"])
def test_invalid_secret_is_restored_from_memory(
    replica: NewReplica, store: Store, now: datetime, key: str, value: bytes | None
) -> None:
    one = replica()
    one.refresh(now)
    content = _stored(store)
    _write(store, {key: value})

    _good(one.refresh(now + MINUTE))

    assert _stored(store) == content


def test_invalid_secret_without_a_copy_in_memory_is_recreated(
    replica: NewReplica, store: Store, now: datetime
) -> None:
    replica().refresh(now)
    before = _stored(store)
    _write(store, {"ca.key": authority.key_pem(authority.new_ca(now, TIMES.ca).key)})

    _good(replica().refresh(now))

    assert _stored(store).current != before.current


def test_expired_ca_is_replaced_at_once(replica: NewReplica, store: Store, now: datetime) -> None:
    old = Content(authority.new_ca(now - timedelta(days=100), TIMES.ca))
    store.create(secret.dump(old))

    _good(replica().refresh(now))

    assert _stored(store).current != old.current


def test_invalid_key_of_the_secret_is_removed(
    replica: NewReplica, store: Store, now: datetime
) -> None:
    one = replica()
    one.refresh(now)
    _write(store, {"next.crt": b"junk"})

    _good(one.refresh(now + MINUTE))

    assert _stored(store).next is None
    found = store.secret()
    assert found is not None
    assert "next.crt" not in found.data


@pytest.mark.parametrize("bundle", [None, "Zm9yZWlnbg=="], ids=["wiped", "foreign"])
def test_changed_bundle_is_applied_again(
    replica: NewReplica, kube: Kube, store: Store, now: datetime, bundle: str | None
) -> None:
    one = replica()
    before = one.refresh(now)
    _change_bundle(kube, bundle)

    view = one.refresh(now + MINUTE)

    _good(view)
    assert _installed(store) == before.bundles == view.bundles
    assert view.leaf is before.leaf


def test_next_ca_is_published_once_every_webhook_has_it(
    replica: NewReplica, kube: Kube, store: Store, now: datetime
) -> None:
    one = replica()
    one.refresh(now)
    old = kube.objects[HOOKS_PATH]["webhooks"][1]["clientConfig"]["caBundle"]
    _write(store, {"rotate": b"now"})
    one.refresh(now)
    _change_bundle(kube, old)

    one.refresh(now + MINUTE)
    assert _stored(store).published is None

    one.refresh(now + 2 * MINUTE)
    assert _stored(store).published == now + 2 * MINUTE


def test_nothing_is_installed_after_the_configuration_is_deleted(
    replica: NewReplica, kube: Kube, now: datetime
) -> None:
    one = replica()
    one.refresh(now)
    kube.put(HOOKS_PATH, None)

    view = one.refresh(now + MINUTE)

    assert view.bundles == frozenset()
    assert view.in_sync is False


def test_configuration_created_later_gets_the_bundle(
    replica: NewReplica, kube: Kube, now: datetime
) -> None:
    kube.put(HOOKS_PATH, None)
    one = replica()

    early = one.refresh(now)

    assert early.leaf is not None
    assert "not there" in early.problem
    assert early.bundles == frozenset()
    assert early.in_sync is False
    kube.put(HOOKS_PATH, hooks())
    _good(one.refresh(now + MINUTE))


def test_forbidden_configuration_does_not_prevent_a_leaf(
    replica: NewReplica, kube: Kube, now: datetime
) -> None:
    def no_right(_method: str, path: str) -> None:
        kube.refuse = {"GET": 403} if path == HOOKS_PATH else {}

    kube.before = no_right

    view = replica().refresh(now)

    assert view.leaf is not None
    assert "HTTP 403" in view.problem


def test_without_the_api_server_it_signs_with_the_ca_in_memory(
    replica: NewReplica, kube: Kube, now: datetime
) -> None:
    one = replica()
    before = one.refresh(now)
    kube.refuse = {"GET": 503, "PATCH": 503}

    after = one.refresh(now + TIMES.leaf)

    assert after.leaf is not None
    assert before.leaf is not None
    assert after.leaf != before.leaf
    assert after.leaf.signer == before.leaf.signer
    assert after.bundles == before.bundles
    assert "HTTP 503" in after.problem


def test_without_the_api_server_it_does_not_start(
    replica: NewReplica, kube: Kube, now: datetime
) -> None:
    kube.refuse = {"GET": 503, "PATCH": 503}

    assert replica().refresh(now).leaf is None


def test_secret_that_cannot_be_written_signs_nothing(
    replica: NewReplica, kube: Kube, now: datetime
) -> None:
    kube.refuse = {"PATCH": 403}  # two replicas would serve two CAs

    assert replica().refresh(now).leaf is None


def test_ca_that_expires_without_the_api_server_changes_nothing(
    replica: NewReplica, kube: Kube, now: datetime
) -> None:
    one = replica()
    before = one.refresh(now)
    kube.refuse = {"GET": 503, "PATCH": 503}

    assert one.refresh(now + TIMES.ca).leaf is before.leaf


def test_rotation_proceeds_step_by_step(replica: NewReplica, store: Store, now: datetime) -> None:
    one, two = replica(), replica()
    one.refresh(now)
    two.refresh(now)
    old = _stored(store).current
    _write(store, {"rotate": b"now"})
    told: list[tuple[int, bool, int, bool]] = []

    for minute in range(90):
        for each in (one, two):
            view = each.refresh(now + minute * MINUTE)
            _good(view)
            content = _stored(store)
            assert view.leaf is not None
            assert view.leaf.signer == content.current.certificate
            state = (content.current == old, len(content.bundle), bool(content.published))
            if not told or told[-1][1:] != state:
                told.append((minute, *state))

    assert told == [
        (0, True, 2, False),  # published by one
        (0, True, 2, True),  # seen by two
        (5, False, 2, False),  # signs after the overlap
        (65, False, 1, False),  # dropped after the longest life of a leaf
    ]


def test_every_leaf_stays_trusted_in_any_order_of_events(
    replica: NewReplica, kube: Kube, store: Store, now: datetime
) -> None:
    """Rotations of four replicas; at random, one looks while another's request is under way."""
    chance = random.Random(4)  # noqa: S311 -- repeatable, not secret
    replicas = [replica() for _ in range(4)]
    clock = now
    shown: dict[OwnCA, View] = {}
    busy: set[OwnCA] = set()
    signers = set()

    def check() -> None:
        installed = [
            authority.load_bundle(base64.b64decode(webhook["clientConfig"].get("caBundle", "")))
            for webhook in kube.objects[HOOKS_PATH]["webhooks"]
        ]
        for view in shown.values():
            assert view.leaf is not None
            assert authority.valid(view.leaf.certificate, clock)
            assert all(view.leaf.signer in bundle for bundle in installed)

    def look(one: OwnCA) -> None:
        busy.add(one)
        view = one.refresh(clock)
        busy.discard(one)
        shown[one] = view
        signers.add(view.leaf and view.leaf.signer)
        check()

    def overtake(_method: str, _path: str) -> None:
        free = [one for one in replicas if one not in busy]
        if free and len(busy) < 3 and chance.random() < 0.3:
            look(chance.choice(free))

    kube.before = overtake
    for one in replicas:
        look(one)
    for _ in range(100):
        clock += chance.choice((MINUTE, 5 * MINUTE, 10 * MINUTE))
        if chance.random() < 0.1:
            with suppress(StoreError):  # one of them was faster
                _write(store, {"rotate": b"now"})
        order = replicas.copy()
        chance.shuffle(order)
        for one in order:
            look(one)

    assert len(signers) >= 4


def test_no_key_is_ever_logged(
    replica: NewReplica, kube: Kube, store: Store, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    one = replica()
    views = [one.refresh(now)]
    _write(store, {"rotate": b"now"})
    views += [one.refresh(now + minute * MINUTE) for minute in range(10)]
    keys = [value for key, value in secret.dump(_stored(store)).items() if key.endswith(".key")]
    _write(store, {"ca.key": b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n"})
    views.append(replica().refresh(now))
    for status in (422, 500):
        kube.refuse = {"PATCH": status}
        kube.put(SECRET_PATH, None)
        views.append(one.refresh(now))

    told = caplog.text + repr([record.__dict__ for record in caplog.records]) + repr(views)
    for text in filter(None, keys):
        for line in text.decode().splitlines():
            assert line not in told
    assert "PRIVATE" not in told
    assert "c2VjcmV0" not in told
