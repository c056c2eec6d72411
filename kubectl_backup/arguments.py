"""The command line: what there is to say, and help that teaches it."""

import argparse
from collections.abc import Callable, Sequence

from contract import VERSION

_EPILOG = """\
WORKLOAD is deploy/wiki, sts/db, pod/x, or a bare name. Start here:
  kubectl backup status -A              everything that is or should be backed up, and what is wrong
  kubectl backup doctor deploy/wiki     why it is not, and what to do
  kubectl backup now deploy/wiki --wait one backup now
  kubectl backup restore deploy/wiki --volume data --to-local ./rescued
"""


Add = Callable[..., argparse.ArgumentParser]


class Help(argparse.RawDescriptionHelpFormatter):
    """Keeps lines as they are written."""


def parser() -> argparse.ArgumentParser:
    """Return the parser; ``command`` names what to run."""
    found = argparse.ArgumentParser(
        prog="kubectl backup",
        description="Shows, starts, checks and restores backups of the workloads in a cluster.",
        epilog=_EPILOG,
        formatter_class=Help,
    )
    found.add_argument("--version", action="version", version=VERSION)
    common = _common()
    commands = found.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, summary: str, more: str, *examples: str) -> argparse.ArgumentParser:
        lines = "\n".join(f"  kubectl backup {example}" for example in examples)
        return commands.add_parser(
            name, help=summary, parents=[common], formatter_class=Help,
            description=f"{summary[0].upper()}{summary[1:]}. {more}".strip(),
            epilog=f"examples:\n{lines}",
        )  # fmt: skip

    _status(add)
    return found


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; ends the program where it cannot be understood."""
    return parser().parse_args(arguments)


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    group = common.add_argument_group("cluster, as kubectl has them")
    group.add_argument("-n", "--namespace", default="", help="namespace of the workload")
    group.add_argument("--context", default="", help="context of the kubeconfig")
    group.add_argument("--kubeconfig", default="", metavar="FILE", help="default: $KUBECONFIG")
    return common


def _status(add: Add) -> None:
    status = add(
        "status", "show what is backed up, and what is wrong",
        "One line a pod that asks for backups, also where it gets none. "
        "Exit status: 0 all have a good backup, 1 not all.",
        "status", "status deploy/wiki", "status -A -o wide", "status -A -o json", "status --watch",
    )  # fmt: skip
    status.add_argument("workload", nargs="?", metavar="WORKLOAD")
    status.add_argument("-A", "--all-namespaces", action="store_true")
    status.add_argument("-o", "--output", choices=("json", "yaml", "wide"), default="")
    status.add_argument("-w", "--watch", action="store_true", help="look again every 2 seconds")
