"""The kernel's limits of a process, set in one of its own; and which limit of memory is too low."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from runner.process import cgroup

MIB = 1 << 20
_SHOWN = """
import json, resource, sys
from runner.process import cgroup
names = ("RLIMIT_FSIZE", "RLIMIT_CPU", "RLIMIT_AS", "RLIMIT_NOFILE", "RLIMIT_CORE")
def shown():
    return {name: resource.getrlimit(getattr(resource, name)) for name in names}
"""


def _ran(code: str) -> list[dict[str, list[int]]]:
    done = subprocess.run(
        [sys.executable, "-c", _SHOWN + code], capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_confined_process_has_this_much_of_each_and_may_lower_it_again() -> None:
    before, after, lowered = _ran(
        "_, most = resource.getrlimit(resource.RLIMIT_CORE)\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (most, most))\n"
        "print(json.dumps(shown()))\n"
        "cgroup.confine(7, 1 << 30, 33)\n"
        "print(json.dumps(shown()))\n"
        "cgroup.confine(5, 1 << 29, 22)\n"
        "print(json.dumps(shown()))\n"
    )

    assert {name: after[name][0] for name in after if name != "RLIMIT_AS"} == {
        "RLIMIT_FSIZE": before["RLIMIT_FSIZE"][0], "RLIMIT_CPU": 7, "RLIMIT_NOFILE": 33,
        "RLIMIT_CORE": 0,
    }  # fmt: skip
    assert 1 << 30 < after["RLIMIT_AS"][0] < 2 << 30
    assert (lowered["RLIMIT_CPU"][0], lowered["RLIMIT_NOFILE"][0]) == (5, 22)
    assert 1 << 29 < lowered["RLIMIT_AS"][0] < after["RLIMIT_AS"][0]
    assert {name: hard for name, (_, hard) in after.items()} == {
        name: hard for name, (_, hard) in before.items()
    }


@pytest.mark.parametrize("ended", ["pass", "raise ValueError"])
def test_a_file_size_limit_applies_within_its_block(
    ended: str,
) -> None:
    before, within, after = _ran(
        "print(json.dumps(shown()))\n"
        "try:\n"
        "    with cgroup.writing(5000):\n"
        "        print(json.dumps(shown()))\n"
        f"        {ended}\n"
        "except ValueError:\n"
        "    pass\n"
        "print(json.dumps(shown()))\n"
    )

    assert within["RLIMIT_FSIZE"][0] == 5000
    assert after == before


def test_zero_is_no_limit_for_files() -> None:
    before, within = _ran(
        "print(json.dumps(shown()))\nwith cgroup.writing(0):\n    print(json.dumps(shown()))\n"
    )

    assert within == before


def test_no_file_grows_beyond_what_is_allowed(tmp_path: Path) -> None:
    code = (
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "cgroup.file_size(1000)\n"
        f"file = open({str(tmp_path / 'file')!r}, 'wb', buffering=0)\n"
        "file.write(b'x' * 1000)\n"
        "try:\n    file.write(b'x')\nexcept OSError:\n    print('{}')\n"
    )

    assert _ran(code) == [{}]
    assert (tmp_path / "file").stat().st_size == 1000


@pytest.mark.parametrize(
    ("limit", "short"),
    [(64 * MIB - 1, True), (64 * MIB, False), (256 * MIB, False), ("max", False), ("", False)],
)
def test_a_limit_below_the_floor_is_reported_with_both_numbers(
    tmp_path: Path, limit: int | str, *, short: bool
) -> None:
    (tmp_path / "memory.max").write_text(f"{limit}\n")

    said = cgroup.shortage(tmp_path)

    assert bool(said) is short
    assert not short or "64Mi" in said


@pytest.mark.parametrize(("held", "short"), [(900, False), (901, True)])
def test_memory_is_short_beyond_nine_tenths(tmp_path: Path, held: int, *, short: bool) -> None:
    (tmp_path / "memory.max").write_text("1000")
    (tmp_path / "memory.stat").write_text(f"file 99\nanon {held - 5}\nsock 3\npercpu 2")

    assert cgroup.memory_is_short(tmp_path) is short
