"""Elects the workload that prunes and checks a shared repository. Pure; no leader, marker or API.

Whoever lists the snapshots knows who has been active lately; of these, the one with the smallest
hash does it. If it goes away, the next takes over.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from contract import snapshots
from contract.annotations.schedule import stable_hash
from contract.snapshots import Snapshot
from runner.config.model import Config

_ACTIVE = timedelta(days=3)


def elected(config: Config, listed: Iterable[Snapshot], now: datetime) -> str:
    """Return who maintains the repository, such as ``prod/wiki``; "" if it is this workload."""
    me = _key(config.identity.host, config.identity.tags)
    active = {me}
    for each in listed:
        if each.is_dated and now - each.time < _ACTIVE and snapshots.is_owned(each.tags):
            active.add(_key(each.host, each.tags))
    chosen = min(active, key=lambda key: (stable_hash("/".join(("maintainer", *key))), key))
    return "" if chosen == me else _shown(chosen)


def _key(host: str, tags: Iterable[str]) -> tuple[str, ...]:
    return (host, *snapshots.owner_of(tags))


def _shown(key: tuple[str, ...]) -> str:
    tag = next(tag for tag in key if tag.startswith(snapshots.NAMESPACE))
    return f"{tag.removeprefix(snapshots.NAMESPACE)}/{key[0]}"
