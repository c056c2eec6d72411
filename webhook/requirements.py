"""Ends `backup-webhook` with one line where it cannot run; imported before anything else."""

from contract.command_line import start

EXTRA = "webhook"
MODULES = (
    "cronsim", "cryptography", "fastapi", "jsonpatch", "jsonpointer", "kubernetes", "orjson",
    "prometheus_client", "uvicorn", "yaml",
)  # fmt: skip

start.check("backup-webhook", EXTRA, MODULES)
