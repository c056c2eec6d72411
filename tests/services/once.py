"""Downloads, builds and unpackings that tests share: made once, and whole or not there.

Workers of xdist, other Pythons and other clones of the project use one cache at the same time. The
first one makes a thing beside its place, under a lock, and renames it; the others wait. What is in
its place is whole, and needs no lock.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cluster.work import alone

_STAMP = ".made-of"


def folder(path: Path, made_of: str, make: Callable[[Path], None]) -> Path:
    """Return a folder. ``make`` fills a new one that it is given, and raises where it fails.

    ``made_of`` tells versions apart: a folder that was made of something else is replaced.
    """
    return _made(path, path / _STAMP, made_of, lambda new: _filled(new, made_of, make))


def file(path: Path, made_of: str, make: Callable[[Path], None]) -> Path:
    """Return a file; as ``folder``, but that ``make`` writes the path that it is given."""
    return _made(path, path.with_name(f".{path.name}"), made_of, make)


def _filled(new: Path, made_of: str, make: Callable[[Path], None]) -> None:
    new.mkdir()
    make(new)
    (new / _STAMP).write_text(made_of)


def _made(path: Path, stamp: Path, made_of: str, make: Callable[[Path], None]) -> Path:
    if _says(stamp, made_of) and path.exists():
        return path
    with alone(path.with_name(f".{path.name}.lock")):
        if not (_says(stamp, made_of) and path.exists()):
            with TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as beside:
                make(new := Path(beside, path.name))
                if path.exists():
                    path.rename(Path(beside, "replaced"))
                new.rename(path)
                stamp.write_text(made_of)
    return path


def _says(stamp: Path, made_of: str) -> bool:
    return stamp.exists() and stamp.read_text() == made_of
