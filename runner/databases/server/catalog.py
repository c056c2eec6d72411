"""Reads from a database server, as the dump's user, its content and what that user may see."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from contract.text import listed
from runner.databases import client_process
from runner.databases.client_process import DumpError
from runner.databases.clients import Client
from runner.databases.contents import as_heading
from runner.databases.inventory import Inventory
from runner.databases.server import privileges

_POSTGRES = """
SELECT json_build_object(
    'user', current_user, 'super', current_setting('is_superuser') = 'on',
    'version', current_setting('server_version_num')::int,
    'open', (SELECT json_agg(datname) FROM pg_database
             WHERE datallowconn AND datconnlimit <> -2),
    'closed', (SELECT json_agg(datname ORDER BY datname) FROM pg_database
               WHERE NOT datallowconn AND datconnlimit <> -2 AND datname <> 'template0'),
    'invalid', (SELECT json_agg(datname ORDER BY datname) FROM pg_database
                WHERE datconnlimit = -2))
"""
_SUBSCRIPTIONS = """
SELECT count(subdbid) FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
WHERE {}
"""
_SUBSCRIPTIONS_SINCE = 100000  # server_version_num
# By the times of these files the data folder is known under another path: a copy has others.
_POSTGRES_FOLDER = """
SELECT json_build_object(
    'folder', current_setting('data_directory'), 'port', current_setting('port'),
    'system', (SELECT system_identifier FROM pg_control_system())::text,
    'files', (SELECT json_object_agg(name, json_build_array(size,
                  floor(extract(epoch FROM modification))::bigint,
                  floor(extract(epoch FROM change))::bigint))
              FROM unnest(ARRAY['PG_VERSION', 'postmaster.pid', 'postmaster.opts']) name,
                  LATERAL pg_stat_file(name, true) WHERE size IS NOT NULL))
"""
# MariaDB reports of an InnoDB table when its .frm file was changed, MySQL keeps a UUID in a file.
_MYSQL = """
SET time_zone = '+00:00', sql_quote_show_create = 1, sql_mode = '';
SELECT 'user', HEX(CURRENT_USER());
SELECT 'database', HEX(schema_name) FROM information_schema.schemata;
SHOW GLOBAL VARIABLES WHERE variable_name IN ('datadir', 'port', 'server_uuid');
SELECT 'table', table_name, UNIX_TIMESTAMP(create_time) FROM information_schema.tables
WHERE table_schema = 'mysql' AND engine = 'InnoDB' AND table_name IN
    ('innodb_table_stats', 'innodb_index_stats', 'gtid_slave_pos', 'transaction_registry');
SHOW GRANTS
"""
_ESCAPES = {"n": "\n", "t": "\t", "0": "\0"}  # of the client's --batch
# What the client leaves out as it makes no sense elsewhere.
_OF_THE_SERVER = {"information_schema", "performance_schema", "sys", "ndbinfo"}
_REDIS = {"dir", "dbfilename", "appenddirname", "appendfilename"}
_REDIS_INFO = {"rdb_last_save_time", "aof_enabled", "aof_current_size", "tcp_port"}


def survey(name: str, client: Client, only: str) -> Inventory:
    """Return what a dump should contain, and which of it this user cannot see.

    ``only`` is the one database that is dumped, "" for all. Raises DumpError.
    """
    return {"postgres": _postgres, "mysql": _mysql, "redis": _redis}[name](client, only)


def compared(before: Inventory, after: Inventory, databases: tuple[str, ...]) -> Inventory:
    """Return the inventory of a dump that was made between two surveys and names ``databases``.

    What was created or dropped meanwhile need not be in it.
    """
    gaps = dict.fromkeys((*before.gaps, *after.gaps))
    stayed = set(before.databases) & set(after.databases)
    if lost := sorted(stayed - set(databases)):
        gaps[f"databases missing from the dump: {listed(lost)}"] = None
    return replace(after, databases=databases, gaps=tuple(gaps))


def _ask(client: Client, sql: str) -> str:
    return client_process.ask(client, (*client.server[:-1], sql))


def _postgres(client: Client, only: str) -> Inventory:
    known = json.loads(_ask(client, _POSTGRES))
    gaps = []
    if not only:
        for what, key in (("that allow no connections", "closed"), ("that are invalid", "invalid")):
            if known[key]:
                gaps.append(f"databases {what} are missing from all dumps: {listed(known[key])}")
        if not known["super"]:
            gaps.append(
                f"{known['user']} is not a superuser, but a dump of all databases needs one: use "
                f"one, or name one database in PGDATABASE"
            )
    elif not known["super"] and known["version"] >= _SUBSCRIPTIONS_SINCE:
        which = _SUBSCRIPTIONS.format("d.datname = current_database()")
        if count := int(_ask(client, which)):
            gaps.append(f"subscriptions that only a superuser can dump: {count}")
    databases = () if only else tuple(map(as_heading, known["open"] or ()))
    proofs = _proofs(client) if known["super"] and not only else {}
    return Inventory(databases, tuple(gaps), str(proofs.get("folder", "")), proofs)


def _proofs(client: Client) -> Mapping[str, Any]:
    try:
        found: dict[str, Any] = json.loads(_ask(client, _POSTGRES_FOLDER))
    except DumpError:  # an older server; without proof its files stay in the snapshot
        return {}
    return found


def _mysql(client: Client, only: str) -> Inventory:
    lines = _ask(client, _MYSQL).splitlines()
    rows = [[_unescaped(each) for each in line.split("\t")] for line in lines]
    found = {row[0]: row[1] for row in rows if len(row) == 2}
    names = [_text(row[1]) for row in rows if row[0] == "database"]
    lacking = privileges.lacking((row[0] for row in rows if len(row) == 1), only)
    gaps = []
    if lacking:
        user = _text(found.get("user", ""))
        line = (
            f"objects that {user} may not see: it lacks {'; '.join(lacking)}. Grant these "
            "privileges"
        )
        gaps.append(line if only else f"{line}, or name one database in MYSQL_DATABASE")
    proofs = {
        "port": found.get("port", ""),
        "uuid": found.get("server_uuid", ""),
        "tables": {row[1]: row[2] for row in rows if row[0] == "table" and len(row) == 3},
    }
    databases = () if only else tuple(each for each in names if each.lower() not in _OF_THE_SERVER)
    return Inventory(databases, tuple(gaps), found.get("datadir", ""), proofs)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text)


def _text(digits: str) -> str:
    try:
        return bytes.fromhex(digits).decode("utf-8", "replace")
    except ValueError:
        return digits


def _redis(client: Client, _: str) -> Inventory:
    # Who may not ask gets an error and exit status 0: then there is no proof, and no more.
    info = dict(line.split(":", 1) for line in _command(client, "INFO").splitlines() if ":" in line)
    told: dict[str, str] = {}
    for pattern in ("d*", "append*"):
        lines = _command(client, "CONFIG", "GET", pattern).splitlines()
        told |= dict(zip(lines[::2], lines[1::2], strict=False))
    proofs = {key: told[key] for key in _REDIS if key in told}
    proofs |= {key: info[key].strip() for key in _REDIS_INFO if key in info}
    return Inventory(folder=told.get("dir", ""), proofs=proofs)


def _command(client: Client, *words: str) -> str:
    return client_process.ask(client, (*client.dump[:-2], *words))
