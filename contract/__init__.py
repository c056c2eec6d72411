"""Facts shared by the programs, each stated once. Pure: no files, clock or network."""

from contract.version import VERSION

__all__ = ["VERSION"]
