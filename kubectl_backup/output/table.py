"""Tables as data, and which of their columns fit a terminal. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

GAP = 3  # columns of the terminal between two columns of a table


@dataclass(frozen=True, slots=True)
class Column:
    """A column; on a narrow terminal the highest ``rank`` is dropped first, 0 is always shown."""

    title: str
    rank: int = 0
    right: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A text, and its colour on a terminal."""

    text: str
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """The cells of a row, one for each column, and notes on it."""

    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below a header; ``notes`` is the title of the notes' own column."""

    header: Sequence[Column]
    lines: Sequence[Line]
    notes: str = ""


def fitting(header: Sequence[Column], widths: Sequence[int], room: int | None) -> list[int]:
    """Return the indexes of the columns to show in ``room``; all of them if it is None."""
    shown = list(range(len(header)))
    while room is not None:
        taken = sum(widths[index] for index in shown) + GAP * (len(shown) - 1)
        droppable = [index for index in shown if header[index].rank]
        if taken <= room or not droppable:
            break
        shown.remove(max(droppable, key=lambda index: header[index].rank))
    return shown
