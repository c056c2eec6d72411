"""Numbers as Grafana writes them, for the units that our dashboard has."""

import math

_SECONDS = (
    (365.25 * 86400, "years"), (7 * 86400, "weeks"), (86400, "days"), (3600, "hours"), (60, "mins"),
    (1, "s"),
)  # fmt: skip
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB")


def written(value: float, unit: str, decimals: int | None = None) -> str:
    """Return a number with its unit; ``decimals`` where the panel asks for so many."""
    if math.isnan(value):
        return "NaN"
    if unit == "bool_yes_no":
        return "Yes" if value else "No"
    if unit == "s":
        return _time(value, decimals)
    if unit == "bytes":
        return _scaled(value, decimals)
    if unit == "percentunit":
        return f"{_number(value * 100, decimals)}%"
    after = {"none": "", "reqps": " req/s"}[unit]
    return _number(value, decimals) + after


def _time(seconds: float, decimals: int | None) -> str:
    for length, name in _SECONDS:
        if abs(seconds) >= length:
            number = _number(seconds / length, decimals)
            singular = number == "1" and name != "s"
            return f"{number} {name[:-1] if singular else name}"
    if seconds == 0:
        return "0 s"
    return f"{_number(seconds * 1000, decimals)} ms"


def _scaled(value: float, decimals: int | None) -> str:
    power = 0
    while abs(value) >= 1024 and power < len(_BYTES) - 1:
        value, power = value / 1024, power + 1
    return f"{_number(value, decimals)} {_BYTES[power]}"


def _number(value: float, decimals: int | None) -> str:
    """Return three digits that count, unless so many decimals are asked for."""
    if decimals is not None:
        return f"{value:.{decimals}f}"
    if value == 0:
        return "0"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
