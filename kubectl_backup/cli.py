"""The command line: what there is to say, and help that teaches it."""

import argparse
import textwrap
from collections.abc import Callable, Sequence

from contract import VERSION
from contract.annotations import values
from contract.parsing import Parser

_EPILOG = """\
WORKLOAD is deploy/wiki, sts/db, pod/x, or a bare name. Start here:
  kubectl backup status -A                what is backed up, and what is wrong
  kubectl backup doctor deploy/wiki       why it is not, and what to do
  kubectl backup now deploy/wiki --wait   one backup now
  kubectl backup snapshots deploy/wiki    what there is to restore
  kubectl backup restore deploy/wiki --volume data --to-local ./rescued
"""
_WIDTH = 80  # columns of the help
_WORKLOAD = "deploy/wiki, sts/db, pod/x, or a bare name"
_SNAPSHOT = "the beginning of an id that `snapshots` lists, or latest"
_PATH = "VOLUME/path, such as data/uploads/a.png, or an absolute path in the snapshot"

Add = Callable[..., Parser]


class Help(argparse.RawDescriptionHelpFormatter):
    """Keeps lines as they are written."""


def parser() -> Parser:
    """Return the parser; ``command`` names what to run."""
    found = Parser(
        prog="kubectl backup",
        description="Shows, starts, checks and restores backups of the workloads in a cluster.",
        epilog=_EPILOG,
        formatter_class=Help,
        parents=[_common("")],
    )
    found.add_argument("--version", action="version", version=VERSION)
    common = _common(argparse.SUPPRESS)  # or what stands before the command would be lost
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
    _care(add)
    _restore(add)
    return found


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; ends the program where it cannot be understood."""
    return parser().parse_args(arguments)


def _common(default: str) -> Parser:
    """Return what each command takes, be it before its name or after it."""
    common = Parser(add_help=False)
    group = common.add_argument_group("cluster, as kubectl has them")
    group.add_argument("-n", "--namespace", default=default, help="namespace of the workload")
    group.add_argument("--context", default=default, help="context of the kubeconfig")
    file = "default: $KUBECONFIG"
    group.add_argument("--kubeconfig", default=default, metavar="FILE", help=file)
    return common


def _workload(command: Parser) -> None:
    command.add_argument("workload", metavar="WORKLOAD", help=_WORKLOAD)


def _waits(command: Parser) -> None:
    how = command.add_mutually_exclusive_group()
    how.add_argument(
        "--wait-timeout", type=_length, metavar="TIME",
        help="how long to wait for a run in progress, such as 90s or 1h (default: 15m)",
    )  # fmt: skip
    how.add_argument(
        "--no-wait", action="store_true",
        help="exit with status 75 at once where another run is in progress",
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
        "One line for each pod with a sidecar, and one for each workload without: those that ask "
        "for backups and get none, and those that mount claims in a labelled namespace and ask for "
        "none. The worst comes first. Exit status: 0 all that ask for backups have a good last "
        "run, 1 not all, or not all could be listed. A workload that asks for none counts only "
        "where it is named.",
        "status", "status deploy/wiki", "status -A -o wide", "status -A -o json", "status --watch",
    )  # fmt: skip
    status.add_argument("workload", nargs="?", metavar="WORKLOAD", help=_WORKLOAD)
    status.add_argument("-A", "--all-namespaces", action="store_true")
    status.add_argument("-o", "--output", choices=("json", "yaml", "wide"), default="")
    status.add_argument("--protected-only", action="store_true",
                        help="leave out workloads that ask for no backup")  # fmt: skip
    status.add_argument("-w", "--watch", action="store_true", help="look again every 5 seconds")


def _runs(add: Add) -> None:
    now = add(
        "now", "back up now",
        "Each pod of a StatefulSet or DaemonSet has backups of its own. "
        "Exit status with --wait: 0 success or warning, 1 failure, 75 skipped.",
        "now deploy/wiki", "now deploy/wiki --wait", "now sts/db --keep",
    )  # fmt: skip
    _workload(now)
    now.add_argument("--wait", action="store_true",
                     help="wait for its result; tasks such as retention may follow it")  # fmt: skip
    _waits(now)
    now.add_argument(
        "--keep", action="store_true",
        help="wait, and tag the snapshot so that retention never removes it",
    )  # fmt: skip
    simple = (
        ("accept", "accept", "accept that volumes lost files on purpose",
         "From the next good backup on, retention goes on too."),
        ("drill", "verify", "restore a part of the latest snapshot for trial",
         "It is compared with the live files. Exit status: 0 good, 1 failure, 75 skipped."),
        ("unlock", "unlock", "remove the repository's locks, if all are old",
         "Only if every one is older than 30 minutes. Exit status: 0 none is left, 75 not all."),
    )  # fmt: skip
    for name, runner, summary, more in simple:
        command = add(name, summary, more, f"{name} deploy/wiki")
        _workload(command)
        _waits(command)
        command.set_defaults(runner=runner)
        if name == "accept":
            command.add_argument(
                "--retention", action="store_true",
                help="accept instead that retention keeps less, as the pod's annotations ask",
            )  # fmt: skip
    for name, summary in (("pause", "let no backup begin"), ("resume", "let backups begin again")):
        command = add(name, summary, "In the pods that run now; it says how to make it last.",
                      f"{name} deploy/wiki")  # fmt: skip
        _workload(command)
    logs = add("logs", "show the log of a sidecar", "", "logs deploy/wiki", "logs wiki -f")
    _workload(logs)
    logs.add_argument("-f", "--follow", action="store_true", help="go on as lines come")
    logs.add_argument("--tail", type=int, default=-1, metavar="N", help="only the last N lines")
    logs.add_argument("--json", action="store_true", help="lines as the sidecar writes them")


def _files(add: Add) -> None:
    snapshots = add("snapshots", "list the snapshots of a workload",
                    "WHAT names volumes, and tags in brackets: [keep] retention never removes it, "
                    "[doubtful] a volume had lost files, [dump=…] a dump of a database.",
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
    diff = add("diff", "show what differs between two snapshots", "", "diff wiki 4f8a1c2e latest")
    _workload(diff)
    diff.add_argument("snapshot", metavar="SNAPSHOT", help=_SNAPSHOT)
    diff.add_argument("other", metavar="SNAPSHOT", help="the later one")


def _restore(add: Add) -> None:
    restore = add(
        "restore", "restore a volume, or a part of it",
        "Chooses the newest snapshot in which the volume has files, or the one of --snapshot, or "
        "the newest at the time of --at. Says what is overwritten, and asks. --in-place stops "
        "the workload meanwhile and starts it again, whatever happens; it refuses where Argo CD, "
        "Flux or an autoscaler may start it before.",
        "restore wiki --volume data --to-local ./rescued",
        "restore wiki --volume data --path uploads --at 1d --in-place",
        "restore pod/db-0 --volume data --at 2026-11-25 --to-pvc new",
    )  # fmt: skip
    _workload(restore)
    volume = "its name in the pod's spec, which `snapshots` lists under WHAT"
    restore.add_argument("--volume", required=True, metavar="V", help=volume)
    restore.add_argument("--path", default="", metavar="P", help="only this, inside the volume")
    which = restore.add_mutually_exclusive_group()
    then = "as it was then: 2026-11-25T03:00:00Z, all of 2026-11-25, or 2h, 3d for ago"
    which.add_argument("--at", default="", metavar="T", help=then)
    which.add_argument("--snapshot", default="", metavar="ID", help=_SNAPSHOT)
    where = restore.add_mutually_exclusive_group(required=True)
    where.add_argument("--to-local", default="", metavar="DIR", help="a folder of this machine")
    new = "a claim, made like the volume's own where it is not there"
    where.add_argument("--to-pvc", default="", metavar="NEW", help=new)
    where.add_argument("--in-place", action="store_true", help="into the volume itself")
    restore.add_argument("--delete", action="store_true",
                         help="also delete files that came since the snapshot")  # fmt: skip
    restore.add_argument("--suspended", action="store_true",
                         help="nothing scales the workload back: you have seen to it")  # fmt: skip
    restore.add_argument("-y", "--yes", action="store_true", help="do not ask")

    load = add(
        "load", "load a dump into its database server",
        "Reads the newest dump to its end, says which it is, asks, and loads it. Refuses where the "
        "server is not empty. Exit status: 0 success, 1 failure, 75 skipped.",
        "load deploy/db", "load db --snapshot 4f8a1c2e", "load db --at 1d --replace",
    )  # fmt: skip
    _workload(load)
    load.add_argument("dump", nargs="?", default="", metavar="NAME",
                      help="postgres or mysql, where there are several")  # fmt: skip
    which = load.add_mutually_exclusive_group()
    which.add_argument("--at", default="", metavar="T", help="the newest dump of then or before")
    which.add_argument("--snapshot", default="", metavar="ID", help=_SNAPSHOT)
    load.add_argument(
        "--replace", action="store_true",
        help="also where it is not empty: databases of PostgreSQL are renamed to NAME_before_TIME, "
        "tables of MySQL give way to those of the dump",
    )  # fmt: skip
    _waits(load)
    load.add_argument("-y", "--yes", action="store_true", help="do not ask")


def _care(add: Add) -> None:
    doctor = add(
        "doctor", "say why something is not backed up, and what to do",
        "Walks the chain from the API server to the last report; what is broken first is the "
        "cause. Reads the names of the Secret's keys, never values. Exit status: 0 all is well, "
        "1 something is broken, or could not be checked.",
        "doctor", "doctor deploy/wiki",
    )  # fmt: skip
    doctor.add_argument("workload", nargs="?", metavar="WORKLOAD", help=_WORKLOAD)
    heal = add(
        "heal", "recreate pods that were admitted without a sidecar",
        "Those whose reason may be gone: the image, quota, another policy, a fault of the "
        "webhook. It tries first whether a new pod would get one, asks, and evicts, which "
        "respects PodDisruptionBudgets.",
        "heal", "heal -A", "heal -A --yes",
    )  # fmt: skip
    heal.add_argument("-A", "--all-namespaces", action="store_true")
    heal.add_argument("-y", "--yes", action="store_true", help="do not ask")
