"""`kubectl backup`: wiring only."""

import kubectl_backup.requirements  # noqa: F401 -- first: says in one line what is missing

# isort: split
import argparse
import sys
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from kubectl_backup import arguments, examine, files, formats, restore, status, terminal, work
from kubectl_backup.cluster import Cluster
from kubectl_backup.kubeconfig import Where
from kubectl_backup.listing import NoSnapshotError
from kubectl_backup.refusal import ClusterError
from kubectl_backup.replacement import RefusedError
from kubectl_backup.target import TargetError
from kubectl_backup.terminal import DeclinedError, Terminal

Command = Callable[[Cluster, Terminal, argparse.Namespace], int]

_COMMANDS: dict[str, Command] = {
    "status": status.show,
    "now": work.now,
    "accept": work.tell_runner,
    "drill": work.tell_runner,
    "unlock": work.tell_runner,
    "pause": work.pause,
    "resume": work.pause,
    "logs": work.logs,
    "snapshots": files.snapshots,
    "ls": files.show,
    "cat": files.write,
    "diff": files.compare,
    "heal": work.heal,
    "doctor": examine.run,
    "restore": restore.run,
    "load": work.load,
}


def main(words: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    parsed = arguments.parse(words)
    try:
        where = Where(parsed.kubeconfig, parsed.context, parsed.namespace)
        with closing(Cluster(where)) as cluster:
            return _COMMANDS[parsed.command](cluster, terminal.current(), parsed)
    except (ClusterError, TargetError, NoSnapshotError, RefusedError, DeclinedError) as error:
        print(f"kubectl backup: {formats.plain(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except OSError as error:
        line = f"kubectl backup: {error.filename}: {error.strerror}"
        print(formats.plain(line), file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 -- a trace would quote what a sidecar says as it is
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
        why = "a sidecar or the API server says what nobody expects, or this is a fault of ours"
        print(f"kubectl backup: internal error: {place}; {why}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
