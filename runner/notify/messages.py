"""Notifications: when to send one, and its text. Pure."""

import base64
import shlex
from dataclasses import dataclass
from typing import Any

from contract.text import printable
from runner.config.model import Config
from runner.config.notifiers import Ntfy
from runner.state.model import Last, News, State
from runner.steps.outcome import Status

_NTFY_BYTES = 4000  # beyond 4095, ntfy makes an attachment of a message or refuses it
_SAY_AGAIN = 24 * 3600  # seconds after which a persistent problem is reported again
_LOGS = "kubectl -n {} logs -l app.kubernetes.io/component=maintenance --tail=50"
_LOW, _USUAL = 2, 3  # of ntfy's priorities


@dataclass(frozen=True, slots=True)
class Message:
    """A notification. ``kind``: "failure", "warning", "success" or "info"."""

    kind: str
    title: str
    text: str


def worth_telling(state: State, receiver: str, now: float) -> bool:
    """Whether the last run is news to a receiver: a trouble that began, changed or lasts, or a
    recovery.
    """
    if state.runs.last is None or state.runs.last.status in {Status.SKIPPED, Status.INTERRUPTED}:
        return False
    known = state.reports.notified.get(receiver)
    if known is None or state.runs.last.status == Status.SUCCESS:
        return (known is None) != (state.runs.last.status == Status.SUCCESS)
    return _trouble(state.runs.last) != known.trouble or now - known.at > _SAY_AGAIN


def told(state: State, receiver: str, now: float) -> None:
    """Note that the last run's notification was delivered to a receiver."""
    if state.runs.last is None or state.runs.last.status == Status.SUCCESS:
        state.reports.notified.pop(receiver, None)
    else:
        state.reports.notified[receiver] = News(_trouble(state.runs.last), now)


def _trouble(last: Last) -> str:
    return f"{last.status}/{last.failure}"


def news(config: Config, last: Last, *, maintains: bool = False) -> Message:
    """Return the notification about the last run, of backups or of the maintenance job."""
    subject = f"{config.identity.namespace}/{config.identity.host}"
    recovered = last.status == Status.SUCCESS
    kind = "" if last.failure is None else f" ({last.failure})"
    word = "recovered" if recovered else last.status
    what = "maintenance" if maintains else "backup"
    # A newline in it, such as in a file's name, would begin a line that nobody wrote.
    text = printable(f"{subject}: {what} {word}{kind}: {last.message}")
    if last.status == Status.FAILURE:
        line = "backup-runner status, in container backup of the pod"
        logs = _LOGS.format(shlex.quote(config.identity.namespace))
        text += f"\nNext: {printable(logs if maintains else line)}"
    title = printable(f"{what.capitalize()} {word}: {subject}")
    return Message(last.status, title, _cut(text, _NTFY_BYTES))


def ntfy(to: Ntfy, message: Message, title: str) -> dict[str, Any]:
    """Return the JSON message for ntfy; ``title`` is NTFY_TITLE with its commands replaced."""
    priority, tags = {
        "success": (_USUAL, ["white_check_mark"]),
        "info": (_LOW, ["package"]),
    }.get(message.kind, (to.priority, list(to.tags)))
    trouble = message.kind in {Status.FAILURE, Status.WARNING}
    return {
        "topic": to.topic,
        "title": printable(title) if title and trouble else message.title,
        "message": message.text,
        "priority": priority,
        "tags": tags,
    }


def _cut(text: str, size: int) -> str:
    return text.encode("utf-8", "replace")[:size].decode("utf-8", "ignore")


def credentials(text: str) -> str:
    """Return the Authorization header for NTFY_CREDS: curl's ``-u user:password``, or a token."""
    word = text.removeprefix("-u").removeprefix("--user").strip().strip("'\"")
    if not word:
        return ""
    if ":" not in word:
        return f"Bearer {word}"
    return "Basic " + base64.b64encode(word.encode()).decode()
