"""What the demo prints: headings, a diff and a table; in colour only on a terminal."""

import difflib
import os
import sys

_COLOURS = {"+": "32", "-": "31", "#": "1", "!": "1;31"}


def say(text: str, colour: str = "") -> None:
    """Print a line, in the colour of a mark (``+ - # !``) where a terminal can show it."""
    if colour and sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        text = f"\033[{_COLOURS[colour]}m{text}\033[0m"
    print(text, flush=True)


def heading(number: int, text: str) -> None:
    """Print the heading of a step."""
    say(f"\n{number}. {text}", "#")


def diff(before: str, after: str) -> None:
    """Print both texts as one, added and removed lines marked."""
    for line in difflib.ndiff(before.splitlines(), after.splitlines()):
        if not line.startswith("?"):
            say(f"   {line}", line[0].strip())


def table(rows: list[tuple[str, str]]) -> None:
    """Print names and values in two columns."""
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        say(f"   {name:<{width}}  {value}")
