"""The runner's log: one JSON object per line on standard output.

Nothing is masked here, because our own words may equal a password; foreign text is masked on input
(`runner.config.redaction.mask`).
"""

import json
import os
import sys
from datetime import UTC, datetime

from contract.text import escaped, printable


class Log:
    """Writes lines, as JSON or as ``text`` for people."""

    def __init__(self, *, text: bool = False) -> None:
        self._text = text

    def line(self, level: str, message: str, **fields: object) -> None:
        """Write one line at ``level`` (debug, info, warning, error)."""
        time = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        if self._text:
            rest = "".join(f" {key}={value}" for key, value in fields.items())
            line = printable(f"{time} {level} {message}{rest}")
        else:
            given = {"time": time, "level": level, "message": message, **fields}
            line = escaped(json.dumps(given, ensure_ascii=False))
        try:
            sys.stdout.write(line.encode("utf-8", "backslashreplace").decode() + "\n")
            sys.stdout.flush()
        except OSError:
            # Who listened is gone (`kubectl exec` lost its connection); the run goes on.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
