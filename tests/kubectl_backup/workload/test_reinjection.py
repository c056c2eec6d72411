"""Which pods are worth another try."""

import pytest

from contract.names import Reason
from kubectl_backup.workload import injection, reinjection
from kubectl_backup.workload.reasons import PASSING
from tests.kubectl_backup.pods import Json, pod


def reasons(*pods: Json, labelled: str = "prod") -> list[str]:
    """Return the reasons of those that are chosen."""
    return [each.reason for each in reinjection.candidates(pods, {labelled})]


@pytest.mark.parametrize(
    "reason",
    ["image_unavailable", "quota", "refused_elsewhere", "deadline", "internal_error"],
)
def test_passing_reasons(reason: str) -> None:
    assert reasons(pod(reason=reason)) == [reason]


@pytest.mark.parametrize("reason", sorted(set(Reason) - set(PASSING)))
def test_other_reasons_need_somebody(reason: str) -> None:
    """A new pod would be the same."""
    assert reasons(pod(reason=reason)) == []


def test_a_pod_that_the_webhook_never_saw() -> None:
    """Only where it would see the next one."""
    assert reasons(pod(reason="")) == [injection.UNSEEN]
    assert reasons(pod(reason=""), labelled="other") == []


def test_pods_that_ask_for_nothing_or_are_over_are_left_alone() -> None:
    over, going = pod(reason="quota"), pod(reason="quota")
    over["status"]["phase"] = "Succeeded"
    going["metadata"]["deletionTimestamp"] = "2026-09-21T12:00:00Z"
    declined = pod(reason="quota", annotations={"backup.enabled": "false"})
    unclear = pod(reason="quota", annotations={"backup.enabled": "ture"})

    assert reasons(over, going, declined, unclear) == []


def test_a_pod_of_nobody_is_told_and_not_evicted() -> None:
    (found,) = reinjection.candidates([pod("lonely", of="", reason="quota")], {"prod"})

    assert found.alone
    assert str(found) == "prod/lonely (pod/lonely): quota"


def test_the_trial_is_a_new_pod_of_nobody() -> None:
    """Else it would count as one of the workload's, or be refused as it is there already."""
    first = pod(reason="quota")

    made = reinjection.replacement(first)

    assert made["metadata"]["name"] != first["metadata"]["name"]
    assert {"uid", "ownerReferences", "creationTimestamp"}.isdisjoint(made["metadata"])
    assert made["metadata"]["annotations"] == {"backup.enabled": "true"}
    assert "nodeName" not in made["spec"]
    assert "status" not in made
    assert first["spec"]["nodeName"] == "node1"  # it is as it was


def test_the_verdict_is_the_reason_that_would_hold_again() -> None:
    assert reinjection.verdict(pod()) == ""
    assert reinjection.verdict(pod(reason="quota")) == "quota"
    assert reinjection.verdict(pod(reason="")) == injection.UNSEEN
