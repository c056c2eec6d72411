"""At a terminal: colours, bars and questions. Elsewhere: text for programs, and a line at times."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kubectl_backup.output import progress
from kubectl_backup.output.progress import Progress
from tests.kubectl_backup.api import Api, Ran
from tests.kubectl_backup.conftest import Backup
from tests.kubectl_backup.output.typed import typed
from tests.kubectl_backup.pods import Json, known, pod
from tests.kubectl_backup.restore.test_command import TREE, nodes, snapshot, tree

PODS = "/api/v1/namespaces/prod/pods"
NAME = pod()["metadata"]["name"]
MARKUP = "[red]bold[/red] [link=http://evil]here[/] :smile: [/]"


@pytest.fixture
def wiki(api: Api, kubeconfig: Path) -> Api:
    """One pod with a snapshot of two files."""
    del kubeconfig
    api.objects[PODS] = {"items": [pod()]}
    api.commands[NAME] = Ran(json.dumps(known()).encode())
    api.by_word |= {
        "restic snapshots": Ran(json.dumps([snapshot("/backup/data")]).encode()),
        "restic ls": nodes(**TREE),
        "restic dump": Ran(tree(a="one", **{"b c": "ü"})),
    }
    return api


def test_a_table_has_colours_at_a_terminal_and_none_in_a_pipe(wiki: Api, backup: Backup) -> None:
    """And the same words."""
    del wiki

    shown, piped = typed("status"), backup("status")

    assert "\x1b[33msuccess\x1b[0m" in shown.raw
    assert [line.rstrip() for line in shown.text.splitlines()] == piped.out.splitlines()
    assert "\x1b" not in piped.out


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
@pytest.mark.parametrize("words", [("status",), ("doctor", "wiki"), ("snapshots", "wiki")])
def test_no_color_is_respected(
    wiki: Api, words: tuple[str, ...], environment: dict[str, str]
) -> None:
    wiki.objects["/version"] = {"major": "1", "minor": "37"}

    assert typed(*words, environment=environment).colours == []
    assert typed(*words).colours != []


@pytest.mark.parametrize("width", [1000, 80, 30])
def test_markup_in_foreign_text_is_text(wiki: Api, width: int) -> None:
    """In a table, beside it and below; in lists of files."""
    said: Json = known(problems=[MARKUP])
    said["last"] |= {"status": "failure", "message": MARKUP}
    wiki.commands[NAME] = Ran(json.dumps(said).encode())
    node = {"name": MARKUP, "type": "file", "path": "/backup/data/x", "struct_type": "node"}
    wiki.by_word["restic ls"] = Ran(json.dumps(node).encode() + b"\n")
    odd = {**snapshot(f"/backup/{MARKUP}"), "tags": [MARKUP]}
    wiki.by_word["restic snapshots"] = Ran(json.dumps([odd]).encode())

    for words in (("status",), ("snapshots", "wiki"), ("ls", "wiki", "4f", "data")):
        shown = typed(*words, width=width)
        assert "".join(MARKUP.split()) in "".join(shown.text.split()), shown


def test_a_progress_bar_of_a_restore_disappears_at_the_end(wiki: Api, tmp_path: Path) -> None:
    """With bytes of bytes; and the line of its result has the terminal for itself."""
    wiki.by_word["restic dump"] = Ran(tree(a="one", **{"b c": "ü"}))

    shown = typed("restore", "wiki", "--volume", "data", "--to-local", str(tmp_path / "x"))

    assert shown.code == 0
    assert "reading the snapshots" in shown.text
    assert "data: restoring" in shown.text
    assert "5 B of 5 B" in shown.text
    last = shown.raw.rstrip("\n").rpartition("\n")[2]
    assert last.rpartition("\x1b[2K")[2].startswith("restored data of snapshot 4f8a1c2e")


def test_in_a_pipe_a_short_restore_prints_only_its_result(
    wiki: Api, backup: Backup, tmp_path: Path
) -> None:
    del wiki

    said = backup("restore", "wiki", "--volume", "data", "--to-local", str(tmp_path / "x"))

    assert (said.code, said.err, said.out.count("\n")) == (0, "", 1)


@pytest.mark.parametrize(
    ("answer", "code"),
    [("y\n", 0), ("yes\n", 0), (" YES \n", 0), ("n\n", 1), ("\n", 1), ("maybe\n", 1), ("\x04", 1)],
)
def test_only_yes_confirms(wiki: Api, tmp_path: Path, answer: str, code: int) -> None:
    del wiki
    (tmp_path / MARKUP.replace("/", "")).touch()

    shown = typed("restore", "wiki", "--volume", "data", "--to-local", str(tmp_path), answer=answer)

    assert (shown.code, (tmp_path / "a").exists()) == (code, not code)
    assert f"{tmp_path} is not empty: files of the same names are overwritten." in shown.text
    assert shown.text.count("[y/N]") == 1
    assert ("nothing was done" in shown.text) is bool(code)


def test_commands_that_draw_nothing_do_not_import_rich() -> None:
    look = "import kubectl_backup.__main__, sys; print([m for m in sys.modules if 'rich' in m])"

    shown = subprocess.run((sys.executable, "-c", look), capture_output=True, text=True, check=True)

    assert shown.stdout == "[]\n"


class Clock:
    """Time that goes by when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of progress."""
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


def test_without_a_terminal_progress_is_a_line_every_ten_seconds(clock: Clock) -> None:
    told: list[str] = []
    shown = Progress("data", 120 << 20, told.append, None)

    for _ in range(32):
        clock.now += 1
        shown.move((clock.now - 1000) * (2 << 20))

    assert told == [
        "data, 20.0 MiB of 120 MiB, 2.0 MiB/s, 50s left",
        "data, 40.0 MiB of 120 MiB, 2.0 MiB/s, 40s left",
        "data, 60.0 MiB of 120 MiB, 2.0 MiB/s, 30s left",
    ]


@pytest.mark.parametrize(
    ("done", "total", "figures"),
    [
        (0, None, "90s"),
        (0, 100, "90s"),
        (90 << 20, None, "90.0 MiB, 1.0 MiB/s"),
        (90 << 20, 60 << 20, "60.0 MiB of 60.0 MiB, 1.0 MiB/s, 0s left"),
    ],
)
def test_progress_shows_what_is_known(
    clock: Clock, done: float, total: float | None, figures: str
) -> None:
    shown = Progress("data", total, lambda _: None, None)
    clock.now += 90
    shown.move(done)

    assert shown.figures() == figures


class Bar:
    """Notes when it is on the terminal."""

    def __init__(self, _figures: Callable[[], str]) -> None:
        self.shown: list[str] = []

    def show(self, what: str, done: float, total: float | None) -> None:
        """Note it."""
        self.shown.append(f"{what} {done:.0f} {total}")

    def hide(self) -> None:
        """Note it."""
        self.shown.append("")


def test_chunks_are_counted_as_they_pass() -> None:
    bars: list[Bar] = []

    def make(figures: Callable[[], str]) -> Bar:
        bars.append(Bar(figures))
        return bars[-1]

    shown = Progress("data", 5, lambda _: None, make)
    shown.show("restoring \x1b[2J")

    assert list(shown.counting([b"ab", b"", b"cde"])) == [b"ab", b"", b"cde"]
    assert bars[0].shown == [
        f"data: restoring ?[2J {done} 5" for done in (0, 2, 2, 5)
    ]  # fmt: skip
