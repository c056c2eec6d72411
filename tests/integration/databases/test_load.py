"""`backup-runner load`: what was dumped is in its server again, or all is as it was."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import app
from runner.databases.load import sql as load_sql
from tests.cluster.work import until
from tests.integration.restore.restores import Start, lose, with_repository
from tests.integration.sidecars import Sidecar
from tests.services import programs
from tests.services.databases import mariadb, postgres, redis
from tests.services.databases.mariadb import MariaDB
from tests.services.databases.postgres import Postgres

_ROWS = "SELECT count(*), min(text), max(text) FROM pages"


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Postgres, Postgres]]:
    """A PostgreSQL with a database of pages, and another that is new."""
    with postgres.serve() as old, postgres.serve() as new:
        old.ask("CREATE ROLE author LOGIN")
        old.ask("CREATE DATABASE wiki OWNER author")
        old.ask("CREATE TABLE pages AS SELECT 'Größe ' || n AS text FROM generate_series(1, 900) n",
                "wiki")  # fmt: skip
        old.ask("ALTER TABLE pages OWNER TO author", "wiki")
        yield old, new


def _sidecar(root: Path, dump: str, path: str, **secret: str) -> Sidecar:
    sidecar = Sidecar(root, annotations={"backup.dump": dump}, secret=secret, pace={"PATH": path})
    app.write_files(sidecar.volume)
    return with_repository(sidecar)


def _of_postgres(root: Path, server: Postgres, **secret: str) -> Sidecar:
    path = programs.clients(root / "clients", "postgres", "psql", "pg_dumpall", "pg_dump")
    return _sidecar(
        root, "postgres", path, PGPORT=server.port, PGPASSWORD=postgres.PASSWORD, **secret
    )


def _of_mariadb(root: Path, server: MariaDB, **secret: str) -> Sidecar:
    path = programs.clients(root / "clients", "mariadb", "mariadb", "mariadb-dump")
    given = {"MYSQL_USER": mariadb.USER, "MYSQL_PWD": mariadb.PASSWORD}
    return _sidecar(root, "mysql", path, MYSQL_TCP_PORT=server.port, **given, **secret)


def _load(sidecar: Sidecar, *words: str, expected: int = 0) -> str:
    """Load, and return the last line about it."""
    done = sidecar.run("backup-runner", "load", *words)
    assert done.returncode == expected, done.stdout + done.stderr
    assert not done.stderr
    return str(json.loads(done.stdout.splitlines()[-1])["message"])


def test_postgres_is_loaded_by_the_command_that_the_volume_restore_names(
    tmp_path: Path, servers: tuple[Postgres, Postgres]
) -> None:
    """Its image made the database anew, and empty; the second time it is not, and is kept."""
    old, new = servers
    sidecar = _of_postgres(tmp_path, old)
    sidecar.back_up()
    lose(sidecar)
    started = Start(sidecar).run()
    assert started.said.count("a dump of postgres is available") == 1
    words = re.findall(r"backup-runner load (.+)", started.told)[-1].split()
    sidecar.change_secret(PGPORT=new.port)
    new.ask("CREATE DATABASE wiki")

    assert "would be loaded" in _load(sidecar, *words, "--dry-run")
    assert new.ask("SELECT to_regclass('pages') IS NULL", "wiki") == "t"
    assert "is loaded" in _load(sidecar, *words)

    assert new.ask(_ROWS, "wiki") == old.ask(_ROWS, "wiki")
    assert new.ask("SELECT tableowner FROM pg_tables WHERE tablename = 'pages'", "wiki") == "author"

    new.ask("DELETE FROM pages", "wiki")
    assert "not empty, wiki has tables" in _load(sidecar, *words, expected=1)
    assert new.ask("SELECT count(*) FROM pages", "wiki") == "0"

    sleeps = "SELECT pg_sleep(600)"
    with new.asking(sleeps, "wiki"):
        activity = "SELECT query FROM pg_stat_activity WHERE datname = 'wiki'"
        until(lambda: sleeps in new.ask(activity), "a session is open", 60)
        assert "is loaded" in _load(sidecar, *words, "--replace")
    assert new.ask(_ROWS, "wiki") == old.ask(_ROWS, "wiki")
    (before,) = new.ask("SELECT datname FROM pg_database WHERE datname ~ '_before_'").splitlines()
    assert new.ask("SELECT count(*) FROM pages", before) == "0"


def test_one_database_of_postgres_is_replaced_by_its_dump_alone(
    tmp_path: Path, servers: tuple[Postgres, Postgres]
) -> None:
    server = servers[0]
    server.ask('CREATE DATABASE "Ä b\'s" OWNER author')
    server.ask("CREATE TABLE pages AS SELECT 'one' AS text", "Ä b's")
    sidecar = _of_postgres(tmp_path, server, PGDATABASE="Ä b's")
    sidecar.back_up()
    server.ask("UPDATE pages SET text = 'two'", "Ä b's")

    assert "not empty, Ä b's has tables" in _load(sidecar, expected=1)
    _load(sidecar, "--replace")

    assert server.ask("SELECT text FROM pages", "Ä b's") == "one"
    assert (
        server.ask("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'Ä b''s'")
        == "author"
    )
    assert server.ask("SELECT count(*) FROM pages", "wiki") == "900"


def test_a_dump_of_all_databases_is_not_loaded_into_one_nor_the_reverse(
    tmp_path: Path, servers: tuple[Postgres, Postgres]
) -> None:
    server = servers[0]
    server.ask("CREATE DATABASE blog")
    sidecar = _of_postgres(tmp_path, server)
    sidecar.back_up()
    sidecar.change_secret(PGDATABASE="blog")

    said = _load(sidecar, expected=1)

    assert server.ask("SELECT count(*) FROM pages", "wiki") == "900"
    assert "contains all databases, but PGDATABASE names one" in said
    sidecar.back_up()
    sidecar.change_secret(PGDATABASE="", PGPORT=servers[1].port)
    last = [each["id"] for each in sidecar.snapshots() if "dump=postgres" in each["tags"]][-1]
    said = _load(sidecar, "--snapshot", last, "--replace", expected=1)
    assert "contains one database, but PGDATABASE is not set" in said


def test_a_dump_that_cannot_be_loaded_changes_nothing(
    tmp_path: Path, servers: tuple[Postgres, Postgres]
) -> None:
    """No dump, one unterminated, one of a server that has lost its data, a wrong password."""
    server = servers[0]
    sidecar = _of_postgres(tmp_path, server, PGDATABASE="empty")
    server.ask("CREATE DATABASE empty")
    assert "no dump of postgres" in _load(sidecar, expected=1)
    sidecar.back_up()
    made = sidecar.snapshots()[0]
    whole = sidecar.restic("dump", made["id"], "/postgres.sql")
    tags = ",".join(made["tags"])

    def dumped(text: str, when: str) -> None:
        file = tmp_path / "text"
        file.write_text(text)
        sidecar.restic(
            "backup", "--stdin-from-command", "--stdin-filename", "postgres.sql", "--host", "wiki",
            "--tag", tags, "--time", when, "--", "cat", str(file),
        )  # fmt: skip

    dumped("CREATE TABLE half AS SELECT 1;\n" + whole[: len(whole) // 2], "2026-01-01 00:00:00")
    dumped(whole + "-- more\n" * 10_000, "2026-02-01 00:00:00")

    assert "is truncated" in _load(sidecar, "--at", "2026-01-02", expected=1)
    assert "is much smaller" in _load(sidecar, expected=1)
    assert server.ask("SELECT to_regclass('half') IS NULL", "empty") == "t"

    sidecar.change_secret(PGPASSWORD="falsch-falsch")
    said = _load(sidecar, "--snapshot", made["id"][:8], expected=1)
    assert "authentication" in said
    assert "falsch-falsch" not in said


def test_a_pod_without_dumps_names_the_available_ones(sidecar: Sidecar) -> None:
    """Of a repository that is not there, it says that, and not that it holds no dump."""
    assert "has no backup.dump: name the dump to load" in _load(sidecar, expected=1)
    assert "check its address in the Secret" in _load(sidecar, "mysql", expected=1)


def test_errors_of_a_dump_are_counted_and_the_first_is_named(
    tmp_path: Path, servers: tuple[Postgres, Postgres]
) -> None:
    server = servers[0]
    server.ask("CREATE DATABASE functions")
    server.ask("CREATE FUNCTION one() RETURNS int LANGUAGE sql RETURN 1", "functions")
    server.ask("CREATE TABLE pages AS SELECT one() AS text", "functions")
    sidecar = _of_postgres(tmp_path, server, PGDATABASE="functions")
    sidecar.back_up()
    server.ask("DROP TABLE pages", "functions")

    said = _load(sidecar, expected=1)

    assert re.search(r"1 error, the first: .* 42723: .*one", said)
    assert server.ask("SELECT text FROM pages", "functions") == "1"


def test_large_objects_and_sequences_count_as_content(
    servers: tuple[Postgres, Postgres],
) -> None:
    """A dump writes to those of the same number or name, without an error."""
    server = servers[0]
    for name, sql in (("los", "SELECT lo_create(7)"), ("counts", "CREATE SEQUENCE of_pages")):
        server.ask(f"CREATE DATABASE {name}")
        assert server.ask(load_sql.HOLDS, name) == "f"
        server.ask(sql, name)

        assert server.ask(load_sql.HOLDS, name) == "t"


@pytest.fixture(scope="module")
def maria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A MariaDB that holds nothing."""
    with mariadb.serve(tmp_path_factory.mktemp("maria") / "data") as server:
        yield server


@pytest.mark.parametrize("database", ["", "wiki"])
def test_mariadb_is_loaded_and_replaced(tmp_path: Path, maria: MariaDB, database: str) -> None:
    maria.ask("DROP DATABASE IF EXISTS wiki; CREATE DATABASE wiki; USE wiki; "
              "CREATE TABLE pages AS SELECT concat('Größe ', seq) AS text FROM seq_1_to_900; "
              "CREATE OR REPLACE USER author IDENTIFIED BY 'first'")  # fmt: skip
    before = maria.ask(_ROWS.replace("pages", "wiki.pages"))
    given = {"MYSQL_DATABASE": database} if database else {}
    sidecar = _of_mariadb(tmp_path, maria, **given)
    sidecar.back_up()
    maria.ask("DELETE FROM wiki.pages; DROP USER author")

    assert "not empty, wiki has tables" in _load(sidecar, expected=1)
    assert maria.ask("SELECT count(*) FROM wiki.pages") == "0"
    _load(sidecar, "--replace")

    assert maria.ask(_ROWS.replace("pages", "wiki.pages")) == before
    found = maria.ask("SELECT count(*) FROM mysql.user WHERE user = 'author'")
    assert found == ("0" if database else "1")
    if not database:
        maria.ask("SHOW GRANTS FOR author")

    maria.ask("DROP TABLE wiki.pages")
    _load(sidecar)
    assert maria.ask(_ROWS.replace("pages", "wiki.pages")) == before


def test_a_dump_of_all_databases_is_refused_where_the_secret_names_one(
    tmp_path: Path, maria: MariaDB
) -> None:
    """It would bring its own tables to every other one, whatever that holds by now."""
    maria.ask("CREATE OR REPLACE DATABASE wiki; CREATE OR REPLACE DATABASE shop; "
              "CREATE TABLE shop.orders AS SELECT 'old' AS text")  # fmt: skip
    sidecar = _of_mariadb(tmp_path, maria)
    sidecar.back_up()
    maria.ask("UPDATE shop.orders SET text = 'new'")
    sidecar.change_secret(MYSQL_DATABASE="wiki")

    said = _load(sidecar, expected=1)

    assert maria.ask("SELECT text FROM shop.orders") == "new"
    assert "contains all databases, but MYSQL_DATABASE names one" in said
    maria.ask("DROP DATABASE shop")


def test_a_database_with_only_procedures_is_not_empty(tmp_path: Path, maria: MariaDB) -> None:
    maria.ask("CREATE OR REPLACE DATABASE wiki; CREATE TABLE wiki.pages AS SELECT 1 AS text; "
              "CREATE PROCEDURE wiki.one() SELECT 'old'")  # fmt: skip
    sidecar = _of_mariadb(tmp_path, maria, MYSQL_DATABASE="wiki")
    sidecar.back_up()
    maria.ask("DROP TABLE wiki.pages; CREATE OR REPLACE PROCEDURE wiki.one() SELECT 'new'")

    said = _load(sidecar, expected=1)

    assert maria.ask("CALL wiki.one()") == "new"
    assert "not empty, wiki has tables or routines" in said
    maria.ask("DROP DATABASE wiki")


def test_a_database_is_found_by_the_name_that_its_server_gave_it(tmp_path: Path) -> None:
    with mariadb.serve(tmp_path / "maria", "--lower-case-table-names=1") as server:
        server.ask("CREATE DATABASE Wiki; CREATE TABLE Wiki.pages AS SELECT 'old' AS text")
        sidecar = _of_mariadb(tmp_path, server, MYSQL_DATABASE="Wiki")
        sidecar.back_up()
        server.ask("UPDATE Wiki.pages SET text = 'new'")

        said = _load(sidecar, expected=1)

        assert server.ask("SELECT text FROM Wiki.pages") == "new"
        assert "not empty, wiki has tables" in said


def test_redis_and_commands_get_manual_instructions(tmp_path: Path) -> None:
    path = programs.clients(tmp_path / "clients", "redis", "redis-cli")
    with redis.serve(tmp_path / "redis") as server:
        sidecar = _sidecar(
            tmp_path, "redis", path, REDISCLI_AUTH=redis.PASSWORD, REDISCLI_PORT=server.port
        )
        server.ask("SET", "page", "Größe")
        sidecar.back_up()
        made = sidecar.snapshots()[0]["id"][:8]

        said = _load(sidecar, expected=1)

        assert f"`backup-runner restic dump {made} /redis.rdb`" in said
        server.ask("DEL", "page")
        into = f"{tmp_path}/redis/dump.rdb"
        sidecar.run("sh", "-c", f"backup-runner restic dump {made} /redis.rdb > {into}")
        server.ask("SHUTDOWN", "NOSAVE")
    with redis.serve(tmp_path / "redis") as again:
        assert again.ask("GET", "page") == "Größe"
