"""Command line parser of all programs: makes invalid arguments printable in errors."""

import argparse
from typing import NoReturn

from contract.text import printable


class Parser(argparse.ArgumentParser):
    """Quotes words in its errors, which may have been pasted from anywhere."""

    def error(self, message: str) -> NoReturn:
        """End the program with a line about what cannot be understood."""
        super().error(printable(message))
