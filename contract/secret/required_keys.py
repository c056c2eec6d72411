"""Which keys the Secret must hold before a backup can start, and the line about a missing key.

Each group is a requirement: the usual key first, then those that may be set in its place. Pure.
"""

from collections.abc import Collection

REPOSITORY = ("RESTIC_REPOSITORY", "RESTIC_REPOSITORY_FILE")
PASSWORD = ("RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE", "RESTIC_PASSWORD_COMMAND")
DESTINATION = ("BUP_DST",)
SECOND_REPOSITORY = f"COPY_{REPOSITORY[0]}"  # not required; without it there are no copies
NOT_SET = "is not set"
REMEDY = "put it into the Secret"


def groups(engine: str) -> tuple[tuple[str, ...], ...]:
    """Return the requirements of a backup engine; of the keys in each, one is enough."""
    return (DESTINATION,) if engine == "rclone" else (REPOSITORY, PASSWORD)


def missing(given: Collection[str], engine: str) -> str:
    """Return the usual key of the first requirement that no key meets; "" if all are met."""
    unmet = (keys[0] for keys in groups(engine) if not any(key in given for key in keys))
    return next(unmet, "")


def line(key: str) -> str:
    """Return the sentence about a missing key; "" for none."""
    return f"{key} {NOT_SET}: {REMEDY}" if key else ""
