"""Folders of volumes: what lies in what, what leads out, and which mount an app means by a path."""

from typing import Any

import pytest

from webhook.admission.volumes import claims, excludes, selection
from webhook.admission.volumes.claims import Claim
from webhook.admission.volumes.selection import Mount

Json = dict[str, Any]
DATA = {"data": Claim("data", persistent=True, folders=("",))}


@pytest.mark.parametrize(
    ("folder", "outer", "lies"),
    [
        ("data", "data", True), ("data/x", "data", True), ("x", "", True),
        ("data2", "data", False), ("data2/x", "data", False), ("dat", "data", False),
    ],
)  # fmt: skip
def test_a_folder_whose_name_has_the_same_prefix_is_another(
    folder: str, outer: str, *, lies: bool
) -> None:
    assert claims.within(folder, outer) is lies


@pytest.mark.parametrize("entry", ["data:..", "data:../x", "data:a/../..", "data:/etc", "data:"])
def test_a_folder_outside_the_volume_is_named_and_the_volumes_are_backed_up(entry: str) -> None:
    found = selection.select(DATA, (entry,))

    assert found.mounts == (Mount("data", ""),)
    assert found.sources == ("data",)
    assert "write a folder inside the volume" in found.warnings[0]


def _pod(*mounts: Json, volumes: tuple[Json, ...] = (), **container: object) -> Json:
    return {
        "spec": {
            "containers": [{"name": "app", "volumeMounts": list(mounts), **container}],
            "volumes": list(volumes),
        }
    }


@pytest.mark.parametrize("source", ["secret", "configMap", "projected", "downwardAPI"])
def test_volumes_that_kubernetes_writes_are_not_backed_up(source: str) -> None:
    pod = _pod({"name": "v", "mountPath": "/v"}, volumes=({"name": "v", source: {}},))

    assert claims.read(pod).by_volume == {}


def test_a_block_device_is_named_and_not_backed_up() -> None:
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "v"}}
    pod = _pod(volumes=(volume,), volumeDevices=[{"name": "v", "devicePath": "/dev/x"}])

    found = claims.read(pod)

    assert found.by_volume == {}
    assert found.warnings == ("volume v is a block device; it is not backed up",)


def test_a_path_is_that_of_the_innermost_mount() -> None:
    pod = _pod({"name": "all", "mountPath": "/srv"}, {"name": "data", "mountPath": "/srv/data"})
    mounts = (Mount("all", ""), Mount("data", ""))

    ((pattern, why),) = excludes.doubts(pod, ("/srv/data/cache",), mounts)

    assert (pattern, why) == (
        "/srv/data/cache", "is a path inside the app's container: write /backup/data/cache",
    )  # fmt: skip
