"""TLS of databases: each mode, with right and wrong certificates, by real servers and clients."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from runner.config import build
from tests.integration.restore.restores import with_repository
from tests.integration.sidecars import Sidecar
from tests.services import certificates, programs
from tests.services.databases import mariadb, postgres, redis
from tests.services.databases.mariadb import MariaDB
from tests.services.databases.postgres import Postgres

_OURS = certificates.make("127.0.0.1", "localhost")
_OTHER = certificates.make("127.0.0.1")
_KEYS = {"ca.crt": _OURS.ca, "tls.crt": _OURS.client, "tls.key": _OURS.client_key}
_OK = ""
_SECRETS = (mariadb.PASSWORD, postgres.PASSWORD, "PRIVATE KEY")


def _dump(name: str, path: str, scratch: Path, secret: Mapping[str, str]) -> str:
    """Make a dump as restic has it made; return what it says where it fails, "" where not."""
    variables = build.config({}, secret, {}).commands.databases
    own = {"PATH": path, "HOME": str(scratch), "TMPDIR": str(scratch)}
    done = subprocess.run(
        ("backup-runner", "dump", name), env={**variables, **own}, cwd="/",
        capture_output=True, check=False,
    )  # fmt: skip
    said = done.stderr.decode()
    assert bool(said) == bool(done.returncode), said
    assert not [each for each in _SECRETS if each in said]
    assert bool(done.stdout) == (done.returncode == 0)
    return said


# MariaDB: its client of the image, and the one that is a release older


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, MariaDB]]:
    """A MariaDB 10.11 as it comes, one with TLS, and one whose certificate has another name."""
    root = tmp_path_factory.mktemp("mariadb")
    with ExitStack() as stack:
        made = {"plain": stack.enter_context(mariadb.serve(root / "plain"))}
        for name, of in (("tls", _OURS), ("misnamed", certificates.make("db.prod.svc"))):
            (root / f"{name}-files").mkdir()
            files = of.write(root / f"{name}-files")
            made[name] = stack.enter_context(
                mariadb.serve(
                    root / name, f"--ssl-cert={files['server']}", f"--ssl-ca={files['ca']}",
                    f"--ssl-key={files['server_key']}",
                )
            )  # fmt: skip
        grant = "GRANT ALL ON *.* TO {0}@'127.0.0.1' IDENTIFIED BY 'x' REQUIRE {1}"
        made["tls"].ask(grant.format("encrypted", "SSL"))
        made["tls"].ask(grant.format("certified", "X509"))
        yield made


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """A PATH for each client."""
    root = tmp_path_factory.mktemp("clients")
    return {
        "10.11": programs.clients(root / "10.11", "mariadb", "mariadb", "mariadb-dump"),
        "11.8": programs.clients(root / "11.8", "mariadb-11.8", "mariadb", "mariadb-dump"),
    }


_CERTIFIED = {"MYSQL_USER": "certified", "MYSQL_PWD": "x"}


@pytest.mark.parametrize("client", ["10.11", "11.8"])
@pytest.mark.parametrize(
    ("server", "secret", "why"),
    [
        ("plain", {}, _OK),
        ("plain", {"MYSQL_HOST": "localhost"}, _OK),
        ("plain", {"MYSQL_SSL_MODE": "disabled"}, _OK),
        ("plain", {"MYSQL_SSL_MODE": "PREFERRED"}, _OK),
        ("plain", {"MYSQL_SSL_MODE": "required"}, "no TLS"),
        ("plain", {"MYSQL_SSL_MODE": "VERIFY_CA"}, "SSL"),
        ("plain", {"MYSQL_SSL_CA": _OURS.ca}, "SSL"),
        ("plain", {"MYSQL_SSL_MODE": "tls please"}, "MYSQL_SSL_MODE: 'tls please' is not a TLS"),
        ("tls", {}, _OK),
        ("tls", {"MYSQL_USER": "encrypted", "MYSQL_PWD": "x"}, _OK),
        ("tls", {"MYSQL_USER": "encrypted", "MYSQL_PWD": "x", "MYSQL_SSL_MODE": "disabled"},
         "Access denied"),
        ("tls", {"MYSQL_SSL_MODE": "required"}, _OK),
        ("tls", {"MYSQL_SSL_CA": _OURS.ca}, _OK),
        ("tls", {"MYSQL_SSL_CA": "ca.crt", "MYSQL_SSL_MODE": "VERIFY_IDENTITY"}, _OK),
        ("tls", {"MYSQL_SSL_CA": _OTHER.ca}, "SSL"),
        ("tls", {"MYSQL_SSL_MODE": "verify"}, "SSL"),
        ("tls", {"MYSQL_SSL_CA": "ca.cert"}, ("MYSQL_SSL_CA: 'ca.cert' is not a file in the "
        "sidecar")),
        ("tls", {"MYSQL_SSL_CA": "/no/ca.crt"}, ("MYSQL_SSL_CA: '/no/ca.crt' is not a file in the "
        "sidecar")),
        ("tls", {**_CERTIFIED, "MYSQL_SSL_CERT": "tls.crt", "MYSQL_SSL_KEY": "tls.key"}, _OK),
        ("tls", {**_CERTIFIED, "MYSQL_SSL_CERT": _OURS.client, "MYSQL_SSL_KEY": _OURS.client_key,
                 "MYSQL_SSL_CA": "ca.crt"}, _OK),
        ("tls", _CERTIFIED, "Access denied"),
        ("misnamed", {"MYSQL_SSL_MODE": "required"}, _OK),
        ("misnamed", {"MYSQL_SSL_CA": "ca.crt"}, "SSL"),
    ],
)  # fmt: skip
def test_mariadb_follows_each_tls_mode(
    databases: Mapping[str, MariaDB], clients: Mapping[str, str], tmp_path: Path,
    *, client: str, server: str, secret: Mapping[str, str], why: str,
) -> None:  # fmt: skip
    login = {"MYSQL_USER": mariadb.USER, "MYSQL_PWD": mariadb.PASSWORD}
    port = {"MYSQL_TCP_PORT": databases[server].port}

    said = _dump("mysql", clients[client], tmp_path, {**_KEYS, **login, **port, **secret})

    assert why in said if why else not said, said


def test_a_dump_is_made_and_loaded_over_tls(
    databases: Mapping[str, MariaDB], clients: Mapping[str, str], tmp_path: Path
) -> None:
    """By backup-runner run and load; the wrong authority stops both."""
    server = databases["tls"]
    server.ask("CREATE DATABASE wiki; CREATE TABLE wiki.pages AS SELECT 'Größe' AS text")
    login = {"MYSQL_USER": "certified", "MYSQL_PWD": "x", "MYSQL_TCP_PORT": server.port}
    files = {"MYSQL_SSL_CA": "ca.crt", "MYSQL_SSL_CERT": "tls.crt", "MYSQL_SSL_KEY": "tls.key"}
    sidecar = with_repository(
        Sidecar(
            tmp_path, annotations={"backup.dump": "mysql"}, pace={"PATH": clients["11.8"]},
            secret={**_KEYS, **login, **files},
        )
    )  # fmt: skip
    (sidecar.volume / "x").touch()
    assert sidecar.back_up()["status"] == "success"
    server.ask("UPDATE wiki.pages SET text = 'changed'")

    sidecar.change_secret(MYSQL_SSL_CA=_OTHER.ca)
    assert sidecar.back_up(1)["status"] == "failure"
    assert sidecar.run("backup-runner", "load", "--replace").returncode == 1
    assert server.ask("SELECT text FROM wiki.pages") == "changed"

    sidecar.change_secret(MYSQL_SSL_CA="ca.crt")
    done = sidecar.run("backup-runner", "load", "--replace")
    assert done.returncode == 0, done.stdout
    assert server.ask("SELECT text FROM wiki.pages") == "Größe"


# PostgreSQL


@pytest.fixture(scope="module")
def wikis() -> Iterator[Mapping[str, Postgres]]:
    """A PostgreSQL without TLS, and one with it."""
    with postgres.serve() as plain, postgres.serve(certificates=_OURS) as tls:
        rules = tls.data / "pg_hba.conf"
        first = "hostssl all certified all scram-sha-256 clientcert=verify-ca\n"
        rules.write_text(first + "hostnossl all encrypted all reject\n" + rules.read_text())
        for name in ("encrypted", "certified"):
            tls.ask(f"CREATE ROLE {name} SUPERUSER LOGIN PASSWORD 'x'")
        tls.ask("SELECT pg_reload_conf()")
        yield {"plain": plain, "tls": tls}


@pytest.mark.parametrize(
    ("server", "secret", "why"),
    [
        ("plain", {}, _OK),
        ("plain", {"PGSSLMODE": "require"}, "server does not support SSL"),
        ("plain", {"PGSSLROOTCERT": _OURS.ca}, "server does not support SSL"),
        ("tls", {}, _OK),
        ("tls", {"PGUSER": "encrypted", "PGPASSWORD": "x"}, _OK),
        ("tls", {"PGUSER": "encrypted", "PGPASSWORD": "x", "PGSSLMODE": "disable"}, "pg_hba"),
        ("tls", {"PGSSLROOTCERT": _OURS.ca}, _OK),
        ("tls", {"PGSSLROOTCERT": "ca.crt", "PGSSLMODE": "verify-full"}, _OK),
        ("tls", {"PGSSLROOTCERT": _OTHER.ca}, "certificate verify failed"),
        ("tls", {"PGSSLROOTCERT": _OTHER.ca, "PGSSLMODE": "verify-full"}, "verify failed"),
        ("tls", {"PGSSLROOTCERT": "/no/ca"}, ("PGSSLROOTCERT: '/no/ca' is not a file in the "
        "sidecar")),
        ("tls", {"PGUSER": "certified", "PGPASSWORD": "x", "PGSSLCERT": "tls.crt",
                 "PGSSLKEY": "tls.key"}, _OK),
        ("tls", {"PGUSER": "certified", "PGPASSWORD": "x", "PGSSLCERT": _OURS.client,
                 "PGSSLKEY": _OURS.client_key, "PGSSLROOTCERT": "ca.crt"}, _OK),
        ("tls", {"PGUSER": "certified", "PGPASSWORD": "x", "PGSSLMODE": "require"}, "certificate"),
        ("tls", {"PGSSLKEY": "secret-text", "PGSSLCERT": "tls.crt"}, "PGSSLKEY: its value is no"),
    ],
)  # fmt: skip
def test_postgres_follows_each_tls_mode(
    wikis: Mapping[str, Postgres], tmp_path: Path,
    *, server: str, secret: Mapping[str, str], why: str,
) -> None:  # fmt: skip
    path = programs.clients(tmp_path / "clients", "postgres", "psql", "pg_dumpall", "pg_dump")
    login = {"PGPORT": wikis[server].port, "PGPASSWORD": postgres.PASSWORD}

    said = _dump("postgres", path, tmp_path, {**_KEYS, **login, **secret})

    assert why in said if why else not said, said


# Redis


@pytest.mark.parametrize("tls", [False, True])
def test_redis_follows_each_tls_mode(tmp_path: Path, *, tls: bool) -> None:
    path = programs.clients(tmp_path / "clients", "redis", "redis-cli")
    app = {"REDISCLI_USER": "app", "REDISCLI_AUTH": "app-password"}
    table: dict[bool, list[tuple[Mapping[str, str], bool]]] = {
        False: [
            ({}, True), (app, True), ({"REDISCLI_TLS": "false"}, True),
            ({"REDISCLI_TLS": "preferred"}, True), ({"REDISCLI_CACERT": _OURS.ca}, False),
        ],
        True: [
            ({}, True), (app, True), ({"REDISCLI_TLS": "false"}, False),
            ({"REDISCLI_TLS": "preferred"}, True), ({"REDISCLI_TLS": "true"}, True),
            ({**app, "REDISCLI_CACERT": _OURS.ca}, True),
            ({"REDISCLI_TLS": "verify", "REDISCLI_CACERT": "ca.crt"}, True),
            ({"REDISCLI_CACERT": _OTHER.ca}, False), ({"REDISCLI_TLS": "verify"}, False),
            ({"REDISCLI_CERT": "tls.crt", "REDISCLI_KEY": "tls.key"}, True),
        ],
    }  # fmt: skip
    with redis.serve(tmp_path / "redis", _OURS if tls else None) as server:
        server.ask("ACL", "SETUSER", "app", "on", ">app-password", "+psync", "+sync", "+replconf",
                   "+ping")  # fmt: skip
        login = {"REDISCLI_PORT": server.port, "REDISCLI_AUTH": redis.PASSWORD}
        for secret, works in table[tls]:
            said = _dump("redis", path, tmp_path, {**_KEYS, **login, **secret})
            assert (not said) is works, (secret, said)
