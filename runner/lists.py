"""Lists that restic answers with, as JSON arrays. Pure."""

import json
from dataclasses import replace
from typing import Any

from runner.masking import heard
from runner.output import Completed


def answered(done: Completed) -> Completed:
    """Return a list as it is, or as a failure where nothing came: that is no empty list.

    restic says that there is nothing by ``[]``, or ``null``; one that was cut short says nothing.
    """
    try:
        value = json.loads(done.text)
    except ValueError:
        value = ""
    if done.code or done.stopped or value is None or isinstance(value, list):
        return done
    line = "restic listed nothing, not even an empty list"
    return replace(done, code=1, tail=(*done.tail, f"Fatal: {line}"))


def unread(done: Completed) -> str:
    """Return what restic says of a snapshot that it left out of its list; "" where it has all.

    It may be damaged, or was removed by somebody else meanwhile.
    """
    return next((line for line in done.tail if heard(line).startswith("Ignoring ")), "")


def array(text: str) -> list[dict[str, Any]]:
    """Return the objects of a JSON array; none where the text is no such thing."""
    try:
        value = json.loads(text or "[]")
    except ValueError:
        return []
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
