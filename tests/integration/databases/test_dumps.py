"""Dumps of real databases: what was in them is in a fresh server after what docs/ say."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from demo import app
from tests.blocks import blocks, run
from tests.integration.sidecars import PASSWORD, Sidecar
from tests.services import programs
from tests.services.databases import mariadb, postgres, redis

_ROWS = "SELECT count(*), min(text), max(text), sum(n) FROM pages"


def _sidecar(root: Path, dump: str, path: str = "", **secret: str) -> Sidecar:
    pace = {"PATH": path} if path else {}
    sidecar = Sidecar(root, annotations={"backup.dump": dump}, secret=secret, pace=pace)
    app.write_files(sidecar.volume)
    return sidecar


def _dumps(sidecar: Sidecar, name: str) -> int:
    return sum(f"dump={name}" in each["tags"] for each in sidecar.snapshots())


def _load(sidecar: Sidecar, name: str, variables: Mapping[str, str], folder: Path) -> None:
    """Do in ``folder`` what docs/disaster.md says of loading a dump."""
    (commands,) = blocks("docs/disaster.md", "### Dumps")
    (command,) = [line for line in commands.splitlines() if f"dump={name} " in line]
    secret = {"RESTIC_PASSWORD": PASSWORD, "RESTIC_REPOSITORY": str(sidecar.repository)}
    run(command, folder, {**variables, "HOME": str(folder), **secret})


def test_a_dump_of_postgres_restores_a_fresh_server(tmp_path: Path) -> None:
    path = programs.clients(tmp_path / "clients", "postgres", "psql", "pg_dumpall", "pg_dump")
    with postgres.serve() as server:
        sidecar = _sidecar(
            tmp_path, "postgres", path, PGPORT=server.port, PGPASSWORD=postgres.PASSWORD
        )
        server.ask("CREATE ROLE author LOGIN PASSWORD 'geheim'")
        server.ask("CREATE DATABASE wiki OWNER author")
        server.ask(
            "CREATE TABLE pages AS SELECT n, 'Größe ' || md5(n::text) AS text "
            "FROM generate_series(1, 5000) n", "wiki",
        )  # fmt: skip
        before = server.ask(_ROWS, "wiki")
        assert sidecar.back_up()["status"] == "success"
    assert (_dumps(sidecar, "postgres"), len(sidecar.snapshots())) == (1, 2)

    with postgres.serve() as fresh:
        _load(sidecar, "postgres", {**fresh.variables, "PATH": path}, tmp_path)

        assert fresh.ask(_ROWS, "wiki") == before
        assert (
            fresh.ask("SELECT rolpassword ~ '^SCRAM' FROM pg_authid WHERE rolname = 'author'")
            == "t"
        )


def test_a_dump_of_mariadb_restores_a_fresh_server(tmp_path: Path) -> None:
    """Its data directory is in the volume, and is left out."""
    path = programs.clients(tmp_path / "clients", "mariadb", "mariadb", "mariadb-dump")
    secret = {"MYSQL_USER": mariadb.USER, "MYSQL_PWD": mariadb.PASSWORD}
    sidecar = _sidecar(tmp_path, "mysql", path)
    with mariadb.serve(sidecar.volume / "mysql") as server:
        sidecar.change_secret(**secret, MYSQL_TCP_PORT=server.port)
        server.ask("CREATE DATABASE wiki")
        server.ask("USE wiki; CREATE TABLE pages AS SELECT seq AS n, "
                   "concat('Größe ', md5(seq)) AS text FROM seq_1_to_5000")  # fmt: skip
        server.ask("CREATE PROCEDURE wiki.nothing() SELECT 'nichts'")
        before = server.ask(_ROWS.replace("pages", "wiki.pages"))
        assert sidecar.back_up()["status"] == "success"
        found = sidecar.restic("ls", "latest")
        assert "ibdata1" not in found
        assert "/data/mysql\n" in found

    with mariadb.serve(tmp_path / "fresh") as fresh:
        client = {**fresh.variables, "PATH": path}
        (tmp_path / ".my.cnf").write_text(f"[client]\nuser={mariadb.USER}\n")
        _load(sidecar, "mysql", client, tmp_path)

        assert fresh.ask(_ROWS.replace("pages", "wiki.pages")) == before
        assert fresh.ask("CALL wiki.nothing()") == "nichts"


def test_a_dump_of_redis_restores_a_fresh_server(tmp_path: Path) -> None:
    path = programs.clients(tmp_path / "clients", "redis", "redis-cli")
    with redis.serve(tmp_path / "redis") as server:
        sidecar = _sidecar(
            tmp_path, "redis", path, REDISCLI_AUTH=redis.PASSWORD, REDISCLI_PORT=server.port
        )
        server.ask("DEBUG", "POPULATE", "1000", "key", "100")
        server.ask("SET", "page", "Größe")
        digest = server.ask("DEBUG", "DIGEST")
        assert sidecar.back_up()["status"] == "success"

    fresh = tmp_path / "fresh"
    fresh.mkdir()
    _load(sidecar, "redis", server.variables, fresh)
    with redis.serve(fresh) as other:
        assert other.ask("DEBUG", "DIGEST") == digest
        assert other.ask("DBSIZE") == "1001"


def test_a_dump_of_a_command_is_its_output(tmp_path: Path) -> None:
    sidecar = _sidecar(tmp_path, "seq 1 300000 | gzip -n")
    assert sidecar.back_up()["status"] == "success"

    _load(sidecar, "command", {"PATH": os.environ["PATH"]}, tmp_path)

    expected = subprocess.check_output(("sh", "-c", "seq 1 300000 | gzip -n"))
    assert (tmp_path / "dump").read_bytes() == expected


def test_dumps_and_volumes_are_kept_independently(tmp_path: Path) -> None:
    """Retention keeps as many of each, here and in the copy, and files are not read again."""
    copy = tmp_path / "copy"
    keep = {f"KEEP_{each}": "0" for each in ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")}
    sidecar = _sidecar(
        tmp_path, "date +%s%N", **keep, KEEP_LAST="2", COPY_RESTIC_REPOSITORY=str(copy)
    )
    sidecar.back_up()
    for _ in range(2):
        file = sidecar.path("/var/lib/backup") / "state.json"
        file.write_text(re.sub(r'"tasks": \{.*?\}\}', '"tasks": {}', file.read_text()))
        ended = sidecar.back_up()
        assert ended.get("files_new", 0) == 0
        assert ended["files_unmodified"] > 0

    assert (_dumps(sidecar, "command"), len(sidecar.snapshots())) == (2, 4)
    there = json.loads(sidecar.restic("-r", str(copy), "snapshots", "--json"))
    assert sorted("dump=command" in each["tags"] for each in there) == [False, False, True, True]
