"""Runs tests in one process each, which begin with what is slow to import.

It is a program of its own, `python warm.py FOLDER`, in the environment of a copy, and imports none
of our modules. Each line of standard input is a list in JSON: for how many seconds they may run,
and pytest's words. The answer is a line with the exit status; the output is in FOLDER/output.
"""

import importlib
import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

_TIMEOUT = 124  # as of `timeout`
_SLOW = (
    "_pytest.config", "pytest", "hypothesis", "yaml", "orjson", "jsonpatch", "cryptography.x509",
    "prometheus_client", "fastapi", "uvicorn", "httpx", "trustme", "apprise", "kubernetes.client",
    "rich.console", "cronsim",
)  # fmt: skip


def main(folder: Path) -> None:
    """Answer until standard input ends."""
    for name in _SLOW:
        with suppress(ImportError):  # a test that needs it says so
            importlib.import_module(name)
    for line in sys.stdin:
        seconds, words = json.loads(line)
        print(_run(seconds, words, folder / "output"), flush=True)


def _run(seconds: int, words: list[str], output: Path) -> int:
    child = os.fork()
    if not child:
        os.setsid()
        number = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(number, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        code = int(sys.modules["pytest"].main(words))
        sys.stdout.flush()
        os._exit(code)
    ends = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended or time.monotonic() > ends:
            break
        time.sleep(0.01)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # also what a test has left behind
    if ended:
        return os.waitstatus_to_exitcode(status)
    os.waitpid(child, 0)
    return _TIMEOUT


if __name__ == "__main__":
    main(Path(sys.argv[1]))
