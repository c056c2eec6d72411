"""What can go wrong with a dump: the volumes are backed up all the same, and no bad dump counts."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.work import until
from tests.faults.night import Night, is_outcome, last_line
from tests.integration.sidecars import Json
from tests.services import programs
from tests.services.databases import postgres
from tests.services.databases.postgres import Postgres

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
_LOCKED = """SELECT count(*) FROM pg_locks WHERE relation = 'pages'::regclass AND granted
             AND mode = 'AccessExclusiveLock'"""

_BROKEN = (
    "true", "head -c 3000000 /dev/urandom; exit 3", "echo CREATE; false; echo DONE",
    "(echo CREATE; exit 1) | gzip", "no-such-program", "echo half; kill -9 $$",
)  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A PostgreSQL with two databases, each with a page."""
    with postgres.serve() as made:
        for name in ("alpha", "beta"):
            made.ask(f"CREATE DATABASE {name}")
            made.ask("CREATE TABLE pages AS SELECT n FROM generate_series(1, 1000) n", name)
        yield made


@pytest.fixture
def night(tmp_path: Path, server: Postgres) -> Night:
    """A night with a dump of PostgreSQL behind it."""
    path = programs.clients(tmp_path / "clients", "postgres", "psql", "pg_dumpall", "pg_dump")
    return Night(
        tmp_path, dump="postgres", path=path, PGPORT=server.port, PGPASSWORD=postgres.PASSWORD
    )


def _only_the_volumes(night: Night, before: list[Json]) -> None:
    """Prove that a fault left a snapshot of the volumes, and none of a dump."""
    (new,) = [each for each in night.sidecar.snapshots() if each not in before]
    assert not [tag for tag in new["tags"] if tag.startswith("dump=")]
    assert f"{night.sidecar.volume}/new" in night.sidecar.restic("ls", new["id"])


def _fails(night: Night, failure: str) -> str:
    """Prove that a run fails so and backs up what is new in the volumes; return what it says."""
    before = night.sidecar.snapshots()
    night.write("new", 1 << 12)
    message: str = night.back_up("failure", failure)["message"]
    _only_the_volumes(night, before)
    return message


def _recovers(night: Night) -> None:
    before = len(night.sidecar.snapshots())
    night.ends()
    assert len(night.sidecar.snapshots()) == before + 2


def test_a_command_that_fails_halfway_or_in_a_pipe_or_writes_nothing(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("echo all of it")
    night = Night(tmp_path, dump=f". {text}")

    for broken in _BROKEN:
        text.write_text(broken)
        assert "the dump of command failed" in _fails(night, "source"), broken

    text.write_text("echo all of it")
    _recovers(night)


def test_a_client_older_than_the_server(night: Night) -> None:
    clients = night.root / "clients"
    night.sidecar.change_secret(PGDATABASE="alpha")
    programs.clients(clients, "pg_dump-13", "pg_dump")

    assert "pg_dump 13." in _fails(night, "config")

    programs.clients(clients, "postgres", "pg_dump")
    _recovers(night)


def test_a_wrong_password_of_a_database(night: Night) -> None:
    night.sidecar.change_secret(PGPASSWORD="falsch-falsch")

    assert "falsch-falsch" not in _fails(night, "auth")

    night.sidecar.change_secret(PGPASSWORD=postgres.PASSWORD)
    _recovers(night)


def test_a_database_that_is_down(night: Night, server: Postgres) -> None:
    server.stop()
    _fails(night, "network")

    server.start()
    _recovers(night)


def test_a_database_killed_during_its_dump(night: Night, server: Postgres) -> None:
    """The dump of the first database is written, the second's has begun."""
    before = night.sidecar.snapshots()
    night.write("new", 1 << 12)
    lock = "BEGIN; LOCK TABLE pages; SELECT pg_sleep(600)"
    with server.asking(lock, "beta"):
        until(lambda: server.ask(_LOCKED, "beta") != "0", "the table is locked", 120)
        with night.running() as run:
            until(lambda: server.ask(_WAITING) != "0", "the dump waits for the table", 120)
            server.stop(signal.SIGQUIT)
            ended = last_line(run, is_outcome)
    night.ended(ended, "failure", "network")
    _only_the_volumes(night, before)

    server.start()
    _recovers(night)


def test_raw_files_of_a_database_that_could_not_be_dumped() -> None:
    """They are all there is of it; with a good dump they are left out."""
    with postgres.room() as root:
        path = programs.clients(root / "clients", "postgres", "psql", "pg_dumpall", "pg_dump")
        raw = root / "prod-wiki" / "backup" / "data" / "18" / "data"
        with postgres.serve(volume=raw) as server:
            login = {"PGPORT": server.port, "PGPASSWORD": postgres.PASSWORD}
            night = Night(root, dump="postgres", path=path, **login)
            assert raw.is_relative_to(night.sidecar.volume)
            night.sidecar.change_secret(PGPASSWORD="falsch-falsch")
            _fails(night, "auth")
            assert f"{raw}/global/pg_control" in night.sidecar.restic("ls", "latest")

            night.sidecar.change_secret(PGPASSWORD=postgres.PASSWORD)
            _recovers(night)
            found = night.sidecar.restic("ls", "latest", str(night.sidecar.volume), "--recursive")
    assert f"{raw}/postgresql.conf" in found
    assert "pg_control" not in found
