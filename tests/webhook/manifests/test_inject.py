"""`backup-webhook inject`: every kind of manifest gets what its pods would get."""

import io
import json
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from tests.webhook.admission.corpus.corpus import PODS
from tests.webhook.admission.patch.applier import apply
from tests.webhook.admitting import Json, answer_to
from tests.webhook.commands import inject, template_of, workload

# Each kind, the owner that its controller gives to a pod, and the pod's other traits.
CONTROLLED: list[tuple[str, tuple[str, str], Json]] = [
    ("Deployment", ("ReplicaSet", "wiki-5f6"), {"labels": {"pod-template-hash": "5f6"}}),
    ("Rollout", ("ReplicaSet", "wiki-5f6"), {"labels": {"rollouts-pod-template-hash": "5f6"}}),
    ("ReplicaSet", ("ReplicaSet", "wiki"), {}),
    ("ReplicationController", ("ReplicationController", "wiki"), {}),
    ("StatefulSet", ("StatefulSet", "wiki"), {"name": "wiki-0"}),
    ("DaemonSet", ("DaemonSet", "wiki"), {}),
    ("Job", ("Job", "wiki"), {}),
    ("CronJob", ("Job", "wiki-29012340"), {}),
]
KINDS = ["Pod", *(kind for kind, _, _ in CONTROLLED)]

Output = pytest.CaptureFixture[str]


def _write(folder: Path, *manifests: Json) -> Path:
    file = folder / "manifests.yaml"
    file.write_text(yaml.safe_dump_all(manifests, sort_keys=False), "utf-8")
    return file


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_workload_is_injected(
    tmp_path: Path, capsys: Output, pod: Json, kind: str
) -> None:
    ran = inject(capsys, _write(tmp_path, workload(kind, pod)))

    assert (ran.status, ran.err) == (0, f"{kind.lower()}/wiki: injected\n")
    (result,) = ran.documents()
    (sidecar,) = template_of(result)["spec"]["initContainers"]
    assert sidecar["name"] == "backup"


@pytest.mark.parametrize(("kind", "owner", "traits"), CONTROLLED, ids=KINDS[1:])
def test_the_template_gets_what_the_server_gives_to_its_pods(
    tmp_path: Path, capsys: Output, asked: Json, kind: str, owner: tuple[str, str], traits: Json
) -> None:
    manifest = workload(kind, asked["request"]["object"])
    created = deepcopy(template_of(manifest))
    created["metadata"]["labels"] |= traits.get("labels", {})
    created["metadata"] |= {"name": traits["name"]} if "name" in traits else {}
    created["metadata"]["ownerReferences"] = [
        {"kind": owner[0], "name": owner[1], "controller": True}
    ]
    asked["request"]["object"] = created

    (result,) = inject(capsys, _write(tmp_path, manifest)).documents()

    answer = answer_to(asked)
    template = template_of(result)
    assert template["spec"]["initContainers"] == [answer.sidecar()]
    assert template["spec"] == apply(created, answer.operations or [])["spec"]
    for path, key in (("annotations", "backup.status"), ("labels", "backup.injected")):
        (value,) = [
            operation["value"]
            for operation in answer.operations or []
            if operation["path"] == f"/metadata/{path}/{key}"
        ]
        assert template["metadata"][path][key] == value


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_injected_as_by_the_server(
    tmp_path: Path, capsys: Output, asked: Json, name: str
) -> None:
    asked["request"]["object"] = PODS[name]
    answer = answer_to(asked)

    ran = inject(capsys, _write(tmp_path, PODS[name]))

    assert ran.status == 0
    assert ran.documents() == [apply(PODS[name], answer.operations or [])]
    assert ran.err.splitlines()[0].endswith(f": {answer.reason}")


def test_everything_but_the_template_stays_as_it_was(
    tmp_path: Path, capsys: Output, pod: Json
) -> None:
    manifest = workload("Deployment", pod)
    manifest["spec"] |= {"replicas": 3, "unknownField": {"x": [None, 1.5, True, ""]}}
    manifest["status"] = {"readyReplicas": 3}

    (result,) = inject(capsys, _write(tmp_path, manifest)).documents()

    del result["spec"]["template"], manifest["spec"]["template"]
    assert result == manifest


def test_other_objects_pass_through_in_place(tmp_path: Path, capsys: Output, pod: Json) -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "wiki"}, "spec": {}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "pages"}}

    ran = inject(capsys, _write(tmp_path, service, workload("Deployment", pod), claim))

    first, second, third = ran.documents()
    assert (first, second["kind"], third) == (service, "Deployment", claim)
    assert ran.err == "deployment/wiki: injected\n"


def test_every_item_of_a_list_is_read(tmp_path: Path, capsys: Output, pod: Json) -> None:
    plain = workload("Job", {**pod, "metadata": {"annotations": {}}})
    inner = {"apiVersion": "v1", "kind": "PodList", "items": [workload("Pod", pod)]}
    items = [workload("StatefulSet", pod), {"kind": "Secret"}, plain, inner]

    ran = inject(capsys, _write(tmp_path, {"apiVersion": "v1", "kind": "List", "items": items}))

    (result,) = ran.documents()
    assert ran.err.splitlines() == [
        "statefulset/wiki: injected",
        "job/wiki: not_enabled",
        "pod/wiki: injected",
    ]
    assert result["items"][1:3] == [{"kind": "Secret"}, plain]


def test_json_is_read_too(tmp_path: Path, capsys: Output, pod: Json) -> None:
    file = tmp_path / "wiki.json"
    file.write_text(json.dumps(workload("Deployment", pod), indent=2), "utf-8")

    ran = inject(capsys, file)

    assert (ran.status, ran.err) == (0, "deployment/wiki: injected\n")


def test_standard_input_and_several_files_are_read_in_order(
    tmp_path: Path, capsys: Output, pod: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(workload("Job", pod))))

    ran = inject(capsys, _write(tmp_path, workload("Pod", pod)), "-")

    assert [document["kind"] for document in ran.documents()] == ["Pod", "Job"]
    assert ran.err == "pod/wiki: injected\njob/wiki: injected\n"


def test_volume_claim_templates_are_backed_up(tmp_path: Path, capsys: Output, pod: Json) -> None:
    manifest = workload("StatefulSet", pod)
    claim, *others = template_of(manifest)["spec"]["volumes"]
    template_of(manifest)["spec"]["volumes"] = others
    manifest["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": claim["name"]}}]

    ran = inject(capsys, _write(tmp_path, manifest))

    (result,) = ran.documents()
    spec = template_of(result)["spec"]
    assert ran.err == "statefulset/wiki: injected\n"
    assert spec["initContainers"][0]["volumeMounts"][0]["mountPath"] == "/backup/pages"
    assert spec["volumes"][: len(others)] == others
    assert "pages" not in {volume["name"] for volume in spec["volumes"]}
    assert result["spec"]["volumeClaimTemplates"] == manifest["spec"]["volumeClaimTemplates"]


@pytest.mark.parametrize("volumes", [None, []])
def test_a_pod_may_have_only_volume_claim_templates(
    tmp_path: Path, capsys: Output, pod: Json, volumes: object
) -> None:
    manifest = workload("StatefulSet", pod)
    template_of(manifest)["spec"]["volumes"] = volumes
    manifest["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "pages"}}]

    assert inject(capsys, _write(tmp_path, manifest)).err == "statefulset/wiki: injected\n"


def test_a_claim_template_replaces_the_volume_of_the_same_name(
    tmp_path: Path, capsys: Output, pod: Json
) -> None:
    """As the StatefulSet's controller does."""
    manifest = workload("StatefulSet", pod)
    template_of(manifest)["spec"]["volumes"][0] = {"name": "pages", "emptyDir": {}}
    manifest["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "pages"}}]

    assert inject(capsys, _write(tmp_path, manifest)).err == "statefulset/wiki: injected\n"


def test_an_injected_workload_stays_unchanged(tmp_path: Path, capsys: Output, pod: Json) -> None:
    once = inject(capsys, _write(tmp_path, workload("Deployment", pod)))

    twice = inject(capsys, _write(tmp_path, *once.documents()))

    assert twice.err == "deployment/wiki: already_injected\n"
    assert twice.out == once.out


def test_reasons_and_warnings_go_to_standard_error(
    tmp_path: Path, capsys: Output, pod: Json
) -> None:
    pod["metadata"]["annotations"] |= {"backup.schedule": "hourly", "backup.shedule": "@daily"}

    ran = inject(capsys, _write(tmp_path, workload("Deployment", pod)))

    verdict, *warnings = ran.err.splitlines()
    assert verdict == "deployment/wiki: injected"
    assert [line.startswith("deployment/wiki: warning: ") for line in warnings] == [True, True]
    assert "backup.schedule 'hourly'" in warnings[0]
    assert "did you mean backup.schedule?" in warnings[1]


@pytest.mark.parametrize("value", [True, 1])
def test_an_annotation_without_quotes_is_named(
    tmp_path: Path, capsys: Output, pod: Json, value: object
) -> None:
    """`kubectl apply` refuses it; `inject` says what to write."""
    pod["metadata"]["annotations"]["backup.enabled"] = value

    ran = inject(capsys, _write(tmp_path, workload("Deployment", pod)))

    assert ran.status == 0
    assert ran.err.startswith("deployment/wiki: invalid_value\ndeployment/wiki: warning: ")
    assert f'quote it: "{str(value).lower()}"' in ran.err


def test_an_annotation_on_the_workload_itself_is_warned_about(
    tmp_path: Path, capsys: Output, pod: Json
) -> None:
    manifest = workload("Deployment", pod)
    manifest["metadata"]["annotations"] = template_of(manifest)["metadata"].pop("annotations")

    ran = inject(capsys, _write(tmp_path, manifest))

    verdict, warning = ran.err.splitlines()
    assert verdict == "deployment/wiki: not_enabled"
    assert "warning: annotation backup.enabled is on the Deployment" in warning
    assert "belongs on the pod template" in warning
    assert ran.documents() == [manifest]
