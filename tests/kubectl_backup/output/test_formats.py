"""Times, sizes and texts as people read them."""

import pytest

from kubectl_backup.output import formats

NOW = 1_789_997_600.0


def test_an_unknown_size_is_a_dash() -> None:
    assert (formats.size(None), formats.size(5 << 20)) == ("-", "5.0 MiB")


def test_times_are_written_as_they_are_read() -> None:
    """And what is none is none."""
    assert formats.rfc3339(formats.moment("2026-09-21T13:33:20Z")) == "2026-09-21T13:33:20Z"
    assert formats.moment("2026-09-21T15:33:20+02:00") == NOW
    assert formats.moment("2026-09-21T13:33:20.123456789Z") == pytest.approx(NOW, abs=1)
    assert [formats.moment(each) for each in (None, "", "soon", 5)] == [None] * 4
    assert formats.rfc3339(None) is None


def test_ages_and_due_times_are_relative() -> None:
    assert formats.age(NOW - 300, NOW) == "5m ago"
    assert formats.age(None, NOW) == "never"
    assert formats.ahead(NOW + 300, NOW) == "in 5m"
    assert formats.ahead(NOW - 300, NOW) == "now"
    assert formats.ahead(None, NOW) == "-"


def test_file_names_cannot_move_the_cursor() -> None:
    """Nor begin a line of their own, nor turn the direction of what follows."""
    assert formats.plain("a\x1b[2Jb\nc\t\u202ed") == "a?[2Jb c ?d"
    assert formats.plain("ünï cödé 漢字") == "ünï cödé 漢字"


@pytest.mark.parametrize(
    ("line", "text", "colour"),
    [
        (b'{"time": "T", "level": "warning", "message": "x \\u001b[2J", "why": "asked"}',
         "T warning x ?[2J why=asked", "yellow"),
        (b"T info plain  text", "T info plain  text", ""),
        (b'["no", "log"]', '["no", "log"]', ""),
        (b"\xff\x1b", "\ufffd?", ""),
    ],
)  # fmt: skip
def test_log_lines_are_formatted_by_level(line: bytes, text: str, colour: str) -> None:
    assert formats.spoken(line) == (text, colour)
