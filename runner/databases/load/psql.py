r"""Loads a PostgreSQL dump with psql, which cannot execute anything in the dump.

Each database gets a psql of its own, in the mode of ``\restrict``: it knows no meta-command there,
not even in data that it takes for commands because a COPY failed. It can start no program either.
"""

import secrets
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO

from runner.databases import client_process
from runner.databases.client_process import DumpError, Ready
from runner.databases.clients import Client
from runner.databases.load.connect import Connect
from runner.databases.load.lexer import Lexer, RefusedError
from runner.sandbox import seccomp
from runner.steps.outcome import Failure

CHUNK = 1 << 16
_OLD = (
    "psql is too old to load a dump without acting on commands in it: use an image with psql "
    "13.22, 14.19, 15.14, 16.10, 17.6 or newer"
)
_UNCONFINED = "psql cannot be prevented from starting programs on this machine: nothing is loaded"


def prove(client: Client) -> None:
    r"""Raise DumpError if this psql has no ``\restrict``, or could start other programs."""
    if not seccomp.is_known():
        raise DumpError(Failure.CONFIG, _UNCONFINED)
    try:
        client_process.ask(client, (*client.server[:-1], r"\restrict proof"))
    except DumpError as error:
        if "restrict" in str(error):
            raise DumpError(Failure.CONFIG, _OLD) from None
        raise


def load(
    client: Client, argv: tuple[str, ...], dump: IO[bytes], hear: Callable[[str], None], *,
    connects: bool,
) -> int:  # fmt: skip
    """Load ``dump``, pass each line of psql to ``hear``; return the worst exit status.

    ``connects``: it may be of several databases. Raises DumpError for what no dump holds.
    """
    lexer, code = Lexer(connects=connects), 0
    with client_process.opened(client) as ready:
        stretches = _stretches(lexer, dump)
        database: str | None = None
        while not code:
            with _running(ready, argv, database, hear) as process:
                assert process.stdin is not None  # noqa: S101 -- narrows the type; it is a pipe
                following = _write(process.stdin, stretches)
                with suppress(BrokenPipeError):
                    process.stdin.close()
                code = process.wait()
            if following is None:
                break
            database = following.database
    return code


def _stretches(lexer: Lexer, dump: IO[bytes]) -> Iterator[bytes | Connect]:
    try:
        while chunk := dump.read(CHUNK):
            yield from lexer.take(chunk)
        yield from lexer.take(b"", last=True)
    except RefusedError as error:
        raise DumpError(Failure.SOURCE, f"the dump is refused: {error}") from None


def _write(into: IO[bytes], stretches: Iterator[bytes | Connect]) -> Connect | None:
    """Write up to the next database and return it; None at the end, or if psql exits."""
    for each in stretches:
        if isinstance(each, Connect):
            return each
        try:
            into.write(each)
        except BrokenPipeError:
            return None
    return None


@contextmanager
def _running(
    ready: Ready, argv: tuple[str, ...], database: str | None, hear: Callable[[str], None]
) -> Iterator[subprocess.Popen[bytes]]:
    environment = dict(ready.environment)
    if database is not None:
        environment["PGDATABASE"] = database
    try:
        process = subprocess.Popen(
            ready.argv(argv), env=environment, pass_fds=ready.files, stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            preexec_fn=seccomp.confine,  # noqa: PLW1509 -- no other thread runs here by now
        )  # fmt: skip
    except subprocess.SubprocessError:
        raise DumpError(Failure.INTERNAL, _UNCONFINED) from None
    except (OSError, ValueError) as error:  # a NUL in a database's name is a ValueError
        why = error if isinstance(error, OSError) else OSError(0, str(error))
        raise DumpError(Failure.CONFIG, client_process.no_start(argv[0], why)) from None
    listener = threading.Thread(target=_listen, args=(process.stderr, hear))
    listener.start()
    try:
        assert process.stdin is not None  # noqa: S101 -- narrows the type; it is a pipe
        with suppress(BrokenPipeError):
            process.stdin.write(f"\\restrict {secrets.token_hex(16)}\n".encode())
        yield process
    finally:
        if process.poll() is None:  # what it has of a refused dump is not to go on
            process.kill()
        listener.join()
        with suppress(BrokenPipeError), process:  # which closes what is open
            pass


def _listen(stream: IO[bytes], hear: Callable[[str], None]) -> None:
    for line in stream:
        hear(line.decode("utf-8", "replace"))
