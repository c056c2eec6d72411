"""Exits `kubectl-backup` with one line if a requirement is missing; imported first."""

from contract import start

EXTRA = "kubectl"
MODULES = ("cronsim", "kubernetes", "rich", "yaml")

start.check("kubectl-backup", EXTRA, MODULES)
