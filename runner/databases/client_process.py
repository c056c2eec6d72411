"""Runs database clients, with the files and variables that they need.

With the executor, and what copies SQLite databases, dumps and loads, the only
importer of subprocess.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from contract.secret import allowlist
from runner.config.network import tls
from runner.databases import clients, complaints
from runner.databases.clients import Client
from runner.steps.outcome import Failure

QUESTION = 60  # seconds that a client may take for an answer
_GREETING = 15  # seconds until a Redis that does not answer will not
_SHOWN = 64  # characters of a value that is named
_PASSED_ON = ("PATH", "HOME", "TMPDIR")


class DumpError(Exception):
    """A dump, or loading one, failed; the message is one line for people."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


def environment(client: Client) -> dict[str, str]:
    """Return the variables that a client gets: its own, and of the Secret what is passed on."""
    more = allowlist.passed(os.environ)  # by which these came here
    kept = {key: os.environ[key] for key in (*_PASSED_ON, *more) if key in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", **client.environment}


def compare(client: Client) -> None:
    """Raise DumpError if the client is older than its server, and could not know what it has."""
    if client.encrypted and not ask(client, client.encrypted).partition("\t")[2]:
        line = "the server offers no TLS, and MYSQL_SSL_MODE requires it"
        raise DumpError(Failure.CONFIG, line)
    if not client.server:
        return
    own, server = ask(client, client.own), ask(client, client.server)
    if clients.is_older(own, server):
        older, newer = clients.release(own), clients.release(server)
        line = f"{client.own[0]} {older} is older than its server {newer}: use a newer image"
        raise DumpError(Failure.CONFIG, line)


def ask(client: Client, argv: tuple[str, ...], **variables: str) -> str:
    """Return what a client writes to the end; raise DumpError if it fails."""
    with opened(client) as ready:
        return _answer(ready.argv(argv), {**ready.environment, **variables}, ready.files)


def probe(argv: tuple[str, ...], seconds: float) -> str:
    """Return the output of a client without a login, as ``ask`` does, within ``seconds``."""
    return _answer(argv, environment(Client(dump=())), seconds=seconds)


@dataclass(frozen=True, slots=True)
class Ready:
    """What a client needs to run: open files, which no disk has, and its variables."""

    files: tuple[int, ...]
    environment: Mapping[str, str]
    paths: Mapping[str, str]
    options: str

    def argv(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """Return a command line of the client with its files named on it."""
        named = (f"--defaults-extra-file={self.options}",) if self.options else ()
        return (argv[0], *named, *(_filled(word, self.paths) for word in argv[1:]))


@contextmanager
def opened(client: Client) -> Iterator[Ready]:
    """Give a client what it needs while it runs; raise DumpError for a file that is not there."""
    for key, path in client.paths.items():
        if not Path(path).is_file():
            # What stands where a key should may be the key.
            named = path.startswith("/") or not key.endswith("KEY")
            value = repr(path[:_SHOWN]) if named else "its value"
            line = (
                f"{key}: {value} is not a file in the sidecar, a key of the Secret, a "
                "certificate or a private key"
            )
            raise DumpError(Failure.CONFIG, line)
    with ExitStack() as stack:
        numbers = {key: stack.enter_context(_file(text)) for key, text in client.files.items()}
        paths = {tls.placeholder(key): f"/dev/fd/{number}" for key, number in numbers.items()}
        files = list(numbers.values())
        options = ""
        if client.options:
            files.append(stack.enter_context(_file(_filled(client.options, paths))))
            options = f"/dev/fd/{files[-1]}"
        variables = {key: _filled(text, paths) for key, text in environment(client).items()}
        yield Ready(tuple(files), variables, paths, options)


@contextmanager
def _file(text: str) -> Iterator[int]:
    file = os.memfd_create("options")
    try:
        os.fchmod(file, 0o600)  # what others could read or write is not taken
        os.write(file, text.encode("utf-8", "surrogateescape"))
        yield file
    finally:
        os.close(file)


def _filled(text: str, paths: Mapping[str, str]) -> str:
    for placeholder, path in paths.items():
        text = text.replace(placeholder, path)
    return text


def chosen(name: str, variables: Mapping[str, str]) -> Client:
    """Return the client for a server as it is: with TLS where it understands nothing else."""
    try:
        client = clients.client(name, variables)
    except ValueError as error:
        raise DumpError(Failure.CONFIG, str(error)) from None
    if name != "redis":
        return client
    try:
        with opened(client) as ready:
            ping = ready.argv((*client.dump[:-2], "PING"))
            _answer(ping, ready.environment, ready.files, _GREETING)
    except DumpError as error:
        if client.otherwise and complaints.needs_tls(str(error)):
            return client.otherwise
        raise
    return client


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
        line = f"{argv[0]} got no answer from the server in {seconds:.0f} s"
        raise DumpError(Failure.NETWORK, line) from None
    if done.returncode:
        said = done.stderr.strip() or f"exit status {done.returncode}"
        line = " ".join(said.split())
        raise DumpError(complaints.failure(said), f"{argv[0]}: {line}")
    return done.stdout.strip()


def no_start(program: str, error: OSError) -> str:
    """Return why a program does not run."""
    return f"{program} cannot be started: {error.strerror}"
