"""Pods in which a sidecar would not run, or not do any good."""

import pytest

from contract import coverage
from tests.webhook.admitting import OPTIONS, STATUS, Json
from webhook.admission.admit import admit


@pytest.mark.parametrize(
    "spec", [{"os": {"name": "windows"}}, {"nodeSelector": {"kubernetes.io/os": "windows"}}]
)
def test_a_windows_pod_is_skipped_with_its_reason(pod: Json, spec: Json) -> None:
    pod["spec"] |= spec

    admission = admit(pod, "prod", OPTIONS)

    assert admission.reason == "windows"
    assert [each["path"] for each in admission.operations] == [f"/metadata/annotations/{STATUS}"]
    assert admission.warnings != ()


@pytest.mark.parametrize(
    "spec", [{"os": {"name": "linux"}}, {"nodeSelector": {"kubernetes.io/os": "linux"}}]
)
def test_a_linux_pod_is_injected(pod: Json, spec: Json) -> None:
    pod["spec"] |= spec

    assert admit(pod, "prod", OPTIONS).reason == "injected"


def test_a_mirror_pod_stays_unchanged(pod: Json) -> None:
    pod["metadata"]["annotations"][coverage.MIRROR_ANNOTATION] = "0123456789abcdef"

    admission = admit(pod, "prod", OPTIONS)

    assert (admission.reason, admission.operations) == ("mirror_pod", ())
