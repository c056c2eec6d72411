"""`backup-runner`: wiring only."""

import argparse
import contextlib
import json
import os
import sys
import traceback
from pathlib import Path

from contract import VERSION, values
from runner import arguments, inputs, status, tick
from runner.asked import Asked
from runner.config import Config
from runner.log import Log
from runner.steps import DUMP_FILES
from runner.stop import Stop

_CHORES = {
    "verify": "restore a part of the latest snapshot for trial, and compare it with the live files",
    "check": "check the structure of the repository",
    "prune": "free the space of forgotten snapshots, whoever made them",
}


def main(words: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    parsed = _parser().parse_args(words)
    os.umask(0o077)
    try:
        return int(parsed.run(parsed))
    except OSError as error:
        line = f"{error.filename or 'state folder'}: {error.strerror}; nothing could be done"
        Log().line("error", line)
        return 1
    except Exception as error:  # noqa: BLE001 -- a trace may hold secrets, and is more than a line
        last = traceback.extract_tb(error.__traceback__)[-1]
        line = f"internal error: {type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
        Log().line("error", f"{line}; nothing could be done")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="backup-runner",
        description="Backs up the volumes of this pod. Settings come from the pod's annotations, "
        "the Secret and the chart.",
    )
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    ticking = commands.add_parser(
        "tick",
        help="do what is due (called by the supervisor)",
        description="Does what is due and announces when to look again, in the state folder.",
    )
    when = ticking.add_mutually_exclusive_group()
    when.add_argument("--start", action="store_true", help="the container has just started")
    when.add_argument("--now", action="store_true", help="back up, whatever the schedule says")
    when.add_argument("--exit", action="store_true", help="back up a last time: the pod stops")
    ticking.set_defaults(run=_tick)
    run = commands.add_parser(
        "run",
        help="back up now",
        description="Runs one backup now. Exit status: 0 success or warning, 1 failure, "
        "75 skipped because another run is in progress or the repository is locked.",
    )
    run.set_defaults(run=_run)
    for name, what in _CHORES.items():
        chore = commands.add_parser(
            name,
            help=f"{what}, now",
            description=f"{what[0].upper()}{what[1:]}: now, whatever backup.{name} says and "
            "whichever workload's turn it is. Exit status: 0 success, 1 failure, 75 skipped "
            "because another run is in progress, the repository is locked, or it cannot be done "
            "here.",
        )
        chore.set_defaults(run=_chore, name=name)
    restoring = commands.add_parser(
        "restore",
        help="restore files of this workload",
        description="Restores files of this workload, in place or into a folder, from the newest "
        "good snapshot that has them. Nothing that is not in the snapshot is deleted without "
        "--delete. A running app has to be stopped first: `kubectl backup restore` does all of "
        "that. Exit status: 0 success or warning, 1 failure, 75 skipped: a run is in progress.",
    )
    arguments.restore(restoring)
    restoring.set_defaults(run=_restore)
    populating = commands.add_parser(
        "populate",
        help="fill empty volumes before the pod starts (called by the init container)",
        description="Fills each empty volume from the latest snapshot that holds files of it. "
        "Exit status: 0 when every volume is as it should be, 1 when not: the pod must not start.",
    )
    populating.set_defaults(run=_populate)
    by_hand = commands.add_parser(
        "restic",
        help="restic by hand, with the Secret's repository and password",
        description="restic by hand, with the Secret's repository and password: what follows goes "
        "to restic as it is, and its exit status is restic's own. Such as `backup-runner restic "
        "snapshots`, or `backup-runner restic -- --help`.",
    )
    by_hand.add_argument("words", nargs=argparse.REMAINDER, metavar="ARGUMENT")
    by_hand.set_defaults(run=_restic)
    dumping = commands.add_parser(
        "dump",
        help="write a dump to standard output (called by restic)",
        description="Writes one dump to standard output and fails where it is not whole.",
    )
    dumping.add_argument("--patience", type=float, default=1800, metavar="SECONDS")
    dumping.add_argument("name", choices=tuple(DUMP_FILES))
    dumping.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
    dumping.set_defaults(run=_dump)
    filling = commands.add_parser(
        "fill",
        help="load a dump from standard input (called by load)",
        description="Loads one dump from standard input into a server that holds nothing.",
    )
    filling.add_argument("name", choices=values.DATABASES)
    filling.add_argument("--look", action="store_true")
    filling.add_argument("--replace", action="store_true")
    filling.set_defaults(run=_fill)
    loading = commands.add_parser(
        "load",
        help="load a dump into its database server",
        description="Loads the newest dump of this workload into its server, by the "
        "variables of the Secret. Nothing is touched where the dump has no end, or the server "
        "holds anything. Exit status: 0 success, 1 failure, 75 skipped: a run is in progress.",
    )
    arguments.load(loading)
    loading.set_defaults(run=_load)
    maintaining = commands.add_parser(
        "maintain",
        help="look after a repository that many share (called by the chart's CronJob)",
        description="Looks after a repository that many workloads share, and creates it where "
        "there is none: applies to each workload's snapshots the retention that it has left in "
        "the repository (BACKUP_MAINTENANCE=central), prunes, checks, and copies to the second "
        "repository. What has left no such record is kept whole and named, unless KEEP_... stand "
        "in this Secret. When each was done last is remembered in the repository; BACKUP_FORGET, "
        "BACKUP_PRUNE and BACKUP_CHECK are how often it should be. Exit status: 0 success or "
        "warning, 1 failure, 75 skipped because the repository is locked or another is at it.",
    )
    maintaining.add_argument(
        "--dry-run", action="store_true", help="only say what would be done, workload by workload"
    )
    maintaining.set_defaults(run=_maintain)
    accepting = commands.add_parser(
        "accept",
        help="accept that the volumes lost files on purpose",
        description="Accepts that the volumes hold fewer files than before: from the next good "
        "backup on, retention goes on too.",
    )
    accepting.set_defaults(run=_accept)
    unlocking = commands.add_parser(
        "unlock",
        help="remove the repository's locks, if all of them are old",
        description="Removes the repository's locks if every one is older than 30 minutes. Exit "
        "status: 0 none is left, 1 failure, 75 a lock may be in use, or another run is in "
        "progress.",
    )
    unlocking.set_defaults(run=_unlock)
    showing = commands.add_parser(
        "status",
        help="show the last run, the next one, and what is wrong",
        description="Shows the last run, the next one, and what is wrong. Exit status: 0 when "
        "the last run left a good snapshot, 1 when not.",
    )
    showing.add_argument("--json", action="store_true", help="print one JSON object")
    showing.set_defaults(run=_status)
    return parser


def _begin() -> tuple[Config, Log, Stop]:
    stop = Stop()
    stop.install()
    config = inputs.read_config()
    return config, Log(config.masked, text=os.environ.get("BACKUP_LOG_FORMAT") == "text"), stop


def _tick(parsed: argparse.Namespace) -> int:
    if parsed.exit:
        return tick.last(*_begin())
    return tick.tick(*_begin(), start=parsed.start, asked=parsed.now)


def _run(_parsed: argparse.Namespace) -> int:
    return tick.run_once(*_begin())


def _chore(parsed: argparse.Namespace) -> int:
    return tick.chore(*_begin(), parsed.name)


def _restore(parsed: argparse.Namespace) -> int:
    asked = Asked(
        at=parsed.at,
        snapshot=parsed.snapshot,
        paths=tuple(parsed.path),
        to=str(Path(parsed.to).absolute()) if parsed.to else "",
        delete=parsed.delete,
        dry_run=parsed.dry_run,
    )
    config, log, stop = _begin()
    if not parsed.json:
        if sys.stdout.isatty():
            log = Log(config.masked, text=True)
        return tick.restore(config, log, stop, asked)[0]
    with contextlib.redirect_stdout(sys.stderr):
        code, done = tick.restore(config, log, stop, asked)
    if done is not None:
        print(json.dumps(log.masked(done.as_json())))
    return code


def _populate(_parsed: argparse.Namespace) -> int:
    from runner import populate  # noqa: PLC0415 -- only where it is wanted: it costs memory

    return populate.populate(*_begin())


def _restic(parsed: argparse.Namespace) -> int:
    from runner import restic  # noqa: PLC0415 -- only where it is wanted: it costs memory

    config, log, _ = _begin()
    words = parsed.words[1:] if parsed.words[:1] == ["--"] else parsed.words
    return restic.by_hand(config, log, tuple(words))


def _dump(parsed: argparse.Namespace) -> int:
    from runner import dump  # noqa: PLC0415 -- only where it is wanted: it costs memory

    return dump.dump(parsed.name, tuple(parsed.words), parsed.patience)


def _fill(parsed: argparse.Namespace) -> int:
    from runner import fill  # noqa: PLC0415 -- only where it is wanted: it costs memory

    return fill.fill(parsed.name, look=parsed.look, replace=parsed.replace)


def _load(parsed: argparse.Namespace) -> int:
    from runner import load  # noqa: PLC0415 -- only where it is wanted: it costs memory

    asked = load.Asked(
        parsed.name, parsed.at, parsed.snapshot, parsed.origin, parsed.replace, parsed.dry_run
    )
    config, log, stop = _begin()
    if sys.stdout.isatty():
        log = Log(config.masked, text=True)
    return tick.load(config, log, stop, lambda session: load.load(session, asked))


def _maintain(parsed: argparse.Namespace) -> int:
    config, log, stop = _begin()
    if sys.stdout.isatty():
        log = Log(config.masked, text=True)
    return tick.maintain(config, log, stop, dry_run=parsed.dry_run)


def _accept(_parsed: argparse.Namespace) -> int:
    return tick.accept(*_begin())


def _unlock(_parsed: argparse.Namespace) -> int:
    return tick.unlock(*_begin())


def _status(parsed: argparse.Namespace) -> int:
    return status.show(inputs.read_config(), as_json=parsed.json)


if __name__ == "__main__":
    sys.exit(main())
