"""Options of the commands that wait for a run in progress. Pure."""

import argparse

from contract.annotations import values

_NOTE = "Waits for a run in progress; SIGINT or SIGTERM ends the wait with exit status 130 or 143."


def add(command: argparse.ArgumentParser) -> None:
    """Add the options; the parsed ``wait`` is in seconds, None if not given."""
    command.description = f"{command.description} {_NOTE}"
    how = command.add_mutually_exclusive_group()
    how.add_argument(
        "--wait-timeout", type=_seconds, metavar="TIME", dest="wait",
        help="how long to wait for a run in progress, such as 90s, 15m or 1h (default: "
        "BACKUP_WAIT_SECONDS, else 15m)",
    )  # fmt: skip
    how.add_argument(
        "--no-wait", action="store_const", const=0.0, dest="wait",
        help="exit with status 75 immediately if another run is in progress",
    )  # fmt: skip


def _seconds(text: str) -> float:
    try:
        return values.seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
