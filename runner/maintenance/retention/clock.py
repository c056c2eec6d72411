"""Whether the times of snapshots, which retention relies on, can be trusted. Pure.

A clock that was ahead leaves snapshots from the future. They would replace current ones, and
`keep-within` would count from them: both the newest and the oldest would be lost.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

from contract.text import counted

_AHEAD = timedelta(hours=25)  # a machine's clock may be a zone off
_GAP = timedelta(days=31)
_SETTLED = timedelta(days=7)  # after a gap, until the clock is believed


def doubt(made: Iterable[datetime], now: datetime) -> str:
    """Return why retention has to wait, "" where it need not; ``made`` are snapshots' times."""
    times = sorted(made)
    ahead = [time for time in times if time - now > _AHEAD]
    if ahead:
        ones = counted(len(ahead), "snapshot is", "snapshots are")
        return (
            f"{ones} from the future, the latest of {ahead[-1]:%Y-%m-%d}: a clock was or is "
            f"wrong; everything is kept until you remove them manually"
        )
    for before, after in pairwise(times):
        if after - before > _GAP and now - after < _SETTLED:
            return (
                f"nothing was backed up between {before:%Y-%m-%d} and {after:%Y-%m-%d}: in case a "
                f"clock is wrong, everything is kept for 7 days"
            )
    return ""
