"""What the init container leaves is believed once, by the sidecar of the same pod."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contract import names
from contract.snapshots import Snapshot
from runner.state import handover
from tests.runner.config.workload import configured

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC).timestamp()
MADE = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """A folder in which something was left a minute ago."""
    handover.leave(tmp_path, configured(), [Snapshot("a1", MADE, "wiki", ())], NOW - 60)
    return tmp_path


def change(folder: Path, **values: object) -> None:
    """Change what was left."""
    file = folder / names.HANDOVER_FILE
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_a_handover_is_read_once(left: Path) -> None:
    found = handover.take(left, configured(), NOW)

    assert found is not None
    assert [each.time for each in found] == [MADE]
    assert handover.take(left, configured(), NOW) is None
    assert list(left.iterdir()) == []


def test_a_handover_of_another_workload_is_not_trusted(left: Path) -> None:
    assert handover.take(left, configured({names.ENV_HOST: "blog"}), NOW) is None


@pytest.mark.parametrize("read", [NOW + 3600, 0, -1, "now", None])
def test_a_handover_with_an_invalid_time_is_not_trusted(left: Path, read: object) -> None:
    change(left, read=read)

    assert handover.take(left, configured(), NOW) is None


@pytest.mark.parametrize("when", ["2026-11-24T03:00:00Z", "1969-11-24T03:00:00Z", "soon"])
def test_a_handover_with_future_snapshots_is_not_trusted(left: Path, when: str) -> None:
    change(left, snapshots=[{"time": when, "tags": [], "summary": {}}])

    assert handover.take(left, configured(), NOW) is None


def test_a_link_is_not_followed(left: Path) -> None:
    file = left / names.HANDOVER_FILE
    file.rename(left / "elsewhere")
    file.symlink_to(left / "elsewhere")

    assert handover.take(left, configured(), NOW) is None
    assert (left / "elsewhere").exists()
