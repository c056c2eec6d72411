"""Times, sizes and texts as a table shows them. Pure."""

import json
import unicodedata
from datetime import UTC, datetime

from contract import units
from contract.text import printable

_LEVELS = {"error": "red", "warning": "yellow"}


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


def age(then: float | None, now: float) -> str:
    """Return how long ago something was, such as ``5m ago``; ``never`` where it was not."""
    return "never" if then is None else f"{units.span(now - then)} ago"


def ahead(then: float | None, now: float) -> str:
    """Return when something will be, such as ``in 5m``; ``-`` where it will not."""
    if then is None:
        return "-"
    return f"in {units.span(then - now)}" if then > now else "now"


def size(count: float | None) -> str:
    """Return a number of bytes; ``-`` where it is not known."""
    return "-" if count is None else units.size(count)


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
