"""How all programs write numbers of things, and lists that may be long. Pure."""

from collections.abc import Sequence

_NAMED = 5


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

    Names of files, and what an app, a sidecar or an annotation says, hold whatever people type.
    """
    import unicodedata  # noqa: PLC0415 -- the runner starts often, and mostly logs JSON

    return "".join(
        letter
        if letter in kept or unicodedata.category(letter) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        else "?"
        for letter in text
    )
