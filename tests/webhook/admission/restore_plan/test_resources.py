"""What the init container that fills volumes requests: nothing that the pod has not anyway."""

from decimal import Decimal

import pytest

from contract.names import Reason
from tests.webhook.admission.patch.applier import apply
from tests.webhook.admitting import OPTIONS, Json
from webhook.admission import admit
from webhook.admission.model import NamespaceContext
from webhook.admission.policies import limit_range, pod_resources, resource_quota

FULL: Json = {"limits": {"cpu": "1500m", "memory": "1Gi"}}
PLAIN = NamespaceContext()


def _injected(pod: Json, around: NamespaceContext = PLAIN) -> Json:
    admission = admit.admit(pod, "prod", OPTIONS, around)
    assert admission.reason is Reason.INJECTED, admission.warnings
    return apply(pod, list(admission.operations))


def _restored(pod: Json, around: NamespaceContext = PLAIN) -> tuple[Json, Json]:
    """Return the resources of the init container and the sidecar, None where there are none."""
    pod["metadata"]["annotations"]["backup.restore"] = "if-empty"
    restorer, sidecar = _injected(pod, around)["spec"]["initContainers"][-2:]
    assert (restorer["name"], sidecar["name"]) == ("backup-restore", "backup")
    return restorer.get("resources"), sidecar.get("resources")


@pytest.mark.parametrize(
    ("resources", "of_pod"),
    [
        ({}, None),
        ({"requests": {"cpu": "1m", "memory": "1Mi"}}, None),
        ({"limits": {"ephemeral-storage": "2Gi"}}, None),
        ({}, {"limits": {"cpu": "1", "memory": "1Gi"}}),
        (FULL, {"requests": {"memory": "4Gi"}}),
    ],
)
def test_it_requests_what_the_sidecar_requests(
    pod: Json, resources: Json, of_pod: Json | None
) -> None:
    pod["spec"]["containers"][0]["resources"] = resources
    pod["spec"]["resources"] = of_pod

    restorer, sidecar = _restored(pod)

    assert restorer == sidecar


def test_in_a_guaranteed_pod_it_has_the_cpu_of_the_app_that_does_not_run_yet(
    pod: Json,
) -> None:
    """At the sidecar's 200m, a restore would take ten times as long."""
    pod["spec"]["containers"][0]["resources"] = FULL
    pod["spec"]["containers"].append({"name": "web", "image": "x", "resources": FULL})

    restorer, sidecar = _restored(pod)

    assert restorer["limits"] == {"cpu": "3200m", "memory": "256Mi"}
    assert restorer["requests"] == restorer["limits"]
    assert sidecar["limits"] == {"cpu": "200m", "memory": "256Mi"}


def test_a_limit_of_an_annotation_or_a_limit_range_is_kept(pod: Json) -> None:
    pod["spec"]["containers"][0]["resources"] = FULL
    most = {"spec": {"limits": [{"type": "Container", "max": {"cpu": "2"}}]}}
    restorer, sidecar = _restored(pod, NamespaceContext(limits=limit_range.read(most)))
    assert restorer == sidecar

    pod["metadata"]["annotations"]["backup.cpu-limit"] = "300m"
    restorer, sidecar = _restored(pod)
    assert restorer == sidecar
    assert restorer["limits"]["cpu"] == "300m"


@pytest.mark.parametrize("resources", [{}, FULL, {"requests": {"cpu": "1m", "memory": "1Mi"}}])
@pytest.mark.parametrize("proxy", [True, False])
def test_a_restore_does_not_raise_the_pods_request(pod: Json, resources: Json, proxy: bool) -> None:
    """An init container runs beside the sidecars before it, and before those behind it."""
    pod["spec"]["containers"][0]["resources"] = resources
    mesh = {"name": "mesh", "image": "x", "restartPolicy": "Always", "resources": FULL}
    pod["spec"]["initContainers"] = [mesh] if proxy else []
    without = pod_resources.of_pod(_injected(pod), overhead=True)

    pod["metadata"]["annotations"]["backup.restore"] = "if-empty"
    restored = _injected(pod)

    assert len(restored["spec"]["initContainers"]) == 2 + proxy
    assert pod_resources.of_pod(restored, overhead=True) == without


@pytest.mark.parametrize(("room", "fits"), [("216Mi", True), ("215Mi", False)])
def test_a_quota_counts_it_once(pod: Json, room: str, fits: bool) -> None:
    request = {"requests": {"cpu": "1m", "memory": "200Mi"}}
    pod["spec"]["containers"][0]["resources"] = request
    pod["metadata"]["annotations"]["backup.restore"] = "if-empty"
    found = {"metadata": {"name": "team"}, "spec": {"hard": {"requests.memory": room}}}
    around = NamespaceContext(quotas=(resource_quota.read(found),))

    admission = admit.admit(pod, "prod", OPTIONS, around)

    assert (admission.reason is Reason.INJECTED) is fits
    total = pod_resources.of_pod(apply(pod, list(admission.operations)), overhead=True)
    assert total.requests["memory"] == Decimal(1024**2) * (216 if fits else 200)
