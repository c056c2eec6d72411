"""`backup-runner`: wiring only. What a command needs is imported once it is known."""

import runner.requirements  # noqa: F401 -- first: says in one line what is missing

# isort: split
import argparse
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from runner.cli import parser
from runner.process.log import Log
from runner.sandbox import hardening


def main(words: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    hardening.harden()
    parsed = parser.parser().parse_args(words)
    os.umask(0o077)
    try:
        return _command(parsed)
    except OSError as error:
        line = f"{error.filename or 'state folder'}: {error.strerror}; nothing was done"
        Log().line("error", line)
        return 1
    except Exception as error:  # noqa: BLE001 -- a trace may hold secrets, and is more than a line
        last = traceback.extract_tb(error.__traceback__)[-1]
        line = f"internal error: {type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
        Log().line("error", f"{line}; nothing was done")
        return 1


def _command(parsed: argparse.Namespace) -> int:
    if parsed.command in _FREQUENT:
        return _FREQUENT[parsed.command](parsed)
    from runner.cli import commands  # noqa: PLC0415 -- imported only when needed: frequent commands do without

    return commands.ALL[parsed.command](parsed)


def _tick(parsed: argparse.Namespace) -> int:
    from runner.cli import begin, tick  # noqa: PLC0415 -- imported only when needed: help and mistakes do not need it

    if parsed.exit:
        return tick.last(*begin.begin())
    return tick.tick(*begin.begin(), start=parsed.start, asked=parsed.now)


def _status(parsed: argparse.Namespace) -> int:
    from runner.cli import load_config  # noqa: PLC0415 -- imported only when needed
    from runner.session import status  # noqa: PLC0415 -- imported only when needed

    return status.show(load_config.read_config(), as_json=parsed.json)


_FREQUENT: dict[str, Callable[[argparse.Namespace], int]] = {"tick": _tick, "status": _status}


if __name__ == "__main__":
    sys.exit(main())
