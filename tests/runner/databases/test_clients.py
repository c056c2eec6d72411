"""How databases are dumped, and what their clients' words mean."""

import pytest

from runner.databases import clients, complaints
from runner.steps.outcome import Failure

_DONE = b"--\n-- PostgreSQL database cluster dump complete\n--\n\n"
_RDB = b"REDIS0011...\xff12345678"
_SAID = "sending REPLCONF rdb-only\nTransfer finished with success."


@pytest.mark.parametrize("name", ["postgres", "mysql", "redis"])
def test_no_password_is_on_a_command_line(name: str) -> None:
    keys = ("PGPASSWORD", "MYSQL_PWD", "REDISCLI_AUTH")
    made = clients.client(name, dict.fromkeys(keys, "geheim"))

    assert "geheim" not in " ".join((*made.dump, *made.own, *made.server, made.options))
    assert "geheim" in made.environment.values()


def test_a_client_gets_only_its_own_variables() -> None:
    given = {"PGUSER": "wiki", "MYSQL_PWD": "x", "RESTIC_PASSWORD": "y", "PGPORT": "tcp://10.0.0.1"}

    assert clients.client("postgres", given).environment == {
        "PGHOST": "127.0.0.1",
        "PGUSER": "wiki",
        "PGCONNECT_TIMEOUT": "30",
        "PGDATABASE": "postgres",
    }


@pytest.mark.parametrize(
    ("name", "given", "ends"),
    [
        ("postgres", {}, ("pg_dumpall", "--no-password", "--lock-wait-timeout=300s")),
        ("postgres", {"PGDATABASE": "a"}, ("pg_dump", "--no-password", "--lock-wait-timeout=300s")),
        ("mysql", {}, ("--all-databases",)),
        ("mysql", {"MYSQL_DATABASE": "--x"}, ("--", "--x")),
        ("redis", {"REDISCLI_USER": "u"}, ("-p", "6379", "--user", "u", "--rdb", "-")),
    ],
)
def test_a_named_database_is_dumped_alone(
    name: str, given: dict[str, str], ends: tuple[str, ...]
) -> None:
    assert clients.client(name, given).dump[-len(ends) :] == ends


def test_mysql_options_quote_any_text() -> None:
    options = clients.client("mysql", {"MYSQL_USER": 'a"b\\c'}).options

    assert 'user="a\\"b\\\\c"\n' in options


@pytest.mark.parametrize(
    ("own", "server", "older"),
    [
        ("pg_dump (PostgreSQL) 13.23", "15.18 (Debian 15.18-0+deb12u1)", True),
        ("pg_dump (PostgreSQL) 17.6 (Debian 17.6-1)", "17.9", False),
        ("pg_dump (PostgreSQL) 17.6", "9.6.24", False),
        ("mysqldump  Ver 10.19 Distrib 10.11.14-MariaDB, for Linux", "11.8.3-MariaDB", True),
        ("mariadb-dump from 11.8.3-MariaDB, client 10.19", "10.6.1-MariaDB", False),
        ("mariadb-dump from 11.8.3-MariaDB", "26.1.0", False),
        ("whatever", "15.1", False),
    ],
)
def test_clients_are_compared_by_release(own: str, server: str, older: bool) -> None:
    assert clients.is_older(own, server) is older


@pytest.mark.parametrize(
    ("name", "tail", "said", "written"),
    [
        ("postgres", _DONE, "", _DONE),
        ("postgres", _DONE + b"x" * 2000, "", None),
        ("postgres", b"CREATE TABLE pages;\n", "", None),
        ("mysql", b"-- Dump completed on 2026-11-25\n", "", b"-- Dump completed on 2026-11-25\n"),
        ("mysql", b"INSERT INTO pages VALUES ('-- Dump completed');\n", "", None),
        ("redis", _RDB, _SAID, _RDB),
        ("redis", _RDB + b"0123456789abcdef" * 2 + b"01234567", _SAID, _RDB),
        ("redis", _RDB[:-1], _SAID, None),
        ("redis", _RDB, "", None),
        ("command", b"x", "", b"x"),
    ],
)
def test_a_dump_is_complete_by_its_trailer(
    name: str, tail: bytes, said: str, written: bytes | None
) -> None:
    assert clients.end(name, tail, said) == written


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        ('FATAL:  password authentication failed for user "postgres"', Failure.AUTH),
        ("mariadb-dump: Got error: 1045: \"Access denied for user 'root'\"", Failure.AUTH),
        ("NOAUTH Authentication required.", Failure.AUTH),
        ("pg_dump: error: aborting because of server version mismatch", Failure.CONFIG),
        ('FATAL:  database "wiki" does not exist', Failure.CONFIG),
        ("connection to server at 127.0.0.1 failed: Connection refused", Failure.NETWORK),
        ("Error 2013: Lost connection to server during query", Failure.NETWORK),
        ("server closed the connection unexpectedly", Failure.NETWORK),
        ("invalid page in block 7 of relation base/1/2", Failure.SOURCE),
    ],
)
def test_each_client_error_has_its_class(said: str, failure: Failure) -> None:
    assert complaints.failure(said) == failure
