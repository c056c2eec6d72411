"""Which pods are injected, what is taken of them, and under which name."""

import json
from dataclasses import replace

import pytest

from tests.webhook.admission.patch.applier import apply
from tests.webhook.admitting import OPTIONS, OWN_VOLUMES, Json, answer_to


@pytest.mark.parametrize("text", ["true", "TRUE", "True", "yes", "Yes", "on", "ON", "1", " true\n"])
def test_every_spelling_of_yes_enables(asked: Json, pod: Json, text: str) -> None:
    pod["metadata"]["annotations"]["backup.enabled"] = text

    assert answer_to(asked).reason == "injected"


@pytest.mark.parametrize("text", ["false", "FALSE", "no", "No", "off", "0", "", "  ", None])
def test_every_spelling_of_no_leaves_the_pod_unchanged(
    asked: Json, pod: Json, text: str | None
) -> None:
    pod["metadata"]["annotations"]["backup.enabled"] = text

    answer = answer_to(asked)

    assert (answer.reason, answer.operations, answer.warnings) == ("not_enabled", None, [])


@pytest.mark.parametrize("value", ["ture", "enabled", "y", "2", "true;", True, 1, ["true"], {}])
def test_any_other_value_is_not_injected_and_gives_a_warning(
    asked: Json, pod: Json, value: object
) -> None:
    pod["metadata"]["annotations"]["backup.enabled"] = value

    answer = answer_to(asked)

    assert answer.reason == "invalid_value"
    (warning,) = answer.warnings
    assert "backup.enabled" in warning
    assert "not backed up" in warning
    result = apply(pod, answer.operations or [])
    assert json.loads(result["metadata"]["annotations"].pop("backup.status")) == {
        "injected": False,
        "reason": "invalid_value",
        "version": "0.1.0",
    }
    assert result == pod


def test_pods_of_excluded_namespaces_stay_unchanged(asked: Json) -> None:
    options = replace(OPTIONS, excluded_namespaces=frozenset({"prod"}))

    answer = answer_to(asked, options)

    assert (answer.reason, answer.operations) == ("excluded_namespace", None)
    assert answer.warnings == []


@pytest.mark.parametrize("name", OWN_VOLUMES)
def test_an_app_volume_with_our_name_is_a_conflict(asked: Json, pod: Json, name: str) -> None:
    pod["spec"]["volumes"].append({"name": name, "emptyDir": {}})

    answer = answer_to(asked)

    assert answer.reason == "name_conflict"
    assert f"volume {name}" in answer.warnings[0]
    assert answer.volumes() == []


@pytest.mark.parametrize("where", ["containers", "initContainers"])
@pytest.mark.parametrize(
    "more",
    [{}, {"restartPolicy": "Always"}, {"volumeMounts": [{"name": "pages", "mountPath": "/p"}]}],
    ids=["plain", "native-sidecar", "with-mounts"],
)
def test_an_app_container_named_backup_is_a_conflict(
    asked: Json, pod: Json, where: str, more: Json
) -> None:
    pod["spec"].setdefault(where, []).append({"name": "backup", "image": "x", **more})

    answer = answer_to(asked)

    assert answer.reason == "name_conflict"
    assert "container backup" in answer.warnings[0]
    assert answer.added("/spec/initContainers") == []


@pytest.mark.parametrize(
    ("owner", "labels", "seen"),
    [
        (("ReplicaSet", "wiki-abc"), {"pod-template-hash": "abc"}, ("Deployment", "wiki")),
        (("ReplicaSet", "wiki-abc"), {"rollouts-pod-template-hash": "abc"}, ("Rollout", "wiki")),
        (("ReplicaSet", "wiki-abc"), {"pod-template-hash": "bc"}, ("ReplicaSet", "wiki-abc")),
        (("ReplicaSet", "wiki-abc"), {}, ("ReplicaSet", "wiki-abc")),
        (("ReplicaSet", "-abc"), {"pod-template-hash": "abc"}, ("ReplicaSet", "-abc")),
        (("Job", "tidy-29012340"), {}, ("CronJob", "tidy")),
        (("Job", "tidy-2901234"), {}, ("Job", "tidy-2901234")),
        (("Job", "29012340"), {}, ("Job", "29012340")),
        (("Job", "tidy"), {}, ("Job", "tidy")),
    ],
)
def test_the_workload_is_derived_from_owner_references_alone(
    asked: Json, pod: Json, owner: tuple[str, str], labels: Json, seen: tuple[str, str]
) -> None:
    pod["metadata"]["ownerReferences"] = [
        {"kind": "HelmChart", "name": "other", "controller": False},
        {"kind": owner[0], "name": owner[1], "controller": True},
    ]
    pod["metadata"]["labels"] = labels

    environment = answer_to(asked).environment()

    assert (environment["BACKUP_KIND"], environment["BACKUP_WORKLOAD"]) == seen
    assert environment["BACKUP_HOST"] == seen[1]


def _mount(pod: Json, name: str, **fields: object) -> None:
    mount = {"name": name, "mountPath": f"/m{len(str(fields))}", **fields}
    pod["spec"]["containers"][0]["volumeMounts"].append(mount)


def _taken(asked: Json) -> tuple[list[str], list[str] | None]:
    answer = answer_to(asked)
    mounts = answer.sidecar()["volumeMounts"][: -len(OWN_VOLUMES)]
    sources = answer.environment().get("BACKUP_VOLUMES")
    return [mount["mountPath"] for mount in mounts], sources and json.loads(sources)


@pytest.mark.parametrize(
    ("text", "mounts", "sources"),
    [
        ("pages", ["/backup/pages"], ["pages"]),
        ("pages:notes", ["/backup/pages"], ["pages/notes"]),
        ("pages:notes/./a//b/", ["/backup/pages"], ["pages/notes/a/b"]),
        ("pages:notes pages:notes", ["/backup/pages"], ["pages/notes"]),
        ("tmp,pages", ["/backup/tmp", "/backup/pages"], ["tmp", "pages"]),
        (" tmp ,, pages\n", ["/backup/tmp", "/backup/pages"], ["tmp", "pages"]),
        ("tmp", ["/backup/tmp"], ["tmp"]),
        ("", ["/backup/pages"], None),
    ],
)
def test_backup_volumes_selects_volumes(
    asked: Json, pod: Json, text: str, mounts: list[str], sources: list[str] | None
) -> None:
    pod["metadata"]["annotations"]["backup.volumes"] = text

    assert _taken(asked) == (mounts, sources)
    assert answer_to(asked).warnings == []


def test_a_named_folder_is_mounted_below_the_apps_sub_path(asked: Json, pod: Json) -> None:
    """A subPath that does not exist would keep the pod from starting."""
    pod["spec"]["containers"][0]["volumeMounts"][0]["subPath"] = "wiki/pages"
    pod["metadata"]["annotations"]["backup.volumes"] = "pages:wiki/pages/notes"

    assert _taken(asked) == (["/backup/pages/wiki/pages"], ["pages/wiki/pages/notes"])
    assert answer_to(asked).sidecar()["volumeMounts"][0]["subPath"] == "wiki/pages"


def test_a_folder_that_no_container_mounts_is_refused(asked: Json, pod: Json) -> None:
    pod["spec"]["containers"][0]["volumeMounts"][0]["subPath"] = "wiki"
    pod["metadata"]["annotations"]["backup.volumes"] = "pages:wiki2"

    assert _taken(asked) == (["/backup/pages/wiki"], ["pages/wiki"])
    (warning,) = answer_to(asked).warnings
    assert "'pages:wiki2'" in warning
    assert "only wiki" in warning


_NAME = {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}


@pytest.mark.parametrize(
    ("expression", "env", "folder"),
    [
        ("logs/$(NAME)", [_NAME], "logs/wiki-0"),
        ("$(A)/$(B)", [{"name": "A", "value": "x"}, {"name": "B", "value": "y/z"}], "x/y/z"),
        ("$(A)", [{"name": "A", "value": "old"}, {"name": "A", "value": "new"}], "new"),
        ("plain", [], "plain"),
    ],
    ids=["the pod's name", "values", "the later value", "no variable"],
)
def test_a_sub_path_expr_is_used_where_its_value_is_known(
    asked: Json, pod: Json, expression: str, env: list[Json], folder: str
) -> None:
    pod["metadata"] |= {"name": "wiki-0", "generateName": "wiki-"}
    _by_expression(pod, expression, env)

    assert _taken(asked) == ([f"/backup/pages/{folder}"], None)
    mount = answer_to(asked).sidecar()["volumeMounts"][0]
    assert (mount["subPath"], "subPathExpr" in mount) == (folder, False)
    assert answer_to(asked).warnings == []


@pytest.mark.parametrize(
    ("expression", "env"),
    [
        ("$(NAME)", [_NAME]),
        ("$(NAME)", []),
        ("$(A)", [{"name": "A", "value": "$(NAME)"}, _NAME]),
        ("$$(A)", [{"name": "A", "value": "x"}]),
        ("$(A)", [{"name": "A", "value": "../other"}]),
        ("$(A)", [{"name": "A", "value": "/etc"}]),
        ("$(A)", [{"name": "A", "value": ""}]),
        ("$(A)", [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]),
    ],
    ids=["a generated name", "unknown", "nested", "escaped", "outside", "root", "empty", "secret"],
)
def test_a_sub_path_expr_with_an_unknown_value_is_left_out_and_named(
    asked: Json, pod: Json, expression: str, env: list[Json]
) -> None:
    """It would be another, empty folder for every new pod; or the API server would refuse it."""
    _by_expression(pod, expression, env)

    answer = answer_to(asked)

    assert answer.reason == "no_volumes"
    assert f"subPathExpr {expression} may differ between pods" in answer.warnings[0]


def test_a_generated_pod_name_is_unknown_at_admission(asked: Json, pod: Json) -> None:
    """Asked again, the answer is the same."""
    pod["metadata"]["name"] = "wiki-6d4cf56db6-x7k2p"
    _by_expression(pod, "$(NAME)", [_NAME])

    assert answer_to(asked).reason == "no_volumes"


def test_an_explicit_pod_name_is_known(asked: Json, pod: Json) -> None:
    pod["metadata"]["name"] = "pg-1"
    del pod["metadata"]["generateName"]
    _by_expression(pod, "$(NAME)", [_NAME])

    assert _taken(asked) == (["/backup/pages/pg-1"], None)


def _by_expression(pod: Json, expression: str, env: list[Json]) -> None:
    container = pod["spec"]["containers"][0]
    container["env"] = env
    container["volumeMounts"][0]["subPathExpr"] = expression


def test_an_invalid_mount_path_is_named(asked: Json, pod: Json) -> None:
    pod["spec"]["volumes"].append({"name": "odd", "persistentVolumeClaim": {"claimName": "odd"}})
    _mount(pod, "odd", subPath="a:b")

    assert _taken(asked) == (["/backup/pages"], None)
    (warning,) = answer_to(asked).warnings
    assert "volume odd" in warning
    assert "colon" in warning
