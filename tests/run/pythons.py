"""Runs the unit tests on the oldest and the newest Python: `python -m tests.run.pythons`.

Both are looked for on this machine: on PATH, in /usr and among pyenv's. Where none is as old as
requires-python allows, or none is as new as that of the images, Debian's is unpacked into the
user's cache. The one that `make test` uses is passed over: all tests run there.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from contract.command_line.start import OLDEST
from tests.blocks import PROJECT
from tests.cluster.settings import CACHE
from tests.cluster.work import alone, spent
from tests.services import once

NEWEST = (3, 13)  # of the images, which are Debian trixie's
# Without services and without a cluster. What is left out waits for services for most of its time.
TESTS = (
    "tests/contract", "tests/runner", "tests/kubectl_backup", "tests/webhook", "tests/certs",
    "tests/kube",
)  # fmt: skip
_LEFT_OUT = ("tests/runner/notify/test_transport_services.py",)
_SERVICES = Path(__file__).parents[1] / "services"
_VENVS = PROJECT / ".venv/pythons"
_LIBRARIES = (
    "libc6", "libgcc-s1", "libstdc++6", "libffi8", "zlib1g", "libexpat1", "libbz2-1.0", "liblzma5",
    "libuuid1", "libncursesw6", "libtinfo6", "libzstd1", "libcrypt1", "libsqlite3-0",
)  # fmt: skip
_DEBIAN = {(3, 11): ("bookworm", ("libssl3", "libreadline8")),
           (3, 13): ("trixie", ("libssl3t64", "libreadline8t64"))}  # fmt: skip
_TELL = "import platform; print(platform.python_implementation(), platform.python_version())"
_FINAL = re.compile(r"CPython (\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, order=True)
class Python:
    """One that can be run; ``version`` has three numbers."""

    version: tuple[int, int, int]
    path: Path

    def __str__(self) -> str:
        return f"Python {'.'.join(map(str, self.version))} ({self.path})"

    @property
    def minor(self) -> tuple[int, int]:
        """Its version without the last number."""
        return self.version[:2]


def ask(path: Path) -> Python | None:
    """Return a Python with its version; None for what is none, or no release."""
    try:
        done = subprocess.run((path, "-c", _TELL), capture_output=True, text=True, check=False,
                              timeout=60)  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _FINAL.fullmatch(done.stdout.strip())
    return Python((int(found[1]), int(found[2]), int(found[3])), path) if found else None


def candidates() -> Iterator[Path]:
    """Yield the paths of programs that may be a Python of this machine."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    folders = [Path(each) for each in os.get_exec_path() if each.startswith("/")]
    folders = [each for each in folders if not each.is_relative_to(pyenv / "shims")]
    folders += [Path("/usr/local/bin"), Path("/usr/bin"), *pyenv.glob("versions/*/bin")]
    for folder in dict.fromkeys(folders):
        if not folder.is_relative_to(PROJECT):
            yield from sorted(folder.glob("python3.[0-9][0-9]"))


def ends(found: Iterable[Python]) -> tuple[Python | None, Python | None]:
    """Return the oldest and the newest that the project's promise needs; None for what is missing.

    The oldest has the lowest version that is allowed, the newest at least that of the images.
    """
    allowed = sorted(each for each in found if each.minor >= OLDEST)
    oldest = next((each for each in allowed if each.minor == OLDEST), None)
    newest = next((each for each in reversed(allowed) if each.minor >= NEWEST), None)
    return oldest, newest


def unpacked(minor: tuple[int, int]) -> Python:
    """Return Debian's Python of a version, unpacked into the user's cache beside its libraries.

    It runs with its own C library on any Linux, as do the venvs made with it.
    """
    name = "python{}.{}".format(*minor)
    suite, libraries = _DEBIAN[minor]
    folder = CACHE / "services" / name
    program = folder / "usr/bin" / name
    packages = (name, f"{name}-minimal", f"lib{name}-minimal", f"lib{name}-stdlib",
                *_LIBRARIES, *libraries)  # fmt: skip

    def unpack(new: Path) -> None:
        print(f"unpacking {name} of Debian {suite} ...", flush=True)
        _unpack(new, suite, *packages)
        loader = next(each for each in new.glob("**/ld-linux*.so.*") if not each.is_symlink())
        places = [each for each in new.glob("**/lib/*-linux-gnu*") if each.is_dir()]
        final = [str(folder / each.relative_to(new)) for each in (loader, *places)]
        words = ("--set-interpreter", final[0], "--force-rpath", "--set-rpath", ":".join(final[1:]))
        subprocess.run((_patchelf(new), *words, new / "usr/bin" / name), check=True)

    once.folder(folder, f"{suite}: {' '.join(packages)}", unpack)
    if (found := ask(program)) is None:
        sys.exit(f"{program} does not run here ({platform.machine()})")
    return found


def _patchelf(folder: Path) -> Path:
    if found := shutil.which("patchelf"):
        return Path(found)
    _unpack(folder, "own", "patchelf")
    return folder / "usr/bin/patchelf"


def _unpack(folder: Path, suite: str, *packages: str) -> None:
    subprocess.run(("sh", _SERVICES / "unpack.sh", folder, suite, *packages), check=True)


def environment(python: Python) -> Path:
    """Return a venv of this Python with what the tests need, named by their locks."""
    venv = _VENVS / ".".join(map(str, python.version))
    with alone(venv.with_name(f".{venv.name}.lock")):
        return _installed(python, venv)


def _installed(python: Python, venv: Path) -> Path:
    done = venv / ".installed"
    lock = (PROJECT / "requirements/dev.txt").read_bytes() + str(python.path).encode()
    if done.exists() and done.read_bytes() == lock:
        return venv
    subprocess.run((python.path, "-m", "venv", "--clear", "--without-pip", venv), check=True)
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check",
           "--python", venv / "bin/python", "install")  # fmt: skip
    subprocess.run(
        (*pip, "--require-hashes", "-r", "requirements/dev.txt"), cwd=PROJECT, check=True
    )
    subprocess.run((*pip, "--no-deps", "--no-build-isolation", "-e", "."), cwd=PROJECT, check=True)
    done.write_bytes(lock)
    return venv


def test(python: Python) -> bool:
    """Run the unit tests on a Python; return whether all passed."""
    began = time.monotonic()
    print(f"unit tests on {python}", flush=True)
    folder = environment(python) / "bin"
    path = f"{folder}:{os.environ['PATH']}"
    words = ("--quiet", "--numprocesses=2", *(f"--ignore={each}" for each in _LEFT_OUT), *TESTS)
    done = subprocess.run(
        (folder / "python", "-m", "tests.run", *words),
        cwd=PROJECT, env={**os.environ, "PATH": path}, check=False,
    )  # fmt: skip
    print(f"unit tests on {python}: status {done.returncode} in {spent(began)}", flush=True)
    return done.returncode == 0


def main() -> int:
    """Run the tests on both; return 1 where some failed."""
    oldest, newest = ends(filter(None, map(ask, candidates())))
    both = [oldest or unpacked(OLDEST), newest or unpacked(NEWEST)]
    ours = sys.version_info[:3]
    wanted = [each for each in both if each.version != ours]
    for each in both:
        if each not in wanted:
            print(f"{each}: `make test` runs all tests on this version", flush=True)
    passed = [test(each) for each in wanted]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
