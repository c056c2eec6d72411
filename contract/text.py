"""Formats counts and long lists for all programs. Pure."""

from collections.abc import Callable, Sequence
from json import dumps as _dumps

_NAMED = 5
_STEERING = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, formats such as bidi, surrogates, breaks


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number and what it counts: ``1 file``, ``2 files``; ``many`` where an s is not all.

    Whatever else depends on the number may follow: ``counted(n, "file was", "files were")``.
    """
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def listed(names: Sequence[str]) -> str:
    """Return names in a row; of many, the first ones and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def printable(text: str, kept: str = "") -> str:
    """Return a text that cannot steer a terminal; these letters are ``kept``, such as newlines.

    File names, and text of an app, a sidecar or an annotation, may contain anything.
    """
    return _replaced(text, lambda letter: letter if letter in kept else "?")


def escaped(json: str) -> str:
    """Return a line of JSON that cannot steer a terminal and means the same.

    Outside of texts JSON has nothing but spaces that could; of what is no JSON the same is shown.
    """
    return _replaced(json, lambda letter: _dumps(letter)[1:-1])


def _replaced(text: str, by: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    import unicodedata  # noqa: PLC0415 -- the runner starts often, and mostly writes what is ASCII

    return "".join(
        by(letter)
        if not letter.isprintable() and unicodedata.category(letter) in _STEERING
        else letter
        for letter in text
    )
