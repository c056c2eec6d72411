"""restic's exclude patterns, as restic matches them. Pure.

restic leaves out what a pattern matches below its arguments, but never an argument itself.
"""

import posixpath
import re
from collections.abc import Iterable
from functools import lru_cache

_TOKEN = re.compile(r"\\(.)|\[(\^?)((?:\\.|[^\]\\])+)\]|(.)", re.DOTALL)


def leaves_out(patterns: Iterable[str], path: str) -> bool:
    """Whether the last of the patterns that matches an absolute path leaves it out."""
    out = False
    for pattern in patterns:
        if matches(pattern.removeprefix("!"), path):
            out = not pattern.startswith("!")
    return out


def matches(pattern: str, path: str) -> bool:
    """Whether a pattern without ``!`` matches an absolute path, or a folder that it lies in."""
    return _compiled(pattern).search(path) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = posixpath.normpath(pattern).strip("/").split("/")
    while len(parts) > 1 and parts[-1] == "**":  # which no name matches too
        parts.pop()
    begin = "^/" if pattern.startswith("/") else "/"
    if parts in (["."], [""]):  # matches nothing
        return re.compile(r"^\Z.")
    if parts == ["**"]:
        parts = ["*"]
    inside = "".join("(?:[^/]+/)*" if part == "**" else f"{_part(part)}/" for part in parts)
    return re.compile(f"{begin}{inside.removesuffix('/')}(?:/|$)")


def _part(part: str) -> str:
    found = []
    for escaped, negated, inside, plain in _TOKEN.findall(part):
        if inside:
            letters = inside.replace("[", "\\[").replace("&&", "&\\&").replace("~~", "~\\~")
            found.append(f"[{'^/' if negated else ''}{letters}]")
        elif plain in {"*", "?"}:
            found.append("[^/]*" if plain == "*" else "[^/]")
        else:
            found.append(re.escape(escaped or plain))
    return "".join(found)
