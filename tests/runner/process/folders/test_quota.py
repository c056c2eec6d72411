"""The bound on cache and scratch together: the cache gives way, then the command ends."""

import os
import resource
from pathlib import Path

import pytest

from runner.config.model import Config
from runner.process.folders.quota import Quota, taken
from runner.process.log import Log
from runner.process.signals import Stop
from runner.session import executor
from runner.session.executor import Executor
from runner.steps.outcome import Failure
from runner.steps.result import Completed
from runner.steps.step import LARGEST, Step
from tests.runner.config.workload import configured

BOUND = 1 << 20
PART = 64 << 10


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The workload, with a state folder of its own and a small bound; looks are quick."""
    monkeypatch.setattr(executor, "_LOOK", 0.02)
    monkeypatch.setattr(executor, "Quota", lambda state_dir: Quota(state_dir, BOUND))
    return configured({"BACKUP_STATE_DIR": str(tmp_path)})


def run(config: Config, script: str, *, hook: bool = False, largest: int = LARGEST) -> Completed:
    """Run shell text through the executor."""
    step = Step("test", ("sh", "-c", script), hook=hook, largest=largest)
    return Executor(config, Log(), Stop()).execute(step)


def cached(state: Path, name: str, age: int, size: int = PART) -> Path:
    """Put a file of that age into the cache."""
    path = state / "cache" / "4f8a" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def scratch(state: Path, size: int) -> None:
    """Let so many bytes lie in scratch."""
    (state / "tmp").mkdir(exist_ok=True)
    (state / "tmp" / "file").write_bytes(b"x" * size)


@pytest.mark.parametrize("hook", [False, True])
def test_a_command_that_fills_scratch_file_by_file_is_stopped(
    config: Config, tmp_path: Path, hook: bool
) -> None:
    write = f'head -c {PART} /dev/zero > "$TMPDIR/$n"; sleep .01'
    script = f"n=0; while [ $n -lt 2000 ]; do n=$((n+1)); {write}; done"

    done = run(config, script, hook=hook)

    assert (done.stopped, done.failure) == ("space", Failure.SPACE)
    assert "1Gi" in done.said
    assert "TMPDIR" in done.said
    assert taken(tmp_path / "tmp") < 64 * BOUND


def test_a_command_writes_no_file_that_is_larger_than_it_may(
    config: Config, tmp_path: Path
) -> None:
    """The kernel stops it there; the user's own hooks have no such limit, and nor have we."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    script = f'head -c {2 * PART} /dev/zero > "{tmp_path}/file"; ls -s "{tmp_path}"'

    run(config, script, largest=PART)
    bounded = (tmp_path / "file").stat().st_size
    run(config, script, largest=0)
    free = (tmp_path / "file").stat().st_size
    run(config, script, largest=PART, hook=True)

    assert (bounded, free) == (PART, 2 * PART)
    assert (tmp_path / "file").stat().st_size == 2 * PART
    assert resource.getrlimit(resource.RLIMIT_FSIZE) == before


def test_the_oldest_files_of_the_cache_are_removed(tmp_path: Path) -> None:
    """What restic is about to write, and what it knows its cache by, stays."""
    files = [cached(tmp_path, f"data/{number}", age=number) for number in range(12)]
    kept = [cached(tmp_path, name, age=99) for name in ("version", "data/tmp-1", "CACHEDIR.TAG")]

    exceeded = Quota(str(tmp_path), BOUND).exceeded(0)

    assert not exceeded
    assert all(path.exists() for path in kept)
    left = [number for number, path in enumerate(files) if path.exists()]
    assert left == list(range(len(left)))
    assert 0 < taken(tmp_path / "cache") <= BOUND // 2


def test_the_cache_is_removed_for_what_a_run_needs(tmp_path: Path) -> None:
    """Only what is then still too much ends it."""
    cached(tmp_path, "data/1", 1)
    scratch(tmp_path, BOUND - PART // 2)
    quota = Quota(str(tmp_path), BOUND)

    assert not quota.exceeded(0)
    assert taken(tmp_path / "cache") == 0
    scratch(tmp_path, BOUND + PART)
    assert not quota.exceeded(0.001)  # it looks again after a while
    assert quota.exceeded(60)


def test_sparse_files_count_by_their_blocks(tmp_path: Path) -> None:
    scratch(tmp_path, 1)
    os.truncate(tmp_path / "tmp" / "file", 1 << 40)

    assert not Quota(str(tmp_path), BOUND).exceeded(0)


@pytest.mark.parametrize(
    ("words", "bounded"),
    [
        (("snapshots",), True),
        (("-q", "backup", "/x"), True),
        (("restore", "latest", "--target", "/x"), False),
        (("-q", "dump", "latest", "/x"), False),
    ],
)
def test_a_custom_command_is_bounded_unless_it_writes_the_users_files(
    config: Config, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], bounded: bool
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    found = []

    def become(*_: object) -> None:
        found.append(resource.getrlimit(resource.RLIMIT_FSIZE)[0])
        raise OSError(2, "No such file or directory")

    monkeypatch.setattr(os, "execvpe", become)
    try:
        Executor(config, Log(), Stop()).replace_us(words, "")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert found == [LARGEST if bounded else before[0]]
