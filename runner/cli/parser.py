"""What `backup-runner` takes on the command line. Pure."""

import argparse
from collections.abc import Callable

from contract import VERSION
from contract.annotations import values
from contract.parsing import Parser
from runner.cli import wait_options

Add = Callable[..., Parser]

_DUMPS = (*values.DATABASES, values.COMMAND_DUMP)

TASKS = {
    "verify": "restore a part of the latest snapshot for trial, and compare it with the live files",
    "check": "check the structure of the repository",
    "prune": "free the space of forgotten snapshots, whoever made them",
}
"""What can be done at once, and what that is."""


def parser() -> Parser:
    """Return the parser; ``command`` of what it parses names the command."""
    whole = Parser(
        prog="backup-runner",
        description="Backs up the volumes of this pod. Settings come from the pod's annotations, "
        "the Secret and the chart.",
    )
    whole.add_argument("--version", action="version", version=VERSION)
    commands = whole.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for each in (
        _tick, _run, _tasks, _restore, _populate, _restic, _dump, _fill, _load, _maintain,
        _accept, _unlock, _status,
    ):  # fmt: skip
        each(commands.add_parser)
    return whole


def _tick(add: Add) -> None:
    ticking = add(
        "tick",
        help="do what is due (called by the supervisor)",
        description="Does what is due and announces when to look again, in the state folder.",
    )
    when = ticking.add_mutually_exclusive_group()
    when.add_argument("--start", action="store_true", help="the container has just started")
    when.add_argument("--now", action="store_true", help="back up, whatever the schedule says")
    when.add_argument("--exit", action="store_true", help="back up a last time: the pod stops")


def _run(add: Add) -> None:
    running = add(
        "run",
        help="back up now",
        description="Runs one backup now. Exit status: 0 success or warning, 1 failure, "
        "75 skipped because another run is still in progress or the repository is locked.",
    )
    wait_options.add(running)


def _tasks(add: Add) -> None:
    for name, what in TASKS.items():
        task = add(
            name,
            help=f"{what}, now",
            description=f"{what[0].upper()}{what[1:]}: now, whatever backup.{name} says and "
            "whichever workload's turn it is. Exit status: 0 success, 1 failure, "
            "75 skipped because another run is still in progress, the repository is locked, or it "
            "cannot be done here.",
        )
        wait_options.add(task)


def _restore(add: Add) -> None:
    restoring = add(
        "restore",
        help="restore files of this workload",
        description="Restores files of this workload, in place or into a folder, from the newest "
        "good snapshot that has them. Nothing that is not in the snapshot is deleted without "
        "--delete. A running app has to be stopped first: `kubectl backup restore` does all of "
        "that. Exit status: 0 success or warning, 1 failure, 75 skipped: another run is "
        "still in progress.",
    )
    wait_options.add(restoring)
    restoring.add_argument(
        "--at", default="", metavar="TIME",
        help="the newest snapshot of then or before: 2026-11-25T03:00:00Z, or all of 2026-11-25",
    )  # fmt: skip
    restoring.add_argument(
        "--snapshot", default="", metavar="ID", help="this snapshot, and no other"
    )
    restoring.add_argument(
        "--path", action="append", default=[], metavar="PATH",
        help="VOLUME/FOLDER/FILE or an absolute path below /backup; may be given more than once; "
        "without: all volumes",
    )  # fmt: skip
    restoring.add_argument("--to", default="", metavar="DIR", help="restore into this folder")
    restoring.add_argument(
        "--delete", action="store_true",
        help="delete files that are not in the snapshot; what it could not have held is kept and "
        "listed, such as files that backups leave out",
    )  # fmt: skip
    restoring.add_argument("--dry-run", action="store_true", help="only say what would be done")
    restoring.add_argument(
        "--json", action="store_true", help="print one JSON object, log to stderr"
    )


def _populate(add: Add) -> None:
    add(
        "populate",
        help="fill empty volumes before the pod starts (called by the init container)",
        description="Fills each empty volume from the latest snapshot that holds files of it. "
        "Exit status: 0 when every volume is as it should be, 1 when not: the pod must not start.",
    )


def _restic(add: Add) -> None:
    by_hand = add(
        "restic",
        help="restic by hand, with the Secret's repository and password",
        description="restic by hand, with the Secret's repository and password: what follows goes "
        "to restic as it is, and its exit status is restic's own. Such as `backup-runner restic "
        "snapshots`, or `backup-runner restic -- --help`.",
    )
    by_hand.add_argument("--second", action="store_true", help="with COPY_RESTIC_REPOSITORY")
    by_hand.add_argument("words", nargs=argparse.REMAINDER, metavar="ARGUMENT")


def _dump(add: Add) -> None:
    dumping = add(
        "dump",
        help="write a dump to standard output (called by restic)",
        description="Writes one dump to standard output and fails where it is not whole.",
    )
    dumping.add_argument("--patience", type=float, default=1800, metavar="SECONDS")
    dumping.add_argument("name", choices=_DUMPS)
    dumping.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")


def _fill(add: Add) -> None:
    filling = add(
        "fill",
        help="load a dump from standard input (called by load)",
        description="Loads one dump from standard input into a server that holds nothing.",
    )
    filling.add_argument("name", choices=values.DATABASES)
    only = filling.add_mutually_exclusive_group()
    only.add_argument("--look", action="store_true")
    only.add_argument("--check", action="store_true")
    filling.add_argument("--replace", action="store_true")


def _load(add: Add) -> None:
    loading = add(
        "load",
        help="load a dump into its database server",
        description="Loads the newest dump of this workload into its server, by the "
        "variables of the Secret. Nothing is touched where the dump has no end, or the server "
        "holds anything. Exit status: 0 success, 1 failure, 75 skipped: another run is "
        "still in progress.",
    )
    wait_options.add(loading)
    loading.add_argument(
        "name", nargs="?", default="", choices=("", *_DUMPS), metavar="NAME",
        help="postgres or mysql; needed where the pod has several dumps",
    )  # fmt: skip
    which = loading.add_mutually_exclusive_group()
    which.add_argument(
        "--at", default="", metavar="TIME", help="the newest dump of then or before, as in restore"
    )
    which.add_argument("--snapshot", default="", metavar="ID", help="this dump, and no other")
    loading.add_argument(
        "--from", default="", dest="origin", metavar="NAMESPACE/HOST",
        help="a dump of another workload",
    )  # fmt: skip
    loading.add_argument(
        "--replace",
        action="store_true",
        help="also where the server holds something: databases of PostgreSQL are renamed to "
        "NAME_before_TIME, tables of MySQL give way to those of the dump",
    )
    loading.add_argument("--dry-run", action="store_true", help="only say what would be loaded")


def _maintain(add: Add) -> None:
    maintaining = add(
        "maintain",
        help="look after a repository that many share (called by the chart's CronJob)",
        description="Looks after a repository that many workloads share, and creates it where "
        "there is none: applies to each workload's snapshots the retention that it has left in "
        "the repository (BACKUP_MAINTENANCE=central), prunes, checks, and copies to the second "
        "repository. No record keeps less than BACKUP_FLOOR_WITHIN and BACKUP_FLOOR_LAST say, and "
        "one that keeps less than before counts after BACKUP_SHRINK_GRACE. "
        "What has left no such record is kept whole and named, unless KEEP_... stand "
        "in this Secret. When each was done last is remembered in the repository; BACKUP_FORGET, "
        "BACKUP_PRUNE and BACKUP_CHECK are how often it should be. Exit status: 0 success or "
        "warning, 1 failure, 75 skipped because the repository is locked or another is at it.",
    )
    wait_options.add(maintaining)
    which = maintaining.add_mutually_exclusive_group()
    which.add_argument(
        "--dry-run", action="store_true", help="only say what would be done, workload by workload"
    )
    which.add_argument(
        "--accept", action="append", default=[], metavar="NAMESPACE/HOST",
        help="let this workload's retention shrink now; may be given more than once",
    )  # fmt: skip


def _accept(add: Add) -> None:
    accepting = add(
        "accept",
        help="accept that the volumes lost files on purpose",
        description="Accepts that the volumes hold fewer files than before: from the next good "
        "backup on, retention goes on too. Exit status: 0 accepted, 1 nothing to accept, 75 "
        "another run is still in progress.",
    )
    wait_options.add(accepting)
    accepting.add_argument(
        "--retention", action="store_true",
        help="accept instead that retention keeps less, as the pod's annotations ask, now",
    )  # fmt: skip


def _unlock(add: Add) -> None:
    unlocking = add(
        "unlock",
        help="remove the repository's locks, if all of them are old",
        description="Removes the repository's locks if every one is older than 30 minutes. "
        "Exit status: 0 none is left, 1 failure, 75 a lock may be in use, or another run "
        "is still in progress.",
    )
    wait_options.add(unlocking)


def _status(add: Add) -> None:
    showing = add(
        "status",
        help="show the last run, the next one, and what is wrong",
        description="Shows the last run, the next one, and what is wrong. Exit status: 0 when "
        "the last run left a good snapshot, 1 when not.",
    )
    showing.add_argument("--json", action="store_true", help="print one JSON object")
