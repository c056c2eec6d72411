"""Sizes and durations as all programs write and read them. Pure."""

import re

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
"""The length of each unit of time; who reads one decides which of them are allowed."""

_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")
_SPANS = (("d", 86400), ("h", 3600), ("m", 60))
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ms|[smh])")


def size(count: float) -> str:
    """Return a number of bytes in its largest unit: ``999 B``, ``1.0 KiB``, ``123 GiB``."""
    unit, *larger = _SIZES
    while count >= 1000 and larger:
        count /= 1024
        unit, *larger = larger
    return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"


def span(seconds: float) -> str:
    """Return a length of time in its largest unit that says enough: ``90s 59m 47h 12d``."""
    seconds = max(0, seconds)
    for unit, length in _SPANS:
        if seconds >= 2 * length:
            return f"{int(seconds // length)}{unit}"
    return f"{int(seconds)}s"


def go_duration(text: str) -> float:
    """Return the seconds of a duration as restic and rclone write it: ``1m30.5s``, ``200ms``."""
    return sum(float(number) * SECONDS[unit] for number, unit in _PART.findall(text))
