"""Ends `kubectl-backup` with one line where it cannot run; imported before anything else."""

from contract import start

EXTRA = "kubectl"
MODULES = ("cronsim", "kubernetes", "rich", "yaml")

start.check("kubectl-backup", EXTRA, MODULES)
