"""Colours, tables, prompts and bars, drawn by rich.

Import this module only to draw, because importing rich takes as long as a small command. Texts are
`Text` objects, never strings: rich interprets markup such as ``[red]`` in strings.
"""

import sys
from collections.abc import Callable, Sequence

from rich import progress, prompt
from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style
from rich.table import Column as RichColumn
from rich.table import Table as RichTable
from rich.text import Text

from contract.text import printable
from kubectl_backup.output.table import GAP, Column, Table, fitting

_NARROWEST = 28  # columns in which notes beside a row can be read
_INDENT = "    "
_HANGING = "  "
_UNBOUNDED = 1 << 24  # columns: what is drawn has the width that it needs


def painted(text: str, colour: str) -> str:
    """Return a text in a colour."""
    return Style.parse(colour).render(text, color_system=ColorSystem.STANDARD)


def table(given: Table, width: int | None, *, paint: bool) -> list[str]:
    """Return the lines of a table.

    ``width`` is None without a terminal; then nothing is dropped, wrapped or cut.
    """
    widths = [_width(given, index) for index in range(len(given.header))]
    shown = fitting(given.header, widths, width)
    taken = sum(widths[index] + GAP for index in shown)
    console = _console(paint=paint)
    has_notes = bool(given.notes) and any(line.notes for line in given.lines)
    if not has_notes:
        return _lines(console, given, shown)
    if width is None:
        notes = [Text(printable("; ".join(line.notes)), line.colour) for line in given.lines]
        return _lines(console, given, shown, notes)
    if width - taken >= _NARROWEST:
        beside = [Text("\n").join(notes) for notes in _notes(console, given, width - taken)]
        return _lines(console, given, shown, beside)
    rows = _lines(console, given, shown)
    below = _notes(console, given, max(20, width - len(_INDENT)))
    return [rows[0], *(each for row in zip(rows[1:], below, strict=True)
                       for each in _with_notes(console, *row))]  # fmt: skip


def _width(given: Table, index: int) -> int:
    texts = (given.header[index].title, *(line.cells[index].text for line in given.lines))
    return max(cell_len(printable(text)) for text in texts)


def _notes(console: Console, given: Table, room: int) -> list[list[Text]]:
    """Return the notes of each row, wrapped; continued lines are indented."""
    return [
        [each for note in line.notes for each in _wrapped(console, note, line.colour, room)]
        for line in given.lines
    ]


def _wrapped(console: Console, note: str, colour: str, room: int) -> list[Text]:
    first, *rest = Text(printable(note), colour).wrap(console, room - len(_HANGING)) or [Text()]
    return [first, *(Text.assemble(_HANGING, each) for each in rest)]


def _with_notes(console: Console, row: str, notes: Sequence[Text]) -> list[str]:
    return [row, *(_printed(console, Text.assemble(_INDENT, each)) for each in notes)]


def _lines(
    console: Console, given: Table, shown: Sequence[int], notes: Sequence[Text] = ()
) -> list[str]:
    made = RichTable(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for index in shown:
        _add(made, given.header[index])
    if notes:
        _add(made, Column(given.notes))
    for number, line in enumerate(given.lines):
        cells = [
            Text(printable(cell.text), cell.colour) for cell in map(line.cells.__getitem__, shown)
        ]
        made.add_row(*cells, *notes[number : number + 1])
    return _printed(console, made).split("\n")


def _add(made: RichTable, column: Column) -> None:
    made.add_column(Text(column.title), justify="right" if column.right else "left", no_wrap=True)


def _console(*, paint: bool) -> Console:
    return Console(
        width=_UNBOUNDED, color_system="standard" if paint else None, force_terminal=paint,
        no_color=not paint, markup=False, emoji=False, highlight=False, legacy_windows=False,
    )  # fmt: skip


def _printed(console: Console, what: RichTable | Text) -> str:
    with console.capture() as captured:
        console.print(what)
    return "\n".join(line.rstrip() for line in captured.get().removesuffix("\n").split("\n"))


class _Question(prompt.Confirm):
    """Accepts ``y`` and ``yes``; anything else means no."""

    prompt_suffix = " "

    def process_response(self, value: str) -> bool:
        return value.strip().lower() in {"y", "yes"}


def confirmed(question: str) -> bool:
    """Ask on standard error; return whether the answer on standard input is yes."""
    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    try:
        return _Question.ask(Text(f"{question} [y/N]"), console=console, show_choices=False)
    except EOFError:
        return False


class Bar:
    """A bar on standard error, with a text before it and figures after it."""

    def __init__(self, figures: Callable[[], str]) -> None:
        console = Console(file=sys.stderr, markup=False, emoji=False, highlight=False)
        what = progress.TextColumn(
            "{task.description}", markup=False, table_column=RichColumn(no_wrap=True)
        )
        # rich would redirect standard output to standard error.
        self._progress = progress.Progress(
            what, progress.BarColumn(20), _Figures(figures), console=console, transient=True,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        self._task = self._progress.add_task("", total=None)

    def show(self, what: str, done: float, total: float | None) -> None:
        """Draw it until it is hidden."""
        self._progress.update(self._task, description=what, completed=done, total=total)
        self._progress.start()

    def hide(self) -> None:
        """Remove it from the terminal."""
        self._progress.stop()


class _Figures(progress.ProgressColumn):
    """The figures after the bar, which are the same without a terminal."""

    def __init__(self, figures: Callable[[], str]) -> None:
        super().__init__(RichColumn(no_wrap=True))
        self._figures = figures

    def render(self, task: progress.Task) -> Text:  # noqa: ARG002 -- rich's signature
        return Text(self._figures())
