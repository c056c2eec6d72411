"""The server's SSLContext, whose leaf can be replaced while it serves."""

import os
import ssl
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from certs.authority import BrokenError, Leaf

Prepare = Callable[[ssl.SSLContext], None]


class Front:
    """One context for the server's whole life; each new connection gets the newest leaf.

    ``load_cert_chain`` on a context in use is not safe: it replaces the certificate first and the
    key a moment later, without the interpreter's lock. Handshakes in between fail with
    NO_SHARED_CIPHER (5 % of them at 20 swaps a second), and at 1,000 swaps a second OpenSSL reads
    freed memory. So each leaf gets a context of its own that is never changed, and a handshake
    picks the newest: that is one assignment. Connections that stand keep what they began with.

    ``prepare`` is called with each context before it is used, this one too: what it requires of
    clients has to be in both, for a handshake verifies by the newest what the first one asks for.
    """

    def __init__(self, prepare: Prepare = lambda _: None) -> None:
        self._prepare = prepare
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        prepare(self.context)
        self._newest: ssl.SSLContext | None = None
        # Called for every handshake, also where the client names no server (the kubelet's probes).
        self.context.sni_callback = self._choose

    def use(self, leaf: Leaf) -> None:
        """Show ``leaf`` from now on; raise BrokenError, and change nothing, if it cannot be."""
        made = _context(leaf)
        self._prepare(made)
        self._newest = made

    def _choose(
        self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext
    ) -> int | None:
        if self._newest is None:
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        connection.context = self._newest
        return None


def _context(leaf: Leaf) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with _file(leaf.key.rstrip() + b"\n" + leaf.chain) as path:
        try:
            # An empty password: OpenSSL would ask for that of an encrypted key on the terminal.
            context.load_cert_chain(path, password="")
        except (ssl.SSLError, ValueError) as error:
            reason = getattr(error, "reason", None) or "no usable certificate and key"
            raise BrokenError(f"certificate and key do not load: {reason}") from None
    return context


@contextmanager
def _file(text: bytes) -> Iterator[str]:
    """Yield the path of a file that contains ``text`` while the block runs.

    Python's ssl takes certificates from files only. This one is memory that has a path only
    inside this process: the key reaches no disk, and a read-only root file system is no problem.
    """
    if sys.platform == "linux":
        descriptor = os.memfd_create("leaf", os.MFD_CLOEXEC)
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(text)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
    else:  # a developer's machine: readable by this user only, and gone after the block
        with tempfile.NamedTemporaryFile() as named:
            named.write(text)
            named.flush()
            yield named.name
