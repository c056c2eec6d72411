"""Whatever goes wrong in the webhook, the app's pod is admitted as it came."""

from contract.names import Reason
from tests.webhook.admitting import OPTIONS, Json, answer_to
from webhook.admission import admit


def test_a_pod_whose_patch_fails_the_proof_is_admitted_unchanged(asked: Json, pod: Json) -> None:
    pod["metadata"]["annotations"]["example.net/note"] = "x" * (256 * 1024 - 100)

    answer = answer_to(asked)

    assert answer.reason == "proof_failed"
    assert answer.operations is None
    assert len(answer.warnings) == 1
    assert "annotations would take" in answer.warnings[0]
    assert "not backed up" in answer.warnings[0]


def test_an_unexpected_exception_admits_the_pod_unchanged(pod: Json) -> None:
    pod["metadata"]["ownerReferences"] = [{"controller": True}]  # the API server refuses it

    admission = admit.admit(pod, "prod", OPTIONS)

    assert admission.reason == Reason.INTERNAL_ERROR
    assert admission.operations == ()
    assert len(admission.warnings) == 1
    assert "admitted as it is" in admission.warnings[0]


def test_a_field_of_the_wrong_type_is_named_and_is_no_internal_error(pod: Json) -> None:
    pod["spec"]["containers"] = [None]

    admission = admit.admit(pod, "prod", OPTIONS)

    assert admission.reason == Reason.INVALID_POD
    assert admission.operations == ()
    assert admission.warnings == ("spec.containers[0] is empty: remove it; not backed up",)
