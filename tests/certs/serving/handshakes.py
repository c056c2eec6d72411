"""Real TLS: handshakes in memory, and a server on loopback."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography import x509

NAME = "backup-webhook.backup.svc"


def client(bundle: bytes) -> ssl.SSLContext:
    """Return a client that trusts ``bundle``, as strict as Python 3.13 is by default."""
    context = ssl.create_default_context(cadata=bundle.decode())
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def shake(server: ssl.SSLContext, trusting: ssl.SSLContext, name: str | None = NAME) -> int:
    """Do one handshake in memory; return the serial number that the server showed."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = trusting.wrap_bio(to_client, to_server, server_hostname=name)
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    pending = [theirs, ours]
    for _ in range(5):
        for side in tuple(pending):
            try:
                side.do_handshake()
                pending.remove(side)
            except ssl.SSLWantReadError:
                pass
    assert not pending
    return _serial(theirs.getpeercert(binary_form=True))


def shown(connection: ssl.SSLSocket) -> int:
    """Return the serial number of the server's certificate on this connection."""
    return _serial(connection.getpeercert(binary_form=True))


@contextmanager
def connected(port: int, trusting: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    """Connect to loopback by the Service's name."""
    with (
        socket.create_connection(("127.0.0.1", port), 60) as plain,
        trusting.wrap_socket(plain, server_hostname=NAME) as connection,
    ):
        yield connection


@contextmanager
def echoing(context: ssl.SSLContext, port: int = 0) -> Iterator[int]:
    """Serve on loopback what is sent to it; give the port."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        thread = threading.Thread(target=_accept, args=(listener, context))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _accept(listener: socket.socket, context: ssl.SSLContext) -> None:
    threads = []
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            break
        threads.append(threading.Thread(target=_echo, args=(plain, context)))
        threads[-1].start()
    for thread in threads:
        thread.join()


def _echo(plain: socket.socket, context: ssl.SSLContext) -> None:
    with plain:
        try:
            with context.wrap_socket(plain, server_side=True) as connection:
                while said := connection.recv(100):
                    connection.sendall(said)
        except OSError:  # a client that did not trust it
            pass


def _serial(certificate: bytes | None) -> int:
    assert certificate is not None
    return x509.load_der_x509_certificate(certificate).serial_number
