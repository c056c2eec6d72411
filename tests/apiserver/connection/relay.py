"""A relay of TCP connections that can be broken: what stands between a program and a server."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread


class Relay:
    """Passes bytes between its own port and another, unless it is broken."""

    def __init__(self, host: str, to: tuple[str, int]) -> None:
        self.address = (host, 0)
        self._to = to
        self._passing = Event()
        self._passing.set()
        self._listener = socket.create_server(self.address)
        self.address = self._listener.getsockname()
        self._open: list[socket.socket] = []
        Thread(target=self._accept, daemon=True).start()

    def break_off(self) -> int:
        """End every connection and refuse new ones; return how many there were."""
        self._passing.clear()
        ended, self._open = self._open, []
        for each in ended:
            _end(each)
        return len(ended) // 2

    def restore(self) -> None:
        """Pass again."""
        self._passing.set()

    def close(self) -> None:
        """End it for good."""
        self.break_off()
        _end(self._listener)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if not self._passing.is_set():
                    _end(near)
                    continue
                far = socket.create_connection(self._to)
                self._open += near, far
                if not self._passing.is_set():  # just before it was known
                    _end(near)
                    _end(far)
                for one, other in ((near, far), (far, near)):
                    Thread(target=_pass, args=(one, other), daemon=True).start()


def _pass(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    _end(source)
    _end(target)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@contextmanager
def relayed(host: str, to: tuple[str, int]) -> Iterator[Relay]:
    """Run a relay to the end of the block."""
    relay = Relay(host, to)
    try:
        yield relay
    finally:
        relay.close()
