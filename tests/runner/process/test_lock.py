"""A lock is held for as long as the block runs, by whom it was given to, and no longer."""

import os
from pathlib import Path

import pytest

from runner.process import lock


def test_a_lock_ends_with_its_block(tmp_path: Path) -> None:
    path = tmp_path / "lock"

    for _ in range(2):
        with lock.held(path) as mine:
            assert mine


def test_a_lock_ends_with_its_block_even_after_an_exception(tmp_path: Path) -> None:
    path = tmp_path / "lock"

    with pytest.raises(ZeroDivisionError), lock.held(path):
        raise ZeroDivisionError

    with lock.held(path) as mine:
        assert mine


def test_a_failed_attempt_does_not_release_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"

    with lock.held(path):
        for _ in range(2):
            with lock.held(path) as mine:
                assert not mine


def test_a_waiting_process_gets_the_start_time_and_then_the_lock(tmp_path: Path) -> None:
    path, told = tmp_path / "lock", list[float]()
    holder = lock.held(path)
    holder.__enter__()
    os.utime(path, (1000, 1000))

    def wait(since: float) -> bool:
        told.append(since)
        if len(told) == 3:
            holder.__exit__(None, None, None)
        return True

    with lock.held(path, wait) as mine:
        assert mine
        assert path.stat().st_mtime > 1000

    assert told == [1000, 1000, 1000]


def test_an_attempt_without_a_timeout_tries_once(tmp_path: Path) -> None:
    path, told = tmp_path / "lock", list[float]()

    def wait(since: float) -> bool:
        told.append(since)
        return False

    with lock.held(path), lock.held(path, wait) as mine:
        assert not mine

    assert len(told) == 1


def test_the_lock_file_is_usable_by_every_user_and_replaced_if_invalid(
    tmp_path: Path,
) -> None:
    path = tmp_path / "lock"
    (path / "full").mkdir(parents=True)

    with lock.held(path) as mine:
        assert mine

    assert path.is_file()
    assert path.stat().st_mode & 0o777 == 0o666
