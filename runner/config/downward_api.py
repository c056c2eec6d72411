"""The pod's annotations as the kubelet writes them: one ``key="value"`` a line, Go-quoted."""

import re

_LINE = re.compile(r'([^=\n]+)="((?:[^"\\\n]|\\.)*)"')
_HEX = "[0-9a-fA-F]"
_ESCAPE = re.compile(rf"\\(?:x({_HEX}{{2}})|u({_HEX}{{4}})|U({_HEX}{{8}})|(.))")
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def parse(text: str) -> dict[str, str]:
    """Return the annotations in a downward-API file; a line that is invalid is left out."""
    matches = (_LINE.fullmatch(line) for line in text.splitlines())
    return {match[1]: _ESCAPE.sub(_unescape, match[2]) for match in matches if match}


def _unescape(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    if code:
        # Go writes each byte of invalid UTF-8 as \x..; what it stood for cannot be known.
        return chr(int(code, 16)) if int(code, 16) <= 0x10FFFF else "\N{REPLACEMENT CHARACTER}"
    return _LETTERS.get(match[4], match[4])
