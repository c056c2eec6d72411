"""No cluster, nothing of ours: restic and a copy of the Secret, by the commands of the page."""

import os
import sqlite3
from base64 import b64encode
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from demo import app, trees
from tests.blocks import blocks, run
from tests.integration.restore.restores import with_repository
from tests.integration.sidecars import Sidecar, Tree, contents

_DATABASE = b"pages/wiki.sqlite"


@dataclass(frozen=True)
class Desk:
    """Where somebody sits who has the Secret's copy; what was backed up, and its paths."""

    folder: Path
    was: Tree
    real: Mapping[str, str]
    database: Path

    def __call__(self, block: str) -> str:
        """Run a block of the page after the one that sets the variables."""
        (values,) = blocks("docs/disaster.md", "## Without any cluster")
        clean = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        given = {word: path for word, path in self.real.items() if word in block}
        return run(f"{values}\n{block}", self.folder, clean, given)

    def tree(self, name: str) -> Tree:
        """Return what was restored into a folder."""
        return contents(trees.capture(self.folder / name))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Back up a volume with a database that is being written, and a dump; then leave."""
    root = tmp_path_factory.mktemp("disaster")
    wanted = {"backup.sqlite": "pages/*.sqlite", "backup.dump": "seq 1 1000"}
    sidecar = with_repository(Sidecar(root, annotations=wanted, namespace="wiki"))
    app.write_files(sidecar.volume)
    (sidecar.volume / "pages/index.md").write_text("hello\n")
    live = sidecar.volume / os.fsdecode(_DATABASE)
    with closing(sqlite3.connect(live)) as database:
        database.executescript("PRAGMA journal_mode=wal; CREATE TABLE page (text); "
                               "INSERT INTO page VALUES ('Größe')")  # fmt: skip
        was = contents(trees.capture(sidecar.volume))
        assert sidecar.back_up()["status"] == "success"
    here = root / "desk"
    here.mkdir()
    keys = {"AWS_ACCESS_KEY_ID": "an-id", "AWS_SECRET_ACCESS_KEY": "a/key+with='$signs\""}
    data = {key: b64encode(text.encode()).decode() for key, text in (sidecar.secret | keys).items()}
    secret = {"apiVersion": "v1", "data": data, "kind": "Secret", "metadata": {"name": "x"}}
    (here / "wiki-backup-secret.yaml").write_text(yaml.safe_dump(secret))
    scratch = sidecar.path("/var/lib/backup") / "tmp" / "sqlite"
    real = {
        "/backup/data": str(sidecar.volume),
        "/var/lib/backup/tmp/sqlite/backup/data": f"{scratch}{sidecar.volume}",
    }
    return Desk(here, was, real, live)


def test_values_of_the_secret_copy_are_unchanged(desk: Desk) -> None:
    assert desk('printf %s "$AWS_SECRET_ACCESS_KEY"') == "a/key+with='$signs\""


def test_snapshots_and_files_can_be_listed(desk: Desk) -> None:
    (look,) = blocks("docs/disaster.md", "### What is there")

    said = desk(look)

    assert "2 snapshots" in said
    assert "dump=command" in said
    assert "pages/page 199.md" in said
    assert "pages/index.md" in said


def test_files_and_databases_are_restored_unchanged(desk: Desk) -> None:
    whole, part = blocks("docs/disaster.md", "### Files")
    (database,) = blocks("docs/disaster.md", "### SQLite files")
    live = {name for name in desk.was if name.startswith(_DATABASE)}  # and what it is written with

    desk(whole)

    assert {name for name in desk.was if name not in live} == set(desk.tree("restored"))
    assert all(desk.tree("restored")[name] == desk.was[name] for name in desk.tree("restored")
               if name != b"pages")  # fmt: skip

    desk(database)
    with closing(sqlite3.connect(desk.folder / "restored" / os.fsdecode(_DATABASE))) as found:
        assert found.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert found.execute("SELECT * FROM page").fetchall() == [("Größe",)]

    desk(part)
    assert {name.split(b"/")[0] for name in desk.tree("some-pages")} == {b"pages"}
    assert (desk.folder / "index.md").read_text() == "hello\n"


def test_a_dump_is_restored(desk: Desk) -> None:
    (commands,) = blocks("docs/disaster.md", "### Dumps")
    (command,) = [line for line in commands.splitlines() if "dump=command" in line]

    desk(command)

    assert (desk.folder / "dump").read_text().split() == [str(n) for n in range(1, 1001)]


def test_the_check_finds_no_damage(desk: Desk) -> None:
    (check,) = blocks("docs/disaster.md", "## The repository itself is damaged")
    assert "no errors were found" in desk(check)
