"""`kubectl backup`: wiring only."""

import sys

from kubectl_backup import arguments, status, terminal
from kubectl_backup.cluster import Cluster, ClusterError, Where
from kubectl_backup.target import TargetError
from kubectl_backup.terminal import DeclinedError


def main(words: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    parsed = arguments.parse(words)
    try:
        cluster = Cluster(Where(parsed.kubeconfig, parsed.context, parsed.namespace))
        return status.show(cluster, terminal.current(), parsed)
    except (ClusterError, TargetError, DeclinedError) as error:
        print(f"kubectl backup: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141


if __name__ == "__main__":
    sys.exit(main())
