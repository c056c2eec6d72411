"""Which folders of a pod's volumes are mounted, and which of them are backed up."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from contract import settings
from webhook import workload
from webhook.workload import Claim


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder ("" is all) of a volume, mounted read-only below the volumes folder."""

    volume: str
    folder: str

    @property
    def path(self) -> str:
        """Where it is mounted, below the volumes folder."""
        return posixpath.join(self.volume, self.folder) if self.folder else self.volume


def select(
    claims: Mapping[str, Claim], wanted: tuple[str, ...] | None
) -> tuple[tuple[Mount, ...], tuple[str, ...] | None, tuple[str, ...]]:
    """Return what to mount, what to back up of it (None: all), and a warning per bad entry.

    A bad entry never costs a backup: then the default volumes are taken too.
    """
    by_default = [
        Mount(claim.name, folder)
        for claim in claims.values()
        if claim.persistent
        for folder in claim.folders
    ]
    if wanted is None:
        return tuple(by_default), None, ()
    mounts: list[Mount] = []
    sources: list[str] = []
    warnings: list[str] = []
    for entry in wanted:
        try:
            chosen, folders = _entry(claims, entry)
        except ValueError as error:
            warnings.append(
                f"annotation {settings.VOLUMES.annotation} {entry!r}: {error}; "
                "all persistent volumes are backed up too"
            )
        else:
            mounts += chosen
            sources += folders
    if warnings:
        mounts += by_default
        sources += [mount.path for mount in by_default]
    return tuple(dict.fromkeys(mounts)), tuple(dict.fromkeys(sources)), tuple(warnings)


def _entry(claims: Mapping[str, Claim], entry: str) -> tuple[list[Mount], list[str]]:
    """Return what one ``name`` or ``name:sub/path`` mounts and backs up."""
    name, narrowed, text = entry.partition(":")
    if name not in claims:
        raise ValueError("no container mounts such a volume with files of its own")
    claim = claims[name]
    if not narrowed:
        mounts = [Mount(name, folder) for folder in claim.folders]
        return mounts, [mount.path for mount in mounts]
    folder = posixpath.normpath(text)
    if not text or folder.startswith(("/", "..")) or ".." in text.split("/"):
        raise ValueError("write a folder inside the volume, such as data:sub/path")
    # The whole mount, not a subPath: where the kubelet cannot prepare one, the app does not start.
    outer = next((o for o in claim.folders if workload.within(folder, o)), None)
    if outer is None:
        raise ValueError(f"containers mount only {', '.join(claim.folders)} of this volume")
    return [Mount(name, outer)], [posixpath.normpath(posixpath.join(name, folder))]
