"""Which folders of a pod's volumes are mounted, and which of them are backed up."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from contract.annotations import settings
from contract.text import counted, listed
from webhook.admission.volumes.claims import Claim

_BAD_NAMED = 10  # entries that cannot be used, with a warning each; the rest is counted
_LONGEST_NAMED = 200  # characters of an entry in its warning
_LONGEST_PATH = 4096  # characters, as the kernel has it


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder ("" is all) of a volume, mounted read-only below the volumes folder."""

    volume: str
    folder: str

    @property
    def path(self) -> str:
        """Where it is mounted, below the volumes folder."""
        return posixpath.join(self.volume, self.folder) if self.folder else self.volume


@dataclass(frozen=True, slots=True)
class Selection:
    """What to mount, and which folders of it to back up (None: all of it).

    ``warnings`` are about entries that name nothing.
    """

    mounts: tuple[Mount, ...]
    sources: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Entry:
    """What one entry of backup.volumes mounts and backs up."""

    mounts: list[Mount]
    sources: list[str]


def select(claims: Mapping[str, Claim], wanted: tuple[str, ...] | None) -> Selection:
    """Return the volumes of ``claims`` that are backed up if backup.volumes is ``wanted``.

    An invalid entry never costs a backup: the default volumes are added.
    """
    by_default = [
        Mount(claim.name, folder)
        for claim in claims.values()
        if claim.persistent
        for folder in claim.folders
    ]
    if wanted is None:
        return Selection(tuple(by_default))
    mounts: list[Mount] = []
    sources: list[str] = []
    bad: list[str] = []
    known = {name: frozenset(claim.folders) for name, claim in claims.items()}
    for text in dict.fromkeys(wanted):
        try:
            entry = _entry(claims, known, text)
        except ValueError as error:
            bad.append(f"{_named(text)!r}: {error}")
        else:
            mounts += entry.mounts
            sources += entry.sources
    if bad:
        mounts += by_default
        sources += [mount.path for mount in by_default]
    return Selection(
        tuple(dict.fromkeys(mounts)), tuple(dict.fromkeys(sources)), tuple(_warnings(bad))
    )


def _warnings(bad: list[str]) -> Iterator[str]:
    key, then = settings.VOLUMES.annotation, "all persistent volumes are backed up too"
    for each in bad[:_BAD_NAMED]:
        yield f"annotation {key} {each}; {then}"
    if (more := len(bad) - _BAD_NAMED) > 0:
        yield f"annotation {key}: {counted(more, 'more entry', 'more entries')} like these"


def _named(entry: str) -> str:
    return entry if len(entry) <= _LONGEST_NAMED else f"{entry[: _LONGEST_NAMED - 1]}…"


def _entry(claims: Mapping[str, Claim], known: Mapping[str, frozenset[str]], entry: str) -> _Entry:
    """Return what one ``name`` or ``name:sub/path`` mounts and backs up."""
    name, narrowed, text = entry.partition(":")
    if name not in claims:
        raise ValueError("no container mounts a volume of this name that can be backed up")
    claim = claims[name]
    if not narrowed:
        mounts = [Mount(name, folder) for folder in claim.folders]
        return _Entry(mounts, [mount.path for mount in mounts])
    if len(text) > _LONGEST_PATH:
        raise ValueError(f"a path has at most {_LONGEST_PATH} characters")
    folder = posixpath.normpath(text)
    if not text or folder.startswith(("/", "..")) or ".." in text.split("/"):
        raise ValueError("write a folder inside the volume, such as data:sub/path")
    # The whole mount, not a subPath: where the kubelet cannot prepare one, the app does not start.
    outer = _outer_of(folder, known[name])
    if outer is None:
        raise ValueError(f"containers mount only {listed(claim.folders)} of this volume")
    return _Entry([Mount(name, outer)], [posixpath.normpath(posixpath.join(name, folder))])


def _outer_of(folder: str, folders: frozenset[str]) -> str | None:
    """Return the one of ``folders`` that is or contains ``folder``; None if none does."""
    if "" in folders:
        return ""
    ends = (number for number, letter in enumerate(folder + "/") if letter == "/")
    return next((folder[:end] for end in ends if folder[:end] in folders), None)
