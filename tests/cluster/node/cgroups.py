"""One control group of the cluster's own, in every hierarchy that this machine has.

With cgroup v1 each controller is a hierarchy (/sys/fs/cgroup/memory, …); with v2 there is one.
"""

from collections.abc import Iterator
from pathlib import Path

from tests.cluster.work import until

_TOP = Path("/sys/fs/cgroup")


def create(name: str) -> None:
    """Create the group: the kubelet puts its pods below, and refuses to start without it."""
    for hierarchy in _hierarchies():
        (hierarchy / name).mkdir(exist_ok=True)


def remove(name: str) -> None:
    """Remove the group and all below it. Its processes must have been killed before.

    Raises WorkError if one lives on.
    """
    for hierarchy in _hierarchies():
        group = hierarchy / name
        # Killed processes leave their group a moment after they are gone from /proc.
        until(lambda group=group: _removed(group), f"{group} is empty", 60)  # type: ignore[misc]


def _hierarchies() -> Iterator[Path]:
    if (_TOP / "cgroup.controllers").exists():
        yield _TOP
    else:
        yield from (path for path in _TOP.iterdir() if path.is_dir() and not path.is_symlink())


def _removed(group: Path) -> bool:
    """Try to remove a group, its children first; true where it is gone."""
    if not group.exists():
        return True
    try:
        children = [path for path in group.iterdir() if path.is_dir()]
        left = [child for child in children if not _removed(child)]
        if not left:
            group.rmdir()
    except OSError:
        return False
    return not group.exists()
