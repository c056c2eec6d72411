"""Whom the init container that writes the data runs as, and what it may do."""

import pytest

from tests.webhook.admission.patch.applier import apply
from tests.webhook.admitting import OPTIONS, Json
from webhook.admission import admit
from webhook.admission.model import NamespaceContext

WRITING = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID"]
ROOT: Json = {"user": 0, "group": None, "added": WRITING}


def _plain(user: int, group: int | None = None) -> Json:
    return {"user": user, "group": group, "added": None}


def _contexts(pod: Json, around: NamespaceContext) -> tuple[Json, Json]:
    pod["metadata"]["annotations"]["backup.restore"] = "if-empty"
    admission = admit.admit(pod, "prod", OPTIONS, around)
    restorer, sidecar = apply(pod, list(admission.operations))["spec"]["initContainers"]
    return restorer["securityContext"], sidecar["securityContext"]


def _seen(pod: Json, level: str = "privileged") -> Json:
    context, of_sidecar = _contexts(pod, NamespaceContext(pod_security=level))
    same = ("allowPrivilegeEscalation", "readOnlyRootFilesystem", "seccompProfile")
    assert {key: context[key] for key in same} == {key: of_sidecar[key] for key in same}
    assert context["capabilities"]["drop"] == ["ALL"]
    assert context["runAsNonRoot"] is (context["runAsUser"] != 0)
    assert "privileged" not in context
    return {
        "user": context["runAsUser"],
        "group": context.get("runAsGroup"),
        "added": context["capabilities"].get("add"),
    }


@pytest.mark.parametrize("level", ["privileged", "baseline"])
@pytest.mark.parametrize(
    ("of_pod", "of_container", "expected"),
    [
        ({}, {}, ROOT),
        (None, None, ROOT),
        ({"runAsUser": 33, "runAsGroup": 34, "fsGroup": 35}, {}, ROOT),
        ({}, {"runAsUser": 33}, ROOT),
        ({"runAsNonRoot": False}, {"runAsUser": 33}, ROOT),
        ({"runAsNonRoot": True, "runAsUser": 33, "runAsGroup": 34}, {}, _plain(33, 34)),
        ({"runAsNonRoot": True}, {"runAsNonRoot": False, "runAsUser": 33}, _plain(33)),
        ({}, {"runAsNonRoot": True, "runAsUser": 33}, _plain(33)),
        ({"runAsNonRoot": True}, {}, _plain(65532)),
    ],
)
def test_it_runs_as_root_where_root_is_allowed(
    pod: Json, of_pod: Json | None, of_container: Json | None, expected: Json, level: str
) -> None:
    pod["spec"]["securityContext"] = of_pod
    pod["spec"]["containers"][0]["securityContext"] = of_container

    assert _seen(pod, level) == expected


@pytest.mark.parametrize(
    ("of_pod", "expected"), [({}, _plain(65532)), ({"runAsUser": 33}, _plain(33))]
)
def test_a_restricted_namespace_gets_what_the_sidecar_has(
    pod: Json, of_pod: Json, expected: Json
) -> None:
    pod["spec"]["securityContext"] = of_pod

    assert _seen(pod, "restricted") == expected
    restorer, sidecar = _contexts(pod, NamespaceContext(pod_security="restricted"))
    assert restorer == sidecar


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1000", _plain(1000)), ("1000:100", _plain(1000, 100)), ("root", ROOT),
     ("0:0", {**ROOT, "group": 0}), ("nobody", ROOT)],
)  # fmt: skip
def test_the_user_of_the_annotation_is_used(pod: Json, text: str, expected: Json) -> None:
    """A file server that lets no root in has a user whom it lets in."""
    pod["spec"]["securityContext"] = {"runAsUser": 33}
    pod["metadata"]["annotations"]["backup.run-as"] = text

    assert _seen(pod) == expected


def test_the_sidecar_gets_none_of_these_rights(pod: Json) -> None:
    pod["spec"]["securityContext"] = {"runAsUser": 33}

    restorer, sidecar = _contexts(pod, NamespaceContext())

    assert sidecar["runAsUser"] == 33
    assert "add" not in sidecar["capabilities"]
    assert restorer["capabilities"]["add"] == WRITING


def test_selinux_options_of_the_container_are_copied(pod: Json) -> None:
    options = {"level": "s0:c123,c456"}
    pod["spec"]["containers"][0]["securityContext"] = {"seLinuxOptions": options}

    restorer, sidecar = _contexts(pod, NamespaceContext())

    assert restorer["seLinuxOptions"] == sidecar["seLinuxOptions"] == options
