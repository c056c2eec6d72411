"""What of a volume no backup holds."""

from contract import names

NEVER_BACKED_UP = ("lost+found", names.STAGING)
