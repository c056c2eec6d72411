"""The runner's log: one JSON object a line on standard output, no secret ever."""

import json
import os
import sys
from datetime import UTC, datetime
from typing import Any


class Log:
    """Writes lines; every text in ``masked`` becomes stars, wherever it stands."""

    def __init__(self, masked: tuple[str, ...] = (), *, text: bool = False) -> None:
        self._masked = masked
        self._text = text

    def line(self, level: str, message: str, **fields: object) -> None:
        """Write one line at ``level`` (debug, info, warning, error)."""
        time = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        if self._text:
            rest = "".join(f" {key}={value}" for key, value in fields.items())
            line = f"{time} {level} {self.mask(message + rest)}"
        else:
            masked = self.masked({"message": message, **fields})
            line = json.dumps({"time": time, "level": level, **masked}, ensure_ascii=False)
        try:
            sys.stdout.write(line.encode("utf-8", "backslashreplace").decode() + "\n")
            sys.stdout.flush()
        except OSError:
            # Who listened is gone (`kubectl exec` lost its connection); the run goes on.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def mask(self, text: str) -> str:
        """Return ``text`` without any secret."""
        for secret in self._masked:
            text = text.replace(secret, "***")
        return text

    def masked(self, value: Any) -> Any:  # noqa: ANN401 -- any JSON value
        """Return a JSON value whose texts hold no secret; keys are ours."""
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, dict):
            return {key: self.masked(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.masked(item) for item in value]
        return value
