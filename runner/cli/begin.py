"""The arguments that every command gets first."""

import argparse
import os
import sys
from dataclasses import replace
from typing import NamedTuple

from runner.cli import load_config
from runner.config.model import Config
from runner.process.log import Log
from runner.process.signals import Stop


class Begun(NamedTuple):
    """The arguments that every command gets first."""

    config: Config
    log: Log
    stop: Stop


def begin(
    parsed: argparse.Namespace | None = None, *, fills: bool = False, writes: bool = False
) -> Begun:
    """Return the arguments of a command; at a terminal the log is text.

    ``fills`` and ``writes`` say whether the command fills or writes volumes.
    """
    stop = Stop()
    stop.install()
    config = load_config.read_config(fills=fills, writes=writes)
    if parsed and parsed.wait is not None:
        config = replace(config, timing=replace(config.timing, wait=parsed.wait))
    text = sys.stdout.isatty() or os.environ.get("BACKUP_LOG_FORMAT") == "text"
    return Begun(config, Log(text=text), stop)
