"""The command line of `backup-runner`. Pure."""

import argparse
from collections.abc import Callable

from contract import VERSION
from contract.annotations import values
from contract.command_line.parsing import Parser
from runner.cli import wait_options

Add = Callable[..., Parser]

_DUMPS = (*values.DATABASES, values.COMMAND_DUMP)

TASKS = {
    "verify": "test-restore a sample of the latest snapshot and compare it with the live files",
    "check": "check the structure of the repository",
    "prune": "free the space of forgotten snapshots of all workloads",
}
"""What can be done immediately, and what that is."""


def parser() -> Parser:
    """Return the parser; ``command`` of its result is the command's name."""
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
        help="run what is due (called by the supervisor)",
        description="Runs what is due and writes the time of the next check to the state folder.",
    )
    when = ticking.add_mutually_exclusive_group()
    when.add_argument("--start", action="store_true", help="the container has just started")
    when.add_argument("--now", action="store_true", help="back up now, regardless of the schedule")
    when.add_argument(
        "--exit", action="store_true", help="run the last backup: the pod is stopping"
    )


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
            description=f"{what[0].upper()}{what[1:]} now, regardless of backup.{name} and of "
            f"which workload's turn it is. Exit status: 0 success, 1 failure, "
            "75 skipped because another run is still in progress, the repository is locked, or "
            "the task does not apply here.",
        )
        wait_options.add(task)


def _restore(add: Add) -> None:
    restoring = add(
        "restore",
        help="restore files of this workload",
        description="Restores files of this workload, in place or into a folder, from the newest "
        "good snapshot that has them. Files that are not in the snapshot stay unless --delete is "
        "given. Stop the app first; `kubectl backup restore` does all of this. Exit status: 0 "
        "success or warning, 1 failure, 75 skipped: another run is "
        "still in progress.",
    )
    wait_options.add(restoring)
    restoring.add_argument(
        "--at", default="", metavar="TIME",
        help="the newest snapshot at or before this time: 2026-11-25T03:00:00Z, or 2026-11-25 for "
        "the whole day",
    )  # fmt: skip
    restoring.add_argument("--snapshot", default="", metavar="ID", help="exactly this snapshot")
    restoring.add_argument(
        "--path", action="append", default=[], metavar="PATH",
        help="VOLUME/FOLDER/FILE or an absolute path below /backup; can be repeated; default: all "
        "volumes",
    )  # fmt: skip
    restoring.add_argument("--to", default="", metavar="DIR", help="restore into this folder")
    restoring.add_argument(
        "--delete", action="store_true",
        help="delete files that are not in the snapshot; files that no backup includes, such as "
        "excluded ones, are kept and listed",
    )  # fmt: skip
    restoring.add_argument(
        "--dry-run", action="store_true", help="show what would be done and change nothing"
    )
    restoring.add_argument(
        "--json", action="store_true", help="print one JSON object; the log goes to stderr"
    )


def _populate(add: Add) -> None:
    add(
        "populate",
        help="restore empty volumes before the pod starts (called by the init container)",
        description="Restores each empty volume from the latest snapshot that has files of it. "
        "Exit status: 0 all volumes are ready, 1 a volume is not ready and the pod must not start.",
    )


def _restic(add: Add) -> None:
    by_hand = add(
        "restic",
        help="run restic with the Secret's repository and password",
        description="Runs restic with the Secret's repository and password, passes all arguments "
        "unchanged and returns restic's exit status. Examples: `backup-runner restic snapshots`, "
        "`backup-runner restic -- --help`.",
    )
    by_hand.add_argument("--second", action="store_true", help="with COPY_RESTIC_REPOSITORY")
    by_hand.add_argument("words", nargs=argparse.REMAINDER, metavar="ARGUMENT")


def _dump(add: Add) -> None:
    dumping = add(
        "dump",
        help="write a dump to standard output (called by restic)",
        description="Writes one dump to standard output; fails if the dump is incomplete.",
    )
    dumping.add_argument("--patience", type=float, default=1800, metavar="SECONDS")
    dumping.add_argument("name", choices=_DUMPS)
    dumping.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")


def _fill(add: Add) -> None:
    filling = add(
        "fill",
        help="load a dump from standard input (called by load)",
        description="Loads one dump from standard input into an empty server.",
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
        description="Loads this workload's newest dump into its server, with the credentials of "
        "the Secret. Changes nothing if the dump is incomplete or the server is not empty. Exit "
        "status: 0 success, 1 failure, 75 skipped: another run is "
        "still in progress.",
    )
    wait_options.add(loading)
    loading.add_argument(
        "name", nargs="?", default="", choices=("", *_DUMPS), metavar="NAME",
        help="postgres or mysql; required if the pod has several dumps",
    )  # fmt: skip
    which = loading.add_mutually_exclusive_group()
    which.add_argument(
        "--at",
        default="",
        metavar="TIME",
        help="the newest dump at or before this time, as in restore",
    )
    which.add_argument("--snapshot", default="", metavar="ID", help="exactly this dump")
    loading.add_argument(
        "--from", default="", dest="origin", metavar="NAMESPACE/HOST",
        help="load a dump of another workload",
    )  # fmt: skip
    loading.add_argument(
        "--replace",
        action="store_true",
        help="load even if the server is not empty: PostgreSQL databases are renamed to "
        "NAME_before_TIME, MySQL tables are replaced by those of the dump",
    )
    loading.add_argument(
        "--dry-run", action="store_true", help="show what would be loaded and change nothing"
    )


def _maintain(add: Add) -> None:
    maintaining = add(
        "maintain",
        help="maintain a shared repository (called by the chart's CronJob)",
        description="Maintains a shared repository and creates it if it does not exist. Applies "
        "to each workload's snapshots the retention that the workload recorded in the repository "
        "(BACKUP_MAINTENANCE=central), prunes, checks, and copies to the second repository. "
        "BACKUP_FLOOR_WITHIN and BACKUP_FLOOR_LAST are the minimum that any record keeps; a "
        "record that keeps less than before takes effect after BACKUP_SHRINK_GRACE. All snapshots "
        "of a workload without a record are kept and the workload is named, unless this Secret "
        "sets KEEP_.... The repository stores when each task last ran; BACKUP_FORGET, "
        "BACKUP_PRUNE and BACKUP_CHECK set how often each runs. Exit status: 0 success or "
        "warning, 1 failure, 75 skipped because the repository is locked or another job is "
        "running.",
    )
    wait_options.add(maintaining)
    which = maintaining.add_mutually_exclusive_group()
    which.add_argument(
        "--dry-run",
        action="store_true",
        help="show what would be done for each workload and change nothing",
    )
    which.add_argument(
        "--accept", action="append", default=[], metavar="NAMESPACE/HOST",
        help="accept this workload's shorter retention now; can be repeated",
    )  # fmt: skip


def _accept(add: Add) -> None:
    accepting = add(
        "accept",
        help="accept a shrunken source: files were removed on purpose",
        description="Accepts that the volumes have fewer files than before. Retention continues "
        "after the next good backup. Exit status: 0 accepted, 1 nothing to accept, 75 "
        "another run is still in progress.",
    )
    wait_options.add(accepting)
    accepting.add_argument(
        "--retention", action="store_true",
        help="accept instead the shorter retention that the pod's annotations request, effective "
        "now",
    )  # fmt: skip


def _unlock(add: Add) -> None:
    unlocking = add(
        "unlock",
        help="remove the repository's locks if all of them are stale",
        description="Removes the repository's locks if all are older than 30 minutes. Exit "
        "status: 0 no lock is left, 1 failure, 75 a lock may be in use, or another run is still "
        "in progress.",
    )
    wait_options.add(unlocking)


def _status(add: Add) -> None:
    showing = add(
        "status",
        help="show the last run, the next run, and any problems",
        description="Shows the last run, the next run, and any problems. Exit status: 0 the last "
        "run made a good snapshot, 1 it did not.",
    )
    showing.add_argument("--json", action="store_true", help="print one JSON object")
