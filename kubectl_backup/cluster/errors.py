"""Errors of the cluster and of restic, each with the next step. Pure."""

import json

from contract import exit_codes

_RESTIC = {
    exit_codes.NO_REPOSITORY: (
        "the repository does not exist yet; `kubectl backup now` creates it"
    ),
    exit_codes.LOCKED: (
        "the repository is locked; if no run is in progress: `kubectl backup unlock`"
    ),
    exit_codes.WRONG_PASSWORD: (
        "the repository's password in the Secret is wrong; see `kubectl backup doctor`"
    ),
}


class ClusterError(Exception):
    """A request failed; the text is one line with the next step."""


class NotFoundError(ClusterError):
    """The object does not exist."""


class DeniedError(ClusterError):
    """The user has no permission."""


class ConflictError(ClusterError):
    """The object exists already, has changed, or must not be disrupted now."""


UNCHANGED = (DeniedError, NotFoundError, ConflictError)
"""Errors after which nothing has changed; after any other error it may have."""


def of_restic(command: str, code: int, said: str) -> str:
    """Return why restic failed, and the next step; ``said`` is the last line of its errors."""
    if code in _RESTIC:
        return _RESTIC[code]
    return (
        f"restic {command}: {said or f'status {code}'}; `kubectl backup doctor` may find the cause"
    )


def refused(method: str, path: str, status: int, body: bytes) -> ClusterError:
    """Return the error for an HTTP status of the API server."""
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
        ask = "log in again" if status == 401 else "ask your administrator for this permission"
        return DeniedError(f"{line}; {ask}")
    return ClusterError(f"{method} {path}: {line}")
