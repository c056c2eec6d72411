"""The container's limits as its cgroup shows them, and what restic's runtime is told."""

from pathlib import Path

import pytest

from runner.process.cgroup import go_runtime, memory_is_short

MIB = 1 << 20


def cgroup(folder: Path, files: dict[str, str]) -> Path:
    """Write a cgroup's files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text + "\n")
    return folder


V2 = {"memory.max": str(256 * MIB), "cpu.max": "max 100000"}
V1 = {
    "memory/memory.limit_in_bytes": str(256 * MIB),
    "cpu/cpu.cfs_quota_us": "-1",
    "cpu/cpu.cfs_period_us": "100000",
}
MEMORY = {"GOMEMLIMIT": str(int(256 * MIB * 0.6)), "GOGC": "20"}


@pytest.mark.parametrize("files", [V1, V2])
def test_a_memory_limit_sets_gomemlimit(tmp_path: Path, files: dict[str, str]) -> None:
    """A share of it: the rest is for the kernel and for us."""
    assert go_runtime(cgroup(tmp_path, files), 64) == {**MEMORY, "GOMAXPROCS": "2"}


@pytest.mark.parametrize(("mebibytes", "told"), [(256, "off"), (192, "off"), (128, "20")])
def test_short_of_time_more_memory_is_used_where_available(
    tmp_path: Path, mebibytes: int, told: str
) -> None:
    """It stays below the share that is restic's."""
    found = go_runtime(cgroup(tmp_path, {"memory.max": str(mebibytes * MIB)}), 64, hurry=True)

    assert found["GOGC"] == told
    assert found["GOMEMLIMIT"] == str(int(mebibytes * MIB * 0.6))


@pytest.mark.parametrize(
    ("files", "procs"),
    [
        ({**V2, "cpu.max": "20000 100000"}, "1"),
        ({**V2, "cpu.max": "1000 100000"}, "1"),
        ({**V2, "cpu.max": "200000 100000"}, "2"),
        ({**V2, "cpu.max": "370000 100000"}, "2"),
        ({**V1, "cpu/cpu.cfs_quota_us": "20000"}, "1"),
        ({**V1, "cpu/cpu.cfs_quota_us": "300000"}, "2"),
    ],
)
def test_a_cpu_limit_is_rounded_to_whole_cpus(
    tmp_path: Path, files: dict[str, str], procs: str
) -> None:
    """At least one."""
    assert go_runtime(cgroup(tmp_path, files), 64) == {**MEMORY, "GOMAXPROCS": procs}


@pytest.mark.parametrize(
    ("mebibytes", "processors", "told"),
    [(64, 64, "1"), (256, 1, "1"), (512, 64, "4"), (8192, 64, "64"), (16384, 64, "64")],
)
def test_processors_beyond_the_memory_limit_are_not_used(
    tmp_path: Path, mebibytes: int, processors: int, told: str
) -> None:
    """Each takes some of it, and a large node has many."""
    files = cgroup(tmp_path, {"memory.max": str(mebibytes * MIB), "cpu.max": "max 100000"})

    assert go_runtime(files, processors)["GOMAXPROCS"] == told


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"memory.max": "max", "cpu.max": "max 100000"},
        {**V1, "memory/memory.limit_in_bytes": "9223372036854771712"},
        {"memory.max": "", "cpu.max": ""},
        {"memory.max": "odd", "cpu.max": "odd odd"},
    ],
)
def test_without_limits_no_variable_is_set(tmp_path: Path, files: dict[str, str]) -> None:
    """Nor where they cannot be read."""
    assert go_runtime(cgroup(tmp_path, files)) == {}


def test_a_cpu_limit_alone_sets_no_memory_limit(tmp_path: Path) -> None:
    """Go keeps its own."""
    files = {"memory.max": "max", "cpu.max": "50000 100000"}

    assert go_runtime(cgroup(tmp_path, files)) == {"GOMAXPROCS": "1"}


@pytest.mark.parametrize(
    ("files", "short"),
    [
        ({**V2, "memory.stat": f"anon {240 * MIB}\nfile 0"}, True),
        ({**V2, "memory.stat": f"anon {200 * MIB}\nslab_unreclaimable {40 * MIB}"}, True),
        ({**V2, "memory.stat": f"anon {20 * MIB}\nfile {236 * MIB}"}, False),
        ({**V2, "memory.stat": f"anon {20 * MIB}\nslab_reclaimable {236 * MIB}"}, False),
        ({**V1, "memory/memory.stat": f"cache 9\ntotal_rss {240 * MIB}"}, True),
        ({**V1, "memory/memory.stat": f"total_rss {20 * MIB}\ntotal_cache {236 * MIB}"}, False),
        ({"memory.max": "max", "memory.stat": f"anon {240 * MIB}"}, False),
        ({**V2, "memory.stat": ""}, False),
        (V2, False),
    ],
    ids=[
        "anonymous", "the kernel's", "page cache", "slab that can be freed", "v1", "v1 page cache",
        "no limit", "nothing known", "no file",
    ],
)  # fmt: skip
def test_memory_is_short_where_it_cannot_be_freed(
    tmp_path: Path, files: dict[str, str], *, short: bool
) -> None:
    """Reading a volume fills the page cache up to the limit, and harms nobody."""
    assert memory_is_short(cgroup(tmp_path, files)) is short
