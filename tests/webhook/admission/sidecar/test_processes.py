"""Pods whose containers see each other's processes: who could read the Secret from ours."""

from pathlib import Path

import pytest

from tests.webhook.admission.patch.applier import apply
from tests.webhook.admitting import OPTIONS, Json
from tests.webhook.commands import workload
from tests.webhook.lint.lint_files import complete, linter, namespace
from webhook.admission import admit
from webhook.admission.model import NamespaceContext

APP, OTHER = {"runAsUser": 33}, {"runAsUser": 1000}
CAN, CANNOT = (
    "can read the repository's password",
    "keeps the app's user from reading the repository's password",
)


def _seen(
    pod: Json, level: str = "privileged", run_as: str = "", **spec: bool | None
) -> tuple[int, list[str]]:
    """Return the sidecar's user and what is said of it."""
    pod["spec"] |= spec
    if run_as:
        pod["metadata"]["annotations"]["backup.run-as"] = run_as
    admission = admit.admit(pod, "prod", OPTIONS, NamespaceContext(pod_security=level))
    sidecar = apply(pod, list(admission.operations))["spec"]["initContainers"][-1]
    context = sidecar["securityContext"]
    if context["runAsUser"] == 0:
        assert context["capabilities"] == {"drop": ["ALL"], "add": ["DAC_OVERRIDE"]}
    said = [
        line for line in admission.warnings if "shareProcessNamespace" in line or "hostPID" in line
    ]
    return context["runAsUser"], said


@pytest.fixture
def wiki(pod: Json) -> Json:
    """A pod of one container as user 33."""
    pod["spec"].pop("securityContext", None)
    pod["spec"]["containers"] = pod["spec"]["containers"][:1]
    pod["spec"]["containers"][0]["securityContext"] = dict(APP)
    pod["spec"].pop("initContainers", None)
    return pod


@pytest.mark.parametrize("field", ["shareProcessNamespace", "hostPID"])
@pytest.mark.parametrize("level", ["privileged", "baseline"])
def test_with_shared_processes_the_sidecar_runs_as_root_with_a_warning(
    wiki: Json, field: str, level: str
) -> None:
    wiki["spec"][field] = True
    user, said = _seen(wiki, level)

    assert user == 0
    (line,) = said
    assert line.startswith(f"{field}: the sidecar runs as root")
    assert CANNOT in line


@pytest.mark.parametrize("spec", [{}, {"shareProcessNamespace": False}, {"hostPID": None}])
def test_other_pods_keep_their_user(wiki: Json, spec: Json) -> None:
    wiki["spec"] |= spec

    assert _seen(wiki) == (33, [])


@pytest.mark.parametrize(
    ("level", "context", "run_as"),
    [
        ("restricted", {}, ""),
        ("privileged", {"runAsNonRoot": True}, ""),
        ("baseline", {"runAsNonRoot": True}, "root"),
        ("restricted", {}, "root"),
        ("privileged", {}, "33"),
    ],
)
def test_a_sidecar_with_the_apps_user_gives_a_warning(
    wiki: Json, level: str, context: Json, run_as: str
) -> None:
    wiki["spec"]["containers"][0]["securityContext"] |= context
    user, said = _seen(wiki, level, run_as, shareProcessNamespace=True)

    if run_as == "root" and level == "baseline":
        assert (user, said) == (0, [])  # the kubelet refuses it; somebody asked for it
        return
    assert user == 33
    (line,) = said
    assert "user 33 like the sidecar" in line
    assert CAN in line
    assert "remove shareProcessNamespace" in line


def test_a_separate_user_by_annotation_gives_no_warning(wiki: Json) -> None:
    assert _seen(wiki, run_as="root", shareProcessNamespace=True) == (0, [])
    assert _seen(wiki, run_as="2000", shareProcessNamespace=True) == (2000, [])


@pytest.mark.parametrize(
    ("container", "who"),
    [
        ({"securityContext": {"runAsUser": 0}}, "user 0 like the sidecar"),
        ({}, "whose image may run as user 0"),
        ({"securityContext": {**OTHER, "privileged": True}}, "privileged containers"),
        ({"securityContext": {**OTHER, "capabilities": {"add": ["sys_ptrace"]}}}, "privileged"),
        ({"securityContext": {**OTHER, "capabilities": {"add": ["ALL"]}}}, "privileged"),
    ],
)
@pytest.mark.parametrize("kind", ["containers", "initContainers"])
def test_an_app_that_runs_as_root_gives_a_warning(
    wiki: Json, container: Json, who: str, kind: str
) -> None:
    """Whichever container of the pod it is, also one that mounts nothing."""
    wiki["spec"].setdefault(kind, []).append({"name": "other", "image": "x", **container})
    user, said = _seen(wiki, shareProcessNamespace=True)

    assert user == 0
    (line,) = said
    assert who in line
    assert CAN in line
    assert "run the app as a user other than root" in line


def test_a_file_server_that_squashes_root_is_read_as_the_apps_user(wiki: Json) -> None:
    name = wiki["spec"]["containers"][0]["volumeMounts"][0]["name"]
    wiki["spec"]["volumes"] = [
        {"name": name, "nfs": {"server": "nas", "path": "/x"}} if each["name"] == name else each
        for each in wiki["spec"]["volumes"]
    ]
    wiki["metadata"]["annotations"]["backup.volumes"] = name
    user, said = _seen(wiki, shareProcessNamespace=True)

    assert user == 33
    assert CAN in said[0]


def test_such_a_server_on_other_volumes_does_not_count(wiki: Json) -> None:
    wiki["spec"]["volumes"].append({"name": "films", "nfs": {"server": "nas", "path": "/x"}})

    user, _ = _seen(wiki, shareProcessNamespace=True)

    assert user == 0


@pytest.mark.parametrize(("user", "said"), [(33, CANNOT), (0, CAN)])
def test_lint_gives_the_same_warning(
    wiki: Json, tmp_path: Path, capsys: pytest.CaptureFixture[str], user: int, said: str
) -> None:
    wiki["spec"]["shareProcessNamespace"] = True
    wiki["spec"]["containers"][0]["securityContext"]["runAsUser"] = user
    manifest = workload("Deployment", wiki)
    manifest["metadata"]["namespace"] = "prod"

    linted = linter(tmp_path, capsys)(manifest, namespace(), complete())

    assert linted.status == 1
    assert said in linted.text
