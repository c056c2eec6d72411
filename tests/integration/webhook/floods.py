"""What strangers on the network do to the webhook; tests and the benchmark ask it meanwhile."""

import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from webhook.server import bodies

POST = b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_MANY, _BODIES = 500, 40
_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # of strangers, who do not mind whom they reach
_CONTEXT.check_hostname, _CONTEXT.verify_mode = False, ssl.CERT_NONE


def connect(port: int, stack: ExitStack) -> ssl.SSLSocket:
    """Open a connection with TLS, which ends with the stack."""
    plain = socket.create_connection(("127.0.0.1", port), 60)
    found = stack.enter_context(_CONTEXT.wrap_socket(plain))
    found.settimeout(60)
    return found


def _silent(port: int, stack: ExitStack) -> None:
    for _ in range(_MANY):
        connect(port, stack)


def _not_even_a_handshake(port: int, stack: ExitStack) -> None:
    for _ in range(_MANY):
        stack.enter_context(socket.create_connection(("127.0.0.1", port), 60))


def _headers_byte_by_byte(port: int, stack: ExitStack) -> None:
    slow = [connect(port, stack) for _ in range(100)]
    for letter in POST[:20]:
        for each in slow:
            with suppress(OSError):
                each.send(bytes([letter]))


def _headers_without_end(port: int, stack: ExitStack) -> None:
    line = b"X-More: " + b"x" * 8000 + b"\r\n"
    for _ in range(20):
        each = connect(port, stack)
        with suppress(OSError):
            each.send(POST)
            for _ in range(1000):
                each.sendall(line)


def _unfinished_bodies(port: int, stack: ExitStack) -> None:
    size = bodies.LIMIT - 16
    for _ in range(_BODIES):
        each = connect(port, stack)
        each.sendall(POST + b"Content-Length: %d\r\n\r\n" % size)
        with suppress(OSError):
            each.sendall(b" " * (size - 1))


def _everything(port: int, stack: ExitStack) -> None:
    for flood in (_silent, _unfinished_bodies, _headers_byte_by_byte):
        flood(port, stack)


Flood = Callable[[int, ExitStack], None]
ALL: list[Flood] = [
    _silent, _not_even_a_handshake, _headers_byte_by_byte, _headers_without_end,
    _unfinished_bodies, _everything,
]  # fmt: skip


def name(flood: Flood) -> str:
    """Return what a flood is called."""
    return flood.__name__.strip("_").replace("_", " ")


@contextmanager
def going_on(flood: Flood, port: int) -> Iterator[None]:
    """Repeat a flood from another process until the end of the block; the first is complete."""
    command = [sys.executable, "-m", __name__, str(ALL.index(flood)), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline(), "it ended"
            yield
        finally:
            process.kill()


def _repeat(flood: Flood, port: int) -> None:
    while True:
        with ExitStack() as stack, suppress(OSError):
            flood(port, stack)
            print("once", flush=True)


if __name__ == "__main__":
    _repeat(ALL[int(sys.argv[1])], int(sys.argv[2]))
