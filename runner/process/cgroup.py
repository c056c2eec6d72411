"""The container's limits for restic's Go runtime, and kernel limits of processes."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract import units
from contract.annotations import quantity, values

_CGROUP = Path("/sys/fs/cgroup")
_MEMORY = ("memory.max", "memory/memory.limit_in_bytes")
_UNLIMITED = 1 << 40  # bytes; cgroup v1 writes a huge number for "no limit"
_SHORT = 0.9  # of the memory limit
# By cgroup v2 and v1: what the kernel cannot take back.
_HELD = {
    "memory.stat": {
        "anon", "shmem", "kernel_stack", "pagetables", "percpu", "sock", "slab_unreclaimable",
    },
    "memory/memory.stat": {"total_rss", "total_shmem"},
}  # fmt: skip
_PER_PROCESSOR = 128 << 20  # bytes of the limit: restic's workers and their buffers are that many
_ROOMY = 192 << 20  # bytes of the limit, from which on nothing but speed is at stake
_RESTICS_SHARE = 0.6  # of the memory limit; the rest is for the kernel and for us


def go_runtime(
    cgroup: Path = _CGROUP, processors: int | None = None, *, hurry: bool = False
) -> dict[str, str]:
    """Return GOMEMLIMIT, GOGC and GOMAXPROCS where memory or CPU is limited.

    ``processors`` are those of the node that may be used; None to ask the kernel. In a ``hurry``
    all of restic's share may be taken before memory is looked through for what can go.
    """
    variables = {}
    usable = [processors or len(os.sched_getaffinity(0))]
    memory = _memory(cgroup)
    if memory < _UNLIMITED:
        variables["GOMEMLIMIT"] = str(int(memory * _RESTICS_SHARE))
        variables["GOGC"] = "off" if hurry and memory >= _ROOMY else "20"
        usable.append(memory // _PER_PROCESSOR)
    if cpus := _cpus(cgroup):
        usable.append(round(cpus))
    if len(usable) > 1:
        variables["GOMAXPROCS"] = str(max(1, min(usable)))
    return variables


def shortage(cgroup: Path = _CGROUP) -> str:
    """Return that the memory limit is lower than backups need; "" where it is not."""
    memory = _memory(cgroup)
    if memory >= quantity.parse(values.MEMORY_FLOOR):
        return ""
    return (
        f"the container's memory limit is {units.size(memory)}, and backups need "
        f"{values.MEMORY_FLOOR}: something has lowered it since the pod was admitted"
    )


def memory_is_short(cgroup: Path = _CGROUP) -> bool:
    """Whether unreclaimable memory is near the limit; the page cache does not count."""
    limit = _memory(cgroup)
    if limit >= _UNLIMITED:
        return False
    for file, keys in _HELD.items():
        lines = (line.partition(" ") for line in _read(cgroup / file).splitlines())
        held = {key: int(value) for key, _, value in lines if key in keys}
        if held:
            return sum(held.values()) > limit * _SHORT
    return False


def file_size(most: int) -> None:
    """Let this process, and what it starts, write no file of more than ``most`` bytes."""
    _set(resource.RLIMIT_FSIZE, most)


@contextmanager
def writing(most: int) -> Iterator[None]:
    """Let what is started in the block write no file of more than ``most`` bytes; 0: of any."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    if most:
        _set(resource.RLIMIT_FSIZE, most)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def confine(seconds: int, memory: int, files: int) -> None:
    """Give this process so much time of a CPU, memory beside what it has, and descriptors."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _set(resource.RLIMIT_CPU, seconds)
    _set(resource.RLIMIT_AS, pages * resource.getpagesize() + memory)
    _set(resource.RLIMIT_NOFILE, files)
    _set(resource.RLIMIT_CORE, 0)


def _set(limit: int, most: int) -> None:
    """Lower a soft limit; the hard limit stays, so that the process may lower it again."""
    _, hard = resource.getrlimit(limit)
    allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(limit, (allowed, hard))


def _memory(cgroup: Path) -> int:
    for name in _MEMORY:
        text = _read(cgroup / name)
        if text.isdigit():
            return int(text)
    return _UNLIMITED


def _cpus(cgroup: Path) -> float:
    """Return the CPU limit of the container in CPUs; 0 if unlimited."""
    quota, _, period = _read(cgroup / "cpu.max").partition(" ")
    if not period:
        quota = _read(cgroup / "cpu/cpu.cfs_quota_us")
        period = _read(cgroup / "cpu/cpu.cfs_period_us")
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else 0


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
