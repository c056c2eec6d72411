"""Loads one dump from standard input into an empty server; called by restore.dump."""

import base64
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

from contract.text import counted, printable
from runner.databases import client_process, complaints
from runner.databases import clients as databases_clients
from runner.databases.client_process import DumpError
from runner.databases.clients import Client
from runner.databases.dump_snapshots import trouble_line
from runner.databases.load import psql
from runner.databases.load import sql as load_sql
from runner.databases.load.lexer import Lexer, RefusedError
from runner.restic.queries import TAIL
from runner.steps.outcome import Failure

_LINES = 20  # of standard error that are kept
_TRIES = 5  # to rename a database, while who was cut off comes back


def fill(name: str, *, look: bool, check: bool, replace: bool) -> int:
    """Load, or only ``look`` whether that can be; return 0, or 1 and why, as databases.dump does.

    ``check``: only read the dump, and print its first and its last bytes in base64. ``replace``: a
    database that holds something is renamed before, or its tables are replaced.
    """
    try:
        server = _Server(name)
        server.check() if check else server.fill(look=look, replace=replace)
    except DumpError as error:
        sys.stderr.write(printable(trouble_line(error.failure, str(error))) + "\n")
        return 1
    return 0


class _Server:
    def __init__(self, name: str) -> None:
        self._name = name
        self._client: Client = client_process.chosen(name, os.environ)
        self._only = load_sql.only(name, self._client, os.environ)

    def fill(self, *, look: bool, replace: bool) -> None:
        full = self._full()
        if full and not replace:
            raise DumpError(Failure.CONFIG, self._why_not(full))
        client_process.compare(self._client)
        if self._name == "postgres":
            psql.prove(self._client)
        if look:
            return
        if self._name == "postgres":
            for database in full:
                self._out_of_the_way(database)
        self._load()
        if self._name == "mysql" and not self._only:
            self._ask("FLUSH PRIVILEGES")  # users came with the dump

    def check(self) -> None:
        """Read a dump to its end; raise DumpError if its client would execute part of it."""
        lexer: Lexer | None = None
        head = tail = b""
        try:
            while chunk := sys.stdin.buffer.read(psql.CHUNK):
                if self._name == "postgres" and not lexer:
                    of_all = databases_clients.is_of_all(self._name, chunk[:TAIL])
                    lexer = Lexer(connects=of_all or not self._only)
                for _ in lexer.take(chunk) if lexer else ():
                    pass
                rest = len(head) + len(chunk) - TAIL
                head += chunk[: TAIL - len(head)]
                tail = (tail + chunk[-rest:])[-TAIL:] if rest > 0 else tail
            for _ in lexer.take(b"", last=True) if lexer else ():
                pass
        except RefusedError as error:
            raise DumpError(Failure.SOURCE, f"the dump is refused: {error}") from None
        sys.stdout.write(base64.b64encode(head + tail).decode())

    def _ask(self, sql: str, database: str = "", **variables: str) -> str:
        argv = load_sql.question(self._client, sql, database)
        return client_process.ask(self._client, argv, **variables)

    def _full(self) -> list[str]:
        """Return those databases of the dump that are not empty in the server."""
        if self._name != "postgres":
            return self._ask(load_sql.databases(self._name, self._only), self._only).splitlines()
        named = (
            [self._only] if self._only else self._ask(load_sql.databases(self._name)).split("\n")
        )
        return [each for each in named if self._ask(load_sql.HOLDS, PGDATABASE=each) == "t"]

    def _why_not(self, full: list[str]) -> str:
        holds, what = (
            ("tables or the like", "renames them to NAME_before_TIME first")
            if self._name == "postgres"
            else (
                "tables or routines",
                "replaces what has the same name in the dump",
            )
        )
        why = f"the server is not empty, {', '.join(full)} has {holds}"
        return f"{why}: nothing is loaded; --replace {what}"

    def _out_of_the_way(self, database: str) -> None:
        """Rename a database, and create an empty one if the dump contains none."""
        other = "template1" if database == "postgres" else "postgres"
        new = load_sql.aside(database, datetime.now(UTC))
        create = self._ask(load_sql.alike(database), PGDATABASE=other)
        for left in reversed(range(_TRIES)):
            try:
                self._ask(load_sql.rename(database, new), PGDATABASE=other)
                break
            except DumpError:
                if not left:
                    raise
        # Whatever comes next.
        sys.stderr.write(printable(f"{database} is renamed to {new}{load_sql.RENAMED}") + "\n")
        if self._only or database == "postgres":
            self._ask(create, PGDATABASE=other)

    def _load(self) -> None:
        argv = load_sql.loader(self._name, self._client, self._only)
        errors, first, said = 0, "", deque[str](maxlen=_LINES)

        def hear(line: str) -> None:
            nonlocal errors, first
            said.append(line.strip())
            if load_sql.is_error(line):
                errors += 1
                first = first or line.strip()

        if self._name == "postgres":
            dump = sys.stdin.buffer
            code = psql.load(self._client, argv, dump, hear, connects=not self._only)
        else:
            code = self._pass_on((*argv[:1], *self._sandbox(), *argv[1:]), hear)
        if code:
            line = " ".join(said) or f"exit status {code}"
            why = f"{argv[0]} failed, the dump is only partly loaded: {line}"
            raise DumpError(complaints.failure(line), why)
        if errors:
            line = f"{counted(errors, 'error')}, the first: {first}; the rest of the dump is loaded"
            raise DumpError(complaints.failure(first), line)

    def _sandbox(self) -> tuple[str, ...]:
        """Return the option that keeps the client from local files, if it has one."""
        try:
            client_process.probe(
                (self._client.server[0], "--sandbox", "--version"), client_process.QUESTION
            )
        except DumpError:
            return ()
        return ("--sandbox",)

    def _pass_on(self, argv: tuple[str, ...], hear: Callable[[str], None]) -> int:
        """Let the client read the dump itself; return its exit status."""
        with client_process.opened(self._client) as ready:
            try:
                process = subprocess.Popen(
                    ready.argv(argv), env=ready.environment,
                    pass_fds=ready.files, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                    encoding="utf-8", errors="replace",
                )  # fmt: skip
            except OSError as error:
                raise DumpError(Failure.CONFIG, client_process.no_start(argv[0], error)) from None
            with process:
                assert process.stderr is not None  # noqa: S101 -- narrows the type; it is a pipe
                for line in process.stderr:
                    hear(line)
        return process.returncode
