"""Whatever is wrong with us, the app starts, is Ready and terminates in time."""

import json
import time
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from tests.cluster.conftest import Target
from tests.cluster.programs.kubectl import Json, Kubectl
from tests.cluster.programs.release import DEPLOYMENT, NAME, PREPULL, Release
from tests.cluster.work import until
from tests.cluster.workloads import apps, sidecar

pytestmark = pytest.mark.alone

TERMINATION = 25.0  # seconds; what uses up its grace period takes 30
LIFE = 120  # seconds of a certificate: enough to install it and to see that it is good


def app(image: str, name: str = "app") -> list[Json]:
    """Return an annotated bare pod with a claim."""
    template = apps.template([apps.container(image, "date > /data/file; " + apps.SERVE)],
                             [apps.claimed()])  # fmt: skip
    return [apps.claim(), apps.pod(name, template)]


def started(kubectl: Kubectl, image: str, name: str = "app") -> Json:
    """Create the app and return its pod, which is Ready."""
    kubectl.apply(*app(image, name))
    kubectl.wait(f"pod/{name}", "condition=Ready")
    return kubectl.get("pod", name)


def ends_in_time(kubectl: Kubectl, name: str = "app") -> None:
    """Delete the app; fail if it used up its grace period."""
    began = time.monotonic()
    kubectl("delete", "pod", name)
    assert time.monotonic() - began < TERMINATION


@pytest.fixture
def changed(release: Release) -> Iterator[Release]:
    """The release, put back to what it was after the test."""
    yield release
    release.upgrade()


def test_image_that_cannot_be_pulled_is_not_injected(
    protected: Kubectl, changed: Release, cluster: Target
) -> None:
    """The app's events and status say why; when the image is there again, so is the sidecar."""
    changed.upgrade_without_waiting(sidecar__image__tag="absent")
    changed.settle()

    def refused() -> bool:
        pods = changed.prepull_pods()
        states = [s for p in pods for s in p["status"].get("containerStatuses", ())]
        return any("waiting" in s["state"] and "Pull" in s["state"]["waiting"]["reason"]
                   for s in states)  # fmt: skip

    until(refused, "a pre-pull pod cannot pull", 240)
    until(lambda: _unavailable(changed) == 1, "the webhook knows", 120)

    pod = started(protected, cluster.app_image)

    assert not sidecar.injected(pod)
    assert sidecar.reason(pod) == "image_unavailable"
    ends_in_time(protected)
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


def test_rolling_out_pre_pull_pods_changes_nothing(
    protected: Kubectl, release: Release, cluster: Target
) -> None:
    release.kubectl("rollout", "restart", f"daemonset/{PREPULL}")
    pod = started(protected, cluster.app_image)

    assert sidecar.injected(pod)
    release.kubectl.rollout(f"daemonset/{PREPULL}")


def test_node_that_is_down_changes_nothing(
    protected: Kubectl, release: Release, cluster: Target
) -> None:
    """Its pre-pull pod is pending for ever."""
    node: Json = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "gone", "labels": {"kubernetes.io/hostname": "gone"}},
        "status": {"allocatable": {"cpu": "4", "memory": "4Gi", "pods": "10"}},
    }
    cluster.kubectl.apply(node)
    try:

        def waits_there() -> bool:
            pods = release.prepull_pods()
            return any(p["spec"].get("nodeName") == "gone" for p in pods)

        until(waits_there, "the DaemonSet has a pod for that node", 240)
        assert sidecar.injected(started(protected, cluster.app_image))
    finally:
        cluster.kubectl("delete", "node", "gone")


def test_app_starts_without_a_secret(namespace: Kubectl, release: Release, cluster: Target) -> None:
    """The sidecar says what is missing, and begins when it is there."""
    del release
    apps.opted_in(namespace)
    assert sidecar.injected(started(namespace, cluster.app_image))

    assert "RESTIC_REPOSITORY" in sidecar.status(namespace, "app")["missing"]
    assert sidecar.restarts(namespace, "app") == 0
    ends_in_time(namespace)


@pytest.mark.parametrize(
    ("values", "failure"),
    [
        ({"RESTIC_PASSWORD": "wrong"}, "auth"),
        # A port that nobody listens on, and one that never answers.
        ({"RESTIC_REPOSITORY": "rest:http://127.0.0.1:9/"}, "network"),
        ({"RESTIC_REPOSITORY": "rest:http://192.0.2.1/"}, None),
    ],
)
def test_app_runs_with_a_wrong_or_unreachable_repository(
    protected: Kubectl, cluster: Target, values: dict[str, str], failure: str | None
) -> None:
    pod = started(protected, cluster.app_image)
    assert sidecar.injected(pod)
    if failure == "auth":
        assert sidecar.run_now(protected, "app")["status"] == "success"
    changed = json.dumps({"stringData": values})
    protected("patch", "secret", apps.SECRET, "--patch", changed)
    ends_in_time(protected)

    started(protected, cluster.app_image, "second")

    if failure:
        last = sidecar.run_now(protected, "second")
        assert (last["status"], last["failure"]) == ("failure", failure), last
    else:
        sidecar.await_first_look(protected, "second")
        protected("annotate", "pod", "second", "backup.run-now=1")
        until(lambda: bool(sidecar.status(protected, "second")["running_since"]), "it tries", 300)
    assert sidecar.restarts(protected, "second") == 0
    ends_in_time(protected, "second")


@pytest.mark.parametrize(
    "death",
    [
        "kill -TERM 1; sleep 60",
        "python3 -c 'held = b\"x\" * (400 << 20)'",  # over the memory limit
    ],
)
def test_app_stays_ready_with_a_crashing_sidecar(
    protected: Kubectl, cluster: Target, death: str
) -> None:
    """The app's container is neither restarted nor Ready later, and the sidecar comes back."""
    started(protected, cluster.app_image)
    killed = ["--", "sh", "-c", f"{death}; echo killed alone"]
    said = protected("exec", "app", "--container=backup", *killed, check=False)
    # With cgroups of version 1, the kernel kills nothing but the process that wants too much.
    if "killed alone" not in said:
        until(lambda: sidecar.runs_again(protected, "app"), "the sidecar has come back", 240)

    assert sidecar.run_now(protected, "app")["status"] == "success"
    protected.wait("pod/app", "condition=Ready")
    (state,) = protected.get("pod", "app")["status"]["containerStatuses"]
    assert (state["restartCount"], state["ready"]) == (0, True)
    ends_in_time(protected)


def test_app_starts_without_the_webhook(
    protected: Kubectl, changed: Release, cluster: Target
) -> None:
    changed.kubectl("scale", DEPLOYMENT, "--replicas=0")
    changed.kubectl.wait("pod --selector=app.kubernetes.io/component=webhook", "delete")

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
