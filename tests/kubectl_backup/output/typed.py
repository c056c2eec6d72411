"""`kubectl backup` at a real terminal, as somebody types it."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from dataclasses import dataclass

# What rich writes to colour text, and to draw a bar over the last one.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_DRAWING = re.compile(r"\x1b\[(?:[0-9]*A|[0-9]*G|2K|1K|\?25[lh])|\r")


@dataclass(frozen=True)
class Shown:
    """How a command ended, and every byte that the terminal got."""

    code: int
    raw: str

    @property
    def text(self) -> str:
        """The same without colours and the movements of a bar."""
        return _DRAWING.sub("", _COLOURS.sub("", self.raw))

    @property
    def colours(self) -> list[str]:
        """The colours, in their order."""
        return _COLOURS.findall(self.raw)


def typed(
    *words: str, answer: str = "", width: int = 1000, environment: Mapping[str, str] | None = None
) -> Shown:
    """Run a command at a terminal of this width, type an answer, and return what it shows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    given = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "NO_COLOR"}}
    with subprocess.Popen(
        (sys.executable, "-m", "kubectl_backup", *words), stdin=theirs, stdout=theirs,
        stderr=theirs, env={**given, "TERM": "xterm-256color", **(environment or {})},
    ) as process:  # fmt: skip
        os.close(theirs)
        os.write(ours, answer.encode())
        seen = bytearray()
        try:
            while piece := os.read(ours, 65536):
                seen += piece
        except OSError:  # nobody has the other end open any more
            pass
        code = process.wait()
    os.close(ours)
    return Shown(code, seen.decode().replace("\r\n", "\n"))
