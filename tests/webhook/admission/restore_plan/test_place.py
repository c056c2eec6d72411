"""Where the init container that fills volumes stands, in every pod of the corpus."""

import json
from collections.abc import Callable
from copy import deepcopy

import pytest

from tests.webhook.admission.corpus.corpus import EXPECTED, PODS, injected_pods
from tests.webhook.admission.patch.applier import apply
from tests.webhook.admitting import OPTIONS, OWN_VOLUMES, STATUS, Json, answer_to
from webhook.admission import admit, patch_proof
from webhook.admission.patch_proof import ProofError

RESTORED = {"backup.restore": "if-empty"}
UNFILLED = "node-exporter"  # mounts folders of its node, and may only read them


def _restored(pod: Json) -> Json:
    """Return the pod after admission; it asks for a restore, and nothing of it is lost."""
    asking = deepcopy(pod)
    asking["metadata"]["annotations"] |= RESTORED
    admission = admit.admit(asking, "prod", OPTIONS)
    assert all(operation["op"] == "add" for operation in admission.operations)
    return apply(asking, list(admission.operations))


def _names(pod: Json) -> list[str]:
    return [each["name"] for each in pod["spec"]["initContainers"]]


def _mounts(container: Json) -> set[str]:
    return {mount["name"] for mount in container.get("volumeMounts") or []} - set(OWN_VOLUMES)


def test_all_but_one_of_the_corpus_can_be_restored() -> None:
    injected = [name for name, expected in EXPECTED.items() if expected["reason"] == "injected"]

    unfilled = [n for n in injected if "backup-restore" not in _names(_restored(PODS[n]))]

    assert unfilled == [UNFILLED]


@injected_pods
def test_it_stands_right_before_the_containers_that_mount_a_restored_volume(
    expected: Json, pod: Json, asked: Json
) -> None:
    del asked
    if expected is EXPECTED[UNFILLED]:
        return
    init = _restored(pod)["spec"]["initContainers"]
    theirs = pod["spec"].get("initContainers") or []
    place = _names(_restored(pod)).index("backup-restore")
    filled = _mounts(init[place])

    assert init[-1]["name"] == "backup"
    assert [each for each in init if each["name"] not in {"backup", "backup-restore"}] == theirs
    assert filled
    assert not any(_mounts(each) & filled for each in init[:place])
    assert _mounts(init[place + 1]) & filled, "one place further would be too late"
    assert [each["name"] for each in init if "restartPolicy" in each and each in init[:place]] == [
        each["name"]
        for each in theirs
        if each.get("restartPolicy") == "Always" and each in init[:place]
    ]


@injected_pods
def test_everything_else_is_as_without_a_restore(expected: Json, pod: Json, asked: Json) -> None:
    del asked
    if expected is EXPECTED[UNFILLED]:
        return
    without = apply(pod, list(admit.admit(pod, "prod", OPTIONS).operations))

    result = _restored(pod)
    restorer = result["spec"]["initContainers"].pop(_names(result).index("backup-restore"))
    status = json.loads(result["metadata"]["annotations"].pop(STATUS))
    before = json.loads(without["metadata"]["annotations"].pop(STATUS))
    del result["metadata"]["annotations"]["backup.restore"]

    assert result == without
    assert status == {**before, "restore": "if-empty"}
    sidecar = result["spec"]["initContainers"][-1]
    if not expected["guaranteed"]:
        assert restorer["resources"] == sidecar["resources"]
    assert "restartPolicy" not in restorer
    assert [mount["mountPath"] for mount in restorer["volumeMounts"]] == [
        mount["mountPath"] for mount in sidecar["volumeMounts"]
    ]


@injected_pods
def test_a_second_admission_adds_nothing(expected: Json, pod: Json, asked: Json) -> None:
    del expected
    asked["request"]["object"] = _restored(pod)

    again = answer_to(asked)

    assert (again.reason, again.operations) == ("already_injected", None)


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("istio-injected", ["istio-init", "istio-proxy", "backup-restore", "backup"]),
        ("postgres-volume-permissions", ["backup-restore", "init-chmod-data", "backup"]),
        ("vaultwarden", ["backup-restore", "backup"]),
    ],
)
def test_a_mesh_proxy_precedes_it_and_a_chown_container_follows_it(
    name: str, order: list[str]
) -> None:
    assert _names(_restored(PODS[name])) == order


@pytest.mark.parametrize(
    ("init", "order"),
    [
        ([("wait", "", "")], ["wait", "backup-restore", "backup"]),
        ([("wait", "", ""), ("chown", "pages", "")], ["wait", "backup-restore", "chown", "backup"]),
        ([("proxy", "", "Always")], ["proxy", "backup-restore", "backup"]),
        ([("tail", "pages", "Always")], ["backup-restore", "tail", "backup"]),
        (
            [("init", "", ""), ("linkerd-proxy", "", "Always"), ("chown", "pages", "")],
            ["init", "linkerd-proxy", "backup-restore", "chown", "backup"],
        ),
        (
            [("chown", "pages", ""), ("linkerd-proxy", "", "Always")],
            ["backup-restore", "chown", "linkerd-proxy", "backup"],
        ),
        ([("other", "tmp", "")], ["other", "backup-restore", "backup"]),
    ],
)
def test_only_containers_that_mount_a_restored_volume_follow_it(
    pod: Json, init: list[tuple[str, str, str]], order: list[str]
) -> None:
    """Where a proxy comes behind what uses the volume, it has to stay there."""
    pod["spec"]["initContainers"] = [
        {
            "name": name, "image": "x",
            **({"volumeMounts": [{"name": volume, "mountPath": "/x"}]} if volume else {}),
            **({"restartPolicy": policy} if policy else {}),
        }
        for name, volume, policy in init
    ]  # fmt: skip

    assert _names(_restored(pod)) == order


# What other webhooks do between two admissions


def _takes(key: str) -> Callable[[Json], None]:
    def take(pod: Json) -> None:
        container = pod["spec"]["initContainers"][0]
        assert container["name"] == "backup-restore"
        del container[key]

    return take


def _takes_the_container(pod: Json) -> None:
    del pod["spec"]["initContainers"][0]


def _takes_a_variable(pod: Json) -> None:
    pod["spec"]["initContainers"][0]["env"].pop()


def _takes_the_status(pod: Json) -> None:
    del pod["metadata"]["annotations"][STATUS]


def _takes_a_volume(pod: Json) -> None:
    pod["spec"]["volumes"].pop()


@pytest.mark.parametrize(
    "take",
    [
        *map(_takes, ("command", "env", "envFrom", "securityContext", "resources",
                      "terminationMessagePolicy", "imagePullPolicy")),
        _takes_the_container, _takes_a_variable, _takes_the_status, _takes_a_volume,
    ],
)  # fmt: skip
def test_removed_parts_are_restored(asked: Json, pod: Json, take: Callable[[Json], None]) -> None:
    whole = _restored(pod)
    robbed = deepcopy(whole)
    take(robbed)
    asked["request"]["object"] = robbed

    operations = answer_to(asked).operations

    assert apply(robbed, operations or []) == whole


def test_a_volume_added_later_is_restored_too(asked: Json, pod: Json) -> None:
    grown = _restored(pod)
    volume = {"name": "late", "persistentVolumeClaim": {"claimName": "late"}}
    grown["spec"]["volumes"].append(volume)
    mount = {"name": "late", "mountPath": "/late"}
    grown["spec"]["containers"][0]["volumeMounts"].append(mount)
    asked["request"]["object"] = grown

    result = apply(grown, answer_to(asked).operations or [])

    restorer, sidecar = result["spec"]["initContainers"]
    assert {"name": "late", "mountPath": "/backup/late"} in restorer["volumeMounts"]
    late = {"name": "late", "mountPath": "/backup/late", "readOnly": True}
    assert late in sidecar["volumeMounts"]


def test_it_returns_before_the_sidecar_in_a_pod_with_a_proxy_after_us(
    asked: Json, pod: Json
) -> None:
    """A sidecar that saw the empty volume first would back that up."""
    changed = _restored(pod)
    changed["spec"]["initContainers"][0] = {
        "name": "proxy",
        "image": "x",
        "restartPolicy": "Always",
    }
    changed["spec"]["initContainers"].append({"name": "late", "image": "x"})
    asked["request"]["object"] = changed

    result = apply(changed, answer_to(asked).operations or [])

    assert _names(result) == ["proxy", "backup-restore", "backup", "late"]


# The proof

INIT: list[Json] = [{"name": "first", "image": "x"}, {"name": "second", "image": "x"}]
RESTORER: Json = {
    "name": "backup-restore",
    "env": [{"name": "BACKUP_RESTORE", "value": "if-empty"}],
    "volumeMounts": [
        {"name": "pages", "mountPath": "/backup/pages"},
        {"name": "backup-state", "mountPath": "/var/lib/backup"},
    ],
}
STATE: Json = {"op": "add", "path": "/spec/volumes/-", "value": {"name": "backup-state"}}


def _inserted(at: object, value: Json) -> list[Json]:
    return [{"op": "add", "path": f"/spec/initContainers/{at}", "value": value}, STATE]


@pytest.mark.parametrize("at", [0, 1, 2, "-"])
def test_it_may_precede_existing_containers(pod: Json, at: object) -> None:
    pod["spec"]["initContainers"] = deepcopy(INIT)
    before = deepcopy(pod)

    result = patch_proof.prove(pod, _inserted(at, RESTORER))

    assert pod == before
    assert [each for each in result["spec"]["initContainers"] if each in INIT] == INIT


@pytest.mark.parametrize(
    ("operations", "rule"),
    [
        (_inserted(0, {**RESTORER, "name": "other"}), "existing element of initContainers"),
        (_inserted(0, {**RESTORER, "volumeMounts": []}), "existing element of initContainers"),
        ([*_inserted(0, RESTORER), *_inserted(1, RESTORER)[:1]], "backup-restore would exist"),
        (
            [*_inserted(0, RESTORER), *_inserted(0, {"name": "x", "env": [], "volumeMounts": []})],
            "existing element of initContainers",
        ),
        (
            [*_inserted(0, RESTORER), {**STATE, "path": "/spec/initContainers/1/env"}],
            "does not apply to our part",
        ),
        (
            [{"op": "add", "path": "/spec/initContainers", "value": [RESTORER, *deepcopy(INIT)]}],
            "existing element of initContainers",
        ),
        (_inserted(3, RESTORER), "does not apply"),
        (_inserted(0, RESTORER)[:1], "backup-restore mounts unknown volumes"),
    ],
    ids=["another", "not-ours", "twice", "another-too", "changed", "copied", "beyond", "no-volume"],
)  # fmt: skip
def test_nothing_else_may_precede_existing_containers(
    pod: Json, operations: list[Json], rule: str
) -> None:
    pod["spec"]["initContainers"] = deepcopy(INIT)
    before = deepcopy(pod)

    with pytest.raises(ProofError, match=rule):
        patch_proof.prove(pod, operations)
    assert pod == before


def test_an_existing_one_is_not_moved(pod: Json) -> None:
    pod["spec"]["initContainers"] = [deepcopy(INIT[0]), deepcopy(RESTORER)]
    pod["spec"]["volumes"].append({"name": "backup-state"})

    with pytest.raises(ProofError, match="existing element of initContainers"):
        patch_proof.prove(pod, _inserted(0, RESTORER)[:1])
