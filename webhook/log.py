"""The webhook's log: one JSON object per line on standard error, including uvicorn's lines."""

import logging
from datetime import UTC, datetime
from typing import Any

import orjson

from contract.text import escaped

DECISIONS = logging.getLogger("webhook")


class JsonFormatter(logging.Formatter):
    """One JSON object a record: its time, level, message and fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return escaped(orjson.dumps(line, default=str).decode())


def configure() -> None:
    """Send every logger of this process through one handler."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)  # probes would fill the log
