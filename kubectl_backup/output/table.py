"""A table that fits the terminal: what matters least is left out, notes wrap. Pure."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from contract.text import printable
from kubectl_backup.output import formats

_GAP = 3  # columns between two
_NARROWEST = 28  # columns in which notes beside a row can be read
_INDENT = "    "
_CODES = {"red": "31", "yellow": "33", "green": "32", "dim": "2", "bold": "1"}


@dataclass(frozen=True, slots=True)
class Column:
    """``rank``: the highest is left out first where the terminal is narrow; 0 stays always."""

    title: str
    rank: int = 0
    right: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A text, and the colour that it has on a terminal."""

    text: str
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """The cells of a row, one for each column, and what else there is to say of it."""

    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()
    colour: str = ""


def render(
    header: Sequence[Column], lines: Sequence[Line], notes: str, width: int | None, *, paint: bool
) -> list[str]:
    """Return the lines of a table; ``notes`` is the title of the notes' own column.

    ``width`` None: no terminal; then nothing is left out, wrapped or shortened.
    """
    shown = _fitting(header, lines, width)
    widths = [_width(header[index], lines, index) for index in shown]
    taken = sum(widths) + _GAP * len(widths)
    room = None if width is None else width - taken
    has_notes = bool(notes) and any(line.notes for line in lines)
    beside = has_notes and (room is None or room >= _NARROWEST)
    titles = [Cell(header[index].title, "bold") for index in shown]
    rows = [_row(titles, shown, header, widths, paint) + (_GAP * " " + notes if beside else "")]
    for line in lines:
        text = _row([line.cells[index] for index in shown], shown, header, widths, paint)
        if not line.notes or not has_notes:
            rows.append(text)
        elif room is None:
            rows.append(text + _GAP * " " + printable("; ".join(line.notes)))
        elif beside:
            first, *rest = _wrapped(line.notes, room)
            rows.append(text + _GAP * " " + painted(first, line.colour, paint=paint))
            rows += [taken * " " + painted(each, line.colour, paint=paint) for each in rest]
        else:
            rows.append(text)
            rows += [
                _INDENT + painted(each, line.colour, paint=paint)
                for each in _wrapped(line.notes, max(20, (width or 80) - len(_INDENT)))
            ]
    return [row.rstrip() for row in rows]


def painted(text: str, colour: str, *, paint: bool) -> str:
    """Return a text in a colour."""
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if paint and colour and text else text


def _fitting(header: Sequence[Column], lines: Sequence[Line], width: int | None) -> list[int]:
    shown = list(range(len(header)))
    while width is not None:
        taken = sum(_width(header[index], lines, index) for index in shown)
        droppable = [index for index in shown if header[index].rank]
        if taken + _GAP * (len(shown) - 1) <= width or not droppable:
            break
        shown.remove(max(droppable, key=lambda index: header[index].rank))
    return shown


def _width(column: Column, lines: Sequence[Line], index: int) -> int:
    texts = (column.title, *(line.cells[index].text for line in lines))
    return max(formats.columns(text) for text in texts)


def _row(
    cells: Sequence[Cell],
    shown: Sequence[int],
    header: Sequence[Column],
    widths: Sequence[int],
    paint: bool,
) -> str:
    parts = []
    for cell, index, width in zip(cells, shown, widths, strict=True):
        space = " " * (width - formats.columns(cell.text))
        text = painted(printable(cell.text), cell.colour, paint=paint)
        parts.append(space + text if header[index].right else text + space)
    return (_GAP * " ").join(parts)


def _wrapped(notes: Sequence[str], width: int) -> list[str]:
    return [
        part
        for note in notes
        for part in textwrap.wrap(
            printable(note), width, subsequent_indent="  ", break_on_hyphens=False
        )
    ]
