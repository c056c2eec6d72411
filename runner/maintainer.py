"""Who of those that share a repository prunes and checks it. Pure; no leader, no marker, no API.

Whoever lists the snapshots knows who has been active lately; of these, the one with the smallest
hash does it. If it goes away, the next takes over.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from contract.schedule import stable_hash
from runner.config import Config

_ACTIVE = timedelta(days=3)
_OURS = ("ns=", "kind=", "workload=", "cluster=")

Json = dict[str, Any]


def elected(config: Config, snapshots: Iterable[Json], now: datetime) -> str:
    """Return who maintains the repository, such as ``prod/wiki``; "" if it is this workload."""
    me = _key(config.host, config.tags)
    active = {me}
    for snapshot in snapshots:
        made, tags = moment(snapshot), snapshot.get("tags") or ()
        if made and now - made < _ACTIVE and _is_ours(tags):
            active.add(_key(str(snapshot.get("hostname")), tags))
    chosen = min(active, key=lambda key: (stable_hash("/".join(("maintainer", *key))), key))
    return "" if chosen == me else _shown(chosen)


def moment(snapshot: Json) -> datetime | None:
    """Return when a snapshot was made; None where it does not say."""
    try:
        return datetime.fromisoformat(snapshot["time"])
    except (ValueError, KeyError, TypeError):
        return None


def _is_ours(tags: Iterable[str]) -> bool:
    return {tag.partition("=")[0] for tag in tags} >= {"ns", "kind", "workload"}


def _key(host: str, tags: Iterable[str]) -> tuple[str, ...]:
    return (host, *sorted(tag for tag in tags if tag.startswith(_OURS)))


def _shown(key: tuple[str, ...]) -> str:
    namespace = next(tag.removeprefix("ns=") for tag in key if tag.startswith("ns="))
    return f"{namespace}/{key[0]}"
