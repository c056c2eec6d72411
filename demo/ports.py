"""Ports of this machine for servers that are started next."""

import atexit
import secrets
import socket

_FIRST, _PORTS = 20_000, 10_000
"""Below the kernel's ephemeral ports and NodePorts."""


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port where nobody listens, and which no other process that asks so is given."""
    while True:
        port = _FIRST + secrets.randbelow(_PORTS)
        claim = socket.socket(type=socket.SOCK_DGRAM)  # servers here listen to streams
        try:
            claim.bind((host, port))
            socket.create_server((host, port)).close()
        except OSError:
            claim.close()
            continue
        atexit.register(claim.close)  # held until this process ends: a server may take its time
        return port
