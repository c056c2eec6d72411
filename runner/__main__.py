"""`backup-runner`: wiring only."""

import runner.requirements  # noqa: F401 -- first: says in one line what is missing

# isort: split
import argparse
import contextlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from runner.cli import actions, load_config, parser, tick
from runner.config.model import Config
from runner.process.log import Log
from runner.process.signals import Stop
from runner.restore.request import Asked
from runner.sandbox import hardening
from runner.session import status


def main(words: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    hardening.harden()
    parsed = parser.parser().parse_args(words)
    os.umask(0o077)
    try:
        return _COMMANDS[parsed.command](parsed)
    except OSError as error:
        line = f"{error.filename or 'state folder'}: {error.strerror}; nothing was done"
        Log().line("error", line)
        return 1
    except Exception as error:  # noqa: BLE001 -- a trace may hold secrets, and is more than a line
        last = traceback.extract_tb(error.__traceback__)[-1]
        line = f"internal error: {type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
        Log().line("error", f"{line}; nothing was done")
        return 1


class _Begun(NamedTuple):
    """The arguments that every command gets first."""

    config: Config
    log: Log
    stop: Stop


def _begin(
    parsed: argparse.Namespace | None = None, *, fills: bool = False, writes: bool = False
) -> _Begun:
    """Return the arguments of a command; at a terminal the log is text.

    ``fills`` and ``writes`` say whether the command fills or writes volumes.
    """
    stop = Stop()
    stop.install()
    config = load_config.read_config(fills=fills, writes=writes)
    if parsed and parsed.wait is not None:
        config = replace(config, timing=replace(config.timing, wait=parsed.wait))
    text = sys.stdout.isatty() or os.environ.get("BACKUP_LOG_FORMAT") == "text"
    return _Begun(config, Log(text=text), stop)


def _tick(parsed: argparse.Namespace) -> int:
    if parsed.exit:
        return tick.last(*_begin())
    return tick.tick(*_begin(), start=parsed.start, asked=parsed.now)


def _run(parsed: argparse.Namespace) -> int:
    return actions.run_once(*_begin(parsed))


def _task(parsed: argparse.Namespace) -> int:
    return actions.task(*_begin(parsed), parsed.command)


def _restore(parsed: argparse.Namespace) -> int:
    asked = Asked(
        at=parsed.at,
        snapshot=parsed.snapshot,
        paths=tuple(parsed.path),
        to=str(Path(parsed.to).absolute()) if parsed.to else "",
        delete=parsed.delete,
        dry_run=parsed.dry_run,
    )
    config, log, stop = _begin(parsed, writes=not asked.to)
    if not parsed.json:
        return actions.restore(config, log, stop, asked).code
    with contextlib.redirect_stdout(sys.stderr):
        ended = actions.restore(config, log, stop, asked)
    if ended.restored is not None:
        print(json.dumps(ended.restored.as_json()))
    return ended.code


def _populate(_parsed: argparse.Namespace) -> int:
    from runner.restore import populate  # noqa: PLC0415 -- imported only when needed: it costs memory

    return populate.populate(*_begin(fills=True))


def _restic(parsed: argparse.Namespace) -> int:
    from runner.session import executor  # noqa: PLC0415 -- imported only when needed: it costs memory

    config, log, _ = _begin()
    words = parsed.words[1:] if parsed.words[:1] == ["--"] else parsed.words
    return executor.by_hand(config, log, tuple(words), second=parsed.second)


def _dump(parsed: argparse.Namespace) -> int:
    from runner.databases import dump as databases_dump  # noqa: PLC0415 -- imported only when needed: it costs memory

    return databases_dump.dump(parsed.name, tuple(parsed.words), parsed.patience)


def _fill(parsed: argparse.Namespace) -> int:
    from runner.databases.load import stream  # noqa: PLC0415 -- imported only when needed: it costs memory

    return stream.fill(parsed.name, look=parsed.look, check=parsed.check, replace=parsed.replace)


def _load(parsed: argparse.Namespace) -> int:
    from runner.restore import dump as restore_dump  # noqa: PLC0415 -- imported only when needed: it costs memory

    asked = restore_dump.Asked(
        parsed.name, parsed.at, parsed.snapshot, parsed.origin, parsed.replace, parsed.dry_run
    )
    return actions.load(*_begin(parsed), lambda session: restore_dump.load(session, asked))


def _maintain(parsed: argparse.Namespace) -> int:
    accepted = tuple(parsed.accept)
    return actions.maintain(*_begin(parsed), dry_run=parsed.dry_run, accepted=accepted)


def _accept(parsed: argparse.Namespace) -> int:
    accept = actions.accept_retention if parsed.retention else actions.accept
    return accept(*_begin(parsed))


def _unlock(parsed: argparse.Namespace) -> int:
    return actions.unlock(*_begin(parsed))


def _status(parsed: argparse.Namespace) -> int:
    return status.show(load_config.read_config(), as_json=parsed.json)


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "tick": _tick, "run": _run, **dict.fromkeys(parser.TASKS, _task), "restore": _restore,
    "populate": _populate, "restic": _restic, "dump": _dump, "fill": _fill, "load": _load,
    "maintain": _maintain, "accept": _accept, "unlock": _unlock, "status": _status,
}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
