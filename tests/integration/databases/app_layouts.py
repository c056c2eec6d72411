"""How ten apps lay SQLite files out in their volumes, and something that writes as they do."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

_WRITER = """
import sqlite3, sys, time
live = [sqlite3.connect(path, isolation_level=None, timeout=60) for path in sys.argv[1:]]
turn = 0
while True:
    turn += 1
    for one in live:
        one.execute("PRAGMA cache_size=10")  # spills into the file before it commits
        one.execute("BEGIN IMMEDIATE")
        one.execute("INSERT INTO debit VALUES (?, ?)", (turn, "x" * 3000))
        one.execute("INSERT INTO credit VALUES (?, ?)", (turn, "y" * 3000))
        one.execute("COMMIT")
    if turn == 5:
        print("writes", flush=True)
    time.sleep(0.01)
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """Databases of an app and their journal modes, and other files: paths below the volume."""

    databases: dict[str, str]
    others: dict[str, bytes]


_TEXT = b"{}\n"
LAYOUTS = {
    "vaultwarden": Layout(
        {"db.sqlite3": "WAL"},
        {"rsa_key.pem": b"-----BEGIN", "attachments/1/2": b"\0" * 4096, "icon_cache/a.png": b"PNG"},
    ),
    "home-assistant": Layout(
        {"home-assistant_v2.db": "WAL", "zigbee.db": "WAL"},
        {"configuration.yaml": _TEXT, ".storage/core.config": _TEXT, "home-assistant.log": b"x\n",
         ".HA_VERSION": b"2026.11.1"},
    ),
    "sonarr": Layout(
        {"sonarr.db": "WAL", "logs.db": "WAL"},
        {"config.xml": b"<Config/>", "logs/sonarr.txt": b"x\n",
         "Backups/scheduled/sonarr_backup.zip": b"PK\3\4" + b"\0" * 1020},
    ),
    "gitea": Layout(
        {"gitea/gitea.db": "DELETE"},
        {"git/repositories/a/b.git/HEAD": b"ref: refs/heads/main\n", "gitea/conf/app.ini": _TEXT,
         "gitea/indexers/issues.bleve/store/root.bolt": b"\xed\xda\x0c\xed" * 1024,
         "gitea/queues/common/000001.log": b"\0" * 512},
    ),
    "grafana": Layout({"grafana.db": "DELETE"}, {"plugins/x/plugin.json": _TEXT, "png/.keep": b""}),
    "nextcloud": Layout(
        {"data/owncloud.db": "WAL"},
        {"config/config.php": b"<?php\n", "data/admin/files/Nextcloud.db.txt": b"notes\n",
         "data/appdata_x/preview/thumbs.db": b"\xd0\xcf\x11\xe0" * 256},
    ),
    "uptime-kuma": Layout(
        {"kuma.db": "WAL"}, {"upload/logo.png": b"PNG", "docker-tls/.keep": b""}
    ),
    "jellyfin": Layout(
        {"data/jellyfin.db": "WAL", "data/library.db": "DELETE",
         "data/playback_reporting.db": "WAL"},
        {"config/system.xml": b"<x/>", "metadata/library/aa/poster.jpg": b"\xff\xd8\xff",
         "data/jellyfin.db.bak": b"old\n" * 256},
    ),
    "actual": Layout(
        {"server-files/account.sqlite": "DELETE", "user-files/group-5f2.sqlite": "WAL"},
        {"user-files/file-5f2.blob": b"PK\3\4" + b"\0" * 508, "config.json": _TEXT},
    ),
    "paperless": Layout(
        {"data/db.sqlite3": "DELETE"},
        {"data/celerybeat-schedule.db": b"\0\x06\x15a" * 4096, "media/documents/originals/1.pdf":
         b"%PDF-1.7", "data/index/MAIN_abc.seg": b"\0" * 512},
    ),
}  # fmt: skip


def lay(volume: Path, layout: Layout) -> None:
    """Make the files of an app."""
    for name, content in layout.others.items():
        (volume / name).parent.mkdir(parents=True, exist_ok=True)
        (volume / name).write_bytes(content)
    for name, mode in layout.databases.items():
        (volume / name).parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(volume / name)) as made:
            made.execute(f"PRAGMA journal_mode={mode}")
            for table in ("debit", "credit"):
                made.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, note TEXT)")
            made.commit()


@contextmanager
def writing(volume: Path, layout: Layout) -> Iterator[None]:
    """Let another process write numbered transactions to all databases."""
    paths = [str(volume / name) for name in layout.databases]
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, *paths], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "writes\n"
        try:
            yield
            assert process.poll() is None, "it was held up by nothing"
        finally:
            process.kill()


def moment(path: Path) -> int:
    """Return the number of the last transaction in a database that is whole.

    That is its state at one point in time: each transaction up to it is in both tables.
    """
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        last = set()
        for table in ("debit", "credit"):
            most, number = opened.execute(f"SELECT max(id), count(*) FROM {table}").fetchone()  # noqa: S608 -- our own names
            assert most == number
            last.add(int(most))
    (only,) = last
    return only
