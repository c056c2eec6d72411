"""A dump holds all that its server has, or the run says what it lacks and keeps the raw files."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.restore.restores import with_repository
from tests.integration.sidecars import Json, Sidecar
from tests.services import programs
from tests.services.databases import mariadb, postgres, redis
from tests.services.databases.mariadb import MariaDB
from tests.services.databases.postgres import Postgres

_APP = "app-password"


def _sidecar(root: Path, dump: str, *, path: str, **secret: str) -> Sidecar:
    made = Sidecar(root, annotations={"backup.dump": dump}, secret=secret, pace={"PATH": path})
    (made.volume / "app.conf").write_text("x")
    return with_repository(made)


class Run:
    """A backup that was made, as log, snapshots and a drill tell of it."""

    def __init__(self, sidecar: Sidecar) -> None:
        # Folders that a test before removed are not what this one is about.
        (sidecar.path("/var/lib/backup") / "state.json").unlink(missing_ok=True)
        done = sidecar.run("backup-runner", "run")
        self.ended = _last(done.stdout)
        self.message = str(self.ended["message"])
        volumes: list[Json] = []
        dumps: list[Json] = []
        for each in sidecar.snapshots():
            is_dump = any(tag.startswith("dump=") for tag in each["tags"])
            (dumps if is_dump else volumes).append(each)
        self.dumps = dumps
        listed = sidecar.restic("ls", volumes[-1]["id"])
        self.files = {line.removeprefix(f"{sidecar.volume}/") for line in listed.splitlines()}
        self.sidecar = sidecar

    def is_whole(self) -> None:
        """Prove that it is a success."""
        assert self.ended["status"] == "success", self.message
        assert "doubtful" not in self.dumps[-1]["tags"]

    def lacks(self, *words: str) -> None:
        """Prove that it is a failure which says what is missing."""
        assert (self.ended["status"], self.ended.get("class")) == ("failure", "dump"), self.message
        for each in words:
            assert each in self.message

    def drills(self) -> bool:
        """Whether a drill that is held next is a success."""
        return self.sidecar.run("backup-runner", "verify").returncode == 0


def _last(log: str) -> Json:
    found: list[Json] = [json.loads(line) for line in log.splitlines()]
    return [line for line in found if "status" in line][-1]


# MariaDB


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sidecar, MariaDB]]:
    """A sidecar, and a MariaDB with databases shop and crm in its volume."""
    root = tmp_path_factory.mktemp("mariadb")
    path = programs.clients(root / "clients", "mariadb", "mariadb", "mariadb-dump")
    sidecar = _sidecar(root, "mysql", path=path)
    with mariadb.serve(sidecar.volume / "mysql") as server:
        server.ask(
            "CREATE DATABASE shop; CREATE TABLE shop.t (i int); CREATE DATABASE `c-r m`;"
            "CREATE DATABASE crm; CREATE TABLE crm.c (s text); INSERT INTO crm.c VALUES ('x');"
            "CREATE TRIGGER shop.tr BEFORE INSERT ON shop.t FOR EACH ROW SET @x = 1;"
            "CREATE ROLE reader; GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO reader"
        )
        old = sidecar.volume / "mysql" / "mysql_old"
        for name in ("ibdata1", "mysql/db.opt", "crm/c.ibd"):
            (old / name).parent.mkdir(parents=True, exist_ok=True)
            (old / name).write_text("an older server's")
        yield sidecar, server


def _of_shop(shop: tuple[Sidecar, MariaDB], grants: str, **secret: str) -> Run:
    sidecar, server = shop
    server.ask(f"CREATE OR REPLACE USER app@'127.0.0.1' IDENTIFIED BY '{_APP}'; {grants}")
    given = {"MYSQL_USER": "app", "MYSQL_PWD": _APP, "MYSQL_DATABASE": "", **secret}
    sidecar.change_secret(MYSQL_TCP_PORT=server.port, **given)
    return Run(sidecar)


@pytest.mark.parametrize(
    ("grants", "missing"),
    [
        ("", "SELECT, SHOW VIEW, TRIGGER, EVENT on *.*"),
        ("GRANT ALL ON shop.* TO app@'127.0.0.1'", "also holds c-r m, crm, mysql"),
        ("GRANT SELECT, SHOW DATABASES ON *.* TO app@'127.0.0.1'", "SHOW VIEW, TRIGGER"),
        ("GRANT SELECT, SHOW VIEW, EVENT ON *.* TO app@'127.0.0.1'", "it lacks TRIGGER on *.*"),
        ("GRANT reader TO app@'127.0.0.1'", "SELECT, SHOW VIEW"),
    ],
    ids=["nothing", "one database", "only SELECT", "no triggers", "a role that is not taken on"],
)  # fmt: skip
def test_a_mariadb_user_without_all_privileges(
    shop: tuple[Sidecar, MariaDB], grants: str, missing: str
) -> None:
    run = _of_shop(shop, grants)

    run.lacks(missing, "app@127.0.0.1", "MYSQL_DATABASE")
    assert {"mysql/crm/c.ibd", "mysql/shop/t.ibd", "mysql/ibdata1"} <= run.files


@pytest.mark.parametrize(
    "grants",
    [
        "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO app@'127.0.0.1'",
        "GRANT reader TO app@'127.0.0.1'; SET DEFAULT ROLE reader FOR app@'127.0.0.1'",
        "GRANT ALL ON *.* TO app@'127.0.0.1'",
    ],
    ids=["what is needed", "by a role", "everything"],
)
def test_a_mariadb_user_with_all_privileges(shop: tuple[Sidecar, MariaDB], grants: str) -> None:
    """The files of its server give way, and nothing else in its folder does."""
    run = _of_shop(shop, grants)

    run.is_whole()
    assert not {"mysql/crm/c.ibd", "mysql/shop/t.ibd", "mysql/c@002dr@0020m", "mysql/ibdata1",
                "mysql/ib_logfile0", "mysql/aria_log_control"} & run.files  # fmt: skip
    assert {"mysql/mysql_old/crm/c.ibd", "mysql/mysql_old/ibdata1", "app.conf"} <= run.files


@pytest.mark.parametrize(
    ("grants", "missing"),
    [
        (r"GRANT ALL ON `sh\_p`.* TO app@'127.0.0.1'; GRANT SELECT ON shop.t TO app@'127.0.0.1'",
         "SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE (for routines) on `shop`.*"),
        ("GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON shop.* TO app@'127.0.0.1'", "EXECUTE"),
        ("GRANT ALL ON `sh_p`.* TO app@'127.0.0.1'", ""),
        ("GRANT ALL ON shop.* TO app@'127.0.0.1'", ""),
    ],
    ids=["of another name", "no routines", "by a pattern", "everything"],
)  # fmt: skip
def test_one_database_of_mariadb(shop: tuple[Sidecar, MariaDB], grants: str, missing: str) -> None:
    """The raw files of all stay, whatever comes of the dump."""
    run = _of_shop(shop, grants, MYSQL_DATABASE="shop")

    if missing:
        run.lacks(missing)
    else:
        run.is_whole()
    assert {"mysql/crm/c.ibd", "mysql/shop/t.ibd", "mysql/ibdata1"} <= run.files


def test_a_second_mariadb_in_the_pod(shop: tuple[Sidecar, MariaDB]) -> None:
    with mariadb.serve(shop[0].volume / "second") as second:
        second.ask("CREATE DATABASE other; CREATE TABLE other.t (i int)")
        run = _of_shop(shop, "GRANT ALL ON *.* TO app@'127.0.0.1'")
        run.lacks(f"uses {shop[0].volume}/second and is not dumped")
    assert {"second/other/t.ibd", "second/ibdata1"} <= run.files
    assert "mysql/ibdata1" not in run.files

    run = _of_shop(shop, "GRANT ALL ON *.* TO app@'127.0.0.1'")  # nobody uses it any more
    run.is_whole()
    assert "second/ibdata1" in run.files
    shutil.rmtree(shop[0].volume / "second")


# PostgreSQL


@pytest.fixture(scope="module")
def wiki(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sidecar, Postgres]]:
    """A sidecar, and a PostgreSQL in its volume, beside data folders that are not its own."""
    path = programs.clients(
        tmp_path_factory.mktemp("clients"), "postgres", "psql", "pg_dumpall", "pg_dump"
    )
    with postgres.room() as root:
        sidecar = _sidecar(root, "postgres", path=path)
        with postgres.serve(volume=sidecar.volume / "pg" / "18" / "data") as server:
            server.ask("CREATE DATABASE wiki")
            server.ask("CREATE TABLE pages AS SELECT 1 AS n", "wiki")
            server.ask(
                f"CREATE ROLE app LOGIN PASSWORD '{_APP}'; GRANT pg_read_all_data TO app;"
                f"CREATE ROLE admin SUPERUSER LOGIN PASSWORD '{_APP}'"
            )
            sidecar.change_secret(PGPORT=server.port)
            yield sidecar, server


def _of_wiki(wiki: tuple[Sidecar, Postgres], user: str = "", database: str = "") -> Run:
    sidecar, _ = wiki
    password = _APP if user else postgres.PASSWORD
    sidecar.change_secret(PGUSER=user, PGPASSWORD=password, PGDATABASE=database)
    return Run(sidecar)


_CONTROL = "pg/18/data/global/pg_control"


def _copy_if_there(source: str, target: str) -> None:
    """Copy a file of a running server, which may have removed a temporary one meanwhile."""
    with suppress(FileNotFoundError):
        shutil.copy2(source, target, follow_symlinks=False)


@pytest.mark.parametrize("user", ["", "admin"])
def test_a_postgres_superuser_dumps_everything(wiki: tuple[Sidecar, Postgres], user: str) -> None:
    """A copy of the data folder, an older one and what is no file of a server's stay."""
    sidecar, server = wiki
    copy, older = sidecar.volume / "pg" / "copy", server.data / "old"
    shutil.copytree(server.data, copy, symlinks=True, copy_function=_copy_if_there)
    (older / "global").mkdir(parents=True)
    for name in ("PG_VERSION", "postmaster.pid", "global/pg_control"):
        (older / name).write_text("13\n")
    try:
        run = _of_wiki(wiki, user)
    finally:
        shutil.rmtree(copy)
        shutil.rmtree(older)

    run.is_whole()
    assert not {_CONTROL, "pg/18/data/base", "pg/18/data/postmaster.pid"} & run.files
    kept = {"global/pg_control", "PG_VERSION"}
    assert {f"pg/copy/{each}" for each in kept} <= run.files
    assert {f"pg/18/data/old/{each}" for each in kept} <= run.files
    assert {"pg/18/data/pg_hba.conf", "app.conf"} <= run.files


@pytest.mark.parametrize(
    ("change", "back"),
    [
        ("ALTER DATABASE archive ALLOW_CONNECTIONS false", ""),
        ("ALTER DATABASE archive IS_TEMPLATE true ALLOW_CONNECTIONS false",
         "ALTER DATABASE archive IS_TEMPLATE false"),
        ("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'archive'", ""),
    ],
    ids=["closed", "a closed template", "invalid"],
)  # fmt: skip
def test_a_postgres_database_in_no_dump(
    wiki: tuple[Sidecar, Postgres], change: str, back: str
) -> None:
    server = wiki[1]
    server.ask("CREATE DATABASE archive")
    oid = server.ask("SELECT oid FROM pg_database WHERE datname = 'archive'")
    server.ask(change)

    run = _of_wiki(wiki)

    run.lacks("archive")
    assert not run.drills()
    assert "doubtful" in run.dumps[-1]["tags"]
    assert f"pg/18/data/base/{oid}/PG_VERSION" in run.files
    for each in filter(None, (back, "DROP DATABASE archive")):
        server.ask(each)
    run = _of_wiki(wiki)
    run.is_whole()
    assert run.drills()


def test_a_postgres_user_without_superuser(wiki: tuple[Sidecar, Postgres]) -> None:
    """Of all databases that is no dump; of one it is, where nothing is hidden."""
    server = wiki[1]
    run = _of_wiki(wiki, "app")
    run.lacks("app is not a superuser", "PGDATABASE")
    assert _CONTROL in run.files

    run = _of_wiki(wiki, "app", "wiki")
    run.is_whole()
    assert _CONTROL in run.files

    hidden = {
        "ALTER TABLE pages ENABLE ROW LEVEL SECURITY":
            ("row-level security", "ALTER TABLE pages DISABLE ROW LEVEL SECURITY"),
        "SELECT lo_from_bytea(7, 'x')": ("large object", "SELECT lo_unlink(7)"),
        "CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p WITH (connect = false)":
            ("subscriptions", "ALTER SUBSCRIPTION s SET (slot_name = NONE); DROP SUBSCRIPTION s"),
    }  # fmt: skip
    for change, (word, back) in hidden.items():
        server.ask(change, "wiki")
        _of_wiki(wiki, "app", "wiki").lacks(word)
        for each in back.split("; "):
            server.ask(each, "wiki")


def test_a_second_postgres_in_the_pod(wiki: tuple[Sidecar, Postgres]) -> None:
    folder = wiki[0].volume / "second"
    with postgres.serve(volume=folder):
        run = _of_wiki(wiki)
        run.lacks(f"another server of PostgreSQL uses {folder}")
    assert "second/global/pg_control" in run.files
    assert _CONTROL not in run.files

    run = _of_wiki(wiki)  # nobody uses it any more
    run.is_whole()
    assert "second/global/pg_control" in run.files
    shutil.rmtree(folder)


# Redis


@pytest.fixture
def cache(tmp_path: Path) -> Sidecar:
    """A sidecar that dumps a Redis."""
    path = programs.clients(tmp_path / "clients", "redis", "redis-cli")
    return _sidecar(tmp_path, "redis", path=path, REDISCLI_AUTH=redis.PASSWORD)


def age(file: Path) -> None:
    """Make a file one that nobody wrote since the day before yesterday."""
    os.utime(file, (0, time.time() - 2 * 86400))


def test_a_second_redis_in_the_pod(cache: Sidecar) -> None:
    """It is named, and its files stay; where it has ended, they stay all the same."""
    one, two = cache.volume / "one", cache.volume / "two"
    with redis.serve(one) as first:
        cache.change_secret(REDISCLI_PORT=first.port)
        first.ask("SET", "k", "v1")
        assert first.ask("SAVE") == "OK"
        with redis.serve(two) as second:
            second.ask("SET", "k", "v2")
            assert second.ask("SAVE") == "OK"
            run = Run(cache)
            run.lacks(f"another server of Redis uses {two}")
            assert "two/dump.rdb" in run.files
            assert "one/dump.rdb" not in run.files
            second.ask("CONFIG", "SET", "requirepass", "")  # it says what its folder is
            age(two / "dump.rdb")
            assert second.ask("SAVE") == "OK"
            Run(cache).lacks(f"another server of Redis uses {two}")
        age(two / "dump.rdb")
        run = Run(cache)
        run.is_whole()
        assert "two/dump.rdb" in run.files


def test_a_redis_with_another_folder_or_an_append_only_file(cache: Sidecar, tmp_path: Path) -> None:
    """A file of an older server's stays; the log gives way once it is proven to be its own."""
    (cache.volume / "dump.rdb").write_text("an older server's")
    age(cache.volume / "dump.rdb")
    with redis.serve(tmp_path / "elsewhere") as server:
        cache.change_secret(REDISCLI_PORT=server.port)
        server.ask("SET", "k", "v1")
        assert server.ask("SAVE") == "OK"
        run = Run(cache)
        run.is_whole()
        assert "dump.rdb" in run.files
    with redis.serve(cache.volume / "log") as server:
        cache.change_secret(REDISCLI_PORT=server.port)
        server.ask("CONFIG", "SET", "appendonly", "yes")
        server.ask("SET", "k", "v1")
        run = Run(cache)
        run.is_whole()
        assert "dump.rdb" in run.files
        assert not [each for each in run.files if each.startswith("log/append")]


@pytest.mark.parametrize(
    ("rule", "whole"),
    [
        ("~nothing +psync +sync +replconf +ping", True),
        ("~* +@all -psync -sync", False),
        ("~* +@read", False),
    ],
)
def test_a_redis_user(cache: Sidecar, rule: str, whole: bool) -> None:
    """Who may copy the server gets all keys; who may not ask for its folder keeps the files."""
    with redis.serve(cache.volume / "data") as server:
        server.ask("SET", "k", "v1")
        assert server.ask("SAVE") == "OK"
        server.ask("ACL", "SETUSER", "app", "on", f">{_APP}", *rule.split())
        cache.change_secret(REDISCLI_PORT=server.port, REDISCLI_USER="app", REDISCLI_AUTH=_APP)
        run = Run(cache)
        if whole:
            run.is_whole()
        else:
            run.lacks("NOPERM")
    assert "data/dump.rdb" in run.files
