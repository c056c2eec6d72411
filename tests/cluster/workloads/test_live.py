"""Settings of a pod that runs: by annotation and by the Secret, without a restart."""

import json

from tests.cluster.commands.backup_command import rows
from tests.cluster.conftest import Target
from tests.cluster.programs.kubectl import Kubectl
from tests.cluster.work import until
from tests.cluster.workloads import apps, sidecar

# Seconds; the kubelet looks at a pod's volumes about once a minute, the supervisor every 30.
SYNC = 300


def _app(kubectl: Kubectl, image: str, **annotations: str) -> None:
    asked = {**apps.ENABLED, **annotations}
    template = apps.template([apps.container(image)], [apps.claimed()], asked)
    kubectl.apply(apps.claim(), apps.pod("app", template))
    kubectl.wait("pod/app", "condition=Ready")
    sidecar.await_first_look(kubectl, "app")


def test_annotation_of_a_running_pod_takes_effect(protected: Kubectl, cluster: Target) -> None:
    _app(protected, cluster.app_image)
    assert sidecar.status(protected, "app")["paused"] is False

    protected("annotate", "pod", "app", "backup.paused=true", "backup.schedule=17 3 * * *")

    until(lambda: bool(sidecar.status(protected, "app")["paused"]), "it is paused", SYNC)
    assert sidecar.status(protected, "app")["schedule"] == "17 3 * * *"
    assert sidecar.restarts(protected, "app") == 0


def test_run_is_requested_by_annotation(protected: Kubectl, cluster: Target) -> None:
    """Once: what has been answered is not asked for again."""
    _app(protected, cluster.app_image, **{"backup.schedule": "off"})
    before = sidecar.status(protected, "app")["last"]

    protected("annotate", "pod", "app", "backup.run-now=please")

    sidecar.await_run(protected, "app", before)
    assert len(sidecar.snapshots(protected, "app")) == 1


def test_edited_secret_takes_effect_in_the_whole_namespace(
    protected: Kubectl, cluster: Target
) -> None:
    _app(protected, cluster.app_image)
    values = {"stringData": {"BACKUP_SCHEDULE": "5 4 * * *", "BACKUP_TIMEZONE": "Asia/Tokyo"}}

    protected("patch", "secret", apps.SECRET, "--patch", json.dumps(values))

    def seen() -> bool:
        known = sidecar.status(protected, "app")
        return (known["schedule"], known["timezone"]) == ("5 4 * * *", "Asia/Tokyo")

    until(seen, "it is seen", SYNC)
    assert sidecar.restarts(protected, "app") == 0


def test_memory_limit_that_is_lowered_in_place_is_named(
    protected: Kubectl, cluster: Target
) -> None:
    """By whatever resizes running pods; the app runs on, and so does the sidecar."""
    _app(protected, cluster.app_image)
    assert [each["reason"] for each in rows(protected)] == [""]
    low = {"limits": {"memory": "32Mi"}, "requests": {"memory": "16Mi"}}
    changed = {"spec": {"initContainers": [{"name": sidecar.CONTAINER, "resources": low}]}}

    protected("patch", "pod", "app", "--subresource=resize", "--patch", json.dumps(changed))

    def named() -> bool:
        return "lowered it" in " ".join(sidecar.status(protected, "app")["problems"])

    until(named, "the sidecar names it", SYNC)
    (row,) = (each for each in rows(protected) if each["reason"])
    assert (row["reason"], row["status"]) == ("starved", "limits too low")
    assert "raise backup.memory-limit" in row["remedy"]
    assert sidecar.restarts(protected, "app") == 0
    protected.wait("pod/app", "condition=Ready")
