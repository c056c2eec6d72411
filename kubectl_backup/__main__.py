"""`kubectl backup`: wiring only."""

import kubectl_backup.requirements  # noqa: F401 -- first: reports what is missing in one line

# isort: split
import argparse
import sys
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from contract import exit_codes
from kubectl_backup import cli
from kubectl_backup.cluster.api import Cluster
from kubectl_backup.cluster.errors import ClusterError
from kubectl_backup.cluster.kubeconfig import Where
from kubectl_backup.commands import logs, now, pause, reinject, runner, snapshots
from kubectl_backup.commands.status import command as status_command
from kubectl_backup.doctor import command as doctor_command
from kubectl_backup.output import formats, terminal
from kubectl_backup.output.terminal import DeclinedError, Terminal
from kubectl_backup.restore import command as restore_command
from kubectl_backup.restore.preflight import RefusedError
from kubectl_backup.workload.snapshots import NoSnapshotError
from kubectl_backup.workload.target import TargetError

Command = Callable[[Cluster, Terminal, argparse.Namespace], int]

_COMMANDS: dict[str, Command] = {
    "status": status_command.show,
    "now": now.now,
    "accept": runner.run,
    "drill": runner.run,
    "unlock": runner.run,
    "pause": pause.pause,
    "resume": pause.pause,
    "logs": logs.logs,
    "snapshots": snapshots.snapshots,
    "ls": snapshots.show,
    "cat": snapshots.write,
    "diff": snapshots.compare,
    "reinject": reinject.reinject,
    "doctor": doctor_command.run,
    "restore": restore_command.run,
    "load": runner.load,
}


def main(words: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    parsed = cli.parse(words)
    try:
        where = Where(parsed.kubeconfig, parsed.context, parsed.namespace)
        with closing(Cluster(where)) as cluster:
            return _COMMANDS[parsed.command](cluster, terminal.current(), parsed)
    except (ClusterError, TargetError, NoSnapshotError, RefusedError, DeclinedError) as error:
        print(f"kubectl backup: {formats.plain(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return exit_codes.BROKEN_PIPE
    except OSError as error:
        line = f"kubectl backup: {error.filename}: {error.strerror}"
        print(formats.plain(line), file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 -- a trace would quote foreign text unescaped
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
        why = "an unexpected answer of a sidecar or the API server, or a bug; please report it"
        print(f"kubectl backup: internal error: {place}; {why}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
