"""Busy processes beside the tests: what passes only on an idle machine fails."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

# Ends with the pipe, so also when its parent is killed and can end nothing.
_BURN = """
import os, signal, sys, threading
signal.signal(signal.SIGINT, signal.SIG_DFL)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
while True:
    pass
"""


@contextmanager
def busy(processes: int | None = None) -> Iterator[None]:
    """Keep processors busy until the end of the block, by default one process for each."""
    with ExitStack() as burning:
        for _ in range((os.cpu_count() or 1) if processes is None else processes):
            process = burning.enter_context(
                subprocess.Popen((sys.executable, "-c", _BURN), stdin=subprocess.PIPE)
            )
            burning.callback(process.kill)
        yield
