"""The clients of databases: how they are asked, and what they need for it.

With runner.restic, runner.dump and runner.fill the only importer of subprocess.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from runner import databases
from runner.databases import Client
from runner.outcome import Failure

QUESTION = 60  # seconds that a client may take for an answer
_PASSED_ON = ("PATH", "HOME", "TMPDIR")


class DumpError(Exception):
    """A dump, or loading one, came to nothing; the message is one line for people."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


def environment(client: Client) -> dict[str, str]:
    """Return the variables that a client gets: its own, and nothing else of the Secret's."""
    kept = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", **client.environment}


def compare(client: Client) -> None:
    """Raise DumpError where the client is older than its server, and could not know what it has."""
    if not client.server:
        return
    own, server = ask(client, client.own), ask(client, client.server)
    if databases.is_older(own, server):
        older, newer = databases.release(own), databases.release(server)
        line = f"{client.own[0]} {older} is older than its server {newer}: use a newer image"
        raise DumpError(Failure.CONFIG, line)


def ask(client: Client, argv: tuple[str, ...], **variables: str) -> str:
    """Return what a client writes to the end; raise DumpError where it fails."""
    with options(client.options) as file:
        return _answer(given(file, argv), {**environment(client), **variables}, file)


def probe(argv: tuple[str, ...], seconds: float) -> str:
    """Return what a client that logs in nowhere writes, as ``ask`` does; it has ``seconds``."""
    return _answer(argv, environment(Client(dump=())), seconds=seconds)


@contextmanager
def options(text: str) -> Iterator[tuple[int, ...]]:
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


def given(file: tuple[int, ...], argv: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command line with that file named on it."""
    named = tuple(f"--defaults-extra-file=/dev/fd/{number}" for number in file)
    return (argv[0], *named, *argv[1:])


def _answer(
    argv: tuple[str, ...],
    environment: Mapping[str, str],
    file: tuple[int, ...] = (),
    seconds: float = QUESTION,
) -> str:
    try:
        done = subprocess.run(
            argv, env=environment, pass_fds=file, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, errors="replace", timeout=seconds, check=False,
        )  # fmt: skip
    except OSError as error:
        raise DumpError(Failure.CONFIG, no_start(argv[0], error)) from None
    except subprocess.TimeoutExpired:
        line = f"{argv[0]} got no answer of the server in {seconds:.0f} s"
        raise DumpError(Failure.NETWORK, line) from None
    if done.returncode:
        said = done.stderr.strip() or f"exit status {done.returncode}"
        line = " ".join(said.split())
        raise DumpError(databases.failure(said), f"{argv[0]}: {line}")
    return done.stdout.strip()


def no_start(program: str, error: OSError) -> str:
    """Return why a program does not run."""
    return f"{program} cannot be started: {error.strerror}"
