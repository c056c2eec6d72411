"""Which volumes of a pod have data, and which of their folders containers mount."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webhook.admission.pod_spec import Pod, containers, metadata, spec
from webhook.admission.volumes import subpath_expr

_NO_DATA = ("secret", "configMap", "projected", "downwardAPI")


@dataclass(frozen=True, slots=True)
class Claim:
    """A volume that can be backed up, and the folders of it ("" is all) that containers mount."""

    name: str
    persistent: bool
    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Claims:
    """The volumes of a pod with data, in the pod's order, and those that are left out."""

    by_volume: Mapping[str, Claim]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Folders:
    """The outermost folders of a volume that can be mounted, and why others cannot."""

    mounted: tuple[str, ...]
    skipped: tuple[str, ...]


def read(pod: Pod) -> Claims:
    """Return the mounted volumes that hold data."""
    found: dict[str, Claim] = {}
    warnings: list[str] = []
    mounts, blocks = _mounts_by_volume(pod), _block_devices(pod)
    for volume in spec(pod).get("volumes") or []:
        name = str(volume["name"])
        persistent = bool(volume.get("persistentVolumeClaim"))
        if any(volume.get(source) is not None for source in _NO_DATA):
            continue
        if name in blocks:
            warnings.append(f"volume {name} is a block device; it is not backed up")
            continue
        folders = _folders(mounts.get(name, []))
        if folders.mounted:
            found[name] = Claim(name, persistent, folders.mounted)
        if persistent and "" not in folders.mounted:
            warnings += [f"volume {name}: {why}; it is not backed up" for why in folders.skipped]
    return Claims(found, tuple(warnings))


def _block_devices(pod: Pod) -> set[str]:
    return {
        device["name"]
        for container in containers(pod)
        for device in container.get("volumeDevices") or []
    }


def _mounts_by_volume(pod: Pod) -> Mapping[str, list[dict[str, Any]]]:
    mounts: dict[str, list[dict[str, Any]]] = {}
    for container in containers(pod):
        resolved = subpath_expr.resolver(container, metadata(pod))
        for mount in container.get("volumeMounts") or []:
            mounts.setdefault(mount["name"], []).append(resolved(mount))
    return mounts


def _folders(mounts: list[dict[str, Any]]) -> _Folders:
    folders: set[str] = set()
    skipped: dict[str, None] = {}
    for mount in mounts:
        if mount.get("subPathExpr"):
            skipped[f"subPathExpr {mount['subPathExpr']} may differ between pods"] = None
            continue
        folder = posixpath.normpath(mount.get("subPath") or ".")
        if ":" in folder:
            skipped[f"subPath {folder} contains a colon, which a mount path must not"] = None
        else:
            folders.add("" if folder == "." else folder)
    return _Folders(_outermost(folders), tuple(skipped))


def _outermost(folders: set[str]) -> tuple[str, ...]:
    """Return the folders that lie in no other, sorted."""
    found: list[str] = []
    # A folder comes right before all that lies in it: no character is less than this one.
    for folder in sorted(folders, key=lambda each: each.replace("/", "\0")):
        if not found or not within(folder, found[-1]):
            found.append(folder)
    return tuple(sorted(found))


def within(folder: str, outer: str) -> bool:
    """Whether ``folder`` is ``outer`` or lies in it; "" is the whole volume."""
    return not outer or folder == outer or folder.startswith(outer + "/")
