"""Tables on narrow and wide terminals, and in a pipe."""

import pytest
from rich.cells import cell_len

from kubectl_backup.output import draw
from kubectl_backup.output.table import Cell, Column, Line, Table

HEADER = (Column("NAME"), Column("STATUS"), Column("SIZE", 4, right=True), Column("DRILL", 2))
NOTE = "last run failure (network): dial tcp 10.0.0.1:443: connect: connection refused"
LINES = (
    Line((Cell("deploy/wiki"), Cell("success", "green"), Cell("5 B"), Cell("ok 3d"))),
    Line((Cell("sts/db"), Cell("failure", "red"), Cell("12.0 GiB"), Cell("never")),
         (NOTE, "retention is suspended"), "red"),
)  # fmt: skip


def shown(width: int | None, *, paint: bool = False) -> list[str]:
    """Return the table."""
    return draw.table(Table(HEADER, LINES, "PROBLEMS"), width, paint=paint)


def test_in_a_pipe_each_row_is_one_line_without_colour() -> None:
    """Whatever its length."""
    assert shown(None) == [
        "NAME          STATUS        SIZE   DRILL   PROBLEMS",
        "deploy/wiki   success        5 B   ok 3d",
        f"sts/db        failure   12.0 GiB   never   {NOTE}; retention is suspended",
    ]


def test_on_a_wide_terminal_problems_wrap_beside_their_row() -> None:
    assert shown(90) == [
        "NAME          STATUS        SIZE   DRILL   PROBLEMS",
        "deploy/wiki   success        5 B   ok 3d",
        "sts/db        failure   12.0 GiB   never   last run failure (network): dial tcp",
        "                                             10.0.0.1:443: connect: connection refused",
        "                                           retention is suspended",
    ]


def test_on_a_narrow_terminal_problems_go_below_their_row() -> None:
    assert shown(50) == [
        "NAME          STATUS        SIZE   DRILL",
        "deploy/wiki   success        5 B   ok 3d",
        "sts/db        failure   12.0 GiB   never",
        "    last run failure (network): dial tcp",
        "      10.0.0.1:443: connect: connection refused",
        "    retention is suspended",
    ]


def test_the_least_important_columns_are_dropped_first() -> None:
    assert shown(35)[0] == "NAME          STATUS    DRILL"
    assert shown(24)[0] == "NAME          STATUS"
    assert shown(5)[0] == "NAME          STATUS"


@pytest.mark.parametrize("width", range(24, 120, 7))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(cell_len(line) for line in shown(width)) <= width


def test_colours_change_nothing_but_colours() -> None:
    painted = shown(90, paint=True)

    assert "\x1b[31mfailure\x1b[0m" in painted[2]
    plain = [line.replace("\x1b[0m", "") for line in painted]
    for code in ("1", "31", "32"):
        plain = [line.replace(f"\x1b[{code}m", "") for line in plain]
    assert [line.rstrip() for line in plain] == shown(90)


def test_without_problems_there_is_no_problem_column() -> None:
    assert "PROBLEMS" not in draw.table(Table(HEADER, LINES[:1], "PROBLEMS"), 200, paint=False)[0]
