"""Pods that ask for a restore and get none: the policy refuses them, and they are told why."""

import json

import pytest

from tests.webhook.admission.patch.applier import apply
from tests.webhook.admission.restore_plan.test_restore_plan import REFUSAL, asking
from tests.webhook.admitting import BAD_NODE, OPTIONS, STATUS, Json, answer_to
from webhook.admission import admit
from webhook.admission.model import NamespaceContext, Options

CAUSES: dict[str, tuple[str, NamespaceContext]] = {
    "image_unavailable": ("ErrImagePull", NamespaceContext((BAD_NODE,))),
    "no_volumes": ("no volume to back up", NamespaceContext()),
    "windows": ("Windows", NamespaceContext()),
    "name_conflict": ("container backup-restore", NamespaceContext()),
    "invalid_value": ("backup.enabled 'ture'", NamespaceContext()),
}


def _caused(pod: Json, cause: str) -> None:
    if cause == "no_volumes":
        pod["spec"]["containers"][0]["volumeMounts"] = []
    if cause == "windows":
        pod["spec"]["os"] = {"name": "windows"}
    if cause == "name_conflict":
        pod["spec"]["initContainers"] = [{"name": "backup-restore", "image": "theirs"}]
    if cause == "invalid_value":
        pod["metadata"]["annotations"]["backup.enabled"] = "ture"


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("restores", [True, False])
def test_a_skipped_pod_gets_a_warning_that_the_policy_refuses_it(
    pod: Json, cause: str, restores: bool
) -> None:
    if restores:
        asking(pod)
    _caused(pod, cause)
    part, around = CAUSES[cause]
    if cause == "name_conflict" and not restores:
        assert admit.admit(pod, "prod", OPTIONS, around).reason == "injected"
        return

    admission = admit.admit(pod, "prod", OPTIONS, around)

    assert admission.reason == cause
    assert part in admission.warnings[-1], "the cause comes last, where it is looked for"
    assert any(REFUSAL in line for line in admission.warnings) is restores
    result = apply(pod, list(admission.operations))
    assert result["spec"] == pod["spec"]
    status = json.loads(result["metadata"]["annotations"][STATUS])
    assert status.get("restore") == ("refused" if restores else None)
    assert status.get("why") == (admission.warnings[-1] if restores else None)


@pytest.mark.parametrize("enabled", ["false", "no", ""])
def test_a_pod_that_is_not_enabled_is_not_refused(asked: Json, pod: Json, enabled: str) -> None:
    asking(pod)
    pod["metadata"]["annotations"]["backup.enabled"] = enabled

    answer = answer_to(asked)

    assert (answer.reason, answer.operations, answer.warnings) == ("not_enabled", None, [])


def test_a_refused_owner_that_requests_a_restore_is_injected_again(pod: Json) -> None:
    """Without them it is refused for certain, and nobody would see by whom it was before."""
    refusing = NamespaceContext(refused=True)
    assert admit.admit(pod, "prod", OPTIONS, refusing).reason == "refused_elsewhere"

    asking(pod)
    admission = admit.admit(pod, "prod", OPTIONS, refusing)

    assert admission.reason == "injected"
    assert "another policy refuses pods" in admission.warnings[-1]
    assert "see its events" in admission.warnings[-1]
    containers = apply(pod, list(admission.operations))["spec"]["initContainers"]
    assert [each["name"] for each in containers] == ["backup-restore", "backup"]


def test_a_refused_owner_whose_restore_is_impossible_is_not_injected(pod: Json) -> None:
    asking(pod, engine="rclone")

    admission = admit.admit(pod, "prod", OPTIONS, NamespaceContext(refused=True))

    assert admission.reason == "refused_elsewhere"
    assert REFUSAL in admission.warnings[-2]


def test_a_failed_proof_and_an_exception_give_the_warning_too(pod: Json) -> None:
    asking(pod)
    pod["metadata"]["annotations"]["example.net/note"] = "x" * (256 * 1024 - 100)

    unproven = admit.admit(pod, "prod", OPTIONS)
    pod["metadata"]["ownerReferences"] = [{"controller": True}]
    bug = admit.admit(pod, "prod", OPTIONS)

    assert (unproven.reason, bug.reason) == ("proof_failed", "internal_error")
    for admission in (unproven, bug):
        assert REFUSAL in admission.warnings[0]
        assert len(admission.warnings) == 2
        assert admission.operations == ()


def test_an_excluded_namespace_gets_no_warning(pod: Json) -> None:
    """The policy does not look at it either."""
    asking(pod)
    options = Options(image="x", excluded_namespaces=frozenset({"prod"}))

    assert admit.admit(pod, "prod", options).warnings == ()
