"""What others chose cannot steer a terminal: it is shown, and does nothing."""

import pytest

from contract.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "?[2J"),  # clears the screen
        ("\x1b]0;title\x07", "?]0;title?"),
        ("\x9b31m", "?31m"),  # the same in one character
        ("a\rb", "a?b"),
        ("a\bb", "a?b"),
        ("a\nb\tc", "a?b?c"),
        ("\u202etxt.exe", "?txt.exe"),  # shows what follows backwards
        ("\u2066a\u2069", "?a?"),
        ("a\u200bb\ufeff", "a?b?"),  # of no width
        ("a\u2028b\u2029c", "a?b?c"),
        ("\udcff", "?"),
        ("größer 漢字 ☃ e\u0301", "größer 漢字 ☃ e\u0301"),
        ("", ""),
    ],
)
def test_control_characters_are_shown_as_question_marks(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_allowed_control_characters_are_kept() -> None:
    assert printable("a\nb\tc\x1b", kept="\n\t") == "a\nb\tc?"
