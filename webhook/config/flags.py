"""Command line flags with environment variables of the same name, and their validation."""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path

from contract.annotations import values


class ConfigError(ValueError):
    """A flag or variable is invalid; the message names it, its value and what to write."""


class Flags:
    """Adds flags whose defaults may be in variables of the same name."""

    def __init__(self, parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
        self._parser = parser
        self._environment = environment

    def add(self, name: str, meaning: str, default: str, shape: str = "TEXT") -> None:
        """Add one."""
        variable = "BACKUP_WEBHOOK_" + name.upper().replace("-", "_")
        self._parser.add_argument(
            f"--{name}",
            default=self._environment.get(variable) or default,
            metavar=shape,
            help=f"{meaning} (or {variable}; default: {default or 'none'})",
        )


def value(arguments: argparse.Namespace, flag: str) -> str:
    """Return a flag's text."""
    return str(getattr(arguments, flag.replace("-", "_")))


def names(text: str) -> frozenset[str]:
    """Return the entries of a list, separated by commas or spaces."""
    return frozenset(text.replace(",", " ").split())


def address(arguments: argparse.Namespace, flag: str) -> tuple[str, int]:
    """Return host and port; raise ConfigError."""
    text = value(arguments, flag)
    host, _, port = text.rpartition(":")
    if not host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ConfigError(f"--{flag} {text!r}: write HOST:PORT, such as 0.0.0.0:8443")
    return host.strip("[]"), int(port)


def file(arguments: argparse.Namespace, flag: str) -> Path:
    """Return the path of a file that is there; raise ConfigError."""
    text = value(arguments, flag)
    if not text:
        raise ConfigError(f"--{flag} is missing: write the path of a PEM file")
    if not Path(text).is_file():
        raise ConfigError(f"--{flag} {text!r}: no such file")
    return Path(text)


def number(arguments: argparse.Namespace, flag: str) -> float:
    """Return a number that is not negative; raise ConfigError."""
    text = value(arguments, flag)
    # Not all that float takes: no "nan", "1_0" or Arabic digits.
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,9})?", text):
        raise ConfigError(f"--{flag} {text!r}: write a number such as 24 or 0.5")
    return float(text)


def boolean(arguments: argparse.Namespace, flag: str) -> bool:
    """Return yes or no; raise ConfigError."""
    text = value(arguments, flag)
    try:
        return values.boolean(text)
    except ValueError as error:
        raise ConfigError(f"--{flag} {text!r}: {error}") from None
