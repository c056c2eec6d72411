"""Times, sizes and texts as people read them. Pure."""

import json
from datetime import UTC, datetime

from contract import units
from contract.text import printable

_LEVELS = {"error": "red", "warning": "yellow"}


def moment(text: object) -> float | None:
    """Return the epoch seconds of an RFC 3339 time; None if it is not one."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def rfc3339(seconds: float | None) -> str | None:
    """Return epoch seconds as an RFC 3339 time."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def age(then: float | None, now: float) -> str:
    """Return how long ago something happened, such as ``5m ago``, or ``never``."""
    return "never" if then is None else f"{units.span(now - then)} ago"


def ahead(then: float | None, now: float) -> str:
    """Return when something will happen, such as ``in 5m``; ``-`` if it will not."""
    if then is None:
        return "-"
    return f"in {units.span(then - now)}" if then > now else "now"


def size(count: float | None) -> str:
    """Return a number of bytes as text; ``-`` if it is unknown."""
    return "-" if count is None else units.size(count)


def plain(text: object) -> str:
    """Return a text in one line, without characters that steer a terminal."""
    return printable(" ".join(str(text).split()))


def spoken(line: bytes) -> tuple[str, str]:
    """Return a line of the runner's log as text, and its colour."""
    text = line.decode("utf-8", "replace")
    try:
        said = dict(json.loads(text))
    except (ValueError, TypeError):
        return printable(text), ""
    level = str(said.pop("level", ""))
    words = (said.pop("time", ""), level, said.pop("message", ""))
    rest = (f"{key}={value}" for key, value in said.items())
    return plain(" ".join(map(str, (*words, *rest)))), _LEVELS.get(level, "")
