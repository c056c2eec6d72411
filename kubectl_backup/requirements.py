"""Exits `kubectl-backup` with one line if a requirement is missing; imported first."""

from contract.command_line import start

EXTRA = "kubectl"
MODULES = ("cronsim", "kubernetes", "rich", "yaml")

start.check("kubectl-backup", EXTRA, MODULES)
