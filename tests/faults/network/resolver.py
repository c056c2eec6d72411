"""A name server on loopback that says what it is told to, or nothing at all."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HEADER = 12  # bytes
_SERVER_FAILED, _FOUND = b"\x81\x82", b"\x81\x80"
_A = b"\x00\x01"  # the kind of record that holds an address
_LOOPBACK = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x7f\x00\x00\x01"


class Resolver:
    """``says``: "nothing", "failed", or "loopback", which is then every host's address."""

    def __init__(self, folder: Path, address: str) -> None:
        self.says = "loopback"
        self.asked = 0
        self._file = folder / "resolv.conf"
        self._file.write_text(f"nameserver {address}\n")

    def argv(self, *command: str) -> tuple[str, ...]:
        """Return how a command is run that knows no other name server."""
        script = 'mount --bind "$1" /etc/resolv.conf; shift; exec "$@"'
        return ("unshare", "-m", "sh", "-ec", script, "sh", str(self._file), *command)

    def answer(self, asked: bytes) -> bytes:
        """Return the answer to a question, empty for none."""
        self.asked += 1
        end = asked.index(b"\0", _HEADER) + 5
        question = asked[_HEADER:end]
        has_one = self.says == "loopback" and question[-4:-2] == _A
        flags = _SERVER_FAILED if self.says == "failed" else _FOUND
        counts = b"\0\1" + (b"\0\1" if has_one else b"\0\0") + b"\0\0\0\0"
        said = asked[:2] + flags + counts + question + (_LOOPBACK if has_one else b"")
        return b"" if self.says == "nothing" else said


@contextmanager
def serve(folder: Path) -> Iterator[Resolver]:
    """Run a resolver until the end of the block; this needs root."""
    # resolv.conf names no port: tests that run at the same time have addresses of their own.
    address = ".".join(map(str, (127, *(1 + byte % 254 for byte in os.urandom(3)))))
    resolver = Resolver(folder, address)
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind((address, 53))

        def answer() -> None:
            while (got := server.recvfrom(1 << 12))[0]:
                if said := resolver.answer(got[0]):
                    server.sendto(said, got[1])

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield resolver
        finally:
            server.sendto(b"", (address, 53))
            thread.join()
