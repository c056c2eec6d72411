"""Splits output that arrives in pieces into lines, in bounded memory. Pure."""

from collections.abc import Iterable, Iterator

LONGEST = 1 << 20  # bytes; a path has 4096 at most, and a line of a log 16 KiB


def split(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines without their ends; a line longer than any real one is yielded in parts."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        if len(rest) > LONGEST:
            yield rest
            rest = b""
    if rest:
        yield rest
