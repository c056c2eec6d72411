"""Fuzzes the targets, each in a process of its own, with limits of time and memory.

``python -m tests.fuzz.campaign [MINUTES]`` fuzzes all three for that long together (30), one after
the other, and keeps in tests/fuzz/corpus what reaches code that the seeds do not reach.
"""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.blocks import PROJECT
from tests.fuzz import seeds

FOLDER = PROJECT / "tests/fuzz"
CORPUS = FOLDER / "corpus"
TARGETS = {"reviews": 8192, "documents": 1024, "archives": 8192}  # and how long an input may be
_SECONDS = 20  # that one input may take, on a busy machine; a usual one takes a thousandth
_MEMORY = 512  # MiB of the process, of which Python and what it imports take 50
_WHEELS = ((3, 11), (3, 14))  # the oldest and the newest Python that atheris has wheels for
_KEPT, _FILES = 80_000, 100  # bytes and number of all inputs of a target that are kept
_SHARED = Path("/dev/shm")  # noqa: S108 -- in memory, below a random name


def missing() -> str:
    """Return why atheris is not there; "" where it is."""
    if importlib.util.find_spec("atheris"):
        return ""
    here = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    return f"atheris, which fuzzes, is not installed for {here}"


def must_be_there() -> bool:
    """Whether atheris has a wheel for this Python, so that it is missing by mistake."""
    runs = sys.implementation.name == "cpython" and platform.system() == "Linux"
    newest = _WHEELS[0] <= sys.version_info[:2] <= _WHEELS[1]
    return runs and platform.machine() == "x86_64" and newest


@dataclass(frozen=True, slots=True)
class Result:
    """How a target ended; ``said`` is what libFuzzer wrote, ``input`` what it stopped at."""

    code: int
    said: str
    input: bytes | None

    def __str__(self) -> str:
        lines = self.said.splitlines()[-40:]
        return "\n".join([f"status {self.code}; it stopped at {self.input!r}", *lines])


def run(target: str, options: tuple[str, ...], *folders: Path) -> Result:
    """Run a target with options of libFuzzer and folders of inputs, the first of which grows."""
    room = _SHARED if os.access(_SHARED, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=room) as place:
        found = Path(place) / "found"
        limits = (f"-timeout={_SECONDS}", f"-rss_limit_mb={_MEMORY}", f"-artifact_prefix={found}-",
                  f"-max_len={TARGETS[target]}")  # fmt: skip
        words = FOLDER / f"{target}.dict"
        more = (f"-dict={words}",) if words.exists() else ()
        done = subprocess.run(
            (sys.executable, "-m", f"tests.fuzz.{target}", *limits, *more, *options,
             *map(str, folders)),
            cwd=PROJECT, env={**os.environ, "TMPDIR": place}, stdin=subprocess.DEVNULL, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        stopped = next((path.read_bytes() for path in Path(place).glob("found-*")), None)
    return Result(done.returncode, done.stdout.decode("utf-8", "replace"), stopped)


def main() -> int:
    """Fuzz all targets; return 1 where one of them stopped."""
    if why := missing():
        print(f"nothing is fuzzed: {why}", file=sys.stderr)
        return 1
    seconds = int(float(sys.argv[1] if len(sys.argv) > 1 else 30) * 60 / len(TARGETS))
    failed = 0
    for target in TARGETS:
        with tempfile.TemporaryDirectory(prefix="corpus-") as place:
            grown, known = Path(place) / "grown", Path(place) / "known"
            grown.mkdir()
            known.mkdir()
            seeds.write(target, known)
            print(f"{target}: {seconds} s ...", flush=True)
            result = run(target, (f"-max_total_time={seconds}",), grown, CORPUS / target, known)
            last = result.said.strip().rpartition("\n")[2]
            print(f"{target}: {result if result.code else last}", flush=True)
            failed += result.code != 0
            print(f"{target}: {_keep(target, grown, known)}", flush=True)
    return 1 if failed else 0


def _keep(target: str, grown: Path, known: Path) -> str:
    """Keep of what was found and kept before what reaches more than the seeds do, the small first.

    Returns what became of it.
    """
    kept, first = CORPUS / target, set(known.iterdir())
    merged = run(target, ("-merge=1",), known, kept, grown)
    more = sorted(set(known.iterdir()) - first, key=lambda path: path.stat().st_size)
    if merged.code or not more:
        return f"nothing is kept anew: {merged}"
    for path in kept.iterdir():
        path.unlink()
    size = 0
    for path in more[:_FILES]:
        size += path.stat().st_size
        if size > _KEPT:
            break
        shutil.copyfile(path, kept / path.name)
    return f"{len(list(kept.iterdir()))} of {len(more)} are kept"


if __name__ == "__main__":
    sys.exit(main())
