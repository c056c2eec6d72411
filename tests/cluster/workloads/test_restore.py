"""Everything is lost and comes back by `backup.restore` alone; nothing is mixed up."""

import json
from pathlib import Path

import pytest

from contract import names
from tests.blocks import blocks
from tests.cluster.commands.backup_command import backup, rows
from tests.cluster.commands.documented import shell
from tests.cluster.conftest import Target
from tests.cluster.programs.kubectl import Kubectl, KubectlError
from tests.cluster.programs.release import Release
from tests.cluster.work import until
from tests.cluster.workloads import apps
from tests.cluster.workloads.lost import (
    IF_EMPTY,
    REQUIRED,
    backed_up,
    listing,
    lose,
    pod_of,
    said_of,
    small,
    starts_not,
)

_IMPATIENT = {"BACKUP_OPEN_TIMEOUT_SECONDS": "5", "BACKUP_RESTORE_SECONDS": "1"}


def _plugin_says(kubectl: Kubectl, failure: str, why: str) -> None:
    """Fail unless `kubectl backup` says what the restore says, with a next step."""
    told = f"waiting for backup-restore ({failure}): "
    (row,) = rows(kubectl)
    assert (row["status"], row["reason"], row["protected"]) == ("not running", failure, True)
    assert told in row["problems"][0]
    assert why in row["problems"][0]
    assert row["remedy"]
    assert row["since"]
    said = backup(kubectl, "doctor", "wiki")
    assert (said.code, told in said.out, "PodInitializing" in said.out) == (1, True, False)


def _log(kubectl: Kubectl) -> str:
    pods = kubectl.names("pods", "--selector=app=app")
    return "".join(
        kubectl("logs", pod, f"--container={names.RESTORE_CONTAINER}", check=False) for pod in pods
    )


def test_a_wrong_password_blocks_and_is_said_until_it_is_mended(
    protected: Kubectl, cluster: Target, tmp_path: Path
) -> None:
    backed_up(protected, cluster.app_image)
    right = protected.get("secret", apps.SECRET)["data"]
    changed = json.dumps({"stringData": {"RESTIC_PASSWORD": "wrong", **_IMPATIENT}})
    protected("patch", "secret", apps.SECRET, "--patch", changed)

    protected.apply(*small(cluster.app_image, IF_EMPTY))

    until(lambda: "password" in _log(protected), "the log says what is wrong", 300)
    until(lambda: "password" in said_of(protected), "the pod's status says what is wrong", 400)
    (look,) = blocks("docs/restore.md", "## A volume that is gone")
    here = {"-n wiki": f"-n {protected.namespace}", "NAME": pod_of(protected)["metadata"]["name"]}
    assert "password" in shell(look, tmp_path, protected, instead=here)
    _plugin_says(protected, "auth", "password")
    starts_not(protected)
    protected("patch", "secret", apps.SECRET, "--patch", json.dumps({"data": right}))
    protected.rollout("deployment/wiki", 600)
    assert listing(protected) == "./pages/index\n"


def test_first_deploy_starts_empty_and_a_required_restore_blocks(
    protected: Kubectl, cluster: Target
) -> None:
    protected.apply(*small(cluster.app_image, IF_EMPTY))
    protected.rollout("deployment/wiki")
    assert listing(protected) == ""
    lose(protected)

    protected.apply(*small(cluster.app_image, REQUIRED))

    until(lambda: "required" in said_of(protected), "the pod's status says why", 240)
    _plugin_says(protected, "source", "one is required")
    starts_not(protected)


def test_workload_of_the_same_name_elsewhere_never_gets_the_data(
    protected: Kubectl, kubectl: Kubectl, cluster: Target
) -> None:
    """One Secret, one repository, two namespaces."""
    backed_up(protected, cluster.app_image)
    secret = protected.get("secret", apps.SECRET)
    other = kubectl.within(f"{protected.namespace}-other")
    kubectl("create", "namespace", str(other.namespace))
    try:
        other.wait("serviceaccount/default", "create")
        apps.opted_in(other)
        other.apply({**secret, "metadata": {"name": apps.SECRET}})

        other.apply(*small(cluster.app_image, IF_EMPTY))
        other.rollout("deployment/wiki")

        assert listing(other) == ""
    finally:
        other("delete", "pod", "--all", "--grace-period=1", "--wait=false")
        kubectl("delete", "namespace", str(other.namespace), "--wait=false")


@pytest.mark.alone
def test_pod_is_denied_while_the_webhook_is_unreachable_and_restored_afterwards(
    protected: Kubectl, release: Release, cluster: Target
) -> None:
    backed_up(protected, cluster.app_image)
    release.scale_to_zero()
    try:
        bare = apps.template([apps.container(cluster.app_image)], [apps.claimed()], IF_EMPTY)
        with pytest.raises(KubectlError, match=r"backup\.restore"):
            protected.apply(apps.claim(), apps.pod("bare", bare))
        protected.apply(*small(cluster.app_image, IF_EMPTY))
        refused = "--field-selector=reason=FailedCreate"
        until(lambda: bool(protected.items("events", refused)), "the pod is refused", 240)
        assert not protected.items("pods", "--selector=app=app")
    finally:
        release.upgrade()

    protected("rollout", "restart", "deployment/wiki")
    protected.rollout("deployment/wiki", 400)
    assert listing(protected) == "./pages/index\n"
