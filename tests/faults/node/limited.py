"""A control group with little memory, seen by what runs in it as a container sees its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import needs
from tests.cluster.work import until

_TOP = Path("/sys/fs/cgroup")
_OLD = (_TOP / "memory").is_dir()  # cgroup v1 has a hierarchy for each controller
_SEEN = _TOP / "memory" if _OLD else _TOP
_HOLD = 'import sys; x = b"x" * int(sys.argv[1]); print("held", flush=True); sys.stdin.read()'


class Limited:
    """The group; ``argv`` runs a command in it."""

    def __init__(self, group: Path) -> None:
        self._group = group

    def argv(self, *command: str) -> tuple[str, ...]:
        """Return how a command is run in the group, which it takes for the whole machine."""
        # A command that is killed takes no shell with it; the group is entered before it is seen.
        script = 'echo $$ > "$1/cgroup.procs"; mount --bind "$1" "$2"; shift 2; exec "$@"'
        inside = ("sh", "-ec", script, "sh", str(self._group), str(_SEEN))
        return ("unshare", "-m", *inside, *command)

    @property
    def peak(self) -> int:
        """The most bytes that were ever in use, the page cache's too."""
        name = "memory.max_usage_in_bytes" if _OLD else "memory.peak"
        return int((self._group / name).read_text())

    @property
    def kills(self) -> int:
        """How many processes the kernel killed in it."""
        name = "memory.oom_control" if _OLD else "memory.events"
        lines = (self._group / name).read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))

    @contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """Let a process hold ``size`` bytes."""
        with subprocess.Popen(
            self.argv(sys.executable, "-c", _HOLD, str(size)),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        ) as process:  # fmt: skip
            assert process.stdout
            assert process.stdout.readline() == b"held\n"
            try:
                yield
            finally:
                process.kill()


@contextmanager
def limited(size: int) -> Iterator[Limited]:
    """Make a group with ``size`` bytes of memory; skip the test where this machine lets nobody."""
    group = _SEEN / f"backup-faults-{os.getpid()}"
    try:
        if not _OLD:
            (_TOP / "cgroup.subtree_control").write_text("+memory")
        group.mkdir()
    except OSError as error:
        needs.missing(f"a control group for memory that can be made ({error.strerror})")
    try:
        limits = ("limit_in_bytes", "memsw.limit_in_bytes") if _OLD else ("max", "swap.max")
        for name, text in zip(limits, (str(size), str(size) if _OLD else "0"), strict=True):
            if (group / f"memory.{name}").exists():
                (group / f"memory.{name}").write_text(text)
        yield Limited(group)
    finally:
        # Killed processes leave their group a moment after they are gone from its list.
        until(lambda: _removed(group), "the group is empty", 120)


def _removed(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        return False
    return True
