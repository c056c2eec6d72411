"""Commands that people start now and then: each hands what was parsed to one function."""

import argparse
import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

from runner.cli import actions, parser
from runner.cli.begin import begin
from runner.restore.request import Asked


def _run(parsed: argparse.Namespace) -> int:
    return actions.run_once(*begin(parsed))


def _task(parsed: argparse.Namespace) -> int:
    return actions.task(*begin(parsed), parsed.command)


def _restore(parsed: argparse.Namespace) -> int:
    asked = Asked(
        at=parsed.at,
        snapshot=parsed.snapshot,
        paths=tuple(parsed.path),
        to=str(Path(parsed.to).absolute()) if parsed.to else "",
        delete=parsed.delete,
        dry_run=parsed.dry_run,
    )
    config, log, stop = begin(parsed, writes=not asked.to)
    if not parsed.json:
        return actions.restore(config, log, stop, asked).code
    with contextlib.redirect_stdout(sys.stderr):
        ended = actions.restore(config, log, stop, asked)
    if ended.restored is not None:
        print(json.dumps(ended.restored.as_json()))
    return ended.code


def _populate(_parsed: argparse.Namespace) -> int:
    from runner.restore import populate  # noqa: PLC0415 -- imported only when needed: it costs memory

    return populate.populate(*begin(fills=True))


def _restic(parsed: argparse.Namespace) -> int:
    from runner.session import executor  # noqa: PLC0415 -- imported only when needed: it costs memory

    config, log, _ = begin()
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
    return actions.load(*begin(parsed), lambda session: restore_dump.load(session, asked))


def _maintain(parsed: argparse.Namespace) -> int:
    accepted = tuple(parsed.accept)
    return actions.maintain(*begin(parsed), dry_run=parsed.dry_run, accepted=accepted)


def _accept(parsed: argparse.Namespace) -> int:
    accept = actions.accept_retention if parsed.retention else actions.accept
    return accept(*begin(parsed))


def _unlock(parsed: argparse.Namespace) -> int:
    return actions.unlock(*begin(parsed))


ALL: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _run, **dict.fromkeys(parser.TASKS, _task), "restore": _restore,
    "populate": _populate, "restic": _restic, "dump": _dump, "fill": _fill, "load": _load,
    "maintain": _maintain, "accept": _accept, "unlock": _unlock,
}  # fmt: skip
