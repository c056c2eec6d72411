"""Separates messages of a Go program from the stack traces that follow. Pure."""

import re
from collections.abc import Iterable

CRASHES = (
    "panic: ", "fatal error: ", "runtime: out of memory", "runtime: goroutine stack exceeds",
    "SIGSEGV: ", "SIGBUS: ", "SIGILL: ", "SIGABRT: ", "SIGFPE: ", "SIGQUIT: ", "SIGTRAP: ",
    "unexpected fault address", "runtime: cannot allocate", "runtime: failed to create new OS",
)  # fmt: skip
"""Beginnings of the line in which a Go program says why it stopped."""
_POSITION = re.compile(r"\s*\S+\.(go|s|c):\d+( \+0x[0-9a-f]+)?")
_FUNCTION = re.compile(
    r"[A-Za-z_][\w.~-]*(/[\w.@~-]+)*\.[\w.()*\[\]-]+(\(.*\))?(\.[\w.()-]+)*(\(.*\))?"
    r"|(panic|goexit|main)\(.*\)"
)
_REST = re.compile(
    r"goroutine \d+ .*\[.*\]:?|created by .*|\[signal .*\]|exit status 2|\[?(re)?panicked\]?"
    r"|(r\d+|r[a-ds][ipxl]|r[bsi]p|rflags|[cdefgs]{1,2}s|lr|pc|sp|fault)\s+0x[0-9a-f]+"
    r"|PC=0x[0-9a-f]+ .*|runtime stack:|\.\.\.(additional frames elided\.\.\.|\d+ frames elided.*)"
    r"|goroutine running on other thread.*|\s*stack: frame=.*"
)


def is_position(line: str) -> bool:
    """Whether a line says where in its source a program was."""
    return _POSITION.fullmatch(line.rstrip()) is not None


def is_function(line: str) -> bool:
    """Whether a line may name a function, as the one before a position does."""
    return " " not in line.partition("(")[0] and _FUNCTION.fullmatch(line.strip()) is not None


def is_rest(line: str) -> bool:
    """Whether a line belongs to a trace and tells people nothing."""
    return is_position(line) or _REST.fullmatch(line.strip()) is not None


def told(lines: Iterable[str]) -> list[str]:
    """Return the lines that are no part of a trace, and not blank."""
    found: list[str] = []
    for line in lines:
        if is_position(line) and found and is_function(found[-1]):
            found.pop()
        elif line.strip() and not is_rest(line):
            found.append(line.strip())
    return found


def sentence(message: str) -> str:
    """Return a message of an error that was wrapped and printed with its traces as one line.

    The innermost comes first; people read the outermost first.
    """
    lines = message.splitlines()
    if not any(map(is_position, lines)):
        return message
    found = told(lines)
    if any(line.startswith(CRASHES) for line in found):
        return "\n".join(found)
    return ": ".join(dict.fromkeys(reversed(found)))
