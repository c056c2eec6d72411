"""A run with dumps: what is asked of restic, and how it ends."""

from dataclasses import replace

import pytest

from contract import names
from runner.backup.volumes import backup
from runner.config import build
from runner.databases import dump_snapshots
from runner.databases.dump_snapshots import Dumped, Trouble, joined, trouble_line
from runner.databases.inventory import Judgement
from runner.steps.outcome import Failure, Outcome, Status
from runner.steps.result import Completed
from tests.runner.config.workload import ENVIRONMENT, configured
from tests.runner.steps.conversation import (
    BACKUP,
    FACTS,
    GOOD,
    MARKED,
    STOPPED,
    SUMMARY,
    doubtful,
    failed,
    play,
)

CONFIG = configured({names.ENV_DUMP: '[["postgres"], ["command", "cat", "/etc/x"]]'})
ALONE = configured({names.ENV_DUMP: '[["postgres"]]'})
VOLUMES = tuple("host,paths,tags" if word == "host,tags" else word for word in BACKUP)
FACTS_OF_IT = replace(FACTS, had_success=True)
WHOLE = Judgement(raw=("/backup/pages/db/base",))
JUDGED = ("judge", "postgres", "/backup/pages", "/backup/uploads")


def _bad(failure: Failure = Failure.AUTH) -> Completed:
    return failed(1, trouble_line(failure, "no way"), "Fatal: unable to save snapshot")


def test_each_dump_is_a_snapshot_of_its_own_before_the_volumes() -> None:
    said, outcome = play(backup(CONFIG, FACTS_OF_IT), [GOOD, WHOLE, GOOD, GOOD])

    first, judged, second, volumes = said
    assert judged == JUDGED
    assert first[first.index("dump=postgres") - 1 :][:2] == ("--tag", "dump=postgres")
    assert first[-1] == "postgres"
    assert second[-3:] == ("command", "cat", "/etc/x")
    assert volumes[:-5] == VOLUMES[:-3]
    assert volumes[-5:] == ("--exclude", "/backup/pages/db/base", *VOLUMES[-3:])
    assert outcome.status == Status.SUCCESS
    assert "dump of postgres" in outcome.message


@pytest.mark.parametrize(
    ("answers", "left_out"), [([GOOD, WHOLE, GOOD], True), ([_bad(), GOOD], False)]
)
def test_raw_files_are_left_out_only_with_a_complete_dump(
    answers: list[Completed | Judgement], left_out: bool
) -> None:
    said, _ = play(backup(ALONE, FACTS_OF_IT), answers)

    assert ("/backup/pages/db/base" in said[-1]) is left_out


def test_files_replaced_by_a_dump_do_not_count_as_shrinkage() -> None:
    usual = replace(FACTS_OF_IT, usual=(5000, 1 << 40))
    for before, shrunk in (((), False), (("postgres",), True), (None, False)):
        _, outcome = play(backup(ALONE, replace(usual, left_out=before)), [GOOD, WHOLE, GOOD],
                          [MARKED])  # fmt: skip
        assert outcome.shrunk is shrunk, before
        assert outcome.left_out == ("postgres",)


@pytest.mark.parametrize(("mark", "told"), [(MARKED, False), (failed(1, "403 Forbidden"), True)])
def test_an_incomplete_dump_is_marked_and_fails_the_run(mark: Completed, told: bool) -> None:
    judgement = Judgement(gaps=("databases that allow no connections: old",))
    said, outcome = play(backup(ALONE, FACTS_OF_IT), [GOOD, judgement, mark, GOOD])

    assert said[2] == doubtful("4f8a1c2e9b")
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.DUMP)
    assert "the dump of postgres is incomplete: databases that allow no" in outcome.message
    assert ("cannot be marked as doubtful" in outcome.message) is told


def test_another_server_fails_the_run_and_keeps_the_complete_dump() -> None:
    judgement = Judgement(others=("another server uses /backup/pages/b",), raw=WHOLE.raw)
    said, outcome = play(backup(ALONE, FACTS_OF_IT), [GOOD, judgement, GOOD])

    assert WHOLE.raw[0] in said[-1]
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.DUMP)
    assert "another server uses /backup/pages/b" in outcome.message


def test_a_failed_dump_fails_the_run_and_not_the_other_dumps() -> None:
    said, outcome = play(backup(CONFIG, FACTS_OF_IT), [_bad(), GOOD, GOOD])

    assert len(said) == 3
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.AUTH)
    assert "the dump of postgres failed: no way" in outcome.message


@pytest.mark.parametrize("summary", [{"total_bytes_processed": 0}, {"snapshot_id": ""}])
def test_an_empty_dump_or_one_without_a_snapshot_fails_the_run(summary: dict[str, object]) -> None:
    """And nothing is left out of the volumes for it."""
    empty = replace(GOOD, messages=({**SUMMARY, **summary},))

    said, outcome = play(backup(ALONE, FACTS_OF_IT), [empty, GOOD])

    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.SOURCE)
    assert "/backup/pages/db/*" not in said[1]


def test_a_run_stopped_during_a_dump_ends_there() -> None:
    said, outcome = play(backup(CONFIG, FACTS_OF_IT), [STOPPED])

    assert len(said) == 1
    assert outcome.status == Status.INTERRUPTED


def test_no_dump_is_made_when_the_pod_stops() -> None:
    said, outcome = play(backup(CONFIG, FACTS_OF_IT, limit=10), [GOOD])

    assert not [word for word in said[0] if word.startswith("dump=")]
    assert outcome.status == Status.INTERRUPTED
    assert "no time for dumps" in outcome.message


def test_a_failed_volume_determines_the_class() -> None:
    dumped = Dumped(troubles=(Trouble("redis", Failure.AUTH, "no"),))
    lost = Outcome(Status.FAILURE, "missing: /backup/pages", Failure.SOURCE)

    assert joined(CONFIG, lost, dumped).failure == Failure.SOURCE


def test_an_invalid_list_of_dumps_is_a_problem() -> None:
    for text in ("[1]", "{", "7", '["ab"]'):
        read = build.config({**ENVIRONMENT, names.ENV_DUMP: text}, {}, {})
        assert read.commands.dumps == ()
        assert [each.key for each in read.problems if each.key == names.ENV_DUMP]


def test_without_dumps_a_run_is_unchanged() -> None:
    assert (
        joined(configured(), Outcome(Status.SUCCESS, "3 files"), dump_snapshots.NONE).message
        == "3 files"
    )
