"""A hostile webhook after ours: we are called again, repair or leave alone, never duplicate."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import names
from demo import app
from tests.apiserver import other
from tests.apiserver.admission.grammar import pods
from tests.apiserver.admission.test_oracle import EXAMPLES
from tests.apiserver.api import Api, Json
from tests.apiserver.conftest import Namespaces
from tests.apiserver.other import Other
from tests.apiserver.served import Served
from tests.cluster.work import until

LABEL = "hostile"
BOTH = {"backup.enabled": "true", LABEL: "true"}
STATUS, INJECTED = "backup.status", "backup.injected"
OWN = {"backup-state", "backup-secret", "backup-pod", "backup-no-token"}


@pytest.fixture(scope="module")
def hostile(api: Api, webhook: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Other]:
    """A webhook that is called after ours, by the order of names."""
    del webhook
    with other.another(api, "hostile", tmp_path_factory.mktemp("hostile")) as running:
        api.make(other.registration("z-hostile", "hostile", running.bundle, LABEL))
        yield running
        api.delete("MutatingWebhookConfiguration", name="z-hostile")


@pytest.fixture(scope="module")
def namespace(api: Api, hostile: Other, namespaces: Namespaces) -> str:
    """A namespace in which both are called."""
    name = namespaces(labels=BOTH)
    until(lambda: _is_called(api, hostile, name), "the hostile webhook is called", 60)
    return name


def _is_called(api: Api, hostile: Other, namespace: str) -> bool:
    before = hostile.seen
    api.create(_pod(), namespace, dry_run=True)
    return hostile.seen > before


def _pod() -> Json:
    pod: Json = app.pod()
    for key in ("namespace", "ownerReferences"):
        pod["metadata"].pop(key, None)
    return pod


def _created(api: Api, namespace: str, pod: Json) -> Json:
    answer = api.create(pod, namespace, dry_run=True)
    assert answer.is_success, answer.text
    made: Json = answer.json()
    return made


def _sidecar(pod: Json) -> Json:
    (found,) = [each for each in pod["spec"]["initContainers"] if each["name"] == "backup"]
    assert isinstance(found, dict)
    return found


def test_a_volume_that_another_webhook_mounts_is_backed_up_too(
    api: Api, hostile: Other, namespace: str
) -> None:
    hostile.answers(other.patching(_adds_a_volume))

    pod = _created(api, namespace, _pod())

    mounts = [mount["mountPath"] for mount in _sidecar(pod)["volumeMounts"]]
    assert "/backup/late" in mounts
    assert len(mounts) == len(set(mounts))
    assert "late" in json.loads(pod["metadata"]["annotations"][STATUS])["volumes"]


def test_removed_label_and_annotation_are_restored(
    api: Api, hostile: Other, namespace: str
) -> None:
    hostile.answers(other.patching(_strips_marks))

    meta = _created(api, namespace, _pod())["metadata"]

    assert json.loads(meta["annotations"][STATUS])["injected"] is True
    assert meta["labels"][INJECTED] == "true"


def test_a_sidecar_that_lost_its_restart_policy_does_not_block_the_app(
    api: Api, hostile: Other, namespace: str
) -> None:
    hostile.answers(other.patching(_forgets_native_sidecars))

    assert _sidecar(_created(api, namespace, _pod()))["restartPolicy"] == "Always"


def test_changes_of_another_webhook_to_our_container_are_kept(
    api: Api, hostile: Other, namespace: str
) -> None:
    hostile.answers(other.patching(_mirrors_images))

    assert _sidecar(_created(api, namespace, _pod()))["image"].startswith("mirror.example.net/")


def _adds_a_volume(pod: Json) -> Json:
    volume = {"name": "late", "persistentVolumeClaim": {"claimName": "late"}}
    pod["spec"].setdefault("volumes", []).append(volume)
    mount = {"name": "late", "mountPath": "/late"}
    pod["spec"]["containers"][0].setdefault("volumeMounts", []).append(mount)
    return pod


def _adds_a_container(pod: Json) -> Json:
    pod["spec"]["containers"].append({"name": "proxy", "image": "proxy"})
    return pod


def _adds_a_sidecar_first(pod: Json) -> Json:
    mesh = {"name": "mesh", "image": "mesh", "restartPolicy": "Always"}
    pod["spec"].setdefault("initContainers", []).insert(0, mesh)
    return pod


def _strips_marks(pod: Json) -> Json:
    for kind in ("annotations", "labels"):
        for key in (STATUS, INJECTED):
            pod["metadata"].get(kind, {}).pop(key, None)
    return pod


def _reorders(pod: Json) -> Json:
    for key in ("volumes", "initContainers"):
        pod["spec"].get(key, []).reverse()
    return pod


def _forgets_native_sidecars(pod: Json) -> Json:
    for container in pod["spec"].get("initContainers", []):
        container.pop("restartPolicy", None)
    return pod


def _mirrors_images(pod: Json) -> Json:
    for container in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])):
        container["image"] = f"mirror.example.net/{container['image']}"
    return pod


def _forgets_variables(pod: Json) -> Json:
    for container in pod["spec"].get("initContainers", []):
        container.pop("env", None)
    return pod


_CHANGES: tuple[Callable[[Json], Json], ...] = (
    _adds_a_volume, _adds_a_container, _adds_a_sidecar_first, _strips_marks, _reorders,
    _forgets_native_sidecars, _mirrors_images, _forgets_variables,
)  # fmt: skip


def test_nothing_is_injected_twice_for_any_change_of_another_webhook(
    api: Api, hostile: Other, namespace: str, namespaces: Namespaces
) -> None:
    without_us = namespaces(labels={LABEL: "true"})
    seen: Counter[str] = Counter()

    @EXAMPLES
    @given(pods(), st.lists(st.sampled_from(_CHANGES), min_size=1, max_size=4, unique=True))
    def every(pod: Json, changes: list[Callable[[Json], Json]]) -> None:
        hostile.answers(other.patching(lambda found: _all(changes, found)))
        alone = api.create(pod, without_us, dry_run=True)
        if not alone.is_success:
            seen["refused"] += 1
            return
        both = api.create(pod, namespace, dry_run=True)
        assert both.is_success, both.text
        seen[_ours_are_whole(both.json())] += 1

    every()

    print(dict(seen))
    assert seen["injected"] > 0
    assert seen["restored"] > 0


def _all(changes: list[Callable[[Json], Json]], pod: Json) -> Json:
    changed = deepcopy(pod)
    for change in changes:
        changed = change(changed)
    return changed


def _ours_are_whole(pod: Json) -> str:
    """Fail where a pod has ours in part or twice; return what it has."""
    volumes = [each["name"] for each in pod["spec"].get("volumes", [])]
    init = pod["spec"].get("initContainers", [])
    ours = [each for each in init if each.get("command") == [names.COMMAND]]
    if not ours:
        return "uninjected"
    (sidecar,) = ours
    assert sidecar["restartPolicy"] == "Always"
    assert set(volumes) >= OWN
    assert len(volumes) == len(set(volumes))
    assert {mount["name"] for mount in sidecar["volumeMounts"]} <= set(volumes)
    assert {"BACKUP_HOST", "BACKUP_NAMESPACE"} <= {each["name"] for each in sidecar["env"]}
    assert pod["metadata"]["labels"][INJECTED] == "true"
    status = json.loads(pod["metadata"]["annotations"][STATUS])
    assert status["injected"] is True
    fill = [each for each in init if each.get("command") == [*names.RESTORE_COMMAND]]
    assert len(fill) == (status.get("restore", "refused") != "refused")
    for restorer in fill:
        assert "restartPolicy" not in restorer
        assert {mount["name"] for mount in restorer["volumeMounts"]} <= set(volumes)
        assert "BACKUP_RESTORE" in {each["name"] for each in restorer["env"]}
    return "restored" if fill else "injected"
