"""`python -m tests.cluster up [--control-plane-only] | status | down | kubeconfig | prepare`."""

import argparse
import sys

from tests.cluster.node.cluster import KUBECONFIG, Cluster, prepare
from tests.cluster.programs import build
from tests.cluster.settings import KUBERNETES
from tests.cluster.work import WorkError


def main() -> int:
    """Return the exit status: 1 where something failed, with one message that tells what."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start the cluster, or what of it is missing")
    up.add_argument("--control-plane-only", action="store_true", help="without a node")
    commands.add_parser("status", help="tell whether it runs: exit status 0 or 1")
    commands.add_parser("down", help="stop the cluster and leave nothing behind")
    commands.add_parser("kubeconfig", help="print the path of the kubeconfig")
    commands.add_parser("prepare", help="only build and install what `up` needs")
    arguments = parser.parse_args()
    try:
        if arguments.command == "up":
            Cluster().start(with_node=not arguments.control_plane_only)
            print(f"export KUBECONFIG={KUBECONFIG} PATH={KUBERNETES}:$PATH")
        elif arguments.command == "status":
            return int(not Cluster().is_running())
        elif arguments.command == "down":
            Cluster().stop()
        elif arguments.command == "prepare":
            prepare()
            build.helm()
            build.rclone()
        else:
            print(KUBECONFIG)
    except WorkError as error:
        print(f"test cluster: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
