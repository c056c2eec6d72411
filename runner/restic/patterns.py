"""Which paths restic's patterns match, as ``restic backup --exclude`` does it. Pure."""

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

_MAGIC = re.compile(r"[\\*?\[]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Group:
    """Consecutive patterns that all exclude, or all include again; ``paths`` have no wildcards."""

    negated: bool
    paths: frozenset[str]
    others: re.Pattern[str] | None

    def matches(self, path: str) -> bool:
        if self.others and self.others.fullmatch(path):
            return True
        if not self.paths:
            return False
        return any(each in self.paths for each in _upwards(path))


class Patterns:
    """A list of patterns; later ones with ``!`` include again what earlier ones match."""

    def __init__(self, patterns: Iterable[str], *, ignore_case: bool = False) -> None:
        self._ignore_case = ignore_case
        self._groups = tuple(_groups([_lower(each, ignore_case) for each in patterns if each]))

    def match(self, path: str) -> bool:
        """Whether an absolute path, or a folder that it lies in, is matched at last."""
        matched = False
        path = _lower(path, self._ignore_case)
        for group in self._groups:
            if matched == group.negated and group.matches(path):
                matched = not group.negated
        return matched


def _lower(text: str, ignore_case: bool) -> str:
    return text.lower() if ignore_case else text


def _upwards(path: str) -> Iterator[str]:
    while len(path) > 1:
        yield path
        path = path.rpartition("/")[0]


def _groups(patterns: list[str]) -> Iterator[_Group]:
    begun = 0
    for end in range(1, len(patterns) + 1):
        negated = patterns[begun].startswith("!")
        if end == len(patterns) or patterns[end].startswith("!") != negated:
            clean = [_clean(each.removeprefix("!") if negated else each)
                     for each in patterns[begun:end]]  # fmt: skip
            literal = frozenset(filter(None, map(_literal, clean)))
            others = [_regex(each) for each in clean if not _literal(each)]
            yield _Group(negated, literal, re.compile("|".join(others)) if others else None)
            begun = end


def _clean(pattern: str) -> str:
    return posixpath.normpath(re.sub(r"/+", "/", pattern))


def _literal(pattern: str) -> str:
    """Return the only path that a pattern matches; "" if it may match more."""
    plain = _ESCAPED.sub(r"\1", pattern)
    magic = _MAGIC.search(_ESCAPED.sub("", pattern))
    return plain if pattern.startswith("/") and not magic and len(plain) > 1 else ""


def _regex(pattern: str) -> str:
    """Return a regular expression of absolute paths that match, or are inside a match."""
    if pattern in {".", "/"}:
        return "(?!)"  # no name is like that
    rooted = pattern.startswith("/")
    made = "" if rooted else r"(?s:.*)"
    for part in pattern.strip("/").split("/"):
        made += r"(?:/[^/]+)*" if part == "**" else f"/{_part(part)}"
    return f"{made}(?:/(?s:.*))?"


def _part(part: str) -> str:
    """Return a regular expression of one name, as Go's filepath.Match reads it."""
    made, at = "", 0
    while at < len(part):
        letter = part[at]
        at += 1
        if letter == "*":
            made += "[^/]*"
        elif letter == "?":
            made += "[^/]"
        elif letter == "\\" and at < len(part):
            made += re.escape(part[at])
            at += 1
        elif letter == "[" and (found := _class(part, at)):
            made, at = made + found[0], found[1]
        elif letter in "[\\":
            return "(?!)"  # restic backs nothing up with such a pattern
        else:
            made += re.escape(letter)
    return made


def _class(part: str, at: int) -> tuple[str, int] | None:
    """Return a character class and the index of its end; None if it has no end."""
    negated = part[at : at + 1] == "^"
    at += negated
    ranges: list[str] = []
    while at < len(part) and (part[at] != "]" or not ranges):
        low, at = _letter(part, at)
        high = low
        if part[at : at + 1] == "-":
            high, at = _letter(part, at + 1)
        if not low or not high:
            return None
        if low <= high:
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            ranges.append("")
    if at >= len(part):
        return None
    inside = "".join(ranges)
    if negated:
        return (f"[^/{inside}]", at + 1)
    return (f"[{inside}]" if inside else "(?!)", at + 1)


def _letter(part: str, at: int) -> tuple[str, int]:
    if part[at : at + 1] == "\\":
        at += 1
    return part[at : at + 1], at + 1


def leaves_out(patterns: Iterable[str], path: str) -> bool:
    """Whether the patterns leave out an absolute path below an argument of restic's."""
    return _compiled(tuple(patterns)).match(path)


def matches(pattern: str, path: str) -> bool:
    """Whether a pattern without ``!`` matches an absolute path, or a folder that it lies in."""
    return _compiled((pattern,)).match(path)


@lru_cache(maxsize=1024)
def _compiled(patterns: tuple[str, ...]) -> Patterns:
    return Patterns(patterns)
