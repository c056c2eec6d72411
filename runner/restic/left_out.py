"""What a backup excludes from a volume, by its options. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from runner.restic.patterns import Patterns

KEY = "RESTIC_ADDITIONAL_BACKUP_PARAMETERS"
_CACHES = ("CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55")
_UNITS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_YES, _NO = {"1", "t", "true"}, {"0", "f", "false"}
_SHORT = {"e": "exclude", "x": "one-file-system"}
_SHORT_WITH_VALUE = "eHgopr"
# Of `restic backup` 0.19, what takes a value as its next word.
_WITH_VALUE = {
    "exclude", "iexclude", "exclude-file", "iexclude-file", "exclude-if-present",
    "exclude-larger-than", "parent", "group-by", "stdin-filename", "tag", "read-concurrency",
    "host", "hostname", "files-from", "files-from-verbatim", "files-from-raw", "time", "repo",
    "repository-file", "password-file", "key-hint", "password-command", "cacert",
    "tls-client-cert", "http-user-agent", "limit-upload", "limit-download", "compression",
    "pack-size", "option", "retry-lock", "cache-dir", "stuck-request-timeout",
}  # fmt: skip


@dataclass(slots=True)
class Options:
    """What options of a backup leave out. ``present``: name and beginning of a file that keeps its
    folder out. ``files``: of more patterns; whether they ignore case.
    """

    patterns: list[str] = field(default_factory=list)
    insensitive: list[str] = field(default_factory=list)
    files: list[tuple[str, bool]] = field(default_factory=list)
    present: list[tuple[str, str]] = field(default_factory=list)
    largest: int | None = None
    one_file_system: bool = False

    def matchers(self) -> tuple[Patterns, Patterns]:
        """Return what compares paths with the patterns."""
        return Patterns(self.patterns), Patterns(self.insensitive, ignore_case=True)


def options(words: tuple[str, ...]) -> Options:
    """Read options as restic does; raise ValueError if that is unknown."""
    found = Options()
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word.startswith("--"):
            name, joined, value = word[2:].partition("=")
            if name in _WITH_VALUE and not joined:
                value, at = _next(words, at, word)
            _take(found, name, value, given=bool(joined) or name in _WITH_VALUE)
        elif word.startswith("-") and len(word) > 1:
            at = _short(found, words, at)
    return found


def _short(found: Options, words: tuple[str, ...], at: int) -> int:
    """Read short options such as ``-xe *.tmp``; return the index of the next argument."""
    letters = words[at - 1][1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in _SHORT_WITH_VALUE:
            value = letters.removeprefix("=")
            if not letters:
                value, at = _next(words, at, f"-{letter}")
            _take(found, _SHORT.get(letter, ""), value, given=True)
            return at
        given = letters.startswith("=")
        _take(found, _SHORT.get(letter, ""), letters[1:] if given else "", given=given)
        if given:
            return at
    return at


def _next(words: tuple[str, ...], at: int, option: str) -> tuple[str, int]:
    if at >= len(words):
        raise ValueError(f"{KEY}: {option} has no value")
    return words[at], at + 1


def _take(found: Options, name: str, value: str, *, given: bool) -> None:
    match name:
        case "exclude":
            found.patterns.append(value)
        case "iexclude":
            found.insensitive.append(value)
        case "exclude-file" | "iexclude-file":
            found.files.append((value, name.startswith("i")))
        case "exclude-if-present":
            tag, _, beginning = value.partition(":")
            if not tag:
                raise ValueError(f"{KEY}: --{name} {value!r} does not name a file")
            found.present.append((tag, beginning))
        case "exclude-caches":
            if _is_on(name, value, given=given):
                found.present.append(_CACHES)
        case "exclude-larger-than":
            found.largest = _size(name, value) if value else None
        case "one-file-system":
            found.one_file_system = _is_on(name, value, given=given)


def _is_on(name: str, value: str, *, given: bool) -> bool:
    if not given or value.lower() in _YES:
        return True
    if value.lower() in _NO:
        return False
    raise ValueError(f"{KEY}: --{name}={value} is neither true nor false")


def _size(name: str, value: str) -> int:
    unit = _UNITS.get(value[-1:].lower())
    try:
        return int(value[:-1] if unit else value) * (unit or 1)
    except ValueError:
        raise ValueError(f"{KEY}: --{name} {value} is not a size such as 10M") from None


def lines(text: str, variables: Mapping[str, str]) -> list[str]:
    """Return the patterns of a file for ``--exclude-file``, with its variables filled in."""
    kept = [line.strip() for line in text.removeprefix("\ufeff").split("\n")]
    return [_expand(line, variables) for line in kept if line and not line.startswith("#")]


def _expand(line: str, variables: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        return "$" if name == "$" else variables.get(name, "")

    return re.sub(r"\$(?:\{([^}]*)\}|(\$|[A-Za-z_0-9]+))", value, line)


def is_cache_tag(name: str) -> bool:
    """Whether a file says of its folder that it is a cache."""
    return name == _CACHES[0]


CACHE_TAG = _CACHES[1].encode()
