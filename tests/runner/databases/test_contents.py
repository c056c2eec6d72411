"""Databases that a dump names, however it comes in pieces."""

import pytest

from runner.databases.contents import Contents

_POSTGRES = (
    b'--\n-- Database "template1" dump\n--\n\n\\connect template1\nCOPY t FROM stdin;\n'
    b'x -- Database "crm" dump\n\\.\n-- Database "a""b" dump\n-- Database "'
    + b"x" * 3000
    + b'" dump\n'
)
_MYSQL = (
    b"-- Host: x    Database: \n\n-- Current Database: `shop`\n\nINSERT INTO t VALUES "
    b"('" + b"y" * 5000 + b"-- Current Database: `crm`\\n');\n" + b"z" * 3 * 1024
    + b"-- Current Database: `no line`\n-- Current Database: `a``b`\n"
)  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 64, 1 << 16, 1 << 20])
@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("postgres", _POSTGRES, ("template1", 'a""b')),
        ("mysql", _MYSQL, ("shop", "a`b")),
        ("redis", _MYSQL, ()),
    ],
)
def test_only_headings_are_found(name: str, text: bytes, named: tuple[str, ...], size: int) -> None:
    contents = Contents(name)
    for start in range(0, len(text), size):
        contents.take(text[start : start + size])

    found = contents.databases
    assert [each for each in found if len(each) < 1000] == list(named)
