"""What the webhook and the runner agree on, stated once. Pure: no files, clock or network."""

from contract.version import VERSION

__all__ = ["VERSION"]
