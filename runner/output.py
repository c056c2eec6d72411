"""What a finished command said, and what its exit code and words mean. Pure."""

import json
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from runner import masking, words
from runner.masking import Mask, heard
from runner.outcome import Failure

_TAIL = 20  # last lines of standard error that are kept for reports, first ones of a hook
_RETRYING = re.compile(r"returned error, retrying after ((?:[0-9.]+(?:h|ms|m|s))+)")
_DURATION = re.compile(r"([0-9.]+)(h|ms|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_CRASH = ("fatal error: ", "runtime: out of memory")  # of Go; a hundred lines of trace follow
_SUCCEEDED = "operation successful after"
_OPENING = re.compile(r"[<(](config|key|lock|index|snapshot)\b")  # files read before any data

# restic's exit codes; from what it writes where the code says only "failed".
# Those of 2 to 8 are rclone's: usage, missing source, temporary, fatal and so on.
_NO_REPOSITORY = 10
_BY_CODE = {
    _NO_REPOSITORY: Failure.CONFIG,
    11: Failure.LOCKED,
    12: Failure.AUTH,
    -9: Failure.MEMORY,
}
_MEND = {
    "repository does not exist": "; is its address in the Secret right?",
    "wrong password or no key found": "; is its password in the Secret right?",
}
_RCLONES = {2: Failure.CONFIG, 5: Failure.NETWORK}  # where its words say nothing
# What rclone says of a file of the source, not of the destination.
_OF_SOURCE = re.compile(
    r"failed to open (directory|source object)|error reading source directory"
    r"|source file is being updated|failed to read (directory|symlink|link)"
)
_BY_RCLONE = "error talking HTTP to rclone"
_OF_RCLONE = re.compile(r"rclone: .*?(?:CRITICAL|ERROR) *: (.+)")
_FOLLOWS = re.compile(r"not deleting (files|directories)|Attempt \d+/\d+ |Failed to \w+ with ")
_WHY_STOPPED = {
    "time": "it took too long and was stopped",
    "memory": "stopped before the container's memory ran out: raise backup.memory-limit",
}
_NOT_REMOVED = re.compile(r"remove\(<\w+/\w+>\) failed:.*(?:403|forbidden|access ?denied)")
_WRONG_KEY = re.compile(r"config or key ([0-9a-f]+) is damaged")
_FINAL = {Failure.AUTH, Failure.CONFIG}  # what a server says of keys and buckets, it says again
_HEARD_ENOUGH = 2  # times, where a first one may come of a gateway that starts
_REFUSED_FOR_GOOD = 4  # times in a row for one file, in about seven seconds


@dataclass(frozen=True, slots=True)
class Completed:
    """A finished command. ``stopped`` says why we ended it: "", "signal", "retrying",
    "time" or "memory". ``tail`` and ``reasons`` are masked, and remember what they were: what
    decides by words goes through `heard`. ``reasons`` say why, for each of ``unreadable``;
    ``other_errors``: rclone's, not about files of the source. ``seconds``: how long it took.
    """

    code: int
    messages: tuple[dict[str, Any], ...] = ()
    text: str = ""
    tail: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    read_errors: int = 0
    stopped: str = ""
    other_errors: bool = False
    seconds: float = field(default=0, compare=False)

    def message(self, kind: str) -> dict[str, Any]:
        """Return the last JSON message of this type, empty if there was none."""
        found = [message for message in self.messages if message.get("message_type") == kind]
        return found[-1] if found else {}

    @property
    def failure(self) -> Failure:
        """The class of a failed command; an unknown code is a failure of restic."""
        if self.code in _BY_CODE and not self.stopped:
            return _BY_CODE[self.code]
        if self.stopped == "memory":
            return Failure.MEMORY
        worded = words.meaning(self._heard) or _RCLONES.get(self.code)
        return worded or (Failure.NETWORK if self.stopped == "retrying" else Failure.RESTIC)

    @property
    def no_repository(self) -> bool:
        """Whether restic proved that there is no repository where it looked."""
        return self.code == _NO_REPOSITORY and not self.stopped

    @property
    def wrong_password(self) -> bool:
        """Whether the repository is there, and this password opens it not."""
        old = self.code == 1 and "wrong password or no key found" in self._heard
        return (self.code == 12 or old) and not self.stopped

    @property
    def must_not_delete(self) -> bool:
        """Whether the repository refused to remove something: it is append-only."""
        return _NOT_REMOVED.search(self._heard.lower()) is not None

    @property
    def wrong_key(self) -> str:
        """The id of the key that fits the password and opens nothing; "" where that is not it."""
        match = _WRONG_KEY.search(self._heard)
        return match[1] if match and self.code and not self.stopped else ""

    @property
    def was_begun(self) -> bool:
        """Whether a repository could not be created because another was begun in its place."""
        said = ("already contains keys", "config file already exists")
        return bool(self.code) and any(words in self._heard for words in said)

    @property
    def _heard(self) -> str:
        return "\n".join(map(heard, self.tail))

    @property
    def said(self) -> str:
        """The most telling line of what it wrote to standard error."""
        if self.stopped in _WHY_STOPPED:
            return _WHY_STOPPED[self.stopped]
        retried = [line for line in self.tail if _RETRYING.search(heard(line))]
        if retried and self.stopped == "retrying":
            answer = retried[-1].rpartition(": ")[2]
            return answer if self.failure in _FINAL else f"still no answer: {answer}"
        fatal = [line for line in self.tail if heard(line).startswith(("Fatal:", *_CRASH))]
        how = f"killed by signal {-self.code}" if self.code < 0 else f"exit status {self.code}"
        line = (fatal or self.tail or (how,))[-1]
        if _BY_RCLONE in heard(line):  # restic only knows that rclone has ended
            said = (m for each in self.tail if (m := _OF_RCLONE.match(each)))
            line = next((m[1] for m in said), line)
        mend = "".join(hint for words, hint in _MEND.items() if words in heard(line))
        return re.sub(r"^(Fatal: )+", "", line).strip() + mend


@dataclass(slots=True)
class Listener:
    """Takes the lines of a running command in; gives a Completed at the end.

    ``hear`` gets the messages instead, and lines that are none as messages of type "text", where
    it is given. ``brief``: it is no JSON and may be
    endless; of standard output the first lines are kept. ``mask`` is for what people get to see:
    standard error, and all that a hook writes.
    """

    hear: Callable[[dict[str, Any]], None] | None = None
    brief: bool = False
    mask: Mask = masking.NONE
    messages: list[dict[str, Any]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL))
    crash: str = ""
    unreadable: dict[str, str] = field(default_factory=dict)
    progress: dict[str, Any] = field(default_factory=dict)
    first_retry: float | None = None  # of opening the repository
    gives_up_at: float | None = None
    of_source: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL))
    other_errors: bool = False
    refused: int = 0  # how often the server said what it will say again, of opening
    refusals: dict[str, int] = field(default_factory=dict)  # likewise, of each file

    def stdout(self, line: str) -> None:
        """Take a line of standard output; status lines only update ``progress``."""
        if self.brief:
            self.text += [line] if len(self.text) < _TAIL else []
            return
        message = _json(line)
        if isinstance(message, dict) and message.get("message_type") == "status":
            self.progress = message
        elif isinstance(message, dict) and "message_type" in message:
            (self.hear or self.messages.append)(message)
        elif self.hear:
            self.hear({"message_type": "text", "text": line})
        else:
            self.text.append(line)

    def stderr(self, line: str, now: float) -> None:
        """Take a line of standard error, JSON or text; ``now`` in seconds of any steady clock."""
        message = _json(line)
        if not isinstance(message, dict):
            said = line.strip()
        elif message.get("message_type") == "error":
            self.unreadable.setdefault(str(message.get("item", "")), _why(message.get("error")))
            said = ""
        elif "msg" in message and "level" in message:
            said = self._rclone(message)
        else:
            said = str(message.get("message", line))
        self.tail.extend(filter(None, said.splitlines()))
        if said.startswith(_CRASH):
            self.crash = said
        if _SUCCEEDED in said:
            self.first_retry = None
            self.refusals.clear()
        match = _RETRYING.search(said)
        if match and words.meaning(said.rpartition(": ")[2]) in _FINAL:
            what = said[: match.start()]  # such as Save(<data/70282ea467>)
            self.refusals[what] = self.refusals.get(what, 0) + 1
        if match and _OPENING.search(said) and not self.progress:
            self.first_retry = now if self.first_retry is None else self.first_retry
            pause = sum(float(n) * _UNITS[unit] for n, unit in _DURATION.findall(match[1]))
            self.gives_up_at = now + pause
            self.refused += words.meaning(said) in _FINAL

    def _rclone(self, message: dict[str, Any]) -> str:
        """Take a line of rclone's log; return what of it is worth keeping."""
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
        if max(self.refusals.values(), default=0) >= _REFUSED_FOR_GOOD:
            return True
        if self.first_retry is None or self.gives_up_at is None or self.progress:
            return False  # once data is read, the repository is open; the rest is restic's matter
        return self.refused >= _HEARD_ENOUGH or self.gives_up_at - self.first_retry > limit

    def completed(self, code: int, stopped: str) -> Completed:
        """Return what is known at the end."""
        crash = (self.crash,) if self.crash and self.crash not in self.tail else ()
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
