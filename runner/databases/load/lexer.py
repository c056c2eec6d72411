r"""Scans a PostgreSQL dump for commands that psql itself would execute. Pure.

psql runs programs for a dump that holds meta-commands such as ``\!``. pg_dump and pg_dumpall write
few: ``\connect``, which is returned, and ``\restrict``, ``\unrestrict`` and
``\encoding SQL_ASCII``, which are dropped. All others are refused, as is COPY … PROGRAM: it runs
programs on the server.
"""

import re
from collections.abc import Callable, Iterator

from runner.databases.load import connect
from runner.databases.load.connect import Connect

_LONGEST = 1 << 20  # bytes of a word or of a line that belongs to psql
_SHOWN = 60  # bytes of what is refused that a message repeats
_WORD = re.compile(rb"[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*")
_TAG = re.compile(rb"\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$")
_PARTIAL_TAG = re.compile(rb"\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\Z")
_PLAIN = re.compile(rb"[^A-Za-z_\x80-\xff$'\"\\;/-]+")  # nothing begins or ends by these
_BULK = re.compile(rb"[^$'\"\\;/-]+")  # of a statement of which it is known that it is no COPY
_E_PREFIX = re.compile(rb"(?:^|[^A-Za-z0-9_$\x80-\xff])[eE]")
_IDENTIFIER = re.compile(rb"[A-Za-z0-9_$\x80-\xff]\Z")
_IN_E_STRING = re.compile(rb"['\\]")
_LINE_BREAK = re.compile(rb"[\r\n]")
_IN_COMMENT = re.compile(rb"/\*|\*/")
_END_LINE = re.compile(rb"\\\.\r?(?:\n|\Z)")
_END_OF_DATA = re.compile(rb"\n\\\.\r?\n")
_AFTER_COPY = re.compile(rb"[ \t\r]*\n")
# The encoding is for the name in the \\connect that follows.
_DROPPED = re.compile(
    rb"\\(?:(?:un)?restrict[ \t]+[A-Za-z0-9]+|encoding[ \t]+SQL_ASCII)[ \t]*\r?\n"
)


class RefusedError(ValueError):
    """A dump contains what its program never writes; the message is one line for people."""


class Lexer:
    """Takes a dump piece by piece. ``connects``: it may be of several databases."""

    def __init__(self, *, connects: bool = True) -> None:
        self._connects = connects
        self._left = b""
        self._last = False
        self._lines = 1  # the line that what is left begins on
        self._before = b"\n"  # the last bytes that were read
        self._state: Callable[[bytes, int], int] = self._in_sql
        self._end = b""  # of what is quoted
        self._depth = 0  # of comments in each other
        self._first, self._previous = b"", b""  # words of this statement
        self._is_copy = False
        self._signs = {
            b"\\": self._command, b";": self._end_of_statement, b"'": self._quote,
            b'"': self._quote, b"-": self._comment, b"/": self._comment, b"$": self._dollar,
        }  # fmt: skip
        self._is_ours = False  # what was read last is no part of what goes on
        self._connection: Connect | None = None

    def take(self, chunk: bytes, *, last: bool = False) -> Iterator[bytes | Connect]:
        """Yield the parts to pass on to psql, in order; raise RefusedError for a forbidden one."""
        text, at, done = self._left + chunk, 0, 0
        self._last = last
        while (after := self._state(text, at)) != at:
            if self._is_ours:
                yield from filter(None, (text[done:at], b"\n", self._connection))
                self._is_ours, self._connection, done = False, None, after
            self._before = self._before[-1:] + text[max(at, after - 2) : after]
            at = after
        self._left = text[at:]
        self._lines += text.count(b"\n", 0, at)
        if last and self._left:
            raise self._refused(self._left, 0, "ends in the middle of a keyword")
        if at > done:
            yield text[done:at]

    # Each of these returns how far it came in ``text``: not at all where it has to see more.

    def _in_sql(self, text: bytes, at: int) -> int:
        if self._first not in {b"", b"copy"} and (match := _BULK.match(text, at)):
            return match.end()
        if match := _PLAIN.match(text, at):
            return self._gone(match.end(), stays=match[0].isspace())
        if match := _WORD.match(text, at):
            return self._word(text, match)
        sign = self._signs.get(text[at : at + 1])
        return sign(text, at) if sign else at

    def _gone(self, at: int, *, stays: bool = False) -> int:
        if not stays:
            self._previous = b""
        return at

    def _word(self, text: bytes, match: re.Match[bytes]) -> int:
        if match.end() == len(text) and not self._last:
            if match.end() - match.start() > _LONGEST:
                raise self._refused(text, match.start(), "has an unterminated word")
            return match.start()
        word = match[0].lower()
        if word == b"e" and text[match.end() : match.end() + 1] == b"'":
            return self._enter(self._in_e_string, match.end() + 1)
        if self._first == b"copy" and self._previous in {b"from", b"to"}:
            if word == b"program":
                raise self._refused(text, match.start(), "runs a program on the server")
            self._is_copy = self._is_copy or (word == b"stdin" and self._previous == b"from")
        self._first = self._first or word
        self._previous = word
        return match.end()

    def _quote(self, text: bytes, at: int) -> int:
        self._end = text[at : at + 1]
        if self._end == b"'" and _E_PREFIX.fullmatch(self._before[-2:]):
            return self._enter(self._in_e_string, at + 1)
        return self._enter(self._in_quotes, at + 1)

    def _comment(self, text: bytes, at: int) -> int:
        two = text[at : at + 2]
        if len(two) < 2 and not self._last:
            return at
        if two == b"--":
            return self._enter(self._in_line, at + 2, stays=True)
        if two == b"/*":
            self._depth = 1
            return self._enter(self._in_comment, at + 2, stays=True)
        return self._gone(at + 1)

    def _dollar(self, text: bytes, at: int) -> int:
        if _IDENTIFIER.search(self._before):
            return self._gone(at + 1)
        if match := _TAG.match(text, at):
            self._end = match[0]
            return self._enter(self._in_dollars, match.end())
        if self._last or not _PARTIAL_TAG.match(text, at):
            return self._gone(at + 1)
        if len(text) - at > _LONGEST:
            raise self._refused(text, at, "has an unterminated word")
        return at

    def _enter(self, state: Callable[[bytes, int], int], at: int, *, stays: bool = False) -> int:
        self._state = state
        self._first = self._first if stays else self._first or b"-"
        return self._gone(at, stays=stays)

    def _end_of_statement(self, text: bytes, at: int) -> int:
        if self._is_copy:
            match = _AFTER_COPY.match(text, at + 1)
            if match is None:
                if not text[at + 1 :].strip(b" \t\r") and not self._last:
                    return at
                raise self._refused(text, at, "goes on in the line after COPY … FROM stdin")
            self._state = self._in_data
            at = match.end() - 1
        self._first, self._previous, self._is_copy = b"", b"", False
        return at + 1

    def _in_data(self, text: bytes, at: int) -> int:
        if self._before.endswith(b"\n"):
            match = _END_LINE.match(text, at)
            if match and (match[0].endswith(b"\n") or self._last):
                self._state = self._in_sql
                return match.end()
            if not self._last and b"\\.\r\n".startswith(text[at : at + 4]):
                return at
        if match := _END_OF_DATA.search(text, at):
            self._state = self._in_sql
            return match.end()
        cut = text.rfind(b"\n", max(at, len(text) - 4))
        is_begun = cut >= 0 and b"\n\\.\r\n".startswith(text[cut:])
        return cut + 1 if is_begun else len(text)

    def _in_quotes(self, text: bytes, at: int) -> int:
        found = text.find(self._end, at)
        if found < 0:
            return len(text)
        # Doubled, it is part of what is quoted, which then seems to begin again.
        self._state = self._in_sql
        return found + 1

    def _in_e_string(self, text: bytes, at: int) -> int:
        match = _IN_E_STRING.search(text, at)
        if match is None:
            return len(text)
        after = text[match.end() : match.end() + 1]
        if not after and not self._last:
            return match.start()
        if match[0] == b"\\" or after == b"'":
            return min(match.end() + 1, len(text))
        self._state = self._in_sql
        return match.end()

    def _in_dollars(self, text: bytes, at: int) -> int:
        found = text.find(self._end, at)
        if found < 0:
            return len(text) if self._last else max(at, len(text) - len(self._end) + 1)
        self._state = self._in_sql
        return found + len(self._end)

    def _in_line(self, text: bytes, at: int) -> int:
        match = _LINE_BREAK.search(text, at)
        if match is None:
            return len(text)
        self._state = self._in_sql
        return match.end()

    def _in_comment(self, text: bytes, at: int) -> int:
        match = _IN_COMMENT.search(text, at)
        if match is None:
            return len(text) if self._last else max(at, len(text) - 1)
        self._depth += 1 if match[0] == b"/*" else -1
        if not self._depth:
            self._state = self._in_sql
        return match.end()

    def _command(self, text: bytes, at: int) -> int:
        if b"\n" not in text[at : at + _LONGEST] and not self._last:
            if len(text) - at > _LONGEST:
                raise self._refused(text, at, "has an unterminated line")
            return at
        if not self._before.endswith(b"\n") or self._first:
            raise self._refused(text, at, "contains a psql meta-command")
        self._is_ours = True
        if match := _DROPPED.match(text, at):
            return match.end()
        found = connect.read(text, at)
        if found is None:
            raise self._refused(text, at, "contains a psql meta-command")
        if not self._connects:
            raise self._refused(text, at, "connects to another database")
        self._connection = found
        return found.end

    def _refused(self, text: bytes, at: int, why: str) -> RefusedError:
        line = self._lines + text.count(b"\n", 0, at)
        shown = repr(text[at : at + _SHOWN].split(b"\n")[0].decode("utf-8", "replace"))
        return RefusedError(f"line {line} {why}, {shown}")
