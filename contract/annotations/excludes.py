"""Finds exclude patterns that probably do not do what they seem to: restic reads each line
literally. Pure.

Nothing is refused: a pattern without effect costs no backup, and a doubtful one may be right.
"""

import re
from collections.abc import Iterable, Iterator

_QUOTES = ("'", '"', "`")
_LETTERS = re.compile(r"\\[A-Za-z0-9_.]")  # what an escape is hardly for
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_HOME = re.compile(r"~(/|$)|\$(HOME|\{\w+\})")
_BRACES = re.compile(r"\{[^{}]*,[^{}]*\}")


def doubts(patterns: Iterable[str], *folders: str) -> Iterator[tuple[str, str]]:
    """Yield each pattern with an unwanted effect or none, and why.

    ``folders`` are where the volumes are mounted beside restic, and what else is backed up.
    """
    before: list[str] = []
    for pattern in patterns:
        why = _doubt(pattern.removeprefix("!"), folders)
        if not why and pattern.startswith("!"):
            why = _undoes_nothing(pattern.removeprefix("!"), before)
        if why:
            yield pattern, why
        if not pattern.startswith("!"):
            before.append(pattern)


def _doubt(pattern: str, folders: tuple[str, ...]) -> str:  # noqa: PLR0911 -- one answer for each mistake
    if len(pattern) > 1 and pattern[0] in _QUOTES and pattern[0] == pattern[-1]:
        return "the quotes are part of the name: remove them"
    if re.match(r"(--?i?exclude\b|-e |- |# )", pattern):
        return "is read as a name: write only the pattern, one per line, without comments"
    if _DRIVE.match(pattern) or _LETTERS.search(pattern):
        return "a backslash escapes the next character: write / between folders"
    if _HOME.match(pattern):
        return "~ and variables are not expanded: write the folder's name"
    if not pattern.isprintable():
        return "contains an invisible character: type it again"
    if _BRACES.search(pattern):
        return "restic does not expand braces: write one pattern per line"
    if _is_list(pattern):
        return "is one pattern: write one per line, without commas (for a comma in a name write ?)"
    if ".." in pattern.split("/")[:1]:
        return "no path begins with ..: write the folder's name"
    reasons = [outside(pattern, folder) for folder in folders]
    return reasons[0] if all(reasons) else ""


def _is_list(pattern: str) -> bool:
    parts = [part.strip() for part in re.split(r",|;\s", re.sub(r"\[[^\]]*\]", "_", pattern))]
    return len(parts) > 1 and all(parts) and parts[1:] != ["v"]  # RCS calls its files *,v


def outside(pattern: str, folder: str) -> str:
    """Return why an absolute pattern matches nothing below a folder; "" where it may."""
    if not pattern.startswith("/"):
        return ""
    given = [part for part in pattern.split("/") if part]
    for part, name in zip(given, folder.strip("/").split("/"), strict=False):
        if part == "**" or any(sign in part for sign in "*?[\\"):
            return ""
        if part != name:
            return (
                f"matches nothing, volumes are mounted at {folder}/VOLUME: write a relative "
                f"pattern, or {folder}/VOLUME/..."
            )
    return ""


def _undoes_nothing(pattern: str, before: list[str]) -> str:
    if not before:
        return "negates an earlier pattern, but there is none"
    above = pattern.split("/")
    for each in before:
        folder = each.rstrip("/").split("/")
        if above[: len(folder)] == folder and len(above) > len(folder):
            return (
                "has no effect in a folder that is excluded as a whole: exclude FOLDER/* before it"
            )
    return ""
