"""What the init container that restores volumes reports, and how to fix it. Pure."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from contract.secret import required_keys
from kubectl_backup.output import formats

_AGAIN = re.compile(r"; tried again in (\d+) s, until then the pod does not start$")
_TEXT_LINE = re.compile(r"(\S+Z) (debug|info|warning|error) (.*)", re.DOTALL)
_FIELDS = re.compile(r" failure=(\w+)(?: next=(\S+))?$")
_PROGRESS = ": restoring from "
_ANOTHER_POD = "waiting for the pod that restores it"
_BY_WORDS = {
    "source": r"^/\S+: (permission denied|operation not permitted|read-only file system"
              r"|input/output error)|one is required|there is no volume below",
    "space": r"no space left|quota|insufficient storage",
    "memory": r"out of memory|cannot allocate memory|oomkilled",
    "config": rf"{required_keys.NOT_SET}|cannot be understood|there is no snapshot|two begin so"
              r"|commands of the secret do not run here"
              r"|empty password|more than one workload|only backup\.engine"
              r"|bucket does not exist|nosuchbucket",
    "auth": r"wrong password|no key found|access ?denied|forbidden|unauthorized|credentials"
            r"|access key|signature|permission denied|authenticat",
    "locked": r"already locked|is locked",
    "repository": r"does not exist in index|ciphertext verification|invalid data returned",
    "network": r"refused|reset|no such host|time-?out|timed out|unreachable|dial tcp|tls|x509"
               r"|does not answer|no route|deadline|50[0-4] ",
    "internal": r"^internal error",
}  # fmt: skip
_READ_ONLY = re.compile(
    r"permission denied|operation not permitted|read-only file system", re.IGNORECASE
)
_CURES = {
    "auth": "put the right password and credentials into the Secret",
    "network": "check the repository's address, DNS and NetworkPolicies from this pod, and whether "
               "its server is up",
    "config": "correct what the message names, in the Secret or on the pod template",
    "locked": "wait until the other run in the repository ends; if there is none, remove the stale "
              "lock with `kubectl backup unlock` in a running pod",
    "space": "free space where the message says, or use a larger volume",
    "memory": "raise backup.memory-limit on the pod template",
    "source": "check the volume that the message names",
    "repository": "the repository is damaged: see docs/disaster.md before anything else",
}  # fmt: skip
_REQUIRED = (
    "check that backup.name, namespace and cluster name match those of the backups; to start with "
    "an empty volume set backup.restore: if-empty on the pod template"
)
_ALLOW = (
    "put the value itself into the Secret, or name the variable in backup.restore-commands on the "
    "pod template"
)
_SPECIAL = (
    ("one is required", _REQUIRED),
    ("there is no snapshot", "correct backup.restore-as-of or -from on the pod template"),
    ("two begin so", "write more digits of the id in backup.restore-as-of"),
    ("more than one workload", "name one: backup.restore-from: NAMESPACE/HOST on the pod template"),
    ("cannot be understood", "correct the annotation backup.restore… on the pod template"),
    ("only backup.engine", "remove backup.restore from the pod template and copy the mirror back"),
    ("commands of the Secret do not run here", _ALLOW),
    (required_keys.NOT_SET, "add the key to the Secret"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """The last message of the init container. ``failure`` is a class, "" if nothing failed;
    ``next_try`` is in epoch seconds."""

    message: str = ""
    failure: str = ""
    next_try: float | None = None
    is_at_work: bool = False
    """Files are being restored, by another pod if ``is_waiting``."""
    is_waiting: bool = False


def heard(lines: Iterable[bytes]) -> Said | None:
    """Return the last message about the restore in these lines of its log, or None.

    A failure counts until files of a snapshot are being restored.
    """
    said: Said | None = None
    for line in lines:
        level, message, fields, time = _parsed(line.decode("utf-8", "replace").strip())
        if level == "error":
            said = _failed(message, fields, time)
        elif _PROGRESS in message:
            said = Said(message, is_at_work=True)
        elif _ANOTHER_POD in message:
            said = Said(message, is_at_work=True, is_waiting=True)
        elif message and (said is None or not said.failure):
            said = Said(message)
    return said


def ended(message: str) -> Said | None:
    """Return the content of a termination message: a line of the runner, or the end of its log."""
    lines = [line for line in message.splitlines() if line.strip()]
    if not lines:
        return None
    if any(_parsed(line)[0] for line in lines):
        return heard(line.encode() for line in lines)
    return _failed(" ".join(lines), {}, None)


def cure(said: Said) -> str:
    """Return the next step; "" if there is nothing to do but wait."""
    if said.is_waiting or not said.failure:
        return ""
    for words, remedy in _SPECIAL:
        if words in said.message:
            return remedy
    if said.failure == "source" and _READ_ONLY.search(said.message):
        return ("let the restore write to the volume: a writable mount, and backup.run-as (or "
                "fsGroup) of the files' owner on the pod template")  # fmt: skip
    return _CURES.get(said.failure, "")


def killed(reason: str, code: object) -> Said:
    """Return what is known of a container that ended without a message."""
    if reason == "OOMKilled":
        return Said("it ran out of memory (OOMKilled)", "memory")
    return Said(f"it ended without a message: {reason or 'Error'}, exit status {code}", "internal")


def _parsed(line: str) -> tuple[str, str, dict[str, Any], float | None]:
    """Return level, message, fields and time of a line; level is "" if it is not of the runner."""
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if isinstance(found, dict):
        message = str(found.get("message", ""))
        return str(found.get("level", "")), message, found, formats.moment(found.get("time"))
    if match := _TEXT_LINE.fullmatch(line):
        message, fields = match[3], {}
        if given := _FIELDS.search(message):
            message = message[: given.start()]
            fields = {"failure": given[1], "next": given[2]}
        return match[2], message, fields, formats.moment(match[1])
    return "", "", {}, None


def _failed(message: str, fields: dict[str, Any], time: float | None) -> Said:
    again = _AGAIN.search(message)
    why = formats.plain(_AGAIN.sub("", message))
    next_try = formats.moment(fields.get("next"))
    if next_try is None and again and time is not None:
        next_try = time + int(again[1])
    given = fields.get("failure")
    named = isinstance(given, str) and given not in {"", "None"}
    return replace(Said(why), failure=str(given) if named else _meant(why), next_try=next_try)


def _meant(message: str) -> str:
    """Return the failure class of a message without one: from older sidecars and terminations."""
    for failure, pattern in _BY_WORDS.items():
        if re.search(pattern, message, re.IGNORECASE):
            return failure
    return "restic"
