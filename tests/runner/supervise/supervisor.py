"""Starts the real supervise.sh beside a `backup-runner` that does as it is told, and watches."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.blocks import PROJECT
from tests.runner.events import opening, until

SCRIPT = PROJECT / "runner" / "supervise.sh"
# Notes its arguments and signals; waits where a FIFO is; announces the time that it is told.
RUNNER = f"""#!{sys.executable} -IS
import os, signal, sys
from pathlib import Path
folder = Path(__file__).parent
def note(line):
    with (folder / "log").open("a") as log:
        log.write(line + "\\n")
signal.signal(signal.SIGTERM, lambda *_: note("SIGTERM"))
note(" ".join(sys.argv[1:]))
gate = folder / "gate"
if gate.exists():
    gate.read_text()
try:
    Path(os.environ["BACKUP_STATE_DIR"], "next").touch()
    os.utime(Path(os.environ["BACKUP_STATE_DIR"], "next"), (4e9, 4e9))
except OSError:
    pass
note("end")
sys.exit(int((folder / "status").read_text()))
"""


class Supervisor:
    """One supervisor in a session of its own, so that all it starts can be found."""

    process: "subprocess.Popen[bytes]"

    def __init__(self, root: Path) -> None:
        self._root = root
        self.bin = root / "bin"
        self.state = root / "var" / "state"
        self.errors = root / "errors"
        for folder in (self.bin, root / "pod", root / "secret"):
            folder.mkdir()
        self.state.parent.mkdir()
        (self.bin / "backup-runner").write_text(RUNNER)
        (self.bin / "backup-runner").chmod(0o755)
        (self.bin / "log").touch()
        self.answer(status=0)

    def answer(self, *, status: int) -> None:
        """Let ticks end with this status from now on."""
        (self.bin / "status.new").write_text(str(status))
        (self.bin / "status.new").rename(self.bin / "status")

    def block_ticks(self) -> None:
        """Let each tick wait until it is released."""
        os.mkfifo(self.bin / "gate")

    def release_tick(self) -> None:
        """Let the tick that waits go on, and later ones not wait at all."""
        with opening(self.bin / "gate"):
            pass

    def kill_tick(self) -> None:
        """Kill the tick that waits, and let later ones not wait at all."""
        with opening(self.bin / "gate"):
            (tick,) = self.family("backup-runner")
            os.kill(tick, signal.SIGKILL)

    def swap(self, folder: str) -> None:
        """Change a volume as the kubelet does it, but at once: a look in between would see two."""
        new = self._root / f"{folder}.new"
        new.symlink_to(f"..{len(list((self._root / folder).iterdir()))}")
        new.rename(self._root / folder / "..data")

    def start(self, pause: str) -> None:
        """Start it; it looks every ``pause`` seconds."""
        if not self.state.exists():
            self.state.mkdir()
        environment = {
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "BACKUP_STATE_DIR": str(self.state),
            "BACKUP_ANNOTATIONS_FILE": str(self._root / "pod" / "annotations"),
            "BACKUP_SECRET_DIR": str(self._root / "secret"),
            "BACKUP_POLL_SECONDS": pause,
        }
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                # As a container begins: a test run in the background has SIGINT ignored for good.
                ["env", "--default-signal=INT", "sh", SCRIPT],
                env=environment,
                stdin=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End it and all that it started, by their ids."""
        if not hasattr(self, "process"):
            return
        while left := self.family():  # again: it may have started one meanwhile
            for process in left:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        self.process.wait()

    @property
    def lines(self) -> list[str]:
        """What ticks noted: their arguments, signals and ends."""
        return (self.bin / "log").read_text().splitlines()

    @property
    def calls(self) -> list[str]:
        """The arguments of each tick."""
        return [line for line in self.lines if line.startswith("tick")]

    def family(self, part: str = "") -> dict[int, str]:
        """Return id and name of every process of its session, and of zombies that it keeps."""
        found = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                before, _, after = path.read_text().rpartition(")")
                state, parent, _, session = after.split()[:4]
                reaped_by_others = state == "Z" and int(parent) != self.process.pid
                if int(session) != self.process.pid or reaped_by_others:
                    continue
                command = (path.parent / "cmdline").read_text()
            except OSError:
                continue  # it ended meanwhile
            if part in command:
                found[int(path.parent.name)] = before.partition("(")[2]
        return found

    def await_line(self, line: str, count: int = 1) -> None:
        """Wait until so many notes begin with this."""
        until(lambda: sum(noted.startswith(line) for noted in self.lines) >= count, line)

    def await_calls(self, *calls: str) -> None:
        """Wait until there were these ticks, and fail if there were others."""
        until(lambda: len(self.calls) >= len(calls), f"{calls}")
        assert tuple(self.calls[: len(calls)]) == calls

    def await_sleep(self) -> None:
        """Wait until it waits: it has a sleep, and is asleep itself."""

        def waits() -> bool:
            children = sorted(self.family().values())
            stat = Path(f"/proc/{self.process.pid}/stat").read_text()
            return children == ["sh", "sleep"] and stat.rpartition(")")[2].split()[0] == "S"

        until(waits, "it waits")

    def await_nothing_left(self) -> None:
        """Wait until its last child is gone, which may take a moment longer than itself."""
        until(lambda: not self.family(), "nothing is left")

    def await_looks(self, count: int) -> None:
        """Wait until it has looked at the time so often: each look writes a file."""
        seen: set[int] = set()

        def looked() -> bool:
            with suppress(FileNotFoundError):  # it has not begun to
                seen.add((self.state / "clock").stat().st_mtime_ns)
            return len(seen) >= count

        until(looked, f"{count} looks")
