"""One dump, streamed to standard output: the command that restic reads from.

Only its end is held back, until the client has succeeded; otherwise the exit status is 1, and
restic makes no snapshot.
"""

import os
import selectors
import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contract.annotations.values import COMMAND_DUMP
from contract.text import printable
from runner.databases import client_process, complaints, inventory
from runner.databases import clients as databases_clients
from runner.databases.client_process import QUESTION, DumpError, no_start
from runner.databases.contents import Contents
from runner.databases.dump_snapshots import trouble_line
from runner.databases.inventory import Inventory
from runner.databases.load import sql
from runner.databases.server import catalog
from runner.restic.queries import TAIL
from runner.steps.outcome import Failure

_CHUNK = 1 << 16
_LINES = 20  # of standard error that are kept


def dump(name: str, words: tuple[str, ...], patience: float) -> int:
    """Write a dump to standard output; return 0, or 1 and why in one line on standard error.

    A client that is silent for ``patience`` seconds is stopped.
    """
    try:
        _dump(name, words, patience)
    except DumpError as error:
        sys.stderr.write(printable(trouble_line(error.failure, str(error))) + "\n")
        return 1
    except BrokenPipeError:
        return 1  # restic has ended, and says why
    return 0


def _dump(name: str, words: tuple[str, ...], patience: float) -> None:
    if name == COMMAND_DUMP:
        _stream(name, words, os.environ, (), patience)
        return
    client = client_process.chosen(name, os.environ)
    only = sql.only(name, client, os.environ)
    client_process.compare(client)
    before = catalog.survey(name, client, only)
    with client_process.opened(client) as ready:
        argv = ready.argv(client.dump)
        try:
            contents = _stream(name, argv, ready.environment, ready.files, patience)
        except DumpError as error:
            # It may have failed because of them.
            line = " ".join("; ".join((str(error), *before.gaps)).split())
            raise DumpError(Failure.DUMP if before.gaps else error.failure, line) from None
    after = catalog.survey(name, client, only)
    _report(name, catalog.compared(before, after, contents.databases))


def _report(name: str, found: Inventory) -> None:
    """Leave the inventory for the run, which judges the dump by it."""
    if scratch := os.environ.get("TMPDIR"):
        file = Path(scratch) / inventory.file_name(name)
        file.write_text(inventory.written(found), "utf-8")


def _stream(
    name: str,
    argv: tuple[str, ...],
    environment: Mapping[str, str],
    file: tuple[int, ...],
    patience: float,
) -> Contents:
    """Pass on the output of a client; hold back its end until that is verified."""
    contents = Contents(name)
    try:
        process = subprocess.Popen(
            argv, env=environment, pass_fds=file, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
    except OSError as error:
        raise DumpError(Failure.CONFIG, no_start(argv[0], error)) from None
    with process:
        try:
            end = _pass_on(process, argv[0], patience, contents)
            code = process.wait(QUESTION)
        except subprocess.TimeoutExpired:
            raise DumpError(Failure.SOURCE, f"{argv[0]} did not exit after its dump") from None
        finally:
            if process.poll() is None:
                process.kill()
    _judge(name, argv[0], code, end.tail, end.said)
    return contents


def _judge(name: str, program: str, code: int, tail: bytes, said: str) -> None:
    if code:
        line = " ".join(said.split()) or f"exit status {code}"
        failure = Failure.SOURCE if name == COMMAND_DUMP else complaints.failure(said)
        raise DumpError(failure, f"{program} failed: {line}")
    if not tail:
        raise DumpError(Failure.SOURCE, f"{program} wrote no output")
    last = databases_clients.end(name, tail, said)
    if last is None:
        line = f"{program} stopped before the end of its dump: {' '.join(said.split())}"
        raise DumpError(complaints.failure(said), line.removesuffix(": "))
    _write(last)


@dataclass(frozen=True, slots=True)
class _End:
    """The last bytes, which are not yet written, and the last lines of standard error."""

    tail: bytes
    said: str


def _pass_on(
    process: subprocess.Popen[bytes], program: str, patience: float, contents: Contents
) -> _End:
    """Pass on the output of a client except for its end; return the end."""
    tail, said = b"", deque[bytes](maxlen=_LINES)
    with selectors.DefaultSelector() as selector:
        for stream in (process.stdout, process.stderr):
            assert stream is not None  # noqa: S101 -- narrows the type; both are pipes
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(patience)
            if not ready:
                line = f"{program} wrote nothing for {patience:.0f} s and was stopped"
                raise DumpError(Failure.SOURCE, line)
            for key, _ in ready:
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stdout:
                    contents.take(chunk)
                    tail += chunk
                    _write(tail[:-TAIL])
                    tail = tail[-TAIL:]
                else:
                    said.append(chunk[-_CHUNK:])
    return _End(tail, b"".join(said).decode("utf-8", "replace")[-2000:])


def _write(chunk: bytes) -> None:
    left = memoryview(chunk)
    while left:
        left = left[os.write(1, left) :]
