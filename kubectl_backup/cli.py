"""The command line and its help."""

import argparse
import textwrap
from collections.abc import Callable, Sequence

from contract import VERSION
from contract.annotations import values
from contract.command_line.parsing import Parser

_EPILOG = """\
WORKLOAD is deploy/wiki, sts/db, pod/x, or a bare name. Start here:
  kubectl backup status -A                what is backed up, and what is wrong
  kubectl backup doctor deploy/wiki       what is wrong, and what to do
  kubectl backup now deploy/wiki --wait   back up now
  kubectl backup snapshots deploy/wiki    list what can be restored
  kubectl backup restore deploy/wiki --volume data --to-local ./rescued
"""
_WIDTH = 80  # columns of the help
_WORKLOAD = "deploy/wiki, sts/db, pod/x, or a bare name"
_SNAPSHOT = "the beginning of an id that `snapshots` lists, or latest"
_PATH = "VOLUME/path, such as data/uploads/a.png, or an absolute path in the snapshot"

Add = Callable[..., Parser]


class Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of descriptions and examples."""


def parser() -> Parser:
    """Return the parser; ``command`` of what it returns names the command to run."""
    found = Parser(
        prog="kubectl backup",
        description="Shows, starts, checks and restores backups of the workloads in a cluster.",
        epilog=_EPILOG,
        formatter_class=Help,
        parents=[_common("")],
    )
    found.add_argument("--version", action="version", version=VERSION)
    common = _common(argparse.SUPPRESS)  # a default would override an option before the command
    commands = found.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, summary: str, more: str, *examples: str) -> Parser:
        lines = "\n".join(f"  kubectl backup {example}" for example in examples)
        return commands.add_parser(
            name, help=summary, parents=[common], formatter_class=Help,
            description=textwrap.fill(f"{summary[0].upper()}{summary[1:]}. {more}", _WIDTH),
            epilog=f"examples:\n{lines}",
        )  # fmt: skip

    _status(add)
    _runs(add)
    _files(add)
    reinject = _care(add)
    # Without a summary, so that no help lists it: the command had this name before.
    heal = commands.add_parser("heal", parents=[reinject], add_help=False)
    heal.set_defaults(command="reinject")
    _restore(add)
    return found


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; exit with a message if it is invalid."""
    return parser().parse_args(arguments)


def _common(default: str) -> Parser:
    """Return the options that may precede or follow a command."""
    common = Parser(add_help=False)
    group = common.add_argument_group("cluster, as in kubectl")
    group.add_argument("-n", "--namespace", default=default, help="namespace of the workload")
    group.add_argument("--context", default=default, help="context of the kubeconfig")
    file = "default: $KUBECONFIG"
    group.add_argument("--kubeconfig", default=default, metavar="FILE", help=file)
    return common


def _workload(command: Parser) -> None:
    command.add_argument("workload", metavar="WORKLOAD", help=_WORKLOAD)


def _confirms(command: Parser) -> None:
    command.add_argument("-y", "--yes", action="store_true", help="do not ask for confirmation")


def _waits(command: Parser) -> None:
    how = command.add_mutually_exclusive_group()
    how.add_argument(
        "--wait-timeout", type=_length, metavar="TIME",
        help="how long to wait for a run in progress, such as 90s or 1h (default: 15m)",
    )  # fmt: skip
    how.add_argument(
        "--no-wait", action="store_true",
        help="exit with status 75 immediately if another run is in progress",
    )  # fmt: skip


def _length(text: str) -> str:
    try:
        values.seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _status(add: Add) -> None:
    status = add(
        "status", "show what is backed up, and what is wrong",
        "One row for each pod with a sidecar and one for each workload without: workloads that "
        "request backups and get none, and workloads that mount claims in a labelled namespace and "
        "request none. The worst comes first. Exit status: 0 every workload that requests backups "
        "has a good last run, 1 otherwise, or if not all pods could be listed. A workload that "
        "requests none counts only if you name it.",
        "status", "status deploy/wiki", "status -A -o wide", "status -A -o json", "status --watch",
    )  # fmt: skip
    status.add_argument("workload", nargs="?", metavar="WORKLOAD", help=_WORKLOAD)
    status.add_argument("-A", "--all-namespaces", action="store_true", help="in all namespaces")
    status.add_argument("-o", "--output", choices=("json", "yaml", "wide"), default="",
                        help="output for scripts, or all columns of the table")  # fmt: skip
    status.add_argument("--protected-only", action="store_true",
                        help="omit workloads that request no backup")  # fmt: skip
    status.add_argument("-w", "--watch", action="store_true", help="refresh every 5 seconds")


def _runs(add: Add) -> None:
    now = add(
        "now", "back up now",
        "Each pod of a StatefulSet or DaemonSet has its own backups. "
        "Exit status with --wait: 0 success or warning, 1 failure, 75 skipped.",
        "now deploy/wiki", "now deploy/wiki --wait", "now sts/db --keep",
    )  # fmt: skip
    _workload(now)
    now.add_argument("--wait", action="store_true",
                     help="wait for the result; maintenance tasks may follow it")  # fmt: skip
    _waits(now)
    now.add_argument(
        "--keep", action="store_true",
        help="wait, and tag the snapshot so that retention never removes it",
    )  # fmt: skip
    simple = (
        ("accept", "accept", "accept that volumes shrank on purpose",
         "Retention continues with the next good backup."),
        ("drill", "verify", "test-restore a sample of the latest snapshot",
         "Compares it with the live files. Exit status: 0 success, 1 failure, 75 skipped."),
        ("unlock", "unlock", "remove stale locks of the repository",
         "Only if all are older than 30 minutes. Exit status: 0 none remains, 75 some remain."),
    )  # fmt: skip
    for name, runner, summary, more in simple:
        command = add(name, summary, more, f"{name} deploy/wiki")
        _workload(command)
        _waits(command)
        command.set_defaults(runner=runner)
        if name == "accept":
            command.add_argument(
                "--retention", action="store_true",
                help="accept instead that retention keeps less, as the pod's annotations request",
            )  # fmt: skip
    for name, summary in (("pause", "start no more backups"), ("resume", "start backups again")):
        command = add(name, summary, "Applies to the pods that run now, and prints how to make it "
                      "last.", f"{name} deploy/wiki")  # fmt: skip
        _workload(command)
    logs = add("logs", "show the log of a sidecar", "", "logs deploy/wiki", "logs wiki -f")
    _workload(logs)
    logs.add_argument("-f", "--follow", action="store_true", help="keep printing new lines")
    logs.add_argument("--tail", type=int, default=-1, metavar="N", help="only the last N lines")
    logs.add_argument("--json", action="store_true", help="lines as the sidecar writes them")


def _files(add: Add) -> None:
    snapshots = add("snapshots", "list the snapshots of a workload",
                    "WHAT shows volumes, and tags in brackets: [keep] retention never removes it, "
                    "[doubtful] a volume had lost files, [dump=…] a database dump.",
                    "snapshots deploy/wiki")  # fmt: skip
    _workload(snapshots)
    listing = add("ls", "list a folder of a snapshot", "", "ls wiki latest data",
                  "ls wiki 4f8a1c2e data/uploads")  # fmt: skip
    cat = add("cat", "write a file of a snapshot to standard output", "",
              "cat wiki latest data/etc/app.conf > app.conf")  # fmt: skip
    for command in (listing, cat):
        _workload(command)
        command.add_argument("snapshot", metavar="SNAPSHOT", help=_SNAPSHOT)
        command.add_argument("path", metavar="PATH", help=_PATH)
    diff = add("diff", "show the differences between two snapshots", "",
               "diff wiki 4f8a1c2e latest")  # fmt: skip
    _workload(diff)
    diff.add_argument("snapshot", metavar="SNAPSHOT", help=_SNAPSHOT)
    diff.add_argument("other", metavar="SNAPSHOT", help="the later snapshot")


def _restore(add: Add) -> None:
    restore = add(
        "restore", "restore a volume, or a part of it",
        "Selects the newest snapshot in which the volume has files, the snapshot of --snapshot, or "
        "the newest at the time of --at. Shows what is overwritten, and asks for confirmation. "
        "--in-place scales the workload down and, whatever happens, up again; it refuses if Argo "
        "CD, Flux or an autoscaler may scale it up during the restore.",
        "restore wiki --volume data --to-local ./rescued",
        "restore wiki --volume data --path uploads --at 1d --in-place",
        "restore pod/db-0 --volume data --at 2026-11-25 --to-pvc new",
    )  # fmt: skip
    _workload(restore)
    volume = "name of the volume in the pod's spec; `snapshots` lists it under WHAT"
    restore.add_argument("--volume", required=True, metavar="V", help=volume)
    restore.add_argument("--path", default="", metavar="P", help="only this path of the volume")
    which = restore.add_mutually_exclusive_group()
    then = "point in time: 2026-11-25T03:00:00Z, 2026-11-25 (its end), or 2h, 3d ago"
    which.add_argument("--at", default="", metavar="T", help=then)
    which.add_argument("--snapshot", default="", metavar="ID", help=_SNAPSHOT)
    where = restore.add_mutually_exclusive_group(required=True)
    where.add_argument("--to-local", default="", metavar="DIR", help="a folder of this machine")
    new = "a claim; it is created like the volume's own if it does not exist"
    where.add_argument("--to-pvc", default="", metavar="NEW", help=new)
    where.add_argument("--in-place", action="store_true", help="the volume itself")
    restore.add_argument("--delete", action="store_true",
                         help="also delete files that the snapshot does not have")  # fmt: skip
    restore.add_argument("--suspended", action="store_true",
                         help="whatever scales the workload is suspended")  # fmt: skip
    _confirms(restore)

    load = add(
        "load", "load a dump into its database server",
        "Reads the newest dump completely, shows which it is, asks for confirmation, and loads it. "
        "Refuses if the server is not empty. Exit status: 0 success, 1 failure, 75 skipped.",
        "load deploy/db", "load db --snapshot 4f8a1c2e", "load db --at 1d --replace",
    )  # fmt: skip
    _workload(load)
    load.add_argument("dump", nargs="?", default="", metavar="NAME",
                      help="postgres or mysql, if the workload has both")  # fmt: skip
    which = load.add_mutually_exclusive_group()
    which.add_argument("--at", default="", metavar="T", help="the newest dump at that time")
    which.add_argument("--snapshot", default="", metavar="ID", help=_SNAPSHOT)
    load.add_argument(
        "--replace", action="store_true",
        help="load into a server that is not empty: databases of PostgreSQL are renamed to "
        "NAME_before_TIME, tables of MySQL are replaced by those of the dump",
    )  # fmt: skip
    _waits(load)
    _confirms(load)


def _care(add: Add) -> Parser:
    doctor = add(
        "doctor", "explain what is wrong, and what to do",
        "Checks the chain from the API server to the last report; the first broken link is the "
        "cause. Reads the names of the Secret's keys, never their values. Exit status: 0 all is "
        "well, 1 something is broken or could not be checked.",
        "doctor", "doctor deploy/wiki",
    )  # fmt: skip
    doctor.add_argument("workload", nargs="?", metavar="WORKLOAD", help=_WORKLOAD)
    reinject = add(
        "reinject", "recreate pods that were admitted without a sidecar",
        "Selects pods whose reason may no longer hold: image, quota, another policy, an error of "
        "the webhook. Tests with a dry run whether a new pod would be injected, asks for "
        "confirmation, and evicts the pods, which respects PodDisruptionBudgets. Exit status: 0 "
        "all of them are evicted, 1 some are not.",
        "reinject", "reinject -A", "reinject -A --yes",
    )  # fmt: skip
    reinject.add_argument("-A", "--all-namespaces", action="store_true", help="in all namespaces")
    _confirms(reinject)
    return reinject
