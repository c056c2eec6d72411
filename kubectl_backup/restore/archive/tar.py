"""Reads a tar archive, which arrives in pieces, entry by entry. Pure.

The archive comes from a container that an attacker may control, so Python's `tarfile` is not used:
it reads extended headers of any size into memory, follows chains of them by recursion, expands
sparse files, and takes a damaged header for the end. It also differs between releases: its filters
came with 3.11.4, fixes for them with 3.11.13, and CVE-2025-8194 is open in 3.11. This package
supports every Python 3.11, and can do so because nothing here depends on `tarfile`.

It reads what restic writes (PAX), and the long names of GNU tar. Everything else is an error, as is
anything larger than a real archive has.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

BLOCK = 512
_HEADER = 1 << 20  # bytes of all extended headers of one entry; attributes of files are in there
_PADDING = 1 << 20  # zeros after the end
_PIECE = 1 << 20
_SHOWN = 200  # letters of a name, in a message
_LARGEST = (1 << 63) - 1  # bytes of a file, on any file system
_NUMBER = re.compile(rb"[0-9]{1,19}")
_TIME = re.compile(rb"-?[0-9]{1,12}(\.[0-9]*)?")
_DAMAGED = "it is damaged or ends too early"


class ArchiveError(ValueError):
    """restic does not write such an archive; the message says why."""


class Kind(Enum):
    """What an entry is."""

    FILE = b"0"
    HARD_LINK = b"1"
    SYMBOLIC_LINK = b"2"
    CHARACTER_DEVICE = b"3"
    BLOCK_DEVICE = b"4"
    FOLDER = b"5"
    PIPE = b"6"


_EXTENDED = {b"x": "", b"L": "path", b"K": "linkpath"}  # what the whole content is, if one thing


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, as its header has it; ``size`` is that of a file's content, else 0.

    Bytes of names that are no UTF-8 are surrogates in ``name`` and ``target``.
    """

    name: str
    kind: Kind
    mode: int
    owner: int
    group: int
    size: int
    modified: float
    target: str = ""


class Reader:
    """Reads an archive once, from its beginning to its end."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = b""
        self._at = 0  # how much of the piece was taken
        self._left = 0  # of the current entry's content
        self._padding = 0  # after it

    def entries(self) -> Iterator[Entry]:
        """Yield each entry; raise ArchiveError. What was not taken of its content is skipped."""
        while (found := self._entry()) is not None:
            self._left, self._padding = found.size, -found.size % BLOCK
            yield found
            for _ in self.content():
                pass
            self._take(self._padding)
        self._end()

    def content(self) -> Iterator[bytes]:
        """Yield what is left of the current entry's content."""
        while self._left:
            piece = self._some(min(self._left, _PIECE))
            self._left -= len(piece)
            yield piece

    def _entry(self) -> Entry | None:
        """Return the next entry; None at the end of the archive."""
        more: dict[str, bytes] = {}
        extended = 0
        while True:
            block = self._take(BLOCK)
            if not any(block):
                if more:
                    raise ArchiveError(_DAMAGED)
                return None
            _check(block)
            kind = block[156:157]
            if kind not in _EXTENDED:
                return _entry(block, more)
            size = _number(block[124:136])
            # An empty header, too, is one more that has to be read.
            extended += size + BLOCK
            if extended > _HEADER:
                raise ArchiveError("an entry's extended headers are larger than any real one's")
            content = self._take(size)
            self._take(-size % BLOCK)
            if whole := _EXTENDED[kind]:
                more[whole] = content.rstrip(b"\0")
            else:
                more |= _records(content)

    def _end(self) -> None:
        """Read what follows the first block of zeros: another one, and nothing but zeros."""
        if any(self._take(BLOCK)):
            raise ArchiveError(_DAMAGED)
        padding = 0
        while piece := self._some(_PIECE, may_end=True):
            padding += len(piece)
            if any(piece):
                raise ArchiveError(_DAMAGED)
            if padding > _PADDING:
                raise ArchiveError("it does not end")

    def _take(self, count: int) -> bytes:
        """Return ``count`` bytes; the caller bounds them."""
        taken = bytearray()
        while len(taken) < count:
            taken += self._some(count - len(taken))
        return bytes(taken)

    def _some(self, most: int, *, may_end: bool = False) -> bytes:
        """Return at least one byte; none at the end of the stream, if it may end here."""
        while self._at >= len(self._piece):
            piece = next(self._pieces, None)
            if piece is None:
                if may_end:
                    return b""
                raise ArchiveError(_DAMAGED)
            self._piece, self._at = piece, 0
        some = self._piece[self._at : self._at + most]
        self._at += len(some)
        return some


def _check(block: bytes) -> None:
    """Raise if the checksum of a header is wrong."""
    written = block[148:156].strip(b" \0")
    total = sum(block) - sum(block[148:156]) + 8 * ord(" ")
    if not re.fullmatch(rb"[0-7]{1,7}", written) or int(written, 8) != total:
        raise ArchiveError(_DAMAGED)


def _entry(block: bytes, more: dict[str, bytes]) -> Entry:
    name, target = more.get("path", _name(block)), more.get("linkpath", _text(block[157:257]))
    letter = block[156:157].replace(b"\0", b"0")
    if letter == b"0" and name.endswith(b"/"):
        letter = b"5"  # as tar had it before there were letters
    shown = name.decode("utf-8", "surrogateescape")
    if letter == b"S" or any(key.startswith("GNU.sparse.") for key in more):
        raise ArchiveError(f"{shown[:_SHOWN]!r} is sparse: it may be larger than any disk")
    try:
        kind = Kind(letter)
    except ValueError:
        raise ArchiveError(f"{shown[:_SHOWN]!r} is of the unknown kind {letter!r}") from None
    found = Entry(
        name=shown,
        kind=kind,
        mode=_number(block[100:108]) & 0o7777,
        owner=_own(more, "uid", block[108:116]),
        group=_own(more, "gid", block[116:124]),
        size=_own(more, "size", block[124:136]),
        modified=_time(more["mtime"]) if "mtime" in more else _number(block[136:148]),
        target=target.decode("utf-8", "surrogateescape"),
    )
    return found if kind is Kind.FILE else replace(found, size=0)


def _name(block: bytes) -> bytes:
    name, prefix = _text(block[:100]), _text(block[345:500])
    return prefix + b"/" + name if block[257:263] == b"ustar\0" and prefix else name


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _own(more: dict[str, bytes], key: str, field: bytes) -> int:
    """Return a number of a header or extended header; raise if no file can have it."""
    if key not in more:
        return _number(field)
    if not _NUMBER.fullmatch(more[key]):
        raise ArchiveError(f"{key} {more[key][:40]!r} is none that a file can have")
    return _fitting(int(more[key]))


def _number(field: bytes) -> int:
    """Return the number in a field: octal, or binary if its first bit is set."""
    if field[0] & 0x80:
        if field[0] != 0x80:  # negative, or larger than all that follows could be
            raise ArchiveError("a number is none that a file can have")
        return _fitting(int.from_bytes(field[1:], "big"))
    digits = field.strip(b" \0")
    if not re.fullmatch(rb"[0-7]*", digits):
        raise ArchiveError(_DAMAGED)
    return int(digits or b"0", 8)


def _fitting(number: int) -> int:
    if number > _LARGEST:
        raise ArchiveError(f"{number} is no number that a file can have")
    return number


def _time(text: bytes) -> float:
    if not _TIME.fullmatch(text):
        raise ArchiveError(f"{text[:40]!r} is no time that a file can have")
    return float(text)


def _records(content: bytes) -> dict[str, bytes]:
    """Return the records of an extended header, each `LENGTH KEY=VALUE` and a newline."""
    found: dict[str, bytes] = {}
    at = 0
    while at < len(content):
        digits = content[at : at + 8].partition(b" ")[0]
        end = at + int(digits) if re.fullmatch(rb"[0-9]{1,7}", digits) else 0
        key, is_pair, value = content[at + len(digits) + 1 : end - 1].partition(b"=")
        if not (at < end <= len(content)) or not is_pair or content[end - 1 : end] != b"\n":
            raise ArchiveError("an extended header cannot be read")
        found[key.decode("utf-8", "replace")] = value
        at = end
    return found
