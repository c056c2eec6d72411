"""`backup-runner maintain` believes an earlier job's state only where nobody else can have it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runner.maintenance.retention import policy_records
from runner.policy import attestation
from runner.state.coding import written
from tests.runner.config.workload import SECRET, changed, remembered
from tests.runner.stand_ins.fake_restic import Runner

Json = dict[str, Any]
KEY = attestation.key(attestation.material(SECRET))
STRANGE = attestation.key(b"of another member")
# As of `fake_restic`; a dump is of the snapshot that is asked for.
RESTIC = """#!/bin/sh
cd "$(dirname "$0")"
echo "$*" >> log
name="$1"
[ "$1" != dump ] || name="$3"
cat "$name.out" 2>/dev/null
exit "$(cat "$name.code" 2>/dev/null || echo 0)"
"""


def _state(began: float) -> str:
    return json.dumps(written(changed(remembered(), began=began)))


class Maintainer(Runner):
    """The job's container, and the states of earlier jobs in its repository."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        (self.bin / "restic").write_text(RESTIC)
        self._listed: list[Json] = []

    def leave(self, number: int, began: float, key: bytes = KEY, content: str = "") -> str:
        """Leave a state, or ``content`` in its place; return the id of its snapshot."""
        text = _state(began)
        name = f"state{len(self._listed)}"
        tag = attestation.tag(key, number, text.encode())
        self._listed.append(
            {"id": name, "hostname": policy_records.HOST, "paths": [policy_records.STATE_PATH],
             "time": datetime.now(UTC).isoformat(), "tags": [policy_records.MAINTENANCE, tag]}
        )  # fmt: skip
        self.answer(name, out=content or text)
        self.answer("snapshots", out=json.dumps(self._listed))
        return name

    @property
    def began(self) -> float:
        """Since when the job believes that it works."""
        known = json.loads((self.state / "maintenance" / "state.json").read_text())
        return float(known["began"])

    @property
    def words(self) -> list[str]:
        """The commands that restic was given, whole."""
        return (self.bin / "log").read_text().splitlines()


@pytest.fixture
def job(tmp_path: Path) -> Maintainer:
    return Maintainer(tmp_path)


def _said(log: list[Json], part: str) -> list[str]:
    return [line["message"] for line in log if part in line["message"]]


def test_the_state_of_the_last_job_is_trusted(job: Maintainer) -> None:
    job.leave(7, 1000)

    code, log = job.call("maintain")

    assert (code, job.began) == (0, 1000)
    assert not _said(log, "state")


def test_the_authentic_state_with_the_highest_number_counts(job: Maintainer) -> None:
    for number, began in ((7, 1000), (10, 3000), (9, 2000)):
        job.leave(number, began)

    _, log = job.call("maintain")

    assert job.began == 3000
    assert _said(log, "2 states ignored, of unknown origin or superseded")


@pytest.mark.parametrize(
    ("key", "content"),
    [(STRANGE, ""), (KEY, _state(2000)), (KEY, "no state")],
    ids=["another's", "another text under our tag", "no state at all"],
)
def test_a_forged_state_is_not_trusted(job: Maintainer, key: bytes, content: str) -> None:
    job.leave(99, 1000, key, content)

    code, log = job.call("maintain")

    assert code == 0
    assert job.began > 2000
    (said,) = _said(log, "starting with an empty state")
    assert said.startswith("no earlier job's state is authentic")


def test_an_authentic_state_is_found_behind_forged_ones(job: Maintainer) -> None:
    job.leave(1, 1000)
    job.leave(50, 2000, content=_state(2001))
    job.leave(99, 3000, STRANGE)

    job.call("maintain")

    assert job.began == 1000
    assert not [words for words in job.words if "dump" in words and "state2" in words]


def test_an_unreadable_state_is_skipped_and_reported(job: Maintainer) -> None:
    job.answer(job.leave(99, 1000), code=1)

    _, log = job.call("maintain")

    assert job.began > 1000
    assert _said(log, "the last job's state cannot be read")


def test_a_first_job_starts_now_without_a_message(job: Maintainer) -> None:
    _, log = job.call("maintain")

    assert job.began > 1000
    assert not _said(log, "state")


def test_a_saved_state_is_trusted_by_the_next_job(job: Maintainer) -> None:
    job.leave(7, 1000)
    job.call("maintain")
    (left,) = [words for words in job.words if policy_records.MAINTENANCE in words]
    tag = left.partition(f"--tag {attestation.TAG}")[2].split()[0]
    text = (job.state / "maintenance" / "state.json").read_bytes()

    assert attestation.fits(KEY, (f"{attestation.TAG}{tag}",), text)
    assert attestation.number(KEY, (f"{attestation.TAG}{tag}",)) > 7


def test_a_job_that_cannot_save_its_state_fails(job: Maintainer) -> None:
    job.answer("backup", code=1)

    code, log = job.call("maintain")

    assert code == 1
    assert _said(log, "the job's state was not saved")


def test_a_dry_run_changes_and_saves_nothing(job: Maintainer) -> None:
    code, log = job.call("maintain", "--dry-run")

    assert code == 0
    assert _said(log, "nothing was done")
    assert job.asked == ["snapshots"]

    job.answer("snapshots", code=10)
    code, _ = job.call("maintain", "--dry-run")

    assert code == 1
    assert job.asked == ["snapshots", "snapshots"]


def test_accept_shrink_needs_a_suspended_workload(job: Maintainer) -> None:
    code, log = job.call("maintain", "--accept", "prod/wiki")

    assert code == 1
    assert _said(log, "--accept prod/wiki: no such workload has a shorter retention pending")
