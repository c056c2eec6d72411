"""The result of a finished command, and the meaning of its exit code and output. Pure."""

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any

from contract import exit_codes
from contract.annotations import values
from runner.config.redaction.mask import heard
from runner.steps import damage, failure_patterns, trace
from runner.steps.outcome import Failure

RETRYING = re.compile(r"returned error, retrying after ((?:[0-9.]+(?:h|ms|m|s))+)")

# restic's exit codes; from what it writes where the code says only "failed".
# Those of 2 to 8 are rclone's: usage, missing source, temporary, fatal and so on.
_BY_CODE = {
    exit_codes.NO_REPOSITORY: Failure.CONFIG,
    exit_codes.LOCKED: Failure.LOCKED,
    exit_codes.WRONG_PASSWORD: Failure.AUTH,
    -9: Failure.MEMORY,
}
_MEND = {
    "repository does not exist": "; check its address in the Secret",
    "wrong password or no key found": "; check its password in the Secret",
    "file too large": f"; no file of the sidecar may exceed {values.SCRATCH_BOUND}",
}
_BY_RCLONE = "error talking HTTP to rclone"
_OF_RCLONE = re.compile(r"rclone: .*?(?:CRITICAL|ERROR) *: (.+)")
_RCLONES = {2: Failure.CONFIG, 5: Failure.NETWORK}  # where its words say nothing
_WHY_STOPPED = {
    "time": "it took too long and was stopped",
    "space": f"it used more than the sidecar's {values.SCRATCH_BOUND} of disk for cache and "
    f"scratch and was stopped; hooks must not write large files below TMPDIR",
    "memory": "stopped before the container's memory ran out: raise backup.memory-limit",
}
_NOT_REMOVED = re.compile(r"remove\(<\w+/\w+>\) failed:.*(?:403|forbidden|access ?denied)")
_WRONG_KEY = re.compile(r"config or key ([0-9a-f]+) is damaged")
_TORN_LOCK = re.compile(r"invalid lock file|<lock/[0-9a-f]*>.*invalid data")
# What a server says of keys, buckets and room, it says again.
FINAL = {Failure.AUTH, Failure.CONFIG, Failure.SPACE}


@dataclass(frozen=True, slots=True)
class Completed:
    """A finished command. ``stopped`` says why we ended it: "", "signal", "retrying", "time",
    "memory" or "space". What other programs wrote is masked, and remembers what it was: what
    decides by words of it asks `heard`. ``reasons`` say why, for each of ``unreadable``;
    ``other_errors``: rclone's, not about files of the source. ``seconds``: how long it took.
    ``damaged`` are lines about the repository, met while files were backed up; ``attributes``:
    how many files are saved without some of their extended attributes, and the first reason.
    ``cache``: why the cache stopped it.
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
    damaged: tuple[str, ...] = ()
    attributes: tuple[int, str] = (0, "")
    cache: str = ""
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
        if self.stopped == "space":
            return Failure.SPACE
        if self.damaged:
            return Failure.REPOSITORY
        worded = failure_patterns.meaning(self._heard) or _RCLONES.get(self.code)
        return worded or (Failure.NETWORK if self.stopped == "retrying" else Failure.RESTIC)

    @property
    def no_repository(self) -> bool:
        """Whether restic proved that there is no repository where it looked."""
        return self.code == exit_codes.NO_REPOSITORY and not self.stopped

    @property
    def locked(self) -> bool:
        """Whether another process holds a lock that kept it from its work."""
        return self.code == exit_codes.LOCKED and not self.stopped

    @property
    def wrong_password(self) -> bool:
        """Whether the repository is there, and this password opens it not."""
        old = self.code == 1 and "wrong password or no key found" in self._heard
        return (self.code == exit_codes.WRONG_PASSWORD or old) and not self.stopped

    @property
    def torn_lock(self) -> bool:
        """Whether a lock that cannot be read kept it from its work; no other lock can be taken."""
        said = any(_TORN_LOCK.search(heard(line)) for line in self.tail)
        return bool(self.code) and not self.stopped and said

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
        retried = [line for line in self.tail if RETRYING.search(heard(line))]
        if retried and self.stopped == "retrying":
            answer = retried[-1].rpartition(": ")[2]
            return answer if self.failure in FINAL else f"still no answer: {answer}"
        how = f"killed by signal {-self.code}" if self.code < 0 else f"exit status {self.code}"
        line = self._reason or how
        if _BY_RCLONE in heard(line):  # restic only knows that rclone has ended
            said = (found for each in self.tail if (found := _OF_RCLONE.match(each)))
            line = next((found[1] for found in said), line)
        mend = "".join(hint for words, hint in _MEND.items() if words in heard(line))
        if self.failure == Failure.REPOSITORY:
            mend = f"; {damage.cure((*self.damaged, *self.tail))}"
        return re.sub(r"^(Fatal: )+", "", line).strip() + mend

    @property
    def _reason(self) -> str:
        crashes = [line for line in self.tail if heard(line).startswith(trace.CRASHES)]
        fatal = [line for line in self.tail if heard(line).startswith("Fatal:")]
        if crashes:
            return crashes[0]
        # What is damaged comes first; how many errors there were, at the end.
        damaged = damage.first((*self.damaged, *self.tail))
        if damaged and self.failure == Failure.REPOSITORY:
            return damaged
        return (fatal or self.tail or ("",))[-1]


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
    """Return restic's message about a snapshot missing in its list; "" if it is complete.

    It may be damaged, or another process removed it meanwhile.
    """
    return next((line for line in done.tail if heard(line).startswith("Ignoring ")), "")
