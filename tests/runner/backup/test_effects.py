"""Settings without effect on what is there: named once they surely have none."""

import json
from pathlib import Path
from typing import Any

import pytest

from runner.backup import effects
from tests.runner.stand_ins.fake_restic import Runner

DAY = 86_400


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A runner whose volume holds pages/index and pages/cache/x.tmp."""
    made = Runner(tmp_path)
    made.annotate(schedule="0 0 29 2 *")
    (made.volumes / "pages" / "cache").mkdir()
    (made.volumes / "pages" / "cache" / "x.tmp").touch()
    return made


def _back_up(runner: Runner, days: float = 0) -> list[str]:
    """Run a backup ``days`` after the last one; return the warnings."""
    file = runner.state / "state.json"
    if days:
        known: dict[str, Any] = json.loads(file.read_text())
        known["walked"] -= days * DAY
        known["unmatched"] = {
            pattern: max(0, since - days * DAY) for pattern, since in known["unmatched"].items()
        }
        file.write_text(json.dumps(known))
    _, log = runner.call("run")
    return [str(line["message"]) for line in log if line["level"] == "warning"]


def _problems(runner: Runner) -> str:
    return str(json.loads((runner.state / "status.json").read_text())["problems"])


@pytest.mark.parametrize("variable", ["BACKUP_EXCLUDE", "RESTIC_ADDITIONAL_BACKUP_PARAMETERS"])
def test_a_pattern_that_matches_nothing_for_a_week_is_named_once(
    runner: Runner, variable: str
) -> None:
    given = ("*.tmp", "index", "nothing*")
    text = (
        "\n".join(given)
        if variable == "BACKUP_EXCLUDE"
        else " ".join(f"--exclude '{pattern}'" for pattern in given)
    )
    (runner.secret / variable).write_text(text)

    assert _back_up(runner) == []
    assert _back_up(runner, 6) == []
    (warning,) = _back_up(runner, 1.1)
    assert "'nothing*'" in warning
    assert "matched nothing for more than a week" in warning
    assert _back_up(runner, 1) == []
    assert "nothing*" in _problems(runner)
    (runner.volumes / "pages" / "nothing.now").touch()
    assert _back_up(runner, 1.1) == []
    assert "nothing*" not in _problems(runner)


def test_a_walk_that_times_out_proves_nothing(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(effects, "_MOST", 1)

    assert effects._unmatched(["nothing"], [str(runner.volumes)], 1e12) == set()
    monkeypatch.undo()
    assert effects._unmatched(["nothing"], [str(runner.volumes)], 1e12) == {"nothing"}


@pytest.mark.parametrize(
    "pattern", ["*.tmp, *.log", "/data/cache", "'quoted'", "~/x", "a\\b", "!only"]
)
def test_a_pattern_that_is_probably_a_mistake_is_named_at_once(
    runner: Runner, pattern: str
) -> None:
    """And once: in the log of the run, from then on in the status."""
    (runner.secret / "BACKUP_EXCLUDE").write_text(
        f"*.tmp\n{pattern}" * (pattern != "!only") or pattern
    )

    (warning,) = _back_up(runner)
    assert "BACKUP_EXCLUDE" in warning
    assert _back_up(runner) == []
    assert "BACKUP_EXCLUDE" in _problems(runner)


def test_a_path_below_a_source_is_not_named(runner: Runner) -> None:
    elsewhere = runner.volumes.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "cache").touch()
    (runner.secret / "RESTIC_SOURCE").write_text(f"{elsewhere} {runner.volumes}")
    text = f"{elsewhere}/cache\n{runner.volumes}/pages/cache"
    (runner.secret / "BACKUP_EXCLUDE").write_text(text)

    _back_up(runner)

    assert _problems(runner) == "[]"


@pytest.mark.parametrize("globs", ["none/*.sqlite", "none/*.sqlite\nother/*.db"])
def test_globs_of_databases_without_a_match_are_named(runner: Runner, globs: str) -> None:
    (runner.volumes / "pages" / "real.db").write_bytes(b"SQLite format 3\0" + bytes(84))
    (runner.secret / "BACKUP_SQLITE").write_text(globs)

    named = [line for line in _back_up(runner) if line.startswith("backup.sqlite")]

    assert [line.split(": ")[0] for line in named] == [
        f"backup.sqlite {glob!r}" for glob in globs.splitlines()
    ]
    assert not [line for line in _back_up(runner) if line.startswith("backup.sqlite")]


def test_a_matched_file_that_is_no_database_is_named(runner: Runner) -> None:
    """One that is encrypted looks like any file. A glob may be for what comes later."""
    pages = runner.volumes / "pages"
    (pages / "cipher.db").write_bytes(b"\x8f" * 4096)
    (pages / "empty.db").touch()
    (pages / "real.db").write_bytes(b"SQLite format 3\0" + bytes(84))
    (pages / "real.db-wal").write_bytes(b"7")
    (runner.secret / "BACKUP_SQLITE").write_text("*.db\n*.db-wal\nnone/*.sqlite")

    warnings = _back_up(runner)

    named = [line for line in warnings if line.startswith("backup.sqlite")]
    assert len(named) == 1
    assert named[0].endswith(f"(encrypted?) and are not copied: {pages}/cipher.db")
    assert not [line for line in _back_up(runner) if line.startswith("backup.sqlite")]
    assert "cipher.db" in _problems(runner)
