"""Each line of the log is one JSON object, whoever writes it."""

import json
import subprocess
import sys
from datetime import datetime

# In a process of its own: it takes over the root logger.
_PROGRAM = """
import logging
from webhook import log
log.configure()
log.DECISIONS.info("admission", extra={"fields": {"uid": "u", "warnings": ("a\\nb", "ü")}})
logging.getLogger("uvicorn.error").warning("port %s is busy", 8443)
logging.getLogger("uvicorn.access").info("GET /healthz 200")
log.DECISIONS.debug("not of interest")
try:
    raise ValueError("two\\nlines")
except ValueError:
    log.DECISIONS.exception("internal error")
"""


def test_every_line_is_one_json_object_on_standard_error() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=60, check=True
    )
    decision, server, failure = [json.loads(line) for line in ended.stderr.splitlines()]

    assert ended.stdout == ""
    for line in (decision, server, failure):
        assert datetime.fromisoformat(line.pop("time")).utcoffset() is not None
    assert decision == {
        "level": "info",
        "message": "admission",
        "uid": "u",
        "warnings": ["a\nb", "ü"],
    }
    assert server == {"level": "warning", "message": "port 8443 is busy"}
    assert (failure["level"], failure["message"]) == ("error", "internal error")
    assert "ValueError: two\nlines" in failure["exception"]
