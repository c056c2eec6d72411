"""A Secret with every key by which its writer would steer a process: the app is backed up."""

import json
import os
from pathlib import Path

import pytest

from contract import names
from tests import needs
from tests.cluster.conftest import Target
from tests.cluster.programs.kubectl import Json, Kubectl
from tests.cluster.programs.release import DEPLOYMENT, NAME, Release
from tests.cluster.rights import audit
from tests.cluster.workloads import apps, sidecar
from tests.cluster.workloads.s3 import S3
from tests.contract.secret.hostile import HOSTILE

LISTS = Path(__file__).parents[1] / "rights"
# `kubectl exec` runs these by themselves: a shell would set some of them.
_ASKED = ("PATH", "LD_PRELOAD", "LD_TRACE_LOADED_OBJECTS", "PYTHONPATH", "IFS", "ENV",
          "BACKUP_POLL_SECONDS", "BACKUP_STATE_DIR", "BACKUP_SECRET_DIR")  # fmt: skip


def _variables(kubectl: Kubectl, container: str = names.CONTAINER) -> dict[str, str]:
    """Return the environment that the kubelet gave the container."""
    told = kubectl.exec("app", "env", "-0", container=container)
    return dict(entry.split("=", 1) for entry in told.split("\0") if "=" in entry)


def _restarts(kubectl: Kubectl) -> dict[str, int]:
    status = kubectl.get("pod", "app")["status"]
    both = (*status["initContainerStatuses"], *status["containerStatuses"])
    return {each["name"]: each["restartCount"] for each in both}


@pytest.fixture
def hostile(protected: Kubectl, s3: S3) -> Kubectl:
    """A namespace whose Secret holds all hostile keys beside those of its repository."""
    assert protected.namespace
    repository = s3.repository(protected.namespace)
    apps.secret(
        protected, repository, **HOSTILE, AWS_ACCESS_KEY_ID=s3.key, AWS_SECRET_ACCESS_KEY=s3.secret
    )
    return protected


def test_the_app_starts_is_ready_and_is_backed_up(
    hostile: Kubectl, cluster: Target, release: Release
) -> None:
    """The restorer too; and the webhook's account does what its list says, and nothing else."""
    asked = {**apps.ENABLED, "backup.restore": "if-empty"}
    template = apps.template(
        [apps.container(cluster.app_image, "date > /data/file; " + apps.SERVE)],
        [apps.claimed()],
        asked,
    )
    hostile.apply(apps.claim(), apps.pod("app", template))
    hostile.wait("pod/app", "condition=Ready")
    sidecar.await_first_look(hostile, "app")

    pod = hostile.get("pod", "app")
    assert sidecar.injected(pod)
    started = {each["name"] for each in pod["spec"]["initContainers"]}
    assert started == {names.RESTORE_CONTAINER, names.CONTAINER}
    given = _variables(hostile)
    assert {key: given.get(key) for key in _ASKED} == {
        **dict.fromkeys(_ASKED),
        "PATH": names.PATH,
        "BACKUP_STATE_DIR": names.STATE_DIR,
        "BACKUP_SECRET_DIR": names.SECRET_DIR,
    }
    assert given["BACKUP_SECRET_LD_PRELOAD"] == HOSTILE["LD_PRELOAD"]

    last = sidecar.run_now(hostile, "app")
    assert last["status"] == "success", last
    listed = json.loads(
        hostile.exec(
            "app", "backup-runner", "restic", "snapshots", "--json", "--no-lock",
            container=names.CONTAINER,
        )
    )  # fmt: skip
    assert [each["hostname"] for each in listed] == ["app"]
    told = sidecar.status(hostile, "app")
    assert told["host"] == "app"
    said = "\n".join(told["problems"])
    assert all(key in said for key in ("LD_PRELOAD", "PATH", "BACKUP_POLL_SECONDS", "PYTHONPATH"))
    assert "/evil" not in said
    assert set(_restarts(hostile).values()) == {0}

    if os.environ.get("CLUSTER_TEST_EXTERNAL") == "1":
        needs.exception("own-audit-log")
    # The app's own account asked for nothing: its token is kept out of our containers.
    assert audit.events(f"system:serviceaccount:{hostile.namespace}:default") == []
    # Not what pods of an earlier release asked for while their rights were removed.
    since = release.kubectl.get(DEPLOYMENT)["metadata"]["creationTimestamp"]
    done = audit.events(f"system:serviceaccount:{NAME}:{NAME}", since)
    assert done, "the webhook's account is in the log: it watches namespaces"
    assert audit.beyond(done, NAME, LISTS) == []
    assert [each for each in done if each.get("responseStatus", {}).get("code") == 403] == []


def test_requests_that_are_not_listed_are_detected() -> None:
    """Else the log would prove nothing."""
    planted: list[Json] = [
        {"verb": "get", "objectRef": {"resource": "secrets", "namespace": "prod", "name": "x"}},
        {"verb": "delete", "objectRef": {"resource": "pods", "namespace": NAME, "name": "x"}},
        {"verb": "create", "objectRef": {"resource": "pods", "namespace": "p", "name": "x",
                                         "subresource": "exec"}},
        {"verb": "list", "objectRef": {"resource": "secrets", "namespace": NAME}},
        {"verb": "get", "objectRef": {"resource": "pods", "namespace": "prod", "name": "x"}},
        {"verb": "patch", "objectRef": {
            "resource": "mutatingwebhookconfigurations", "name": "another",
            "apiGroup": "admissionregistration.k8s.io"}},
    ]  # fmt: skip
    good: list[Json] = [
        {"verb": "list", "objectRef": {"resource": "pods"}},
        {"verb": "create", "objectRef": {"resource": "secrets", "namespace": NAME}},
        {"verb": "get", "objectRef": {"resource": "pods", "namespace": NAME, "name": "x"}},
        {"verb": "patch", "objectRef": {
            "resource": "mutatingwebhookconfigurations", "name": NAME,
            "apiGroup": "admissionregistration.k8s.io"}},
        {"verb": "get", "requestURI": "/version"},
    ]  # fmt: skip

    assert len(audit.beyond([*planted, *good], NAME, LISTS)) == len(planted)
