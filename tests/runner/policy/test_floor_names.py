"""A floor names who is overruled, and durations that cannot be compared are rounded up."""

from runner.policy import keep_policy
from tests.runner.config.workload import configured


def test_the_source_of_a_value_below_the_floor_is_named() -> None:
    floor = {"BACKUP_FLOOR_LAST": "5"}
    annotated = configured(secret=floor, annotations={"backup.keep-last": "2"})
    secret = configured(secret={**floor, "KEEP_LAST": "2"})

    (by_annotation,) = annotated.problems
    (by_secret,) = secret.problems
    assert (by_annotation.where, by_annotation.key) == ("annotation", "backup.keep-last")
    assert (by_secret.where, by_secret.key) == ("Secret variable", "KEEP_LAST")
    assert by_annotation.used == by_secret.used == "5"


def test_the_longer_of_two_durations_is_rounded_up() -> None:
    """A year may have 365 days or 366: half a day more than the shorter is a day."""
    assert keep_policy.longer("1y", "365d12h") == "366d"
    assert keep_policy.longer("1m", "30d5h") == "31d"
    assert keep_policy.longer("1m", "29d5h") == "31d"
    assert keep_policy.longer("1m12h", "31d6h") == "32d"
