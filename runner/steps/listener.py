"""Reads the output of a running command line by line and keeps little of it. Pure."""

import json
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from runner.config.redaction import mask as redaction_mask
from runner.config.redaction.mask import Mask
from runner.steps import damage, trace
from runner.steps.result import RETRYING, Completed
from runner.steps.retries import Retries

_TAIL = 20  # last lines of standard error that are kept for reports, first ones of a hook
_OF_EACH_FILE = {"verbose_status"}  # messages that nobody needs, one a file
# What rclone says of a file of the source, not of the destination.
_OF_SOURCE = re.compile(
    r"failed to open (directory|source object)|error reading source directory"
    r"|source file is being updated|failed to read (directory|symlink|link)"
)
_FOLLOWS = re.compile(r"not deleting (files|directories)|Attempt \d+/\d+ |Failed to \w+ with ")
_CACHE_FAILS = 2  # times in a row
_ATTRIBUTES = re.compile(
    r"incomplete metadata|xattr|extended attribute|llistxattr|lgetxattr", re.IGNORECASE
)
_ARCHIVED = {"scan", "archival"}  # what restic was doing with a file of the source


@dataclass(slots=True)
class Listener:
    """Takes the lines of a running command in; gives a Completed at the end.

    ``hear`` gets the messages instead, and lines that are none as messages of type "text", where
    it is given. ``brief``: it is no JSON and may be endless; of standard output the first lines are
    kept. ``mask`` is for what people get to see: standard error, and all that a hook writes.
    """

    hear: Callable[[dict[str, Any]], None] | None = None
    brief: bool = False
    mask: Mask = redaction_mask.NONE
    messages: list[dict[str, Any]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL))
    cache: str = ""  # restic's folder for it
    crash: str = ""
    unreadable: dict[str, str] = field(default_factory=dict)
    progress: dict[str, Any] = field(default_factory=dict)  # restic's latest status message
    retries: Retries = field(default_factory=Retries)
    of_source: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL))
    other_errors: bool = False
    damaged: list[str] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    cache_fails: list[str] = field(default_factory=list)

    def stdout(self, line: str) -> None:
        """Take a line of standard output; status lines only update ``progress``."""
        if self.brief:
            self.text += [line] if len(self.text) < _TAIL else []
            return
        message = _json(line)
        if isinstance(message, dict) and message.get("message_type") == "status":
            self.progress = message
        elif isinstance(message, dict) and "message_type" in message:
            if self.hear or message["message_type"] not in _OF_EACH_FILE:
                (self.hear or self.messages.append)(message)
        elif self.hear:
            self.hear({"message_type": "text", "text": line})
        else:
            self.text.append(line)

    def stderr(self, line: str, now: float) -> None:
        """Take a line of standard error, JSON or text; ``now`` in seconds of any steady clock."""
        message = _json(line)
        if not isinstance(message, dict):
            said = line.rstrip()
        elif message.get("message_type") == "error" and "error" in message:
            said = self._error(message)
        elif "msg" in message and "level" in message:
            said = self._rclone(message)
        else:
            said = trace.sentence(str(message.get("message", line)))
        for each in said.splitlines():
            self._keep(each)
        said = said.strip()
        if (self.cache and self.cache in said) or "unable to open cache" in said:
            self.cache_fails.append(said)
        self.retries.hear(said, now, is_open=bool(self.progress))

    def _keep(self, line: str) -> None:
        """Keep a line for the report, unless it is part of a stack trace."""
        if trace.is_position(line) and self.tail and trace.is_function(self.tail[-1]):
            self.tail.pop()
        elif line.strip() and not trace.is_rest(line):
            self.tail.append(line.strip())
        if not self.crash and line.startswith(trace.CRASHES):
            self.crash = line.strip()

    def _error(self, message: dict[str, Any]) -> str:
        """Record an error of a file; return what else to report about it."""
        item, why = str(message.get("item", "")), _why(message["error"])
        if message.get("during") in _ARCHIVED:
            # Names are an app's, and may say anything.
            bare = why.replace(item, "") if item.strip("/") else why
            if damage.is_damage(bare):
                if len(self.damaged) < _TAIL:
                    self.damaged.append(why)
                return ""
            if _ATTRIBUTES.search(bare):
                self.attributes.setdefault(item, why)
                return ""
        self.unreadable.setdefault(item, why)
        return ""

    def _rclone(self, message: dict[str, Any]) -> str:
        """Read a line of rclone's log; return the part to keep."""
        said = str(message["msg"]).strip()
        if isinstance(message.get("stats"), dict):
            self.messages[:] = [{"message_type": "stats", **message["stats"]}]
            return ""
        if message["level"] not in {"error", "critical", "fatal"} and "Failed to " not in said:
            return ""
        if _OF_SOURCE.search(said):
            if message.get("object"):
                self.unreadable[str(message["object"])] = said
            self.of_source.append(said)  # says nothing of the destination, which may fail too
            return ""
        if not _FOLLOWS.search(said):
            self.other_errors = True
        return said

    def keeps_retrying(self, limit: float) -> bool:
        """Whether its own words say that it will still be trying after ``limit`` seconds."""
        return self.retries.go_on(limit, is_open=bool(self.progress))

    @property
    def cache_stops_it(self) -> bool:
        """Whether it tries again and again what its cache makes impossible."""
        return len([each for each in self.cache_fails if RETRYING.search(each)]) >= _CACHE_FAILS

    def completed(self, code: int, stopped: str) -> Completed:
        """Return what is known at the end."""
        crash = (self.crash,) if self.crash and self.crash not in self.tail else ()
        first = next(iter(self.attributes.values()), "")
        failed = self.cache_fails and (code or stopped == "cache")
        text = "\n".join(self.text)
        return Completed(
            code=code,
            messages=tuple(self.messages),
            text=self.mask(text) if self.brief else text,
            tail=tuple(map(self.mask.line, (*crash, *(self.tail or self.of_source)))),
            unreadable=tuple(self.unreadable),
            reasons=tuple(map(self.mask.line, self.unreadable.values())),
            read_errors=len(self.unreadable),
            stopped=stopped,
            other_errors=self.other_errors,
            damaged=tuple(map(self.mask.line, self.damaged)),
            attributes=(len(self.attributes), self.mask(first)),
            cache=self.mask(self.cache_fails[-1]) if failed else "",
        )


def _why(error: object) -> str:
    return str(error.get("message", "")) if isinstance(error, dict) else str(error)


def _json(line: str) -> Any:  # noqa: ANN401 -- any JSON value
    if not line.startswith(("{", "[")):
        return None
    try:
        return json.loads(line)
    except ValueError:
        return None
