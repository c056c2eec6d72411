"""Ends `backup-runner` with one line where it cannot run; imported before anything else.

Only messages through Apprise need the extra; they say themselves where it is missing.
"""

from contract.command_line import start

EXTRA = "runner"
MODULES = ("cronsim",)

start.check("backup-runner", EXTRA, MODULES)
