"""Which dump is loaded, and what of psql's words says that one is not loaded whole."""

from datetime import UTC, datetime
from typing import Any

import pytest

from contract.snapshots import read
from runner.databases.clients import client
from runner.databases.load import sql


def dump(number: int, size: int | None = 1000, name: str = "postgres") -> dict[str, Any]:
    """Return a dump as restic lists it; an older one says no size."""
    summary = {} if size is None else {"summary": {"total_bytes_processed": size}}
    when = f"2026-11-{number:02}T03:00:00Z"
    return {"id": f"{number:064x}", "time": when, "tags": ["ns=prod", f"dump={name}"], **summary}


def chosen(found: list[dict[str, Any]], *words: Any) -> int:  # noqa: ANN401 -- as choose takes them
    """Return which one is taken."""
    return int(sql.choose(list(map(read, found)), "postgres", *words).id, 16)


def test_the_newest_dump_of_a_time_or_the_named_one_is_selected() -> None:
    found = [dump(3), dump(1), dump(2), dump(9, name="mysql"), {"id": "0", "tags": None}]

    assert chosen(found) == 3
    assert chosen(found, datetime(2026, 11, 2, 12, tzinfo=UTC)) == 2
    assert chosen(found, None, f"{1:064x}") == 1


def test_a_shrunken_dump_is_selected_only_on_request() -> None:
    found = [dump(1), dump(2, 499)]

    with pytest.raises(LookupError, match=r"00000000 of 2026-11-02.* is much smaller than .*01"):
        chosen(found)
    assert chosen(found, None, f"{2:064x}") == 2
    assert chosen([dump(1), dump(2, 500)]) == 2
    assert chosen([dump(1, None), dump(2, None)]) == 2


def test_an_incomplete_dump_is_skipped_with_a_message_unless_requested() -> None:
    found = [dump(1), dump(2)]
    found[1]["tags"] += ["doubtful"]

    with pytest.raises(LookupError, match=r"11-02.*incomplete, lacks data.*complete one is .*01"):
        chosen(found)
    assert chosen(found, None, f"{2:064x}") == 2
    assert chosen(found, datetime(2026, 11, 1, 12, tzinfo=UTC)) == 1
    assert chosen([*found, dump(3)]) == 3


def test_a_missing_dump_is_an_error_that_names_the_oldest() -> None:
    early = datetime(2026, 10, 1, tzinfo=UTC)

    with pytest.raises(
        LookupError,
        match=r"no dump of postgres at that time; the oldest is "
        r".*11-01",
    ):
        chosen([dump(1)], early)
    with pytest.raises(LookupError, match=r"no dump of postgres$"):
        chosen([dump(1, name="redis")])
    with pytest.raises(LookupError, match="whose id begins with 0000"):
        chosen([dump(1), dump(2)], None, "0000")


def test_an_ambiguous_dump_is_not_selected() -> None:
    """A host that is named by hand may be of more than one."""
    one, other = dump(1), dump(2)
    one["tags"] += ["kind=Deployment", "workload=db"]
    other["tags"] += ["kind=StatefulSet", "workload=db"]

    with pytest.raises(
        LookupError, match=r"more than one workload.* kind=Deployment, workload=db;"
    ):
        chosen([one, other])
    assert chosen([one, other], None, one["id"]) == 1
    assert chosen([one, dump(2, name="mysql")]) == 1
    assert "more than one workload" in sql.offered([read(one), read(other)], None)[0]


def test_a_restore_of_volumes_names_the_dumps_of_that_time() -> None:
    then = datetime(2026, 11, 1, 4, tzinfo=UTC)
    found = [read(each) for each in (dump(1), dump(2), dump(2, 9, "redis"), {"id": "5"})]
    lines = sql.offered(found, then, "prod/db")

    assert len(lines) == 2
    assert "backup-runner load postgres --snapshot 00000000 --from prod/db" in lines[0]
    assert "dumps of redis: there is no dump of redis at that time" in lines[1]
    assert sql.offered([read({"id": "5", "tags": ["ns=prod"]})], None) == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ('psql:<stdin>:14: ERROR:  42710: role "postgres" already exists', False),
        ("psql:<stdin>:14: FEHLER:  42P04: Datenbank »wiki« existiert bereits", False),
        ("psql:<stdin>:14: NOTICE:  00000: relation does not exist, skipping", False),
        ("psql:<stdin>:14: WARNING:  01000: something", False),
        ("psql:<stdin>:9: FEHLER:  42704: unbekannter Parameter »transaction_timeout«", False),
        ('psql:<stdin>:9: ERROR:  42704: role "author" does not exist', True),
        ("LOCATION:  CreateRole, user.c:308", False),
        ("psql:<stdin>:14: FEHLER:  42601: Syntaxfehler", True),
        ("psql:<stdin>:14: error: invalid command \\restrict", True),
        ("psql:<stdin>:14: fatal: out of memory", True),
    ],
)  # fmt: skip
def test_an_existing_role_is_no_error(line: str, wrong: bool) -> None:
    assert sql.is_error(line) == wrong


def test_names_are_quoted_and_new_ones_are_short_enough() -> None:
    assert sql.rename("a\"b'c", "new").endswith(
        "WHERE datname = 'a\"b''c' AND pid <> pg_backend_pid();"
        ' ALTER DATABASE "a""b\'c" RENAME TO "new"'
    )
    new = sql.aside("ä" * 31, datetime(2026, 11, 25, 3, tzinfo=UTC))
    assert len(new.encode()) <= 63
    assert new == "ä" * 20 + "_before_20261125t030000"


def test_a_single_database_is_loaded_into_itself() -> None:
    mysql = client("mysql", {"MYSQL_DATABASE": " wiki "})

    assert sql.only("mysql", mysql, {"MYSQL_DATABASE": " wiki "}) == "wiki"
    assert sql.loader("mysql", mysql, "wiki")[-2:] == ("--", "wiki")
    assert sql.loader("mysql", mysql, "")[-2:] == ("--binary-mode", "--local-infile=0")
    assert sql.only("postgres", client("postgres", {}), {}) == ""
    assert sql.only("postgres", client("postgres", {"PGDATABASE": "wiki"}), {}) == "wiki"
