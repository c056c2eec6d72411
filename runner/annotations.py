"""The pod's annotations as the kubelet writes them: one ``key="value"`` a line, Go-quoted."""

import re

_LINE = re.compile(r'([^=\n]+)="((?:[^"\\\n]|\\.)*)"')
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", re.IGNORECASE)
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def parse(text: str) -> dict[str, str]:
    """Return the annotations in a downward-API file; a line that is none is left out."""
    matches = (_LINE.fullmatch(line) for line in text.splitlines())
    return {match[1]: _ESCAPE.sub(_unescape, match[2]) for match in matches if match}


def _unescape(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    if code:
        # Go writes each byte of invalid UTF-8 as \x..; what it stood for cannot be known.
        return chr(int(code, 16)) if int(code, 16) <= 0x10FFFF else "\N{REPLACEMENT CHARACTER}"
    return _LETTERS.get(match[4], match[4])
