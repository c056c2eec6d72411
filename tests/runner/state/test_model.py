"""What survives a restart of the container, and what keeps runs apart."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from runner.state.coding import written
from runner.state.model import News
from runner.state.store import Store
from tests.runner.config.workload import changed, remembered
from tests.runner.notify.test_metrics import FAILED, LAST, STATE

WHOLE = changed(
    STATE,
    last=replace(FAILED, unreadable=["/a", "/b"]),
    full=["/backup/pages"],
    notified={"ntfy": News("failure/auth", 5)},
)
LOCKED_ELSEWHERE = (
    "import sys; from pathlib import Path; from runner.state.store import Store\n"
    "with Store(Path(sys.argv[1])).lock() as mine: print(mine)"
)


def test_a_saved_state_is_loaded(tmp_path: Path) -> None:
    """Every field, and the last run in it."""
    Store(tmp_path).save(WHOLE)

    assert Store(tmp_path).load() == WHOLE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state.json"]


def test_invalid_utf_8_in_file_names_is_saved(tmp_path: Path) -> None:
    """Names on disk need not be UTF-8."""
    odd = changed(STATE, last=replace(LAST, message="b\udcfcro", unreadable=["/b\udcfcro"]))

    Store(tmp_path).save(odd)

    assert Store(tmp_path).load() == odd


def test_without_a_file_there_is_no_state(tmp_path: Path) -> None:
    """Nor without a folder."""
    assert Store(tmp_path).load() is None
    assert Store(tmp_path / "missing").load() is None


def test_a_leftover_of_a_killed_save_is_ignored(tmp_path: Path) -> None:
    """And overwritten by the next one."""
    store = Store(tmp_path)
    store.save(STATE)
    (tmp_path / "state.json.part").write_text('{"run_now": "half')

    assert store.load() == STATE
    store.save(WHOLE)
    assert store.load() == WHOLE
    assert not (tmp_path / "state.json.part").exists()


def test_a_leftover_alone_is_no_state(tmp_path: Path) -> None:
    """It may be half of one."""
    (tmp_path / "state.json.part").write_text(json.dumps(written(STATE)))

    assert Store(tmp_path).load() is None


def test_a_concurrent_reader_sees_a_complete_state(tmp_path: Path) -> None:
    """The old file stays as it is, under the same name, until the new one is complete."""
    store = Store(tmp_path)
    store.save(STATE)
    with (tmp_path / "state.json").open() as reading:
        store.save(WHOLE)

        assert json.loads(reading.read()) == written(STATE)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b"3", b'"text"', b"{}", b'{"run_now": "", "last": {}}',
     b'{"run_now": "", "last": {"started": 1}}', b"\xff\xfe", b"\0\0\0\0"],
)  # fmt: skip
def test_an_invalid_file_is_no_state(tmp_path: Path, content: bytes) -> None:
    """It is derived anew from the repository."""
    (tmp_path / "state.json").write_bytes(content)

    assert Store(tmp_path).load() is None


def test_unknown_keys_are_dropped(tmp_path: Path) -> None:
    """They are a newer version's, which was rolled back."""
    value = written(WHOLE)
    value["invented"] = 1
    value["last"]["invented"] = 2
    (tmp_path / "state.json").write_text(json.dumps(value))

    assert Store(tmp_path).load() == WHOLE


def test_missing_keys_have_their_defaults(tmp_path: Path) -> None:
    """They are an older version's file."""
    (tmp_path / "state.json").write_text('{"run_now": "2", "failures": 3}')

    assert Store(tmp_path).load() == remembered(run_now="2", failures=3)


def test_the_lock_excludes_another_process(tmp_path: Path) -> None:
    """And is free again afterwards."""
    command = [sys.executable, "-c", LOCKED_ELSEWHERE, str(tmp_path)]

    with Store(tmp_path).lock() as mine:
        assert mine
        assert subprocess.check_output(command, text=True) == "False\n"
    assert subprocess.check_output(command, text=True) == "True\n"


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    """The kernel gives it back."""
    script = LOCKED_ELSEWHERE.replace("print(mine)", "print(mine, flush=True); input()")
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        with Store(tmp_path).lock() as mine:
            assert not mine
        holder.kill()

    with Store(tmp_path).lock() as mine:
        assert mine


def test_the_lock_makes_the_state_folder(tmp_path: Path) -> None:
    """Outside a pod it is not there at first."""
    with Store(tmp_path / "a" / "b").lock() as mine:
        assert mine
    assert (tmp_path / "a" / "b").is_dir()


def test_announce_sets_the_time_of_a_file(tmp_path: Path) -> None:
    """The supervisor compares it with the clock; each call moves it."""
    for moment in (1_800_000_000.25, 1_700_000_000.5):
        Store(tmp_path).announce(moment)

        assert (tmp_path / "next").stat().st_mtime == moment
