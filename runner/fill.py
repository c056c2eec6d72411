"""Loads one dump from standard input into a server that holds nothing: called by runner.load."""

import os
import subprocess
import sys
from collections import deque
from datetime import UTC, datetime

from contract.wording import counted, printable
from runner import clients, complaints, loading
from runner.clients import DumpError
from runner.databases import Client
from runner.dumps import trouble_line
from runner.outcome import Failure

_LINES = 20  # of standard error that are kept
_TRIES = 5  # to rename a database, while who was cut off comes back


def fill(name: str, *, look: bool, replace: bool) -> int:
    """Load, or only ``look`` whether that can be; return 0, or 1 and why, as runner.dump does.

    ``replace``: a database that holds something is renamed before, or its tables are replaced.
    """
    try:
        _Server(name).fill(look=look, replace=replace)
    except DumpError as error:
        sys.stderr.write(printable(trouble_line(error.failure, str(error))) + "\n")
        return 1
    return 0


class _Server:
    def __init__(self, name: str) -> None:
        self._name = name
        self._client: Client = clients.chosen(name, os.environ)
        self._only = loading.only(name, self._client, os.environ)

    def fill(self, *, look: bool, replace: bool) -> None:
        full = self._full()
        if full and not replace:
            raise DumpError(Failure.CONFIG, self._why_not(full))
        clients.compare(self._client)
        if look:
            return
        if self._name == "postgres":
            for database in full:
                self._out_of_the_way(database)
        self._load()
        if self._name == "mysql" and not self._only:
            self._ask("FLUSH PRIVILEGES")  # users came with the dump

    def _ask(self, sql: str, database: str = "", **variables: str) -> str:
        argv = loading.question(self._client, sql, database)
        return clients.ask(self._client, argv, **variables)

    def _full(self) -> list[str]:
        """Return the databases that hold something, of those that the dump is of."""
        if self._name != "postgres":
            return self._ask(loading.databases(self._name, self._only), self._only).splitlines()
        named = [self._only] if self._only else self._ask(loading.databases(self._name)).split("\n")
        return [each for each in named if self._ask(loading.HOLDS, PGDATABASE=each) == "t"]

    def _why_not(self, full: list[str]) -> str:
        holds, what = (
            ("tables or the like", "renames them first, to NAME_before_TIME")
            if self._name == "postgres"
            else (
                "tables or routines",
                "puts what the dump has in place of what is of the same name",
            )
        )
        why = f"the server is not empty, {', '.join(full)} has {holds}"
        return f"{why}: nothing is loaded; --replace {what}"

    def _out_of_the_way(self, database: str) -> None:
        """Rename a database, and have an empty one where the dump brings none."""
        other = "template1" if database == "postgres" else "postgres"
        new = loading.aside(database, datetime.now(UTC))
        create = self._ask(loading.alike(database), PGDATABASE=other)
        for left in reversed(range(_TRIES)):
            try:
                self._ask(loading.rename(database, new), PGDATABASE=other)
                break
            except DumpError:
                if not left:
                    raise
        # Whatever comes next.
        sys.stderr.write(printable(f"{database} is called {new}{loading.RENAMED}") + "\n")
        if self._only or database == "postgres":
            self._ask(create, PGDATABASE=other)

    def _load(self) -> None:
        argv = loading.loader(self._name, self._client, self._only)
        errors, first, said = 0, "", deque[str](maxlen=_LINES)
        with clients.opened(self._client) as ready:
            try:
                process = subprocess.Popen(
                    ready.argv(argv), env=ready.environment,
                    pass_fds=ready.files, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                    encoding="utf-8", errors="replace",
                )  # fmt: skip
            except OSError as error:
                raise DumpError(Failure.CONFIG, clients.no_start(argv[0], error)) from None
            with process:
                assert process.stderr is not None  # noqa: S101 -- narrows the type; it is a pipe
                for line in process.stderr:
                    said.append(line.strip())
                    if loading.is_error(line):
                        errors += 1
                        first = first or line.strip()
        if process.returncode:
            line = " ".join(said) or f"exit status {process.returncode}"
            why = f"{argv[0]} failed, not all is loaded: {line}"
            raise DumpError(complaints.failure(line), why)
        if errors:
            line = f"{counted(errors, 'error')}, the first: {first}; all else of the dump is loaded"
            raise DumpError(complaints.failure(first), line)
