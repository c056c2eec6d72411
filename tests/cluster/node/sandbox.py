"""Namespaces that hold a whole cluster: its processes, its mounts and its network.

The first process of the sandbox does nothing but collect its orphans. When it is killed, the
kernel kills every other process of the sandbox (containers too) and drops its mounts, bridges,
rules and addresses. It is found again by a variable in its environment, without any file, so
that `destroy` also works after whatever made the sandbox has crashed.
"""

import os
import select
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.cluster.node import cgroups
from tests.cluster.settings import CGROUP, NETWORK, ROOT
from tests.cluster.work import WorkError, tail, until

_MARK = "BACKUP_WEBHOOK_CLUSTER"
_FIRST = "catatonit"

# Folders that a node writes to under fixed names: in the sandbox, each is one below ROOT.
_PRIVATE = (
    "/run/containerd",
    "/run/netns",
    "/var/lib/cni",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/log/pods",
)


class Sandbox:
    """One set of namespaces; there is at most one for each ROOT."""

    def __init__(self) -> None:
        self.first = _find()  # process id of the first process, as this machine counts; 0: none
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def create(self) -> None:
        """Make the namespaces, private folders, and a cable between machine and node."""
        cgroups.create(CGROUP)
        folders = [(_private(name), name) for name in _PRIVATE]
        missing = [name for name in _PRIVATE if not Path(name).exists()]
        (ROOT / "made").write_text("\n".join(missing))
        for source, name in folders:
            source.mkdir(parents=True, exist_ok=True)
            Path(name).mkdir(parents=True, exist_ok=True)
        self._started["sandbox"] = _unshare(ROOT / "sandbox.log")
        until(self._found, "the sandbox has started", 60)
        mounts = [f"mount --bind '{source}' '{name}'" for source, name in folders]
        self._shell("mount --make-rshared /", *mounts)
        self._connect()

    def _found(self) -> bool:
        if self._started["sandbox"].poll() is not None:
            raise WorkError(f"cannot make namespaces here:\n{tail(ROOT / 'sandbox.log')}")
        self.first = _find()
        return self.first != 0

    def _connect(self) -> None:
        """Lay the cable: its far end is the node's eth0, and the way to the pods."""
        host, node = f"{NETWORK.host}/{NETWORK.prefix}", f"{NETWORK.node}/{NETWORK.prefix}"
        link = NETWORK.link
        _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(self.first))
        _ip("address", "add", host, "dev", link)
        _ip("link", "set", link, "up")
        _ip("route", "add", NETWORK.pods, "via", NETWORK.node)
        self._shell(
            "ip link set lo up",
            f"ip address add {node} dev eth0",
            "ip link set eth0 up",
            f"ip route add default via {NETWORK.host}",
            "echo 1 > /proc/sys/net/ipv4/ip_forward",
        )

    def _shell(self, *commands: str) -> None:
        self.run("sh", "-ec", "\n".join(commands))

    def inside(self, *argv: str) -> list[str]:
        """Return the command that runs `argv` in the sandbox."""
        target = ["--target", str(self.first), "--net", "--mount", "--pid"]
        return ["nsenter", *target, "--", *argv]

    def run(self, *argv: str) -> str:
        """Run a command in the sandbox to its end; return its output. Raises WorkError.

        `pkill kubelet` and the like meet nothing but the cluster's own processes there.
        """
        done = subprocess.run(self.inside(*argv), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise WorkError(f"{' '.join(argv)} failed in the sandbox:\n{done.stderr}")
        return done.stdout

    def start(self, name: str, *argv: str) -> None:
        """Start a program in the sandbox that outlives this process; it writes NAME.log."""
        with (ROOT / f"{name}.log").open("ab") as log:
            self._started[name] = subprocess.Popen(
                self.inside(*argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def until(self, condition: Callable[[], bool], what: str, timeout: float) -> None:
        """Wait as work.until does, but give up at once where a started program has ended."""

        def look() -> bool:
            for name, process in self._started.items():
                if process.poll() is not None:
                    raise WorkError(f"{name} has ended:\n{tail(ROOT / f'{name}.log')}")
            return condition()

        until(look, what, timeout)

    def destroy(self) -> None:
        """End every process and remove all that `create` made. Raises WorkError."""
        while self.first:
            _kill(self.first)
            self.first = _find()
        for process in self._started.values():
            process.wait(60)
        self._started.clear()
        link = Path("/sys/class/net") / NETWORK.link
        if link.exists():
            with suppress(WorkError):  # the kernel removes it with its other end, maybe right now
                _ip("link", "delete", NETWORK.link)
            until(lambda: not link.exists(), f"{NETWORK.link} is gone", 60)
        cgroups.remove(CGROUP)
        made = ROOT / "made"
        # Another cluster has mounts over them, which would go with them.
        removed = made.exists() and not _find(f"{_MARK}=")
        for name in made.read_text().split() if removed else ():
            folder = Path(name)
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        shutil.rmtree(ROOT, ignore_errors=False) if ROOT.exists() else None


def _private(name: str) -> Path:
    return ROOT / "private" / name.strip("/").replace("/", "-")


def _unshare(log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(
            [
                "unshare",
                "--net",
                "--mount",
                "--pid",
                "--fork",
                "--mount-proc",
                "--propagation",
                "private",
                "--",
                _FIRST,
                "-P",
            ],
            env={**os.environ, _MARK: str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _find(mark: str = f"{_MARK}={ROOT}\0") -> int:
    """Return the process id of this ROOT's sandbox (or of one with ``mark``), 0 for none."""
    wanted = b"\0" + mark.encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text().strip() != _FIRST:
                continue
            if wanted in b"\0" + (process / "environ").read_bytes():
                return int(process.name)
        except OSError:
            continue  # it ended while we looked, or is not ours to read
    return 0


def _kill(process: int) -> None:
    """Kill a process and wait for its end, which comes after that of all in its namespace."""
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        ended, _, _ = select.select([handle], [], [], 120)
    except ProcessLookupError:
        return
    finally:
        os.close(handle)
    if not ended:
        raise WorkError(f"process {process}, the test cluster's first, does not end")


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise WorkError(f"ip {' '.join(arguments)} failed: {done.stderr}")
