"""What is asked of the API server, and that no error shows what the Secret holds."""

import base64
from collections.abc import Callable

import pytest
from kubernetes import client

from certs.store import ConflictError, Store, StoreError, Webhooks
from tests.certs.conftest import hooks
from tests.certs.kube import HOOKS_PATH, SECRET_PATH, Json, Kube
from tests.certs.serving.handshakes import free_port

DATA: dict[str, bytes | None] = {"ca.key": b"very secret", "next.key": None}
NAMES = ["pods.backup-webhook.dev", "restores.backup-webhook.dev"]


def test_absent_objects_are_none(store: Store, kube: Kube) -> None:
    kube.put(HOOKS_PATH, None)

    assert store.secret() is None
    assert store.webhooks() is None


def test_created_secret_is_read_back(store: Store) -> None:
    store.create(DATA)

    found = store.secret()
    assert found is not None
    assert found.data == {"ca.key": b"very secret"}


def test_second_creation_conflicts_and_changes_nothing(store: Store) -> None:
    store.create(DATA)

    with pytest.raises(ConflictError):
        store.create({"ca.key": b"another"})

    found = store.secret()
    assert found is not None
    assert found.data == {"ca.key": b"very secret"}


def test_update_sets_and_removes_our_keys_only(store: Store, kube: Kube) -> None:
    text = base64.b64encode(b"x").decode()
    labels = {"app": "theirs"}
    data = {"ca.key": text, "next.key": text, "theirs": text}
    kube.put(SECRET_PATH, {"metadata": {"labels": labels}, "type": "Opaque", "data": data})
    found = store.secret()
    assert found is not None

    store.update(DATA, found.version)

    after = store.secret()
    assert after is not None
    assert after.data == {"ca.key": b"very secret", "theirs": b"x"}
    assert kube.objects[SECRET_PATH]["metadata"]["labels"] == labels


def test_update_of_an_older_version_conflicts(store: Store) -> None:
    store.create(DATA)
    found = store.secret()
    assert found is not None
    store.update({"ca.key": b"second"}, found.version)

    with pytest.raises(ConflictError):
        store.update({"ca.key": b"third"}, found.version)


@pytest.mark.parametrize("data", [None, {}, {"ca.key": "no base64"}, {"ca.key": ""}], ids=str)
def test_unusual_secrets_are_read(store: Store, kube: Kube, data: Json | None) -> None:
    kube.put(SECRET_PATH, {"metadata": {}, "data": data})

    found = store.secret()
    assert found is not None
    assert set(found.data.values()) <= {b""}


def test_bundles_are_read_by_the_names_of_the_webhooks(store: Store, kube: Kube) -> None:
    changed = hooks()
    changed["webhooks"][0]["clientConfig"]["caBundle"] = base64.b64encode(b"x").decode()
    changed["webhooks"][1]["future"] = {"field": "unknown to our client"}
    kube.put(HOOKS_PATH, changed)

    found = store.webhooks()

    assert found is not None
    assert found.bundles == {NAMES[0]: b"x", NAMES[1]: b""}


@pytest.mark.parametrize("absent", [{}, {"webhooks": None}, {"webhooks": []}], ids=str)
def test_configuration_without_webhooks_is_read(store: Store, kube: Kube, absent: Json) -> None:
    kube.put(HOOKS_PATH, absent)

    found = store.webhooks()

    assert found is not None
    assert found.bundles == {}


def test_only_names_and_bundles_are_applied(store: Store, kube: Kube) -> None:
    seen = store.webhooks()
    assert seen is not None

    store.apply(b"bundle", seen)

    [(_, path, body)] = kube.requests
    text = base64.b64encode(b"bundle").decode()
    assert path == HOOKS_PATH
    assert set(body) == {"apiVersion", "kind", "metadata", "webhooks"}
    assert set(body["metadata"]) == {"name", "resourceVersion"}
    assert body["webhooks"] == [
        {"name": name, "clientConfig": {"caBundle": text}} for name in NAMES
    ]
    expected = hooks()
    for webhook in expected["webhooks"]:
        webhook["clientConfig"]["caBundle"] = text
    del kube.objects[HOOKS_PATH]["metadata"]["resourceVersion"]
    assert kube.objects[HOOKS_PATH] == expected


def test_bundle_is_not_applied_over_a_newer_one(store: Store, kube: Kube) -> None:
    seen = store.webhooks()
    assert seen is not None
    store.apply(b"newer", seen)

    with pytest.raises(ConflictError):
        store.apply(b"older", seen)

    found = store.webhooks()
    assert found is not None
    assert set(found.bundles.values()) == {b"newer"}
    assert len(kube.requests) == 2


def test_deleted_configuration_is_not_created(store: Store, kube: Kube) -> None:
    seen = store.webhooks()
    assert seen is not None
    kube.put(HOOKS_PATH, None)

    with pytest.raises(StoreError):
        store.apply(b"bundle", seen)

    assert HOOKS_PATH not in kube.objects


@pytest.mark.parametrize("status", [400, 401, 403, 409, 422, 429, 500, 503])
def test_refusal_names_the_object_and_the_status_only(
    store: Store, kube: Kube, status: int
) -> None:
    kube.refuse = {"PATCH": status, "GET": status}
    asked: list[Callable[[], object]] = [
        store.secret,
        store.webhooks,
        lambda: store.create(DATA),
        lambda: store.update(DATA, "1"),
        lambda: store.apply(b"very secret", Webhooks("1", {"a": b""})),
    ]
    secret = base64.b64encode(b"very secret").decode()

    for call in asked:
        with pytest.raises(StoreError) as caught:
            call()

        assert isinstance(caught.value, ConflictError) is (status == 409)
        assert f"HTTP {status}" in str(caught.value)
        assert secret not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


def test_unreachable_api_server_is_reported_in_one_line() -> None:
    settings = client.Configuration()
    settings.host = f"http://127.0.0.1:{free_port()}"
    store = Store("backup", "ca", "hooks", client.ApiClient(settings))

    with pytest.raises(StoreError, match=r"^read Secret ca: NewConnectionError$"):
        store.secret()


def test_missing_in_cluster_configuration_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", "/nowhere")

    line = "^read Secret ca: Invalid kube-config file. No configuration found$"
    with pytest.raises(StoreError, match=line):
        Store("backup", "ca", "hooks").secret()


def test_watch_reports_the_first_state_and_each_change(store: Store, kube: Kube) -> None:
    stream = store.readers()["webhooks"].stream()
    said = stream.stream(amt=None, decode_content=False)

    assert b"ADDED" in next(said)
    kube.put(HOOKS_PATH, hooks() | {"changed": "by somebody"})
    assert b"by somebody" in next(said)

    stream.close()
