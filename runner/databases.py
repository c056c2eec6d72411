"""How each kind of database is dumped by its own client, and when its dump is whole. Pure.

Users, passwords and addresses come from the Secret, by the variables that the clients themselves
know; where they have none, the address is on a client's command line. Passwords never are.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from runner.outcome import Failure

TAIL = 4096  # bytes at the end of a dump that are looked at before they are let through
_TRAILER = 1024  # bytes, within which the last words of a dump in SQL stand
_TRAILERS = {
    "postgres": re.compile(rb"^-- PostgreSQL database (cluster )?dump complete", re.MULTILINE),
    "mysql": re.compile(rb"^-- Dump completed", re.MULTILINE),
}
# redis-cli adds the mark by which it knows where the stream ends; no file of Redis' has it.
_RDB_END = re.compile(rb"\xff.{8}(?P<mark>[0-9a-f]{40})?\Z", re.DOTALL)
# How a dump of all databases begins; one of a single database names it there.
_OF_ALL = {
    "postgres": re.compile(rb"^-- PostgreSQL database cluster dump$", re.MULTILINE),
    "mysql": re.compile(rb"^-- Host: .* Database: *$", re.MULTILINE),
}
_RDB_DONE = "Transfer finished with success"
_CONNECT = 30  # seconds
_LOCKED = 300  # seconds to wait for the lock of a table
_HERE = "127.0.0.1"
_ADDRESS_OF_A_SERVICE = "tcp://"  # Kubernetes sets MYSQL_TCP_PORT where a Service is mysql-tcp

_BY_WORDS = {
    # Of a user who could log in, and may not do or see what a whole dump needs.
    Failure.DUMP: r"noperm|permission denied (for|to) |row-level security|command denied to user"
    r"|access denied; you need|insufficient privileges|access denied for user .* to database"
    r"|must be (superuser|owner)",
    Failure.AUTH: r"password authentication failed|no password supplied|access denied|noauth"
    r"|wrongpass|permission denied|no pg_hba\.conf entry|role .* does not exist"
    r"|authentication plugin|failed: fatal: .*authentication",
    Failure.CONFIG: r"database .* does not exist|unknown database|version mismatch|cannot be"
    r" started|ssl is required|unknown (option|variable)|unrecognized option|invalid port",
    Failure.NETWORK: r"could not connect|connection refused|can't connect|lost connection"
    r"|gone away|server closed the connection|terminating connection|could not translate host"
    r"|timed? ?out|is (starting up|shutting down)|connection to server .* failed|no route to host"
    r"|connection reset|error reading|i/o error|could not receive data|server has closed|eof"
    r"|no connection to the server|is loading",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Client:
    """What is run, in which environment. ``own`` and ``server`` print their versions.

    ``options`` is the text of a MySQL option file, which is handed over as an open file and named
    first on the command line.
    """

    dump: tuple[str, ...]
    own: tuple[str, ...] = ()
    server: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    options: str = ""


def client(name: str, variables: Mapping[str, str]) -> Client:
    """Return the client for a kind of database; ``variables`` are what the Secret says."""
    given = {
        key: value.strip()
        for key, value in variables.items()
        if value.strip() and not value.startswith(_ADDRESS_OF_A_SERVICE)
    }
    return {"postgres": _postgres, "mysql": _mysql, "redis": _redis}[name](given)


def _postgres(given: Mapping[str, str]) -> Client:
    usual = {
        "PGHOST": _HERE,
        "PGUSER": "postgres",
        "PGCONNECT_TIMEOUT": str(_CONNECT),
    }
    environment = {**usual, **{key: text for key, text in given.items() if key.startswith("PG")}}
    program = "pg_dump" if "PGDATABASE" in given else "pg_dumpall"
    return Client(
        dump=(program, "--no-password", f"--lock-wait-timeout={_LOCKED}s"),
        own=(program, "--version"),
        server=("psql", "-XAtw", "-c", "SHOW server_version"),
        environment={"PGDATABASE": "postgres", **environment}
        if program == "pg_dumpall"
        else environment,
    )


def _mysql(given: Mapping[str, str]) -> Client:
    options = {
        "host": given.get("MYSQL_HOST", _HERE),
        "port": given.get("MYSQL_TCP_PORT", "3306"),
        "user": given.get("MYSQL_USER", "root"),
    }
    lines = (f'{key}="{_escaped(text)}"\n' for key, text in options.items())
    database = given.get("MYSQL_DATABASE")
    return Client(
        dump=(
            "mariadb-dump", "--single-transaction", "--quick", "--routines", "--events",
            "--triggers", "--hex-blob", "--default-character-set=utf8mb4", "--comments",
            *(("--", database) if database else ("--all-databases",)),
        ),
        own=("mariadb-dump", "--version"),
        server=(
            "mariadb", f"--connect-timeout={_CONNECT}", "--batch", "--skip-column-names",
            "-e", "SELECT VERSION()",
        ),
        environment={"MYSQL_PWD": given.get("MYSQL_PWD", "")},
        options="[client]\n" + "".join(lines),
    )  # fmt: skip


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "")


def _redis(given: Mapping[str, str]) -> Client:
    user = given.get("REDISCLI_USER")
    address = ("-h", given.get("REDISCLI_HOST", _HERE), "-p", given.get("REDISCLI_PORT", "6379"))
    password = given.get("REDISCLI_AUTH")
    return Client(
        dump=("redis-cli", *address, *(("--user", user) if user else ()), "--rdb", "-"),
        environment={"REDISCLI_AUTH": password} if password else {},
    )


def is_older(own: str, server: str) -> bool:
    """Whether a client is of an older release than its server, by what both say of themselves.

    MariaDB's client and a MySQL server have numbers that cannot be compared.
    """
    if "MariaDB" in own and "MariaDB" not in server:
        return False
    ours, theirs = _release(own), _release(server)
    return bool(ours and theirs and ours < theirs)


def release(text: str) -> str:
    """Return the version in a line such as ``pg_dump (PostgreSQL) 15.18 (Debian)``."""
    # Older clients of MariaDB name a protocol's version first.
    found = re.search(r"(?:Distrib |from |\) |^)([0-9]+\.[0-9.]+)", text)
    return found[1] if found else ""


def _release(text: str) -> int:
    return int(release(text).partition(".")[0] or 0)


def end(name: str, tail: bytes, said: str) -> bytes | None:
    """Return what is to be written of the last TAIL bytes of a dump; None if it is not whole.

    ``said`` is what the client wrote to standard error.
    """
    if name == "redis":
        match = _RDB_END.search(tail)
        if match is None or _RDB_DONE not in said:
            return None
        return tail[: match.start("mark")] if match["mark"] else tail
    trailer = _TRAILERS.get(name)
    whole = trailer.search(tail[-_TRAILER:]) if trailer else tail
    return tail if whole else None


def is_whole(name: str, tail: bytes) -> bool:
    """Whether a dump that was let through ends as it did then, by its last TAIL bytes."""
    if name == "redis":
        return _RDB_END.search(tail) is not None
    return end(name, tail, "") is not None and bool(tail)


def is_of_all(name: str, beginning: bytes) -> bool:
    """Whether a dump is of all databases of its server, by its first bytes."""
    return name in _OF_ALL and _OF_ALL[name].search(beginning) is not None


def failure(said: str) -> Failure:
    """Return what a client's own words are about; where they do not tell, about its database."""
    for each, words in _BY_WORDS.items():
        if re.search(words, said, re.IGNORECASE):
            return each
    return Failure.SOURCE
