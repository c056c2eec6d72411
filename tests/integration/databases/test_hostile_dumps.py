r"""Dumps that somebody else left in the repository: no client of a database acts on them.

Whoever has the repository's password can add a snapshot with any host and tags.
"""

import io
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.databases import client_process
from runner.databases import clients as databases_clients
from runner.databases.load import psql
from runner.databases.load import sql as load_sql
from tests.integration.databases.test_load import _load, _of_mariadb, _of_postgres
from tests.integration.sidecars import Sidecar
from tests.services import programs
from tests.services.databases import mariadb, postgres
from tests.services.databases.mariadb import MariaDB
from tests.services.databases.postgres import Postgres

_ALL = "-- PostgreSQL database cluster dump\n{}\n-- PostgreSQL database cluster dump complete\n"
_MYSQL = "-- Host: localhost    Database: \n{}\n-- Dump completed\n"
_TRICKY = r"""
CREATE TABLE "copy t from stdin;" (a text DEFAULT '\! id', "\b" text);
INSERT INTO "copy t from stdin;" VALUES
    (E'\\.\n\\.\n\\! id', '\connect x'), (E'\\', E'\r\n'), (repeat('\! ', 100000), '\');
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS E'SELECT ''\n\\! id\n\\connect x''';
COMMENT ON FUNCTION f() IS E'a\\''b\n\\! id';
SELECT lo_from_bytea(7, '\\! id');
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A PostgreSQL that holds nothing."""
    with postgres.serve() as made:
        yield made


@pytest.fixture(scope="module")
def maria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A MariaDB that holds nothing, and takes files from clients."""
    with mariadb.serve(tmp_path_factory.mktemp("maria") / "data", "--local-infile=1") as made:
        yield made


def _forged(sidecar: Sidecar, root: Path, name: str, text: str) -> str:
    """Leave a dump in the workload's name; return its id."""
    file = root / "forged"
    file.write_text(text, "utf-8", newline="")
    tags = f"ns=prod,kind=Deployment,workload=wiki,dump={name}"
    sidecar.restic(
        "backup", "--host", "wiki", "--tag", tags, "--stdin-filename", f"{name}.sql",
        "--stdin-from-command", "--", "cat", str(file),
    )  # fmt: skip
    return str(sidecar.snapshots()[-1]["id"])


def test_a_forged_dump_of_postgres_is_refused_before_it_reaches_the_server(
    tmp_path: Path, server: Postgres
) -> None:
    """Nor does a psql load anything that cannot be kept from acting on a dump."""
    sidecar, mark = _of_postgres(tmp_path, server), tmp_path / "mark"
    sidecar.back_up()
    early, own = "CREATE TABLE early(a text);\n", "contains a psql meta-command"
    for text, why in (
        (f"{early}COPY early FROM stdin;\r\n\\.\r\n \\o |touch {mark}", f"line 5 {own}"),
        (f'{early}\\connect "dbname=x host=evil"', f"line 3 {own}"),
    ):
        made = _forged(sidecar, tmp_path, "postgres", _ALL.format(text))

        said = _load(sidecar, "--snapshot", made, expected=1)

        assert f"the dump is refused: {why}" in said
    assert server.ask("SELECT to_regclass('early') IS NULL") == "t"
    assert not mark.exists()

    program = tmp_path / "clients" / "psql"
    newer = program.rename(tmp_path / "clients" / "newer")
    program.write_text(
        "#!/bin/sh\n"
        "case \"$*\" in *restrict*) printf %s 'invalid command \\restrict' >&2; exit 1; esac\n"
        f'exec {newer} "$@"\n'
    )
    program.chmod(0o755)
    assert "psql is too old to load a dump" in _load(sidecar, "--snapshot", made, expected=1)


def test_psql_executes_no_command_even_where_it_takes_data_for_commands(
    tmp_path: Path, server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The data of a COPY that fails is read as SQL; so are strings that end elsewhere."""
    monkeypatch.setenv("PATH", programs.clients(tmp_path / "clients", "postgres", "psql"))
    mark = tmp_path / "mark"
    commands = [
        f"\\! touch {mark}", f"\\o |touch {mark}", f"SELECT 'touch {mark}' \\g |sh",
        f"SELECT 'touch {mark}' \\gexec", f"\\t `touch {mark}`", f"\\w {mark}",
        f"\\copy pg_class TO '{mark}'", f"\\copy pg_class TO PROGRAM 'touch {mark}'",
        f"\\echo `touch {mark}`", f"\\restrict `touch {mark}`", f"\\unrestrict `touch {mark}`",
        f"\\connect `touch {mark}`", "\\restrict a", "\\unrestrict a", f"\\! touch {mark}",
        f"\\set x `touch {mark}`", "\\set ON_ERROR_STOP 1", f"\\s {mark}", f"\\i {mark}",
        f"\\qecho \\! touch {mark}", f"\\if `touch {mark}`", "\\connect postgres",
    ]  # fmt: skip
    data = "\n".join(commands)
    unquoted = "\n".join(each for each in commands if "'" not in each)
    dump = (
        f"COPY no_such_table FROM stdin;\n{data}\n\\.\nSELECT $$;\n{data}\n$$;\n"
        "CREATE TABLE last_of_all AS SELECT current_database() AS name;\n"
        f"DO $$BEGIN RAISE '%', chr(92) || 'unrestrict `touch {mark}`'; END$$;\n"
        "SELECT :LAST_ERROR_MESSAGE\n;\n"
        "\\connect template1\nCREATE TABLE last_of_all AS SELECT current_database() AS name;\n"
        f"SET standard_conforming_strings = off;\nSELECT 'a\\' ;' ;\n{unquoted}\n';\n"
    )
    variables = {"PGPORT": server.port, "PGPASSWORD": postgres.PASSWORD}
    client = databases_clients.client("postgres", variables)
    argv, said = load_sql.loader("postgres", client, ""), list[str]()

    psql.prove(client)
    psql.load(client, argv, io.BytesIO(dump.encode()), said.append, connects=True)

    assert not mark.exists()
    many = len(commands) + len(unquoted.splitlines()) - 4  # the rest stands amid SQL
    assert len([line for line in said if "restricted" in line]) >= many
    for database in ("postgres", "template1"):
        assert server.ask("SELECT name FROM last_of_all", database) == database
        server.ask("DROP TABLE last_of_all", database)


def test_text_that_resembles_a_command_is_restored(tmp_path: Path, server: Postgres) -> None:
    name = "Ä b's \"\\c\\"
    quoted = '"' + name.replace('"', '""') + '"'
    with postgres.serve() as other:
        other.ask(f"CREATE DATABASE {quoted}")
        other.ask(_TRICKY, name)
        sidecar = _of_postgres(tmp_path, other)
        sidecar.back_up()
        sidecar.change_secret(PGPORT=server.port)

        _load(sidecar)

        for sql in (
            'SELECT md5(string_agg(a || "\\b", \',\' ORDER BY a)) FROM "copy t from stdin;"',
            "SELECT f() || obj_description('f'::regproc)", "SELECT lo_get(7)",
        ):  # fmt: skip
            assert server.ask(sql, name) == other.ask(sql, name)
    server.ask(f"DROP DATABASE {quoted}")


def _hostile(mark: Path) -> list[str]:
    """Return scripts that leave the mark where the client of MariaDB acts on them."""
    loaded = f"LOAD DATA LOCAL INFILE '{mark}.sql' INTO TABLE own.t"
    return [
        f"\\! touch {mark}", f"system touch {mark}", f"  system touch {mark}",
        f"SYSTEM touch {mark};", f"SELECT 1 \\! touch {mark}", f"SELECT 1\\! touch {mark}\n;",
        f"SELECT 1;\\! touch {mark}", f"SELECT 1;\nsystem touch {mark}",
        f"SELECT 1;\r\nsystem touch {mark}\r\n", f"/*! SELECT 1 */; \\! touch {mark}",
        f"/*M! \\! touch {mark}\n */;", f"-- a\n\\! touch {mark}", f"tee {mark}\nSELECT 1;",
        f"\\T {mark}\nSELECT 1;", f"pager touch {mark}\nSELECT 1;",
        f"\\P touch {mark}\nSELECT 1;", f"SELECT 'a\\'' ; \\! touch {mark}",
        f"DELIMITER //\nSELECT 1//\n\\! touch {mark}\n", f"DELIMITER //\nsystem touch {mark}//\n",
        f"delimiter \\!\nSELECT 1\\!\nsystem touch {mark}\\!", f"\\\\! touch {mark}",
        f"source {mark}.sql", f"\\. {mark}.sql", f"SELECT 1; source {mark}.sql",
        f"USE mysql\n\\! touch {mark}", f"\\C utf8mb4\n\\! touch {mark}",
        f"CREATE OR REPLACE TABLE own.t(a text); {loaded}",
    ]  # fmt: skip


@pytest.mark.parametrize("sandbox", [True, False])
def test_the_client_of_mariadb_executes_no_command(
    tmp_path: Path, maria: MariaDB, sandbox: bool
) -> None:
    """Not even one that is too old for --sandbox."""
    maria.ask("CREATE OR REPLACE DATABASE own")
    mark = tmp_path / "mark"
    Path(f"{mark}.sql").write_text(f"\\! touch {mark}\nsystem touch {mark}\n")
    variables = {
        "MYSQL_TCP_PORT": maria.port, "MYSQL_USER": mariadb.USER, "MYSQL_PWD": mariadb.PASSWORD,
    }  # fmt: skip
    client = databases_clients.client("mysql", variables)
    program, *words = load_sql.loader("mysql", client, "")
    program = str(programs.beside("mariadb", program))
    extra = ["--sandbox"] if sandbox else []
    acted = []
    with client_process.opened(client) as ready:
        environment = {**ready.environment, **programs.environment("mariadb")}
        for text in _hostile(mark):
            subprocess.run(
                ready.argv((program, *extra, *words)), input=text.encode(), env=environment,
                pass_fds=ready.files, capture_output=True, timeout=60, check=False,
            )  # fmt: skip
            if mark.exists():
                acted.append(text)
                mark.unlink()
    assert acted == []
    assert maria.ask("SELECT count(*) FROM own.t") == "0"
    maria.ask("DROP DATABASE own")


def test_a_forged_dump_of_mariadb_runs_nothing(tmp_path: Path, maria: MariaDB) -> None:
    sidecar, mark = _of_mariadb(tmp_path, maria), tmp_path / "mark"
    sidecar.back_up()
    made = _forged(sidecar, tmp_path, "mysql", _MYSQL.format(f"\\! touch {mark}\n"))

    said = _load(sidecar, "--snapshot", made, expected=1)

    assert not mark.exists()
    assert "mariadb failed, the dump is only partly loaded" in said
