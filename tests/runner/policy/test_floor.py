"""The least that retention keeps: the higher of two floors counts, and nothing goes below it."""

import json

import pytest

from contract.annotations import settings
from contract.annotations.settings import Problem
from runner.policy import floor
from runner.policy.floor import Floor
from tests.runner.config.workload import configured

_KEYS = ("BACKUP_FLOOR_WITHIN", "BACKUP_FLOOR_LAST", "BACKUP_SHRINK_GRACE")


@pytest.mark.parametrize("swapped", [False, True])
def test_the_higher_floor_of_chart_and_secret_counts(swapped: bool) -> None:
    low, high = ("7d", "2", "3d"), ("14d", "5", "9d")
    chart, secret = (high, low) if swapped else (low, high)
    variables = dict(zip(_KEYS, secret, strict=True))
    defaults = dict(zip(("floor-within", "floor-last", "shrink-grace"), chart, strict=True))
    problems: list[Problem] = []

    found = floor.read(variables, defaults, problems)

    assert found == Floor("14d", 5, 9 * 86400)
    assert problems == []


def test_the_job_always_has_a_floor_and_keeps_a_configured_one() -> None:
    assert Floor().of_job() == Floor("7d", 3)
    assert Floor("1d", 1).of_job() == Floor("1d", 1)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (Floor(), {"keep-daily": "7"}),
        (Floor("14d"), {"keep-daily": "7", "keep-within": "14d"}),
        (Floor(None, 5), {"keep-daily": "7", "keep-last": "5"}),
    ],
)
def test_a_policy_keeps_no_less_than_the_floor(given: Floor, kept: dict[str, str]) -> None:
    assert given.under({"keep-daily": "7"}) == kept
    assert given.under({}) == {}  # all stays all


def test_archives_of_a_mirror_have_the_floor_too() -> None:
    environment = {
        "BACKUP_ENGINE": "rclone", "BACKUP_DEFAULTS": json.dumps({"floor-within": "14d"}),
    }  # fmt: skip
    for days, kept in (("3d", 14), ("30d", 30), ("0d", 0)):
        config = configured(environment, annotations={"backup.keep-archives": days})
        assert config.settings[settings.KEEP_ARCHIVES] == kept
