r"""A line of a dump of PostgreSQL by which it goes on in another database. Pure.

It names a database and nothing else: psql would send the password to any host that stands there.
"""

import re
from dataclasses import dataclass, field

_CONNECT = re.compile(
    rb"\\connect[ \t]+(?P<options>-reuse-previous=on[ \t]+)?"
    rb"(?:(?P<plain>[A-Za-z0-9_.]+)|\"(?P<quoted>(?:[^\"\r\n]|\"\")+)\")[ \t]*\r?\n"
)
_CONNECTION = re.compile(r"dbname=(?:'(?P<quoted>(?:[^'\\]|\\.)+)'|(?P<plain>[A-Za-z0-9_.]+))")


@dataclass(frozen=True, slots=True)
class Connect:
    """From here on the dump is of another database; the line ends at ``end``."""

    database: str
    end: int = field(default=0, compare=False)


def read(text: bytes, at: int) -> Connect | None:
    r"""Return what a line of ``\connect`` names; None for another line."""
    match = _CONNECT.match(text, at)
    database = _database(match) if match else ""
    return Connect(database, match.end()) if match and database else None


def _database(match: re.Match[bytes]) -> str:
    """Return the database in a line of \\connect; "" if it contains more than that."""
    if match["plain"]:
        return "" if match["options"] else match["plain"].decode()
    name = match["quoted"].replace(b'""', b'"').decode("utf-8", "surrogateescape")
    if not match["options"]:
        return "" if "=" in name or "://" in name else name
    found = _CONNECTION.fullmatch(name)
    if found is None:
        return ""
    return found["plain"] or re.sub(r"\\(.)", r"\1", found["quoted"])
