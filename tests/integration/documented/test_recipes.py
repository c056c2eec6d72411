"""docs/recipes, page by page: what they show is run, and what it is to show is there."""

import json
from pathlib import Path

from demo.kubelet import Container
from tests.blocks import blocks, run
from tests.integration.documented.recipes import Recipe
from tests.integration.restore.restores import Start, inside, renew, with_repository
from tests.runner.databases.sqlite.test_copies import SOUND, database, money
from tests.services import programs, rest
from tests.services.databases import mariadb, postgres

_COUNT = "SELECT count(*), sum(n) FROM wiki.pages"


def _filled(root: Path, page: str, pod: str, *volumes: str, **given: str) -> Recipe:
    recipe = with_repository(Recipe(root, f"docs/recipes/{page}.md", pod, **given))
    for volume in volumes:
        (recipe.path(f"/backup/{volume}") / "file").write_text(f"{volume}\n")
    return recipe


def make_due(recipe: Container) -> None:
    """Make all tasks due with the next backup."""
    file = recipe.path("/var/lib/backup") / "state.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"tasks": {}}))


def _at(recipe: Recipe) -> dict[str, str]:
    """Say where the container's folders are on this machine."""
    return {"/backup/": f"{recipe.path('/backup')}/"}


def test_a_dump_of_postgresql_is_loaded_into_an_empty_server(tmp_path: Path) -> None:
    path = programs.clients(tmp_path / "clients", "postgres", "psql", "pg_dumpall", "pg_dump")
    secret = {"PGPASSWORD": postgres.PASSWORD}
    recipe = _filled(tmp_path, "postgresql", "db-0", "data", path=path, **secret)
    with postgres.serve() as server:
        recipe.change_secret(PGPORT=server.port)
        server.ask("CREATE ROLE author LOGIN PASSWORD 'geheim'")
        server.ask("CREATE SCHEMA wiki AUTHORIZATION author")
        server.ask("CREATE TABLE wiki.pages AS SELECT n FROM generate_series(1, 5000) n")
        before = server.ask(_COUNT)
        (look,) = blocks("docs/recipes/postgresql.md", "## Verification")
        said = run(look, tmp_path, recipe.outside())
        assert '"status": "success"' in said
        assert "dump=postgres" in said
        assert "complete dumps: postgres" in said

    with postgres.serve() as fresh:
        recipe.change_secret(PGPORT=fresh.port)
        (load,) = blocks("docs/recipes/postgresql.md", "## Restore")
        run(load, tmp_path, recipe.outside())

        assert fresh.ask(_COUNT) == before
        assert fresh.ask("SELECT count(*) FROM pg_roles WHERE rolname = 'author'") == "1"


def test_a_dump_of_mariadb_is_loaded_into_an_empty_server(tmp_path: Path) -> None:
    """There is nothing in its volume but what the dump stands for."""
    path = programs.clients(tmp_path / "clients", "mariadb", "mariadb", "mariadb-dump")
    secret = {"MYSQL_USER": mariadb.USER, "MYSQL_PWD": mariadb.PASSWORD}
    recipe = _filled(tmp_path, "mariadb", "db-0", path=path, **secret)
    recipe.annotate({"backup.exclude": "*.log\n*.sql"})  # the test server's own
    with mariadb.serve(recipe.path("/backup/data") / "mysql") as server:
        recipe.change_secret(MYSQL_TCP_PORT=server.port)
        server.ask("CREATE DATABASE wiki")
        server.ask("USE wiki; CREATE TABLE pages AS SELECT seq AS n FROM seq_1_to_5000")
        server.ask("CREATE USER author@'127.0.0.1' IDENTIFIED BY 'geheim'")
        before = server.ask(_COUNT)
        (look,) = blocks("docs/recipes/mariadb.md", "## Verification")
        said = run(look, tmp_path, recipe.outside())
        assert '"status": "success"' in said
        assert "dump=mysql" in said
        assert "complete dumps: mysql" in said

    with mariadb.serve(tmp_path / "fresh") as fresh:
        recipe.change_secret(MYSQL_TCP_PORT=fresh.port)
        (load,) = blocks("docs/recipes/mariadb.md", "## Restore")
        run(load, tmp_path, recipe.outside())

        assert fresh.ask(_COUNT) == before
        assert fresh.ask("SHOW GRANTS FOR author@'127.0.0.1'")


def test_the_sqlite_recipe_copies_databases(tmp_path: Path) -> None:
    recipe = _filled(tmp_path, "sqlite", "vaultwarden-x7k2p", "data")
    database(recipe.path("/backup/data") / "db.sqlite3", "WAL")
    (look,) = blocks("docs/recipes/sqlite.md", "## Verification")
    state = {"/var/lib/backup/": f"{recipe.path('/var/lib/backup')}/"}

    said = run(look, tmp_path, recipe.outside(), state)
    assert "1 SQLite database copied" in said
    assert "/backup/data/db.sqlite3\n" in said
    assert "verify success" in said

    (by_hand,) = blocks("docs/recipes/sqlite.md", "## Restore without a cluster")
    run(by_hand, tmp_path, recipe.outside(), {"/var/lib/backup/": state["/var/lib/backup/"],
        "/backup/data": str(recipe.path("/backup/data"))})  # fmt: skip
    assert money(tmp_path / "rescued-by-hand" / "db.sqlite3") == SOUND


def test_the_media_recipe_backs_up_a_media_server(tmp_path: Path) -> None:
    """Of the library there is the one folder, and of the volume no caches."""
    recipe = _filled(tmp_path, "media", "jellyfin-x7k2p", "config", "library")
    for name in ("config/data/cache/it", "config/transcodes/it", "library/photos/2024/it"):
        file = recipe.path("/backup") / name
        file.parent.mkdir(parents=True)
        file.write_text("it")
    (look,) = blocks("docs/recipes/media.md", "## Verification")

    said = run(look, tmp_path, recipe.outside(), _at(recipe))

    assert "success: 2 files" in said
    assert "H 4 * * *, Europe/Berlin" in said
    listed = run("restic ls --recursive latest", tmp_path, recipe.outside())
    below = [line.partition("/backup/")[2] for line in listed.splitlines()]
    assert {"config/file", "library/photos/2024/it"} <= set(below)
    assert not [name for name in below if "cache" in name or "transcodes" in name]
    assert "library/file" not in below


def test_the_mirror_recipe_mirrors_a_library(tmp_path: Path) -> None:
    nas = {"BUP_DST": f"{tmp_path}/nas"}
    recipe = _filled(tmp_path, "mirror", "library-mirror-x7k2p", "library", **nas)
    real = {"nas:backup": nas["BUP_DST"]}
    (look,) = blocks("docs/recipes/mirror.md", "## Verification")

    said = run(look, tmp_path, recipe.outside(), real)

    assert '"status": "success"' in said
    assert said.endswith("\nfile\n")
    (restore,) = blocks("docs/recipes/mirror.md", "## Restore")
    run(restore, tmp_path, recipe.outside(), real)
    assert (tmp_path / "library" / "file").read_text() == "library\n"


def _others(recipe: Recipe, host: str, path: Path, *tags: str) -> None:
    """Make the snapshot of somebody else, whose volume lies at ``path``."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "file").write_text(f"of {host}\n")
    named = "".join(f" --tag {tag}" for tag in tags)
    run(f"restic backup --host {host}{named} -- {path}", recipe.root, recipe.outside())


def _wiki(root: Path, page: str = "moving-from-k8up", **given: str) -> Recipe:
    recipe = _filled(root, page, "wiki-x7k2p", "data", **given)
    (recipe.path("/var/lib/backup") / "old").mkdir()
    return recipe


def test_the_shared_repository_recipe_works(tmp_path: Path) -> None:
    """It is another's turn to prune and check."""
    recipe = _wiki(tmp_path)
    _others(recipe, "mail", tmp_path / "mail", "ns=staging", "kind=Deployment", "workload=mail")
    recipe.run("backup-runner", "run")
    make_due(recipe)
    recipe.run("backup-runner", "run")
    (look,) = blocks("docs/recipes/shared-repository.md", "## Verification")

    said = run(look, tmp_path, recipe.outside())

    assert "staging/mail does it for all workloads in the repository" in said
    assert "ns=prod" in said
    assert "ns=staging" in said
    (by_hand,) = blocks("docs/recipes/shared-repository.md", "## Restore")
    run(by_hand, tmp_path, recipe.outside(), _at(recipe))
    assert (tmp_path / "rescued" / "file").read_text() == "data\n"


def test_the_append_only_recipe_works(tmp_path: Path) -> None:
    keeps = {f"KEEP_{each}": "0" for each in ("HOURLY", "DAILY", "WEEKLY", "MONTHLY")}
    recipe = _wiki(tmp_path, **keeps)
    with rest.serve(recipe.repository, "--append-only") as url:
        recipe.change_secret(RESTIC_REPOSITORY=f"rest:{url}/")
        recipe.run("backup-runner", "run")
        make_due(recipe)
        (look,) = blocks("docs/recipes/append-only.md", "## Verification")

        said = run(look, tmp_path, recipe.outside())

    assert '"status": "success"' in said
    assert "the repository is append-only" in said
    (before, after) = blocks("docs/recipes/append-only.md", "## Who prunes")
    for block in (before, after):
        run(block, tmp_path, recipe.outside())
    (by_hand,) = blocks("docs/recipes/append-only.md", "## Restore")
    run(by_hand, tmp_path, recipe.outside(), _at(recipe))
    assert (tmp_path / "rescued" / "file").read_text() == "data\n"


def test_snapshots_of_the_script_are_adopted(tmp_path: Path) -> None:
    """They come back by themselves, and retention counts them in."""
    page = "moving-from-the-script"
    recipe = _filled(tmp_path, page, "home-assistant-x7k2p", "config", KEEP_HOURLY="0")
    volume = recipe.path("/backup/config")
    _others(recipe, "home", volume)
    _others(recipe, "other", tmp_path / "other")
    (by_hand,) = blocks("docs/recipes/moving-from-the-script.md",
                        "## Restore an old one without adopting it")  # fmt: skip
    run(by_hand, tmp_path, recipe.outside(), _at(recipe))
    assert (tmp_path / "rescued" / "file").read_text() == "of home\n"
    renew(recipe.path("/backup/config"), recipe.path("/var/lib/backup"))
    assert "there is no snapshot" in Start(recipe).run().said
    assert inside(volume) == []

    (adopt,) = blocks("docs/recipes/moving-from-the-script.md", "## The old snapshots")
    run(adopt, tmp_path, recipe.outside())

    Start(recipe).run()
    assert (volume / "file").read_text() == "of home\n"
    (volume / "file").write_text("new\n")
    (look,) = blocks("docs/recipes/moving-from-the-script.md", "## Verification")
    said = run(look, tmp_path, recipe.outside())
    assert '"files_changed": 1' in said, "the old snapshot is its parent"
    assert "2 snapshots" in said
    listed = json.loads(run("restic snapshots --json", tmp_path, recipe.outside()))
    assert [bool(each.get("tags")) for each in listed if each["hostname"] == "other"] == [False]


def test_restore_from_needs_the_tag_of_a_namespace(tmp_path: Path) -> None:
    page = "moving-from-the-script"
    recipe = _filled(tmp_path, page, "home-assistant-x7k2p", "config")
    _others(recipe, "emby", recipe.path("/backup/config"))
    renew(recipe.path("/backup/config"), recipe.path("/var/lib/backup"))
    wanted = {"BACKUP_RESTORE": "required", "BACKUP_RESTORE_FROM": "home/emby"}
    assert "there is no snapshot" in Start(recipe, **wanted).run(expected=1).told

    run("restic tag --host emby --add ns=home", tmp_path, recipe.outside())

    Start(recipe, **wanted).run()
    assert inside(recipe.path("/backup/config")) == ["file"]


def test_velero_and_sidecars_work_side_by_side(tmp_path: Path) -> None:
    recipe = _wiki(tmp_path, "moving-from-velero")
    (look,) = blocks("docs/recipes/moving-from-velero.md", "## Verification")
    assert "verify success" in run(look, tmp_path, recipe.outside())
    old = recipe.path("/var/lib/backup/old")

    (restore,) = blocks("docs/recipes/moving-from-velero.md", "## Restore")
    real = {"/var/lib/backup/old": str(old), "2026-11-24": "2100-01-01"}
    run(restore, tmp_path, recipe.outside(), real)

    assert (old / "data" / "file").read_text() == "data\n"


def test_snapshots_of_k8up_are_restored_manually(tmp_path: Path) -> None:
    recipe = _wiki(tmp_path)
    _others(recipe, "prod", tmp_path / "data" / "wiki-data")
    (look,) = blocks("docs/recipes/moving-from-k8up.md", "## Verification")
    assert "success: 1 file" in run(look, tmp_path, recipe.outside())

    (restore,) = blocks("docs/recipes/moving-from-k8up.md", "## Restore an old snapshot")
    real = {"/data/wiki-data": f"{tmp_path}/data/wiki-data"}
    run(restore, tmp_path, recipe.outside(), real)

    assert (tmp_path / "rescued" / "file").read_text() == "of prod\n"


def test_snapshots_of_volsync_are_restored_manually(tmp_path: Path) -> None:
    recipe = _wiki(tmp_path, "moving-from-volsync")
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume" / "file").write_text("of volsync\n")
    run("cd volume && restic backup --host volsync .", tmp_path, recipe.outside())
    (look,) = blocks("docs/recipes/moving-from-volsync.md", "## Verification")
    assert "success: 1 file" in run(look, tmp_path, recipe.outside())

    (restore,) = blocks("docs/recipes/moving-from-volsync.md", "## Restore an old snapshot")
    run(restore, tmp_path, recipe.outside())

    assert (tmp_path / "rescued" / "file").read_text() == "of volsync\n"
