"""Questions that a conversation asks this machine, besides running commands. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wait:
    """Let this many seconds pass, or until a stop is requested."""

    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Count:
    """Count the files below these folders."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ages:
    """Say when each file in a folder of this machine was written; nothing if it is unknown."""

    folder: str


@dataclass(frozen=True, slots=True)
class Names:
    """Name what is in a folder of this machine; nothing if it cannot be read."""

    folder: str


@dataclass(frozen=True, slots=True)
class Judge:
    """Judge the dump of this name, which was just made, by its server and files in ``sources``."""

    name: str
    sources: tuple[str, ...]
