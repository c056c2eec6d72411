"""restic's options of `backup`, taken apart as restic does: spellings, values, groups. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

SHORT = {
    "n": "dry-run", "e": "exclude", "f": "force", "g": "group-by", "h": "help", "H": "host",
    "x": "one-file-system", "o": "option", "p": "password-file", "q": "quiet", "r": "repo",
    "v": "verbose",
}  # fmt: skip
COUNTED = {"verbose"}  # may have a value after "=", and needs none
SWITCHES = {
    "dry-run", "exclude-caches", "force", "help", "ignore-ctime", "ignore-inode", "no-scan",
    "one-file-system", "skip-if-unchanged", "stdin", "stdin-from-command", "with-atime", "version",
    "cleanup-cache", "insecure-no-password", "insecure-tls", "json", "no-cache", "no-extra-verify",
    "no-lock", "quiet",
}  # fmt: skip
OF_BACKUP = {
    "exclude", "exclude-file", "exclude-if-present", "exclude-larger-than", "files-from",
    "files-from-raw", "files-from-verbatim", "group-by", "host", "hostname", "iexclude",
    "iexclude-file", "parent", "read-concurrency", "stdin-filename", "tag", "time",
}  # fmt: skip
# Of every command, with a value.
OF_ALL = {
    "cache-dir", "cacert", "compression", "http-user-agent", "key-hint", "limit-download",
    "limit-upload", "option", "pack-size", "password-command", "password-file", "repo",
    "repository-file", "retry-lock", "stuck-request-timeout", "tls-client-cert",
}  # fmt: skip
NAMES = frozenset(
    {f"-{short}" for short in SHORT}
    | {f"--{name}" for name in (*SWITCHES, *OF_BACKUP, *COUNTED, *OF_ALL)}
)
"""Every option that is known here, as it is written: no log needs to hide it."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option as it was given; ``name`` is "" for a word that is invalid, or not known."""

    name: str
    value: str | None
    words: tuple[str, ...]


def options(words: list[str]) -> Iterator[Option]:
    """Yield each option with its value, as restic takes words apart."""
    left = [word for word in words if word != "--"]  # the folders come after it
    while left:
        word = left.pop(0)
        if word.startswith("--"):
            yield _long(word, left)
        elif word.startswith("-") and len(word) > 1:
            yield from _shorts(word, left)
        else:
            yield Option("", None, (word,))


def _long(word: str, left: list[str]) -> Option:
    name, equals, value = word[2:].partition("=")
    known = name in OF_BACKUP or name in OF_ALL
    if equals or name in SWITCHES or name in COUNTED or not known:
        known = known or name in SWITCHES or name in COUNTED
        return Option(name if known else "", value if equals else None, (word,))
    if not left:
        return Option(name, None, (word,))
    value = left.pop(0)
    return Option(name, value, (word, value))


def _shorts(word: str, left: list[str]) -> Iterator[Option]:
    """Yield the options of a word such as ``-vn`` or ``-xe*.tmp``."""
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        name = SHORT.get(letter, "")
        if not name:  # for restic to refuse
            yield Option("", None, (f"-{letter}{letters}",))
            return
        takes_value = name not in SWITCHES and name not in COUNTED
        if letters.startswith("="):
            yield Option(name, letters[1:], (f"-{letter}{letters}",))
            return
        if not takes_value:
            yield Option(name, None, (f"-{letter}",))
        elif letters:
            yield Option(name, letters, (f"-{letter}{letters}",))
            return
        else:
            value = left.pop(0) if left else None
            yield Option(name, value, (f"-{letter}", *([value] if value is not None else [])))
