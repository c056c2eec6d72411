"""What no annotation, Secret or record can lower: the least that retention keeps, and for how long
a change to less has to wait. The chart sets them; there is no annotation for them.
"""

from contract.annotations import values
from contract.annotations.resolution import Setting

WITHIN = Setting("floor-within", "", values.within, "BACKUP_FLOOR_WITHIN")
"""Every snapshot younger than this is kept, such as ``14d``."""

LAST = Setting("floor-last", "", values.count, "BACKUP_FLOOR_LAST")
"""How many of the latest snapshots are always kept."""

GRACE = Setting("shrink-grace", "7d", values.days, "BACKUP_SHRINK_GRACE")
"""For how long retention that keeps less waits until it takes effect, such as ``7d``; ``0d``: it
takes effect immediately."""

ALL = (WITHIN, LAST, GRACE)
