"""Whatever is wrong with us, the app starts, is Ready and terminates in time."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from tests.cluster.conftest import Target
from tests.cluster.disruption.starting import app, ends_in_time, started
from tests.cluster.programs.kubectl import Json, Kubectl
from tests.cluster.programs.release import DEPLOYMENT, NAME, Release
from tests.cluster.work import until
from tests.cluster.workloads import sidecar

pytestmark = pytest.mark.alone

LIFE = 90  # seconds of a certificate: enough to install it and to see that it is good


ABSENT = {"sidecar__image__tag": "absent"}
# It holds no program but one, so that each start of a container fails.
EMPTY = {"sidecar__image__repository": "pause", "sidecar__image__tag": "test"}


def test_image_that_cannot_be_pulled_or_not_run_is_not_injected(
    protected: Kubectl, changed: Release, cluster: Target
) -> None:
    """The app's events and status say why; when the image is there again, so is the sidecar."""
    for name, image, state in (("absent", ABSENT, "Pull"), ("empty", EMPTY, "CrashLoopBackOff")):
        changed.upgrade_without_waiting(**image)
        changed.settle()

        def refused(state: str = state) -> bool:
            pods = changed.prepull_pods()
            states = [s for p in pods for s in p["status"].get("containerStatuses", ())]
            return any(state in s["state"].get("waiting", {}).get("reason", "") for s in states)

        until(refused, f"a pre-pull pod is in {state}", 240)
        until(lambda: _unavailable(changed) == 1, "the webhook knows", 120)

        pod = started(protected, cluster.app_image, name)

        assert not sidecar.injected(pod)
        assert sidecar.reason(pod) == "image_unavailable"
        ends_in_time(protected, name)
    changed.upgrade()
    until(lambda: _unavailable(changed) == 0, "the webhook knows", 120)
    assert sidecar.injected(started(protected, cluster.app_image, "again"))


def _unavailable(release: Release) -> float:
    """Return the webhook's own gauge."""
    script = (
        "import urllib.request as u;"
        "print(u.urlopen('http://127.0.0.1:9464/metrics').read().decode())"
    )
    (pod,) = release.webhook_pods()
    text = release.kubectl.exec(pod["metadata"]["name"], "python3", "-c", script)
    name = "backup_webhook_image_unavailable "
    return float(next(line for line in text.splitlines() if line.startswith(name)).split()[1])


def test_webhook_gone(protected: Kubectl, changed: Release, cluster: Target) -> None:
    changed.scale_to_zero()

    assert not sidecar.injected(started(protected, cluster.app_image))
    ends_in_time(protected)


def test_app_starts_without_the_service_of_the_webhook(
    protected: Kubectl, release: Release, cluster: Target
) -> None:
    service = release.kubectl.get("service", NAME)
    release.kubectl("delete", "service", NAME)
    try:
        assert not sidecar.injected(started(protected, cluster.app_image))
        ends_in_time(protected)
    finally:
        for key in ("clusterIP", "clusterIPs"):
            service["spec"].pop(key)
        service["metadata"].pop("resourceVersion")
        release.kubectl.apply(service)


def test_app_starts_with_an_expired_certificate(
    protected: Kubectl, release: Release, cluster: Target, tmp_path: Path
) -> None:
    """Apps are admitted as they came, and the webhook itself says that it is not ready."""
    ends = datetime.now(UTC) + timedelta(seconds=LIFE)
    authority = trustme.CA()
    issued = authority.issue_cert(f"{NAME}.{NAME}.svc", not_after=ends)
    bundle = authority.cert_pem.bytes()
    (tmp_path / "tls.crt").write_bytes(b"".join(c.bytes() for c in issued.cert_chain_pems))
    (tmp_path / "tls.key").write_bytes(issued.private_key_pem.bytes())
    (tmp_path / "ca.crt").write_bytes(bundle)
    files = [f"--from-file={name}={tmp_path / name}" for name in ("tls.crt", "tls.key", "ca.crt")]
    release.kubectl("create", "secret", "generic", "brought", *files)
    try:
        release.upgrade_without_waiting(
            "--force-conflicts",  # the webhook keeps the bundle until then
            certificates__mode="existing", certificates__existing__secretName="brought",
            certificates__existing__caBundle=b64encode(bundle).decode(),
        )  # fmt: skip
        release.settle()
        assert sidecar.injected(started(protected, cluster.app_image))
        ends_in_time(protected)

        until(lambda: datetime.now(UTC) > ends, "the certificate has expired", LIFE)

        # As long as the API server's connections last, it may go on asking.
        started(protected, cluster.app_image, "after")
        ends_in_time(protected, "after")
        release.kubectl.wait(DEPLOYMENT, "condition=Available=False")
        release.kubectl("delete", "pod", "--selector=app.kubernetes.io/component=webhook")
        assert not sidecar.injected(started(protected, cluster.app_image, "later"))
        ends_in_time(protected, "later")
    finally:
        release.upgrade()
        release.kubectl("delete", "secret", "brought")
    until(lambda: sidecar.injected(_dry_run(protected, cluster.app_image)), "it injects again", 120)


def _dry_run(kubectl: Kubectl, image: str) -> Json:
    text = kubectl(
        "create", "--dry-run=server", "--output=json", "--filename=-",
        stdin=json.dumps(app(image, "dry")[1]),
    )  # fmt: skip
    found: Json = json.loads(text)
    return found
