"""Removes credentials from the output of other programs by their form. Pure.

The runner removes the values of its Secret first (`runner.config.redaction`); the plugin, which
never sees them, has only this.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

MASK = "***"

_URL = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>`]*")
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
# Go quotes an address that it cannot parse, or that does not answer, whatever stands in it.
_GO_URL = re.compile(rf"\b(parse|Get|Head|Post|Put|Patch|Delete|Options) {_QUOTED}")
# What it names besides is a part of the password where that holds a character of addresses.
_GO_PART = re.compile(
    rf"\b(invalid port|invalid URL escape|invalid character|invalid userinfo) {_QUOTED}"
)
_PYTHON_PART = re.compile(r"(nonnumeric port: |integer value as )('[^']*'|\"[^\"]*\")")
_HOST = re.compile(r"[\w-]+(\.[\w-]+)+")  # one with a dot: a name alone may be a password
_PORT = re.compile(r"(\[[^\]]*\]|[^:\[]*)(:[0-9]*)?")
_NAMED_USERS = {"sftp", "ssh"}  # they log in with keys

_NAMES = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|sig(?:nature)?|credentials?|creds|"
    r"auth|api-?key|[_-]key"
)
_QUERY = re.compile(rf"(?i)([?&;][\w.-]*?(?:{_NAMES}|key)=)[^&;\s\"'#]+")
_ASSIGNED = re.compile(
    rf"(?i)(\b[\w.-]*?(?:{_NAMES})\\*[\"']?=|[\"'][\w.-]*?(?:{_NAMES})\\*[\"']\s*:\s*)"
    r"(\"(?:[^\"\\]|\\.)*\"|'[^']*'|\\\"[^\"]*\\\"|[^\s\"',;&}]+)"
)
_HEADER = re.compile(
    r"(?i)\b((?:proxy-)?authorization\\*[\"']?\s*[:=]\s*\\*[\"']?(?:\w+\s+)?)[^\s\"'\\,]+"
)
_SCHEME = re.compile(
    r"\b(Basic|Bearer|Token)( +)(?=[A-Za-z0-9+/=._~-]*[0-9+/=._~])[A-Za-z0-9+/=._~-]{8,}"
)


def redact(text: str) -> str:
    """Return a text without the parts in the place of credentials."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def address(text: str) -> str:
    """Return an address without the password, or the lone token, before its last ``@``."""
    scheme = text.partition("://")[0]
    found = parts(text)
    if found.password:
        return f"{scheme}://{found.user}:{MASK}{found.rest}"
    return f"{scheme}://{MASK}{found.rest}" if found.user and found.rest[:1] == "@" else text


class Parts(NamedTuple):
    """An address without its scheme; user and password are empty where it names no one."""

    user: str  # without a password, a token
    password: str
    rest: str  # begins with ``@`` if the address has one


def parts(text: str) -> Parts:
    """Return the parts of an address. A password may hold any character: the last ``@`` ends it."""
    scheme, mark, rest = text.partition("://")
    userinfo, at, after = rest.rpartition("@")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if not mark or (not at and _PORT.fullmatch(authority)):
        return Parts("", "", rest)
    if not at:  # cut at a character of its password, an address has a port that is no number
        user, _, password = authority.partition(":")
        return Parts(user, password, rest[len(authority) :])
    user, colon, password = userinfo.partition(":")
    if colon:
        return Parts(user, password, f"@{after}")
    in_path = "@" not in authority and _HOST.fullmatch(authority)
    if in_path or scheme.rpartition(":")[2] in _NAMED_USERS:
        return Parts("", "", rest)
    return Parts(user, "", f"@{after}")


def _go(match: re.Match[str]) -> str:
    return f'{match[1]} "{address(match[2])}"'


_RULES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (_GO_URL, _go),
    (_GO_PART, rf'\1 "{MASK}"'),
    (_PYTHON_PART, rf"\1'{MASK}'"),
    (_URL, lambda match: address(match[0])),
    (_QUERY, rf"\1{MASK}"),
    (_HEADER, rf"\1{MASK}"),
    (_SCHEME, rf"\1\2{MASK}"),
    (_ASSIGNED, rf"\1{MASK}"),
)
