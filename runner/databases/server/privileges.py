"""Privileges of a MySQL or MariaDB user for a complete dump, from SHOW GRANTS. Pure.

mysqldump silently skips a table, view, trigger, event or routine for which the user has no
privilege. So the privileges decide, not the dump.
"""

import re
from collections.abc import Iterable

_NEEDED = ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT")
# Each shows which routines there are; for one whose body stays hidden, the client fails.
_ROUTINES = {
    "SHOW_ROUTINE", "SHOW CREATE ROUTINE", "CREATE ROUTINE", "ALTER ROUTINE", "EXECUTE",
}  # fmt: skip
_EVERYTHING = {"ALL", "ALL PRIVILEGES"}
_NAME = r"`((?:[^`]|``)+)`"
_GRANT = re.compile(rf"GRANT (?P<what>.+?) ON (?:TABLE )?(?:\*\.\*|{_NAME}\.(?:\*|{_NAME})) TO ")
_REVOKE = re.compile(rf"REVOKE (?P<what>.+?) ON {_NAME}\.\* FROM ")


def lacking(grants: Iterable[str], database: str = "") -> list[str]:
    """Return what the user lacks for a dump of everything, or of one ``database``, in words."""
    held, on_proc, gaps = set[str](), False, []
    for line in grants:
        if match := _REVOKE.match(line):
            if not database or _fits(match[2], database):
                gaps.append(f"{match['what']} on {_plain(match[2])}.* (revoked)")
        elif match := _GRANT.match(line):
            what = _privileges(match["what"])
            schema, table = match[2], match[3]
            if schema is None or (database and table is None and _fits(schema, database)):
                held |= what
            if "SELECT" in what and (schema is None or (schema == "mysql" and table == "proc")):
                on_proc = True
            if "SELECT" in what and schema == "mysql" and table is None:
                on_proc = True
    scope = f"`{database}`.*" if database else "*.*"
    missing = [each for each in _NEEDED if each not in held]
    if database and not (on_proc or held & _ROUTINES):  # of all databases, SELECT is enough
        missing.append("EXECUTE (for routines)")
    if missing:
        gaps.insert(0, f"{', '.join(missing)} on {scope}")
    return gaps


def _privileges(text: str) -> set[str]:
    # A privilege for some columns of a table is none for the table.
    found = {each.strip() for each in text.split(",")}
    return {*found, *_NEEDED, *_ROUTINES} if found & _EVERYTHING else found


def _fits(pattern: str, database: str) -> bool:
    """Whether a grant on databases like ``pattern``, with % and _ as in LIKE, covers one."""
    parts = re.findall(r"\\.|.", _plain(pattern), re.DOTALL)
    wild = {"%": ".*", "_": "."}
    like = "".join(wild.get(each, re.escape(each.removeprefix("\\") or each)) for each in parts)
    return re.fullmatch(like, database, re.DOTALL) is not None


def _plain(name: str) -> str:
    return name.replace("``", "`")
