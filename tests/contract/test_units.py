"""Sizes and lengths of time are written and read in one way by all programs."""

import pytest

from contract import units


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"), (1, "1 B"), (999, "999 B"), (1000, "1.0 KiB"), (1024, "1.0 KiB"),
        (1536, "1.5 KiB"), (100 << 10, "100 KiB"), (999 << 10, "999 KiB"), (1000 << 10, "1.0 MiB"),
        (5 << 20, "5.0 MiB"), (123 << 30, "123 GiB"), (5 << 40, "5.0 TiB"), (5 << 50, "5120 TiB"),
        (2.5, "2 B"),
    ],
)  # fmt: skip
def test_a_size_is_written_in_its_largest_unit(count: float, text: str) -> None:
    assert units.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"), (0, "0s"), (59.9, "59s"), (119, "119s"), (120, "2m"), (7199, "119m"),
        (7200, "2h"), (47.9 * 3600, "47h"), (48 * 3600, "2d"), (400 * 86400, "400d"),
    ],
)  # fmt: skip
def test_a_duration_is_written_in_its_largest_useful_unit(seconds: float, text: str) -> None:
    assert units.span(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0), ("5m", 300), ("1m30s", 90), ("1m30.5s", 90.5), ("200ms", 0.2), ("1h0m1s", 3601),
        ("2.5h", 9000), (".5s", 0.5), ("1h2m3s4ms", 3723.004), ("", 0),
    ],
)  # fmt: skip
def test_durations_of_restic_are_read_in_seconds(text: str, seconds: float) -> None:
    assert units.go_duration(text) == pytest.approx(seconds)
