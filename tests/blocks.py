"""The commands that the documentation shows: tests take them from there and run them.

A command block is a fenced block of the language `sh`. Some test runs every one of them: it gets
their text from `blocks("docs/restore.md", "## One file")`, and tests/docs/test_blocks.py fails for
a block that nobody asked for.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).parents[1]
# Commands that tests run in another form: the block, and how.
ELSEWHERE = {
    "make demo   # admission, backup, change, backup, loss, restore, compare\n"
    "make test   # linters and all tests\n": "tests/integration/documented/test_demo.py; .ci/run",
    "make lint\nmake help\n": ".ci/run, by `make test`",
    "pip install '.[kubectl]'   # kubectl finds kubectl-backup on PATH\n": "by `make setup`",
}
_FENCE = re.compile(r"^ *```(.*)$")
_HEADING = re.compile(r"^#{1,6} ")


@dataclass(frozen=True)
class Block:
    """A fenced block: the page and the heading that it stands below, its language, its text."""

    page: str
    heading: str
    language: str
    text: str


def pages() -> list[str]:
    """Return all pages that may show commands, relative to the project."""
    found = [PROJECT / "README.md", PROJECT / "manifests/chart/README.md"]
    found += sorted((PROJECT / "docs").rglob("*.md"))
    return [path.relative_to(PROJECT).as_posix() for path in found]


@cache
def fenced(page: str) -> tuple[Block, ...]:
    """Return every fenced block of a page."""
    return tuple(_fenced(page, (PROJECT / page).read_text("utf-8").splitlines()))


def _fenced(page: str, lines: list[str]) -> Iterator[Block]:
    heading, language, inside = "", None, list[str]()
    for line in lines:
        fence = _FENCE.match(line)
        if language is None and fence:
            language, inside = fence[1].strip(), []
        elif fence:
            assert language is not None
            indent = len(line) - len(line.lstrip())
            text = "".join(f"{each[indent:]}\n" for each in inside)
            yield Block(page, heading, language, text)
            language = None
        elif language is not None:
            inside.append(line)
        elif _HEADING.match(line):
            heading = line
    assert language is None, f"{page}: a block has no end"


def blocks(page: str, heading: str, containing: str = "") -> list[str]:
    """Return the `sh` blocks right below a heading: all of them, or those with a word in them.

    Give literals, and use each one that you get: this call is what counts as running them.
    """
    found = [each.text for each in wanted(page, heading, containing)]
    assert found, f"{page} shows no command below {heading!r}"
    return found


def wanted(page: str, heading: str, containing: str = "") -> list[Block]:
    """Return the same with where they stand."""
    return [
        each
        for each in fenced(page)
        if each.heading == heading and each.language == "sh"
        if containing in each.text and each.text not in ELSEWHERE
    ]


def run(
    block: str,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    instead: Mapping[str, str] | None = None,
    fails: int = 0,
) -> str:
    """Run a block in ``folder`` and return its standard output; any failing command fails.

    ``instead`` has what stands in it for what the reader puts there, such as ``NAME``.
    """
    instead = instead or {}
    for word in instead:
        assert word in block, f"{word} is not in {block}"
    if instead:
        longest_first = sorted(map(re.escape, instead), key=len, reverse=True)
        block = re.sub("|".join(longest_first), lambda found: instead[found[0]], block)
    done = subprocess.run(
        ("bash", "-eu", "-o", "pipefail", "-c", block),
        cwd=folder, env=dict(os.environ if environment is None else environment),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1800, check=False,
    )  # fmt: skip
    assert done.returncode == fails, f"{block}\n{done.stdout}\n{done.stderr}"
    return done.stdout
