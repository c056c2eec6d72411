"""Pods that end while a backup runs, and nodes that are drained."""

import time

import pytest

from tests.cluster.conftest import Target
from tests.cluster.programs.kubectl import Kubectl
from tests.cluster.work import until
from tests.cluster.workloads import apps, sidecar
from tests.cluster.workloads.s3 import S3

GRACE = 60  # seconds
# So slow that it cannot end meanwhile.
SLOW = {"RESTIC_ADDITIONAL_BACKUP_PARAMETERS": "--limit-upload 50"}


def test_running_backup_ends_within_the_grace_period_and_leaves_no_lock(
    protected: Kubectl, cluster: Target, s3: S3
) -> None:
    """Without using it up, and the next pod backs everything up."""
    assert protected.namespace
    bucket = s3.folder / protected.namespace
    fill = "test -e /data/big || head -c 20000000 /dev/urandom > /data/big; "
    template = apps.template([apps.container(cluster.app_image, fill + apps.SERVE)],
                             [apps.claimed()], terminationGracePeriodSeconds=GRACE)  # fmt: skip
    protected.apply(apps.claim(), apps.pod("app", template))
    protected.wait("pod/app", "condition=Ready")
    keys = {"AWS_ACCESS_KEY_ID": s3.key, "AWS_SECRET_ACCESS_KEY": s3.secret}
    repository = s3.repository(protected.namespace)
    assert sidecar.run_now(protected, "app")["status"] == "success"
    apps.secret(protected, repository, **keys, **SLOW)
    until(lambda: "limit-upload" in _secret(protected), "the Secret has arrived", 300)
    protected("exec", "app", "--container=app", "--", "sh", "-c",
              "head -c 20000000 /dev/urandom > /data/big")  # fmt: skip
    protected("annotate", "pod", "app", "backup.run-now=slow")
    until(lambda: any(bucket.glob("locks/*")), "restic holds its lock", 300)

    began = time.monotonic()
    protected("delete", "pod", "app")
    took = time.monotonic() - began

    assert took < GRACE / 2
    assert list(bucket.glob("locks/*")) == []
    apps.secret(protected, repository, **keys)
    protected.apply(apps.pod("app", template))
    protected.wait("pod/app", "condition=Ready")
    assert sidecar.run_now(protected, "app")["status"] == "success"


def _secret(kubectl: Kubectl) -> str:
    script = "cat /etc/backup/secret/RESTIC_ADDITIONAL_BACKUP_PARAMETERS 2>/dev/null || true"
    return kubectl("exec", "app", "--container=backup", "--", "sh", "-c", script)


@pytest.mark.alone
def test_node_can_be_drained(protected: Kubectl, cluster: Target) -> None:
    """With --delete-emptydir-data, as README says; without it, kubectl names the volume."""
    template = apps.template([apps.container(cluster.app_image)], [apps.claimed()])
    # Pods of earlier tests may be about to go, and drain refuses pods of nobody.
    template["metadata"]["labels"]["drained"] = str(protected.namespace)
    protected.apply(apps.claim(), apps.workload("Deployment", "app", template))
    protected.rollout("deployment/app")
    (pod,) = protected.items("pods", "--selector=app=app")
    node = pod["spec"]["nodeName"]
    drain = [
        "drain", node, "--ignore-daemonsets", f"--pod-selector=drained={protected.namespace}",
        "--timeout=240s",
    ]  # fmt: skip
    try:
        refused = cluster.kubectl(*drain, check=False)
        cluster.kubectl(*drain, "--delete-emptydir-data")
    finally:
        cluster.kubectl("uncordon", node)

    assert "--delete-emptydir-data" in refused
    protected.wait(f"pod/{pod['metadata']['name']}", "delete")
    protected.rollout("deployment/app")
