"""What may stand in ``backup.dump``: databases, or one command."""

import pytest

from contract.annotations import settings
from contract.annotations.values import Dump

_SHELL = ("bash", "-e", "-o", "pipefail", "-c")


@pytest.mark.parametrize(
    ("text", "dumps"),
    [
        ("postgres", (Dump("postgres"),)),
        ("redis, mysql redis", (Dump("redis"), Dump("mysql"))),
        ("mongodump | gzip", (Dump("command", (*_SHELL, "mongodump | gzip")),)),
        ('["cat", "/a b"]', (Dump("command", ("cat", "/a b")),)),
        ("true", (Dump("command", (*_SHELL, "true")),)),
    ],
)
def test_a_dump_is_of_databases_or_of_a_command(text: str, dumps: tuple[Dump, ...]) -> None:
    found = settings.resolve({"backup.dump": text}, {}, {})

    assert (found[settings.DUMP], found.problems) == (dumps, ())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("postgresql", "did you mean postgres?"),
        ("mariadb", "did you mean mysql?"),
        ("postgers", "did you mean postgres?"),
        ("postgres and-more", "or one command instead"),
        ('["cat"', "JSON list"),
    ],
)
def test_a_database_that_is_misspelt_is_no_command(text: str, told: str) -> None:
    found = settings.resolve({"backup.dump": text}, {}, {})

    assert not found.get(settings.DUMP)
    assert told in found.problems[0].reason
