"""Chooses a dump to load, and the SQL for its server. Pure."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from shlex import quote

from contract.annotations.values import COMMAND_DUMP
from contract.snapshots import Snapshot, shown
from contract.units import size
from runner.databases.clients import Client
from runner.databases.clients import client as client_of
from runner.restic import selection
from runner.restic.commands import DUMP_FILES

RENAMED = " from now on"  # how the line ends that tells of a database that is out of the way
_SHRUNK = 2  # times as much, the dump before held, is in no newest one without being asked about
_LONGEST_NAME = 40  # bytes of a PostgreSQL database's name that its new name keeps
# Says t where a database holds more than what PostgreSQL and its extensions put into a new one.
HOLDS = (
    "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f', 'S') AND n.nspname !~ '^pg_'"
    " AND n.nspname <> 'information_schema' AND NOT EXISTS"
    " (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e'))"
    " OR EXISTS (SELECT FROM pg_largeobject_metadata)"
)
_DATABASES = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datallowconn ORDER BY 1"
_HELD = (
    "SELECT name FROM (SELECT table_schema AS name FROM information_schema.tables"
    " UNION SELECT routine_schema FROM information_schema.routines"
    " UNION SELECT event_schema FROM information_schema.events) AS held WHERE "
)
_SCHEMAS = (
    f"{_HELD}name NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') ORDER BY 1"
)
_SCHEMA = f"{_HELD}name = DATABASE()"  # by its name as the server has it
_ERROR = re.compile(r"psql:<stdin>:\d+: (?P<word>\w+): +(?:(?P<state>[0-9A-Z]{5}): )?(?P<said>.*)")
# The superuser, a database that the server's image makes, and its schemas are there already.
_THERE = {"42710", "42P04", "42P06"}
# pg_dump begins by settings that its own release knows, and an older server does not.
_UNKNOWN_SETTING = re.compile(r"42704: .*\w_timeout\b")
_NO_ERROR = ("00", "01", "02")  # what these SQLSTATEs begin with


def described(dump: Snapshot) -> str:
    """Return a description of a dump: its id, time and content."""
    held = "" if dump.bytes is None else f", {size(dump.bytes)}"
    held += ", incomplete" if dump.is_doubtful else ""
    return f"{dump.id[:8]} of {shown(dump.time)}{held}"


def choose(
    found: list[Snapshot], name: str, moment: datetime | None = None, snapshot: str = ""
) -> Snapshot:
    """Return the newest dump of then or before, or the one ``snapshot``; raise LookupError.

    One that holds much less than the one before is not taken unasked: a server that has lost its
    data, or has just been made, is dumped like any other.
    """
    of_it = [each for each in found if each.has_dump(name)]
    ours = sorted((each for each in of_it if each.is_dated), key=lambda each: each.time)
    if snapshot:
        named = [each for each in ours if each.id.startswith(snapshot)]
        if len(named) != 1:
            raise LookupError(f"there is no dump of {name} whose id begins with {snapshot}")
        return named[0]
    owners = {selection.owner(each.tags) for each in of_it}
    if len(owners) > 1:
        listed = "; ".join(sorted(", ".join(owner) for owner in owners))
        raise LookupError(
            f"more than one workload has dumps of {name}; choose one with --snapshot: {listed}"
        )
    old = [each for each in ours if moment is None or each.time <= moment]
    if not old:
        oldest = f"; the oldest is {described(ours[0])}" if ours else ""
        raise LookupError(f"there is no dump of {name}{' at that time' if moment else ''}{oldest}")
    if old[-1].is_doubtful:
        whole = [each for each in old if not each.is_doubtful]
        latest = f"; the newest complete one is {described(whole[-1])}" if whole else ""
        raise LookupError(
            f"the newest dump of {name}, {described(old[-1])}, lacks data of its server{latest}: "
            f"choose one "
            f"with --snapshot"
        )
    old = [each for each in old if not each.is_doubtful]
    newest, before = old[-1], old[-2] if old[1:] else None
    if before and newest.bytes is not None and (before.bytes or 0) > _SHRUNK * newest.bytes:
        raise LookupError(
            f"the newest dump of {name}, {described(newest)}, is much smaller than "
            f"{described(before)}: choose one with --snapshot, such as --snapshot {before.id[:8]}"
        )
    return newest


def names_of(found: Iterable[Snapshot]) -> list[str]:
    """Return of what there are dumps among these snapshots."""
    found = list(found)
    return [name for name in DUMP_FILES if any(each.has_dump(name) for each in found)]


def offered(found: list[Snapshot], moment: datetime | None, origin: str = "") -> list[str]:
    """Return a line about each dump that belongs to volumes of then: no volume has its data."""
    lines = []
    for name in names_of(found):
        try:
            chosen = choose(found, name, moment)
        except LookupError as error:
            lines.append(f"dumps of {name}: {error}")
            continue
        more = f" --from {quote(origin)}" if origin else ""
        by = f"backup-runner load {quote(name)} --snapshot {quote(chosen.id[:8])}{more}"
        lines.append(
            f"a dump of {name} is available, {described(chosen)}; once its server runs, load it: "
            f"{by}"
        )
    return lines


def by_hand(name: str, chosen: Snapshot) -> str:
    """Return how a dump is loaded that no client can; "" where one can."""
    dump = f"`backup-runner restic dump {quote(chosen.id[:8])} /{DUMP_FILES[name]}`"
    if name == COMMAND_DUMP:
        return f"load the output of your command with the program it belongs to; {dump} prints it"
    if name == "redis":
        return (
            f"Redis reads a dump only at start: write the output of {dump} to dump.rdb in its data "
            "folder, then stop it with SHUTDOWN NOSAVE and start it with appendonly no"
        )
    return ""


def question(client: Client, sql: str, database: str = "") -> tuple[str, ...]:
    """Return the command for a query, one row per line; ``database``: MySQL's, for DATABASE()."""
    return (*client.server[:-1], sql, *(("--", database) if database else ()))


def databases(name: str, only: str = "") -> str:
    """Return SQL that names the databases which may hold something; ``only``: of MySQL, one."""
    if name == "postgres":
        return _DATABASES
    return _SCHEMA if only else _SCHEMAS


def only(name: str, client: Client, variables: Mapping[str, str]) -> str:
    """Return the one database that is dumped; "" for all of a server's."""
    if name == "postgres":
        return client.environment["PGDATABASE"] if client.dump[0] == "pg_dump" else ""
    return variables.get("MYSQL_DATABASE", "").strip()


def misfit(name: str, variables: Mapping[str, str], *, of_all: bool) -> str:
    """Return why a dump does not fit what the Secret names; "" where it does.

    One of all databases writes to each of them, and not only to the one that was looked into.
    """
    variable = {"postgres": "PGDATABASE", "mysql": "MYSQL_DATABASE"}[name]
    named = bool(only(name, client_of(name, variables), variables))
    if of_all and named:
        return f"contains all databases, but {variable} names one"
    if not (of_all or named):
        return f"contains one database, but {variable} is not set"
    return ""


def aside(name: str, now: datetime) -> str:
    """Return what a database of PostgreSQL is called once it is out of the way."""
    short = name.encode()[:_LONGEST_NAME].decode("utf-8", "ignore")
    return f"{short}_before_{now:%Y%m%dt%H%M%S}"


def rename(name: str, new: str) -> str:
    """Return SQL that renames a database even while it is in use."""
    return (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"  # noqa: S608 -- quoted below
        f" WHERE datname = {_literal(name)} AND pid <> pg_backend_pid();"
        f" ALTER DATABASE {_quoted(name)} RENAME TO {_quoted(new)}"
    )


def alike(name: str) -> str:
    """Return SQL that says in SQL how an empty database like this one is created."""
    return (
        "SELECT format('CREATE DATABASE %I TEMPLATE template0 OWNER %I"  # noqa: S608 -- quoted below
        " ENCODING %L LC_COLLATE %L LC_CTYPE %L', datname, pg_get_userbyid(datdba),"
        " pg_encoding_to_char(encoding), datcollate, datctype) FROM pg_database"
        f" WHERE datname = {_literal(name)}"
    )


def loader(name: str, client: Client, database: str) -> tuple[str, ...]:
    """Return the client that reads a dump from standard input."""
    if name == "postgres":
        return ("psql", "-Xqw", "-v", "VERBOSITY=verbose", "-f", "-")
    # In binary mode the client knows no command but delimiter, and no dump needs another.
    safe = ("--binary-mode", "--local-infile=0")
    return (*client.server[:-2], *safe, *(("--", database) if database else ()))


def is_error(line: str) -> bool:
    """Whether a line of psql's says that something of a dump is not loaded, in any language."""
    match = _ERROR.match(line)
    if match is None:
        return False
    state = match["state"]
    if state is None:
        return match["word"] in {"error", "fatal"}
    if _UNKNOWN_SETTING.search(line):
        return False
    return not state.startswith(_NO_ERROR) and state not in _THERE


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
