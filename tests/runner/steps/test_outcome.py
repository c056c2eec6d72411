"""What an outcome says of the volumes: whether they are protected, and whether they lost files."""

import pytest

from runner.steps.outcome import Failure, Outcome, Status


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("snapshot", ["", "4f8a1c2e"])
def test_only_a_success_or_warning_with_a_snapshot_protects(status: Status, snapshot: str) -> None:
    good = status in {Status.SUCCESS, Status.WARNING} and snapshot != ""

    assert Outcome(status, "", snapshot=snapshot).protected is good


@pytest.mark.parametrize(
    ("status", "failure", "shrunk", "lost"),
    [
        (Status.FAILURE, Failure.SOURCE, False, True),
        (Status.WARNING, Failure.SOURCE, True, True),
        (Status.WARNING, Failure.SOURCE, False, False),
        (Status.FAILURE, Failure.NETWORK, False, False),
        (Status.SUCCESS, None, False, False),
    ],
)
def test_files_are_lost_by_a_source_that_failed_or_shrank(
    status: Status, failure: Failure | None, shrunk: bool, lost: bool
) -> None:
    assert Outcome(status, "", failure, shrunk=shrunk).lost_files is lost
