"""A TLS handshake with ourselves, as the API server would do it."""

import socket
import ssl

_SECONDS = 2.0
_OURSELVES = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 -- not bound here


def problem(host: str, port: int, name: str, bundle: bytes) -> str:
    """Return why a client that trusts ``bundle`` could not talk to ``name``; empty if it can.

    ``host`` is the address that the server listens on. Blocks for at most a few seconds, so it
    must not run in the server's event loop.
    """
    try:
        context = _client(bundle)
    except (ssl.SSLError, ValueError):
        return "the installed CA bundle is empty or broken"
    try:
        address = (_OURSELVES.get(host, host), port)
        with (
            socket.create_connection(address, _SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=name),
        ):
            return ""
    except ssl.SSLCertVerificationError as error:
        return f"handshake as {name}: {error.verify_message}"
    except OSError as error:  # ssl.SSLError is one too
        reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
        return f"handshake as {name}: {reason}"


def _client(bundle: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies certificate and name
    # What Go, and with it the API server, does too: whatever is in the bundle is trusted, be it
    # self-signed or not; and certificates that lack key identifiers are good.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=bundle.decode("ascii", "ignore"))  # comments
    return context
