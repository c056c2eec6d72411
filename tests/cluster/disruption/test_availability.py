"""Two replicas under a load of admissions, with failurePolicy Fail: none fails.

Whatever would fail open in production shows here as a refused pod.
"""

import json
from collections.abc import Iterator

import pytest

from tests.cluster.conftest import Target
from tests.cluster.disruption import load
from tests.cluster.disruption.load import Load
from tests.cluster.programs.kubectl import Kubectl
from tests.cluster.programs.release import CONFIGURATION, NAME, Release
from tests.cluster.work import until
from tests.cluster.workloads import apps

pytestmark = pytest.mark.alone

ADMISSIONS = 3000  # at least, each time
OVERLAP_HOURS = 12 / 3600  # CAs follow one another within seconds


@pytest.fixture(scope="module")
def release(cluster: Target) -> Iterator[Release]:
    """The chart with two replicas, without which nothing is admitted, and short overlaps."""
    values = {
        "registry": cluster.registry, "replicas": "2", "webhook.failurePolicy": "Fail",
        "webhook.timeoutSeconds": "30",  # a slow answer is none that fails
        "certificates.overlapHours": f"{OVERLAP_HOURS:.6f}",
        "certificates.leafHours": f"{OVERLAP_HOURS:.6f}",
    }  # fmt: skip
    made = Release(cluster.kubectl.within(NAME), values, drains=True)
    made.uninstall()
    made.install()
    yield made
    made.uninstall()


@pytest.fixture
def admissions(namespace: Kubectl, release: Release, cluster: Target) -> Iterator[Load]:
    """The load, which has begun well."""
    del release
    apps.opted_in(namespace)
    template = apps.template([apps.container(cluster.app_image)], [apps.claimed()])
    pod = apps.pod("dry", template)
    with load.running(namespace.kubeconfig, str(namespace.namespace), pod) as running:
        running.await_admissions(100)
        yield running


def _none_failed(admissions: Load, what: str) -> None:
    if admissions.total < ADMISSIONS:
        admissions.await_admissions(ADMISSIONS - admissions.total)
    print(f"{what}: {admissions.total} admissions, {len(admissions.failures)} failed")
    assert admissions.failures == []


def _bundle(release: Release) -> str:
    return str(release.kubectl.get(CONFIGURATION)["webhooks"][0]["clientConfig"].get("caBundle"))


def test_no_admission_fails_during_a_rolling_restart(admissions: Load, release: Release) -> None:
    release.restart()
    _none_failed(admissions, "rolling restart")


def test_no_admission_fails_during_a_helm_upgrade(admissions: Load, release: Release) -> None:
    """Which changes the pods and the webhook configuration."""
    before = release.kubectl.get(CONFIGURATION)["metadata"]["generation"]
    release.upgrade(clusterName="upgraded", webhook__timeoutSeconds="29")

    assert release.kubectl.get(CONFIGURATION)["metadata"]["generation"] > before
    _none_failed(admissions, "helm upgrade")


def test_no_admission_fails_during_three_ca_rotations(admissions: Load, release: Release) -> None:
    """Published, switched, dropped: nine changes of what is trusted or shown."""
    for _ in range(3):
        before = _bundle(release)
        ask = json.dumps({"stringData": {"rotate": "now"}})
        release.kubectl("patch", "secret", f"{NAME}-ca", "--patch", ask)

        def rotated(before: str = before) -> bool:
            data = release.kubectl.get("secret", f"{NAME}-ca")["data"]
            waits = {"next.crt", "previous.crt", "rotate"} & {k for k, v in data.items() if v}
            return not waits and _bundle(release) == data["ca.crt"] != before

        until(rotated, "the CA has been replaced", 400)
    _none_failed(admissions, "three rotations")


def test_wiped_ca_bundle_is_restored(admissions: Load, release: Release) -> None:
    """Until it is, the API server cannot trust us: that moment must be short."""
    before = _bundle(release)
    wipe = [{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": ""}]
    release.kubectl("patch", CONFIGURATION, "--type=json", "--patch", json.dumps(wipe))

    until(lambda: _bundle(release) == before, "it is put back", 120)

    # One that began since then and is good shows that the API server has heard of it.
    good = admissions.injected + load.CLIENTS
    until(lambda: admissions.injected > good, "pods are injected again", 120)
    answered, failed = admissions.total, len(admissions.failures)
    admissions.await_admissions(ADMISSIONS)
    print(f"bundle wiped: {admissions.total} admissions, {len(admissions.failures)} failed")
    late = admissions.failures[failed + load.CLIENTS :]
    assert late == [], f"of {admissions.total - answered} that began after it was back"
