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


def test_a_lock_ends_with_its_block_whatever_ends_that(tmp_path: Path) -> None:
    path = tmp_path / "lock"

    with pytest.raises(ZeroDivisionError), lock.held(path):
        raise ZeroDivisionError

    with lock.held(path) as mine:
        assert mine


def test_whoever_does_not_get_it_does_not_end_it_for_the_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock"

    with lock.held(path):
        for _ in range(2):
            with lock.held(path) as mine:
                assert not mine


def test_who_waits_is_told_since_when_it_is_held_and_gets_it_afterwards(tmp_path: Path) -> None:
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


def test_who_gives_up_asks_once(tmp_path: Path) -> None:
    path, told = tmp_path / "lock", list[float]()

    def wait(since: float) -> bool:
        told.append(since)
        return False

    with lock.held(path), lock.held(path, wait) as mine:
        assert not mine

    assert len(told) == 1


def test_its_file_is_every_users_and_what_is_left_in_its_place_is_replaced(
    tmp_path: Path,
) -> None:
    path = tmp_path / "lock"
    (path / "full").mkdir(parents=True)

    with lock.held(path) as mine:
        assert mine

    assert path.is_file()
    assert path.stat().st_mode & 0o777 == 0o666
