"""Spellings of a text in other programs' output: escaped, encoded or plain. Pure."""

import base64
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

_ENCODED = 6  # characters from which its base64 is long enough to be told from other words
_GO = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
_UNESCAPED_IN_USERINFO = "$&+,;=~!*'()"  # by Go; others escape some of them


def of(text: str) -> set[str]:
    """Return every spelling of a text that a program may use for it, itself among them."""
    found = {text, *_escaped(text), *_quoted(text)}
    if len(text) >= _ENCODED:
        found.update(_base64(text))
    # Bytes that are no UTF-8 arrive as replacement characters.
    raw = {each.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for each in found}
    return found | raw


def of_pair(user: str, password: str) -> set[str]:
    """Return how ``user:password`` is written in an Authorization header."""
    pair = f"{user}:{password}".encode("utf-8", "surrogateescape")
    coded = {base64.b64encode(pair).decode(), base64.urlsafe_b64encode(pair).decode()}
    return coded | {each.rstrip("=") for each in coded}


def _escaped(text: str) -> Iterator[str]:
    """Yield it percent-encoded, with either case of its digits."""
    for safe in ("", "/", _UNESCAPED_IN_USERINFO, f"/{_UNESCAPED_IN_USERINFO}"):
        yield from _both_cases(quote(text, safe=safe, errors="surrogateescape"))
    yield from _both_cases(quote_plus(text, errors="surrogateescape"))


def _both_cases(text: str) -> Iterator[str]:
    yield text
    yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), text)


def _quoted(text: str) -> Iterator[str]:
    """Yield it as Go, JSON, Python, shells and HTML quote it, and as quoted text in JSON."""
    quoted = {_go(text), json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    for each in tuple(quoted):
        quoted.add(re.sub("[<>&]", lambda match: f"\\u00{ord(match[0]):02x}", each))
    yield from quoted
    for each in quoted:
        yield json.dumps(each, ensure_ascii=False)[1:-1]
    yield repr(text)[1:-1]
    yield text.replace("'", "'\\''")
    yield text.replace("'", "'\"'\"'")
    yield re.sub(r"([^\w@%+=:,./\n-])", r"\\\1", text)
    yield re.sub(r'([$`"\\])', r"\\\1", text)
    in_html = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    yield in_html
    yield in_html.replace('"', "&quot;").replace("'", "&#x27;")


def _go(text: str) -> str:
    """Return it as Go's ``%q`` prints it, without the quotes."""
    return "".join(map(_go_letter, text))


def _go_letter(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    if letter in _GO:
        return _GO[letter]
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if letter.isprintable():
        return letter
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"


def _base64(text: str) -> Iterator[str]:
    """Yield the part of its base64 that does not depend on the text around it."""
    data = text.encode("utf-8", "surrogateescape")
    for before in range(3):
        start, whole = -(-8 * before // 6), (len(data) + before) * 8 // 6
        coded = base64.b64encode(b"\0" * before + data).decode()[start:whole]
        yield coded
        yield coded.replace("+", "-").replace("/", "_")
