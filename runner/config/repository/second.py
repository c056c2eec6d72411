"""The second repository, to which snapshots are copied: its restic environment. Pure.

`COPY_RESTIC_REPOSITORY`, `COPY_RESTIC_PASSWORD` and whatever else its backend needs, each with
`COPY_` before it. restic reads one set of `AWS_…` for both repositories; where the second has its
own, it is reached by rclone instead.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from contract.secret import allowlist, required_keys
from runner.config.network import sftp

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_S3 = re.compile(r"s3:(?P<endpoint>(?:https?://)?[^/]+)/(?P<path>.+)")
_RCLONE = "RCLONE_CONFIG_BACKUPCOPY_"
_FROM = (*required_keys.REPOSITORY, *required_keys.PASSWORD)


@dataclass(frozen=True, slots=True)
class Second:
    """Environments of restic: ``alone`` for commands on the second, ``both`` for copying to it."""

    alone: Mapping[str, str]
    both: Mapping[str, str]


def read(variables: Mapping[str, str], first: Mapping[str, str]) -> Second | None:
    """Return the second repository that a Secret names, None without; ``first`` is the first's."""
    given = {key: value for key, value in allowlist.second(variables).items() if value.strip()}
    if not any(key in given for key in required_keys.REPOSITORY):
        return None
    passwords = {key: first[key] for key in required_keys.PASSWORD if key in first}
    own = _by_rclone(given) if given.keys() >= set(_KEYS) else given
    own = sftp.read(own, variables, copy=True)
    if not any(key in own for key in required_keys.PASSWORD):
        own = {**own, **passwords}
    rest = {key: value for key, value in first.items() if key not in _FROM}
    source = {key.replace("RESTIC_", "RESTIC_FROM_"): first[key] for key in _FROM if key in first}
    return Second({**rest, **own}, {**rest, **own, **source})


def _by_rclone(given: Mapping[str, str]) -> Mapping[str, str]:
    """Return the same destination as an rclone remote of its own, if it is an S3 bucket."""
    match = _S3.fullmatch(given.get("RESTIC_REPOSITORY", "").strip())
    if match is None:
        return given
    endpoint = match["endpoint"] if "://" in match["endpoint"] else f"https://{match['endpoint']}"
    amazon = endpoint.endswith(".amazonaws.com")
    remote = {
        "TYPE": "s3",
        "PROVIDER": "AWS" if amazon else "Other",
        "ENDPOINT": "" if amazon else endpoint,
        "ACCESS_KEY_ID": given[_KEYS[0]],
        "SECRET_ACCESS_KEY": given[_KEYS[1]],
        "SESSION_TOKEN": given.get("AWS_SESSION_TOKEN", ""),
        "REGION": given.get("AWS_DEFAULT_REGION") or given.get("AWS_REGION", ""),
    }
    kept = {key: value for key, value in given.items() if not key.startswith("AWS_")}
    named = {_RCLONE + key: value for key, value in remote.items() if value}
    return {**kept, **named, "RESTIC_REPOSITORY": f"rclone:backupcopy:{match['path']}"}
