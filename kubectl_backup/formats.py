"""Times, sizes and texts as a table shows them. Pure."""

import json
import unicodedata
from datetime import UTC, datetime

from contract.wording import printable

_LEVELS = {"error": "red", "warning": "yellow"}
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def moment(text: object) -> float | None:
    """Return a time of RFC 3339 in seconds since the epoch; None where there is none."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def rfc3339(seconds: float | None) -> str | None:
    """Return a time as RFC 3339 writes it."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def span(seconds: float) -> str:
    """Return a length of time in its largest unit that says enough: ``90s 59m 47h 12d``."""
    seconds = max(0, seconds)
    for length, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * length:
            return f"{int(seconds // length)}{unit}"
    return f"{int(seconds)}s"


def age(then: float | None, now: float) -> str:
    """Return how long ago something was, such as ``5m ago``; ``never`` where it was not."""
    return "never" if then is None else f"{span(now - then)} ago"


def ahead(then: float | None, now: float) -> str:
    """Return when something will be, such as ``in 5m``; ``-`` where it will not."""
    if then is None:
        return "-"
    return f"in {span(then - now)}" if then > now else "now"


def size(count: float | None) -> str:
    """Return a number of bytes; ``-`` where it is not known."""
    if count is None:
        return "-"
    unit, *larger = _UNITS
    while count >= 1000 and larger:
        count /= 1024
        unit, *larger = larger
    return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"


def plain(text: object) -> str:
    """Return one line of single spaces that a terminal shows as it is."""
    return printable(" ".join(str(text).split()))


def spoken(line: bytes) -> tuple[str, str]:
    """Return a line of the runner's log as people read it, and its colour."""
    text = line.decode("utf-8", "replace")
    try:
        said = dict(json.loads(text))
    except (ValueError, TypeError):
        return printable(text), ""
    level = str(said.pop("level", ""))
    words = (said.pop("time", ""), level, said.pop("message", ""))
    rest = (f"{key}={value}" for key, value in said.items())
    return plain(" ".join(map(str, (*words, *rest)))), _LEVELS.get(level, "")


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(_wide(letter) for letter in text)


def _wide(letter: str) -> int:
    if letter.isascii():
        return 1
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in {"W", "F"} else 1
