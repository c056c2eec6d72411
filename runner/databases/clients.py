"""How each kind of database is dumped by its client, and when a dump is complete. Pure.

Users, passwords and addresses come from the Secret, by the variables that the clients themselves
know; where they have none, the address is on a client's command line. Passwords never are.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from runner.config.network import tls
from runner.config.network.tls import Mode

_TRAILER = 1024  # bytes, within which the last words of a dump in SQL stand
_TRAILERS = {
    "postgres": re.compile(rb"^-- PostgreSQL database (cluster )?dump complete", re.MULTILINE),
    "mysql": re.compile(rb"^-- Dump completed", re.MULTILINE),
}
# redis-cli adds the mark by which it knows where the stream ends; no file of Redis' has it.
_RDB_END = re.compile(rb"\xff.{8}(?P<mark>[0-9a-f]{40})?\Z", re.DOTALL)
# How a dump of all databases begins; one of a single database names it there.
_OF_ALL = {
    "postgres": re.compile(rb"^-- PostgreSQL database cluster dump$", re.MULTILINE),
    "mysql": re.compile(rb"^-- Host: .* Database: *$", re.MULTILINE),
}
_RDB_DONE = "Transfer finished with success"
_CONNECT = 30  # seconds
_LOCKED = 300  # seconds to wait for the lock of a table
_HERE = "127.0.0.1"
_SYSTEM = "system"  # the authorities of the image, for PGSSLROOTCERT
_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
_MYSQL_MODE, _REDIS_MODE = "MYSQL_SSL_MODE", "REDISCLI_TLS"
_REDIS_OPTIONS = {
    "REDISCLI_CACERT": "--cacert", "REDISCLI_CERT": "--cert", "REDISCLI_KEY": "--key",
    "REDISCLI_SNI": "--sni",
}  # fmt: skip
_ADDRESS_OF_A_SERVICE = "tcp://"  # Kubernetes sets MYSQL_TCP_PORT where a Service is mysql-tcp


@dataclass(frozen=True, slots=True)
class Client:
    """What is run, in which environment. ``own`` and ``server`` print their versions.

    ``options`` is the text of a MySQL option file, which is handed over as an open file and named
    first on the command line. So are ``files``, by their variable: placeholders in options,
    environment and command line stand for their paths. ``paths`` are those that the Secret names.
    ``encrypted`` asks for the cipher of a connection that must have one. ``otherwise``: the client
    for a server that does not understand this one.
    """

    dump: tuple[str, ...]
    own: tuple[str, ...] = ()
    server: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    options: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    encrypted: tuple[str, ...] = ()
    otherwise: "Client | None" = None


def client(name: str, variables: Mapping[str, str]) -> Client:
    """Return the client for a kind of database; ``variables`` are those of the Secret.

    Raises ValueError if one of them cannot be used.
    """
    given = {
        key: value.strip()
        for key, value in variables.items()
        if value.strip() and not value.startswith(_ADDRESS_OF_A_SERVICE)
    }
    return {"postgres": _postgres, "mysql": _mysql, "redis": _redis}[name](given)


def _postgres(given: Mapping[str, str]) -> Client:
    usual = {
        "PGHOST": _HERE,
        "PGUSER": "postgres",
        "PGCONNECT_TIMEOUT": str(_CONNECT),
    }
    environment = {**usual, **{key: text for key, text in given.items() if key.startswith("PG")}}
    files = _files(given, "postgres")
    environment |= {key: tls.placeholder(key) for key in files.texts}
    if "PGSSLROOTCERT" in given and "PGSSLMODE" not in given:
        # libpq verifies nothing without. The pod's own address is in few certificates.
        local = tls.is_loopback(environment["PGHOST"])
        system = given["PGSSLROOTCERT"] == _SYSTEM
        environment["PGSSLMODE"] = "verify-ca" if local and not system else "verify-full"
    program = "pg_dump" if "PGDATABASE" in given else "pg_dumpall"
    return Client(
        dump=(program, "--no-password", f"--lock-wait-timeout={_LOCKED}s"),
        own=(program, "--version"),
        server=("psql", "-XAtw", "-c", "SHOW server_version"),
        environment={"PGDATABASE": "postgres", **environment}
        if program == "pg_dumpall"
        else environment,
        files=files.texts,
        paths=files.paths,
    )


@dataclass(frozen=True, slots=True)
class _Files:
    """Certificates and keys by their variable."""

    texts: dict[str, str]
    paths: dict[str, str]


def _files(given: Mapping[str, str], name: str) -> _Files:
    """Return the certificates and keys that the Secret has for a kind of database."""
    found = {key: given[key] for key in tls.FILES[name] if key in given}
    texts = {key: f"{value}\n" for key, value in found.items() if tls.is_text(value)}
    paths = {key: value for key, value in found.items() if key not in texts}
    return _Files(texts, {key: value for key, value in paths.items() if value != _SYSTEM})


def _mysql(given: Mapping[str, str]) -> Client:
    options = {
        "host": given.get("MYSQL_HOST", _HERE),
        "port": given.get("MYSQL_TCP_PORT", "3306"),
        "user": given.get("MYSQL_USER", "root"),
        "protocol": "tcp",  # localhost would be a socket, which is in another container
    }
    files = _files(given, "mysql")
    mode = tls.mode(_MYSQL_MODE, given.get(_MYSQL_MODE, ""))
    if mode == Mode.VERIFY and "MYSQL_SSL_CA" not in given:
        files.paths["MYSQL_SSL_CA"] = (
            _AUTHORITIES  # without it, some releases trust any local server
        )
    named = {**files.paths, **dict.fromkeys(files.texts, "")}
    options |= _ssl_of_mysql(mode, options["host"], named)
    lines = (f'{key}="{_escaped(text)}"\n' for key, text in options.items())
    database = given.get("MYSQL_DATABASE")
    question = (
        "mariadb", f"--connect-timeout={_CONNECT}", "--batch", "--skip-column-names", "-e",
    )  # fmt: skip
    return Client(
        dump=(
            "mariadb-dump", "--single-transaction", "--quick", "--routines", "--events",
            "--triggers", "--hex-blob", "--default-character-set=utf8mb4", "--comments",
            *(("--", database) if database else ("--all-databases",)),
        ),
        own=("mariadb-dump", "--version"),
        server=(*question, "SELECT VERSION()"),
        environment={"MYSQL_PWD": given.get("MYSQL_PWD", "")},
        options="[client]\n" + "".join(lines),
        files=files.texts, paths=files.paths,
        # The client would go on without where a server has no TLS.
        encrypted=(*question, "SHOW STATUS LIKE 'Ssl_cipher'") if mode == Mode.REQUIRED else (),
    )  # fmt: skip


def _ssl_of_mysql(mode: Mode | None, host: str, files: Mapping[str, str]) -> dict[str, str]:
    """Return the client's options; ``files`` are paths, "" for certificates passed as text."""
    if mode is None and "MYSQL_SSL_CA" in files:
        mode = Mode.VERIFY
    if mode is None and tls.is_loopback(host):
        mode = Mode.PREFERRED
    if mode is None and not files:
        return {}  # another host: what the client of this release does by itself
    if mode == Mode.DISABLED:
        return {"ssl": "0", "ssl-verify-server-cert": "0"}
    names = {"MYSQL_SSL_CA": "ssl-ca", "MYSQL_SSL_CERT": "ssl-cert", "MYSQL_SSL_KEY": "ssl-key"}
    named = {names[key]: path or tls.placeholder(key) for key, path in files.items()}
    verify = {} if mode is None else {"ssl-verify-server-cert": str(int(mode == Mode.VERIFY))}
    return {"ssl": "1", **verify, **named}


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "")


def _redis(given: Mapping[str, str]) -> Client:
    user = given.get("REDISCLI_USER")
    address = ("-h", given.get("REDISCLI_HOST", _HERE), "-p", given.get("REDISCLI_PORT", "6379"))
    password = given.get("REDISCLI_AUTH")
    environment = {"REDISCLI_AUTH": password} if password else {}
    local = tls.is_loopback(address[1])
    files = _files(given, "redis")
    mode = tls.mode(_REDIS_MODE, given.get(_REDIS_MODE, ""))
    if mode is None and (files.texts or files.paths):
        mode = Mode.VERIFY if "REDISCLI_CACERT" in given or not local else Mode.REQUIRED
    options = tuple(
        word
        for key, option in _REDIS_OPTIONS.items()
        if key in given
        for word in (option, tls.placeholder(key) if key in files.texts else given[key])
    )
    login = ("--user", user) if user else ()
    # Between pod and another host, traffic may be intercepted: only preferred is unverified.
    unverified = local or mode == Mode.PREFERRED
    verified = ("--insecure",) if unverified and mode != Mode.VERIFY else ()
    plain = Client(("redis-cli", *address, *login, "--rdb", "-"), environment=environment)
    encrypted = Client(
        ("redis-cli", *address, *login, "--tls", *verified, *options, "--rdb", "-"),
        environment=environment, files=files.texts, paths=files.paths,
    )  # fmt: skip
    if mode in {Mode.REQUIRED, Mode.VERIFY}:
        return encrypted
    # A port of Redis has TLS or has it not, and on the pod's own one either will do.
    either = mode == Mode.PREFERRED or (mode is None and local)
    return replace(plain, otherwise=encrypted) if either else plain


def is_older(own: str, server: str) -> bool:
    """Whether a client's release is older than its server's, by their reported versions.

    MariaDB's client and a MySQL server have numbers that cannot be compared.
    """
    if "MariaDB" in own and "MariaDB" not in server:
        return False
    ours, theirs = _release(own), _release(server)
    return bool(ours and theirs and ours < theirs)


def release(text: str) -> str:
    """Return the version in a line such as ``pg_dump (PostgreSQL) 15.18 (Debian)``."""
    # Older clients of MariaDB name a protocol's version first.
    found = re.search(r"(?:Distrib |from |\) |^)([0-9]+\.[0-9.]+)", text)
    return found[1] if found else ""


def _release(text: str) -> int:
    return int(release(text).partition(".")[0] or 0)


def end(name: str, tail: bytes, said: str) -> bytes | None:
    """Return what is to be written of the last TAIL bytes of a dump; None if it is not whole.

    ``said`` is what the client wrote to standard error.
    """
    if name == "redis":
        match = _RDB_END.search(tail)
        if match is None or _RDB_DONE not in said:
            return None
        return tail[: match.start("mark")] if match["mark"] else tail
    trailer = _TRAILERS.get(name)
    whole = trailer.search(tail[-_TRAILER:]) if trailer else tail
    return tail if whole else None


def is_whole(name: str, tail: bytes) -> bool:
    """Whether a dump that was let through ends as it did then, by its last TAIL bytes."""
    if name == "redis":
        return _RDB_END.search(tail) is not None
    return end(name, tail, "") is not None and bool(tail)


def is_of_all(name: str, beginning: bytes) -> bool:
    """Whether a dump is of all databases of its server, by its first bytes."""
    return name in _OF_ALL and _OF_ALL[name].search(beginning) is not None
