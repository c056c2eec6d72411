"""Classifies error messages of database clients. Pure."""

import re

from runner.steps.outcome import Failure

_BY_WORDS = {
    # Of a user who could log in, and may not do or see what a whole dump needs.
    Failure.DUMP: r"noperm|permission denied (for|to) |row-level security|command denied to user"
    r"|access denied; you need|insufficient privileges|access denied for user .* to database"
    r"|must be (superuser|owner)",
    Failure.AUTH: r"password authentication failed|no password supplied|access denied|noauth"
    r"|wrongpass|permission denied|no pg_hba\.conf entry|role .* does not exist"
    r"|authentication plugin|failed: fatal: .*authentication",
    Failure.CONFIG: r"database .* does not exist|unknown database|version mismatch|cannot be"
    r" started|ssl is required|could not be loaded|unknown (option|variable)"
    r"|unrecognized option|invalid port",
    Failure.NETWORK: r"could not connect|connection refused|can't connect|lost connection"
    r"|gone away|server closed the connection|terminating connection|could not translate host"
    r"|timed? ?out|is (starting up|shutting down)|connection to server .* failed|no route to host"
    r"|connection reset|error reading|i/o error|could not receive data|server has closed|eof"
    r"|no connection to the server|is loading",
}  # fmt: skip


def failure(said: str) -> Failure:
    """Return the failure class of a client's message; ``source`` if no pattern matches."""
    for each, words in _BY_WORDS.items():
        if re.search(words, said, re.IGNORECASE):
            return each
    return Failure.SOURCE


def needs_tls(said: str) -> bool:
    """Whether redis-cli was cut off as by a server that waits for TLS."""
    words = r"server closed the connection|connection reset|i/o error|eof|protocol error"
    return re.search(words, said, re.IGNORECASE) is not None
