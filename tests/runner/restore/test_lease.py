"""Claims on a volume: one pod at a time, and a dead one's is taken over."""

import threading
import time
from pathlib import Path

import pytest

from runner.restore.lease import Claim, Waiter
from runner.volume.beneath import Folder
from tests.runner.events import until


def never() -> None:
    """Fail where a claim is lost that nobody else has."""
    raise AssertionError("the claim was lost")


def take(folder: Path, pod: str, seconds: float = 60) -> Claim | None:
    """Try once to have the claim."""
    return Waiter(pod, seconds).take(Folder.at(folder), never)


def test_one_of_many_pods_holds_the_lease(tmp_path: Path) -> None:
    had: list[Claim] = []
    start = threading.Barrier(8)

    def contend(number: int) -> None:
        waiter = Waiter(f"wiki-{number}", 60)
        folder = Folder.at(tmp_path)
        start.wait()
        tries = (waiter.take(folder, never) for _ in range(20))
        had.extend(filter(None, [next(filter(None, tries), None)]))

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(had) == 1
    had[0].end()


def test_a_released_lease_is_available_at_once(tmp_path: Path) -> None:
    first = take(tmp_path, "wiki-1")
    assert first is not None
    assert take(tmp_path, "wiki-2") is None

    first.end(free=True)
    second = take(tmp_path, "wiki-2")

    assert second is not None
    assert take(tmp_path, "wiki-3") is None
    second.end()


def test_a_pod_reacquires_its_own_lease(tmp_path: Path) -> None:
    first = take(tmp_path, "wiki-1")
    assert first is not None
    first.end()

    again = take(tmp_path, "wiki-1")

    assert again is not None
    again.end()
    assert take(tmp_path, "") is None, "a pod without a name knows none of its own"


def test_an_expired_lease_is_taken_over(tmp_path: Path) -> None:
    dead = take(tmp_path, "wiki-1")
    assert dead is not None
    dead.end()
    waiter, folder = Waiter("wiki-2", 0.5), Folder.at(tmp_path)
    taken: list[Claim] = []
    began = time.monotonic()

    def is_taken() -> bool:
        taken.extend(filter(None, [waiter.take(folder, never)]))
        return bool(taken)

    until(is_taken, "the claim of the dead is taken over")
    assert time.monotonic() - began >= 0.5
    taken[0].end()


def test_a_renewed_lease_is_never_taken_over_and_its_loss_is_detected(tmp_path: Path) -> None:
    lost = threading.Event()
    folder = Folder.at(tmp_path)
    first = Waiter("wiki-1", 0.6).take(folder, lost.set)  # a sign of life each 0.1 s
    assert first is not None
    waiter = Waiter("wiki-2", 3)
    end = time.monotonic() + 4
    while time.monotonic() < end:
        assert waiter.take(folder, never) is None

    (tmp_path / "claim.7").write_text("{}")

    assert lost.wait(60)
    first.end()


def test_the_end_of_the_restore_is_detected(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        take(tmp_path / "gone", "wiki-1")
