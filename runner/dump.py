"""One dump, written to standard output as it comes: the command that restic takes a stream from.

Nothing is kept but its end, which is let through only when the client came to a good one: else
the exit status is 1, and restic makes no snapshot. With runner.restic the only importer of
subprocess.
"""

import os
import selectors
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from contract.values import COMMAND_DUMP
from runner import databases
from runner.databases import TAIL, Client
from runner.dumps import trouble_line
from runner.outcome import Failure

_CHUNK = 1 << 16
_LINES = 20  # of standard error that are kept
_QUESTION = 60  # seconds that a client may take for saying a version
_PASSED_ON = ("PATH", "HOME", "TMPDIR")


class DumpError(Exception):
    """There is no whole dump; the message is one line for people."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


def dump(name: str, words: tuple[str, ...], patience: float) -> int:
    """Write a dump to standard output; return 0, or 1 and why in one line on standard error.

    A client that is silent for ``patience`` seconds is stopped.
    """
    try:
        _dump(name, words, patience)
    except DumpError as error:
        sys.stderr.write(trouble_line(error.failure, str(error)) + "\n")
        return 1
    except BrokenPipeError:
        return 1  # restic has ended, and says why
    return 0


def _dump(name: str, words: tuple[str, ...], patience: float) -> None:
    if name == COMMAND_DUMP:
        _stream(name, words, os.environ, (), patience)
        return
    client = databases.client(name, os.environ)
    kept = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
    environment = {**kept, "LC_ALL": "C.UTF-8", **client.environment}
    _compare(client, environment)
    with _options(client.options) as file:
        _stream(name, _with(file, client.dump), environment, file, patience)


def _compare(client: Client, environment: Mapping[str, str]) -> None:
    """Raise DumpError where the client is older than its server, and could not know what it has."""
    if not client.server:
        return
    with _options(client.options) as file:
        own, server = (
            _answer(argv, environment, file) for argv in (client.own, _with(file, client.server))
        )
    if databases.is_older(own, server):
        older, newer = databases.release(own), databases.release(server)
        line = f"{client.dump[0]} {older} is older than its server {newer}: use a newer image"
        raise DumpError(Failure.CONFIG, line)


@contextmanager
def _options(text: str) -> Iterator[tuple[int, ...]]:
    """Give an open file with this text, which no disk has; nothing where there is no text."""
    if not text:
        yield ()
        return
    file = os.memfd_create("options")
    try:
        os.fchmod(file, 0o600)  # what others could write is not read
        os.write(file, text.encode("utf-8", "surrogateescape"))
        yield (file,)
    finally:
        os.close(file)


def _with(file: tuple[int, ...], argv: tuple[str, ...]) -> tuple[str, ...]:
    named = tuple(f"--defaults-extra-file=/dev/fd/{number}" for number in file)
    return (argv[0], *named, *argv[1:])


def _answer(argv: tuple[str, ...], environment: Mapping[str, str], file: tuple[int, ...]) -> str:
    try:
        done = subprocess.run(
            argv, env=environment, pass_fds=file, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, errors="replace", timeout=_QUESTION, check=False,
        )  # fmt: skip
    except OSError as error:
        raise DumpError(Failure.CONFIG, _no_start(argv[0], error)) from None
    except subprocess.TimeoutExpired:
        line = f"{argv[0]} got no answer of the server in {_QUESTION} s"
        raise DumpError(Failure.NETWORK, line) from None
    if done.returncode:
        said = done.stderr.strip() or f"exit status {done.returncode}"
        line = " ".join(said.split())
        raise DumpError(databases.failure(said), f"{argv[0]}: {line}")
    return done.stdout.strip()


def _no_start(program: str, error: OSError) -> str:
    return f"{program} cannot be started: {error.strerror}"


def _stream(
    name: str,
    argv: tuple[str, ...],
    environment: Mapping[str, str],
    file: tuple[int, ...],
    patience: float,
) -> None:
    """Pass on what a client writes, but for its end before that is known to be good."""
    try:
        process = subprocess.Popen(
            argv, env=environment, pass_fds=file, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
    except OSError as error:
        raise DumpError(Failure.CONFIG, _no_start(argv[0], error)) from None
    with process:
        try:
            tail, said = _pass_on(process, argv[0], patience)
            code = process.wait(_QUESTION)
        except subprocess.TimeoutExpired:
            raise DumpError(Failure.SOURCE, f"{argv[0]} does not end after its dump") from None
        finally:
            if process.poll() is None:
                process.kill()
    _judge(name, argv[0], code, tail, said)


def _judge(name: str, program: str, code: int, tail: bytes, said: str) -> None:
    if code:
        line = " ".join(said.split()) or f"exit status {code}"
        failure = Failure.SOURCE if name == COMMAND_DUMP else databases.failure(said)
        raise DumpError(failure, f"{program} failed: {line}")
    if not tail:
        raise DumpError(Failure.SOURCE, f"{program} wrote nothing")
    last = databases.end(name, tail, said)
    if last is None:
        line = f"{program} stopped before the end of its dump: {' '.join(said.split())}"
        raise DumpError(databases.failure(said), line.removesuffix(": "))
    _write(last)


def _pass_on(process: subprocess.Popen[bytes], program: str, patience: float) -> tuple[bytes, str]:
    """Return the last bytes, which are not yet written, and the last lines of standard error."""
    tail, said = b"", deque[bytes](maxlen=_LINES)
    with selectors.DefaultSelector() as selector:
        for stream in (process.stdout, process.stderr):
            assert stream is not None  # noqa: S101 -- narrows the type; both are pipes
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(patience)
            if not ready:
                line = f"{program} was silent for {patience:.0f} s and was stopped"
                raise DumpError(Failure.SOURCE, line)
            for key, _ in ready:
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stdout:
                    tail += chunk
                    _write(tail[:-TAIL])
                    tail = tail[-TAIL:]
                else:
                    said.append(chunk[-_CHUNK:])
    return tail, b"".join(said).decode("utf-8", "replace")[-2000:]


def _write(chunk: bytes) -> None:
    left = memoryview(chunk)
    while left:
        left = left[os.write(1, left) :]
