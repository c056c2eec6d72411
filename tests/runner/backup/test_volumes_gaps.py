"""A hook that was stopped is a failure whatever its status; refused sources never reach restic."""

from dataclasses import replace

import pytest

from contract import names
from runner.backup.volumes import backup, before
from runner.steps.evaluate import Source
from runner.steps.outcome import Failure, Status
from runner.steps.result import Completed
from tests.runner.config.workload import PAGES, UPLOADS, configured
from tests.runner.steps.conversation import FACTS, GOOD, MARKED, play


@pytest.mark.parametrize("code", [0, 1, -15])
def test_a_pre_hook_that_times_out_prevents_the_backup(code: int) -> None:
    """One that takes SIGTERM well ends with 0, and has not frozen anything."""
    config = configured({names.ENV_PRE: '["freeze"]'})

    _, outcome = play(before(config), [Completed(code, stopped="time")])

    assert outcome is not None
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.CONFIG)


def test_a_source_that_links_out_of_its_volume_is_not_passed_to_restic() -> None:
    refused = {UPLOADS: "is a link to /etc, which leads out of its volume"}
    sources = {PAGES: Source.FULL, UPLOADS: Source.REFUSED}
    facts = replace(FACTS, sources=sources, refused=refused)

    said, outcome = play(backup(configured(), facts), [GOOD, MARKED])

    command = said[0]
    assert command[command.index("--") + 1 :] == (PAGES,)
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.SOURCE)
    assert refused[UPLOADS] in outcome.message
    assert outcome.snapshot == "9c0d"  # as it is called once it is marked
