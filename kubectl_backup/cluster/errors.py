"""How the cluster says no, and what then is the next step. Pure."""

import json

from contract import exit_codes

_RESTIC = {
    exit_codes.NO_REPOSITORY: (
        "there is no repository yet; `kubectl backup now` makes the first backup"
    ),
    exit_codes.LOCKED: "the repository is locked; if nobody is at work: `kubectl backup unlock`",
    exit_codes.WRONG_PASSWORD: (
        "the repository's password in the Secret is wrong; see `kubectl backup doctor`"
    ),
}


class ClusterError(Exception):
    """The cluster cannot be asked, or says no; the text is one line that names the next step."""


class NotFoundError(ClusterError):
    """There is no such object."""


class DeniedError(ClusterError):
    """Whoever asks may not."""


class ConflictError(ClusterError):
    """It is there already, has changed meanwhile, or must not be disturbed now."""


def of_restic(command: str, code: int, said: str) -> str:
    """Return why restic failed, and the next step; ``said`` is the last line of its errors."""
    if code in _RESTIC:
        return _RESTIC[code]
    return (
        f"restic {command}: {said or f'status {code}'}; `kubectl backup doctor` may find the cause"
    )


def refused(method: str, path: str, status: int, body: bytes) -> ClusterError:
    """Return the error that an answer of the API server stands for."""
    try:
        said = str(json.loads(body).get("message") or "")
    except (ValueError, AttributeError):
        said = body.decode("utf-8", "replace")
    line = " ".join(said.split()) or f"HTTP {status}"
    if status == 404:
        return NotFoundError(line)
    if status in {409, 429}:
        return ConflictError(line)
    if status in {401, 403}:
        ask = "log in again" if status == 401 else "ask your administrator for this right"
        return DeniedError(f"{line}; {ask}")
    return ClusterError(f"{method} {path}: {line}")
