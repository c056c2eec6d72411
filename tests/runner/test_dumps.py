"""A run with dumps: what is asked of restic, and how it ends."""

from dataclasses import replace

import pytest

from contract import names
from runner import config, dumps
from runner.dumps import Dumped, Trouble, joined, trouble_line
from runner.outcome import Failure, Outcome, Status
from runner.run import backup
from tests.runner.conversation import (
    BACKUP,
    FACTS,
    GOOD,
    STOPPED,
    SUMMARY,
    failed,
    play,
)
from tests.runner.workload import ENVIRONMENT, configured

CONFIG = configured({names.ENV_DUMP: '[["postgres"], ["command", "cat", "/etc/x"]]'})
ALONE = configured({names.ENV_DUMP: '[["postgres"]]'})
VOLUMES = tuple("host,paths,tags" if word == "host,tags" else word for word in BACKUP)
FACTS_OF_IT = replace(FACTS, had_success=True, raw={"postgres": ("/backup/pages/db/*",)})


def _bad(failure: Failure = Failure.AUTH) -> object:
    return failed(1, trouble_line(failure, "no way"), "Fatal: unable to save snapshot")


def test_each_dump_is_a_snapshot_of_its_own_before_the_volumes() -> None:
    said, outcome = play(backup(CONFIG, FACTS_OF_IT), [GOOD, GOOD, GOOD])

    first, second, volumes = said
    assert first[first.index("dump=postgres") - 1 :][:2] == ("--tag", "dump=postgres")
    assert first[-1] == "postgres"
    assert second[-3:] == ("command", "cat", "/etc/x")
    assert volumes[:-5] == VOLUMES[:-3]
    assert volumes[-5:] == ("--exclude", "/backup/pages/db/*", *VOLUMES[-3:])
    assert outcome.status == Status.SUCCESS
    assert "dump of postgres" in outcome.message


@pytest.mark.parametrize(("answer", "left_out"), [(GOOD, True), (_bad(), False)])
def test_raw_files_are_left_out_only_with_a_good_dump(answer: object, left_out: bool) -> None:
    said, _ = play(backup(ALONE, FACTS_OF_IT), [answer, GOOD])  # type: ignore[list-item]

    assert ("/backup/pages/db/*" in said[1]) is left_out


def test_a_dump_that_fails_hinders_no_other_and_fails_the_run() -> None:
    said, outcome = play(backup(CONFIG, FACTS_OF_IT), [_bad(), GOOD, GOOD])  # type: ignore[list-item]

    assert len(said) == 3
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.AUTH)
    assert "the dump of postgres failed: no way" in outcome.message


@pytest.mark.parametrize("summary", [{"total_bytes_processed": 0}, {"snapshot_id": ""}])
def test_a_dump_without_a_byte_or_a_snapshot_fails_the_run(summary: dict[str, object]) -> None:
    """And nothing is left out of the volumes for it."""
    empty = replace(GOOD, messages=({**SUMMARY, **summary},))

    said, outcome = play(backup(ALONE, FACTS_OF_IT), [empty, GOOD])

    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.SOURCE)
    assert "/backup/pages/db/*" not in said[1]


def test_a_run_that_is_stopped_at_a_dump_ends_there() -> None:
    said, outcome = play(backup(CONFIG, FACTS_OF_IT), [STOPPED])

    assert len(said) == 1
    assert outcome.status == Status.INTERRUPTED


def test_there_is_no_time_for_dumps_when_the_pod_stops() -> None:
    said, outcome = play(backup(CONFIG, FACTS_OF_IT, limit=10), [GOOD])

    assert not [word for word in said[0] if word.startswith("dump=")]
    assert outcome.status == Status.INTERRUPTED
    assert "no time for dumps" in outcome.message


def test_a_volume_that_failed_gives_the_class() -> None:
    dumped = Dumped(troubles=(Trouble("redis", Failure.AUTH, "no"),))
    lost = Outcome(Status.FAILURE, "missing: /backup/pages", Failure.SOURCE)

    assert joined(CONFIG, lost, dumped).failure == Failure.SOURCE


def test_a_list_of_dumps_that_is_none_is_a_problem() -> None:
    for text in ("[1]", "{", "7", '["ab"]'):
        read = config.read({**ENVIRONMENT, names.ENV_DUMP: text}, {}, {})
        assert read.dumps == ()
        assert [each.key for each in read.problems if each.key == names.ENV_DUMP]


def test_without_dumps_a_run_is_as_it_was() -> None:
    assert joined(configured(), Outcome(Status.SUCCESS, "3 files"), dumps.NONE).message == "3 files"
