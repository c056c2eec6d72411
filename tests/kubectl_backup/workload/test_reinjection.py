"""Which pods are worth another try."""

import pytest

from contract.annotations import namespace
from contract.annotations.namespace import NOTHING
from contract.names import Reason
from kubectl_backup.workload import injection, reinjection
from kubectl_backup.workload.reasons import PASSING
from tests.kubectl_backup.commands.status.test_coverage import asking, bare
from tests.kubectl_backup.pods import Json, pod


def reasons(*pods: Json, labelled: str = "prod") -> list[str]:
    """Return the reasons of those that are chosen."""
    return [each.reason for each in reinjection.candidates(pods, {labelled: NOTHING})]


@pytest.mark.parametrize(
    "reason",
    [
        "image_unavailable",
        "quota",
        "refused_elsewhere",
        "sidecar_broken",
        "deadline",
        "internal_error",
    ],
)
def test_temporary_reasons_allow_reinjection(reason: str) -> None:
    assert reasons(pod(reason=reason)) == [reason]


@pytest.mark.parametrize("reason", sorted(set(Reason) - set(PASSING)))
def test_permanent_reasons_prevent_reinjection(reason: str) -> None:
    """A new pod would be the same."""
    assert reasons(pod(reason=reason)) == []


_INJECTED = {Reason.INJECTED, Reason.ALREADY_INJECTED}
_UNASKED = {Reason.NOT_ENABLED, Reason.NOT_A_POD_CREATE}  # of these the webhook writes nothing


@pytest.mark.parametrize("reason", sorted(set(Reason) - _INJECTED - _UNASKED))
def test_every_reason_has_a_meaning(reason: str) -> None:
    assert "README" not in injection.meaning(reason)


def test_a_pod_that_the_webhook_never_saw_may_be_reinjected() -> None:
    """Only where it would see the next one."""
    assert reasons(pod(reason="")) == [injection.UNSEEN]
    assert reasons(pod(reason=""), labelled="other") == []


def test_disabled_and_completed_pods_are_not_reinjected() -> None:
    over, going = pod(reason="quota"), pod(reason="quota")
    over["status"]["phase"] = "Succeeded"
    going["metadata"]["deletionTimestamp"] = "2026-09-21T12:00:00Z"
    declined = pod(reason="quota", annotations={"backup.enabled": "false"})
    unclear = pod(reason="quota", annotations={"backup.enabled": "ture"})

    assert reasons(over, going, declined, unclear) == []


def test_a_pod_without_an_owner_is_named_and_not_evicted() -> None:
    (found,) = reinjection.candidates([pod("lonely", of="", reason="quota")], {"prod": NOTHING})

    assert found.alone
    assert str(found) == "prod/lonely (pod/lonely): quota"


def test_the_dry_run_pod_has_no_owner() -> None:
    """Else it would count as one of the workload's, or be refused as it is there already."""
    first = pod(reason="quota")

    made = reinjection.replacement(first)

    assert made["metadata"]["name"] != first["metadata"]["name"]
    assert {"uid", "ownerReferences", "creationTimestamp"}.isdisjoint(made["metadata"])
    assert made["metadata"]["annotations"] == {"backup.enabled": "true"}
    assert "nodeName" not in made["spec"]
    assert "status" not in made
    assert first["spec"]["nodeName"] == "node1"  # it is as it was


def test_the_dry_run_returns_the_reason_a_new_pod_would_get() -> None:
    assert reinjection.verdict(pod()) == ""
    assert reinjection.verdict(pod(reason="quota")) == "quota"
    assert reinjection.verdict(pod(reason="")) == injection.UNSEEN


@pytest.mark.parametrize(
    ("said", "expected"),
    [({}, 0), ({"backup.enabled": "true"}, 1), ({"backup.enabled": "false"}, 0)],
)
def test_a_pod_of_a_namespace_that_asks_for_it_may_be_reinjected(
    said: dict[str, str], expected: int
) -> None:
    """It says nothing itself; whether the chart lets namespaces decide, a dry run shows."""
    quiet, refusing = bare("wiki-1"), asking("false", name="wiki-2")
    found = reinjection.candidates([quiet, refusing], {"prod": namespace.read(said)})

    assert len(found) == expected
    assert all(each.pod is quiet for each in found)
