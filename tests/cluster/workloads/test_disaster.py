"""Everything is lost, many files and databases, and comes back by `backup.restore` alone."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from contract import names
from tests.blocks import blocks
from tests.cluster.commands.documented import shell
from tests.cluster.conftest import Target
from tests.cluster.programs import images
from tests.cluster.programs.kubectl import Json, Kubectl, KubectlError
from tests.cluster.work import until
from tests.cluster.workloads import apps, sidecar
from tests.cluster.workloads.lost import (
    BLOCKED_FOR_LONG,
    IF_EMPTY,
    lose,
    pod_of,
    said_of,
    starts_not,
)
from tests.cluster.workloads.s3 import S3
from tests.services.databases import postgres
from tests.services.databases.postgres import Postgres

READY = "/tmp/ready"  # noqa: S108 -- in the container
VOLUMES = ("files", "tree", "database")
_PAGES = "SELECT count(*), md5(string_agg(text, '' ORDER BY n)) FROM pages"
# 50,000 files; owners, modes, links, times, odd names and attributes; a database written all the
# time. Nothing is made where something is there already: that is what was restored.
FILL = """
import os, sqlite3, time
many, tree, path = "/data/files", "/data/tree", "/data/database/app.sqlite"
if not os.path.exists(f"{many}/49"):
    for folder in range(50):
        os.makedirs(f"{many}/{folder}")
        for number in range(1000):
            with open(f"{many}/{folder}/{number}", "w") as file:
                file.write(f"{folder} {number}")
if not os.path.exists(f"{tree}/a b"):
    os.makedirs(f"{tree}/a b/ä", mode=0o710)
    for name, mode, owner in (("own", 0o600, 4321), ("suid", 0o4755, 0), ("none", 0, 65534)):
        with open(f"{tree}/a b/ä/{name}", "w") as file:
            file.write(name)
        os.chown(file.name, owner, owner)
        os.chmod(file.name, mode)
        os.utime(file.name, (1e9, 1e9))
    os.symlink("a b/ä/own", f"{tree}/link")
    os.link(f"{tree}/a b/ä/own", f"{tree}/same")
    os.setxattr(f"{tree}/a b/ä/own", "user.colour", b"blue")
    os.mkfifo(f"{tree}/pipe")
database = sqlite3.connect(path)
database.execute("PRAGMA journal_mode=WAL")
database.execute("CREATE TABLE IF NOT EXISTS seen (pair INTEGER)")
open("/tmp/ready", "w").close()
for pair in range(10**9):
    with database:
        database.executemany("INSERT INTO seen VALUES (?)", [(pair,), (pair,)])
    time.sleep(0.01)
"""
LOOK = """
import hashlib, json, os
found = {}
for volume in ("files", "tree"):
    for folder, folders, files in os.walk(f"/data/{volume}"):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            there = os.lstat(path)
            held = os.readlink(path) if os.path.islink(path) else ""
            if os.path.isfile(path) and not held:
                held = hashlib.sha256(open(path, "rb").read()).hexdigest()
            marks = {key: os.getxattr(path, key, follow_symlinks=False).hex()
                     for key in os.listxattr(path, follow_symlinks=False)}
            found[path] = [there.st_mode, there.st_uid, there.st_gid, there.st_nlink,
                           there.st_mtime_ns if os.path.isfile(path) else 0, held, marks]
print(len(found), hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest())
"""
CONSISTENT = """
import sqlite3
database = sqlite3.connect("/data/database/app.sqlite")
print(database.execute("PRAGMA integrity_check").fetchone()[0],
      database.execute("SELECT COUNT(*) % 2, COUNT(*) > 0 FROM seen").fetchone())
"""


def _app(annotations: Mapping[str, str], script: str = FILL) -> list[Json]:
    """Return a Deployment `wiki` with three volumes, written by Python from the sidecar's image."""
    container = {
        "name": "app",
        "image": images.SIDECAR,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-uc", script],
        "securityContext": {"runAsUser": 0},
        "volumeMounts": [{"name": name, "mountPath": f"/data/{name}"} for name in VOLUMES],
        "readinessProbe": {"exec": {"command": ["test", "-e", READY]}, "periodSeconds": 1},
    }
    volumes = [{**apps.claimed(name), "name": name} for name in VOLUMES]
    template = apps.template([container], volumes, annotations, terminationGracePeriodSeconds=2)
    deployment = apps.workload("Deployment", "wiki", template, **BLOCKED_FOR_LONG)
    return [*map(apps.claim, VOLUMES), deployment]


@pytest.fixture
def database(cluster: Target) -> Iterator[Postgres]:
    """A PostgreSQL that pods reach, with a database of pages."""
    with postgres.serve(cluster.host) as server:
        server.ask("CREATE DATABASE wiki")
        server.ask("CREATE TABLE pages AS SELECT n, md5(n::text) AS text "
                   "FROM generate_series(1, 50000) n", "wiki")  # fmt: skip
        yield server


@pytest.mark.long
def test_everything_comes_back_after_the_namespace_is_gone(
    protected: Kubectl,
    cluster: Target,
    s3: S3,
    database: Postgres,
    tmp_path: Path,
) -> None:
    """50,000 files and all that hangs on them, a database that was written meanwhile, and the
    dump of another; and at first, for more than two minutes, nobody answers.

    By the commands of docs/disaster.md.
    """
    changed = json.dumps({"stringData": {
        "PGHOST": cluster.host, "PGPORT": database.port, "PGPASSWORD": postgres.PASSWORD,
        "BACKUP_RESTORE_SECONDS": "1",
    }})  # fmt: skip
    protected("patch", "secret", apps.SECRET, "--patch", changed)
    annotations = {**IF_EMPTY, "backup.sqlite": "*.sqlite", "backup.dump": "postgres"}
    protected.apply(*_app(annotations))
    protected.rollout("deployment/wiki", 600)
    last = sidecar.run_now(protected, pod_of(protected)["metadata"]["name"])
    assert last["status"] == "success", last
    (keep,) = blocks("docs/disaster.md", "## Before: keep a copy of the Secret outside the cluster")
    (rebuild,) = blocks("docs/disaster.md", "## Everything into a new cluster")
    here = {"-n wiki": f"-n {protected.namespace}"}
    (tmp_path / "your-wiki.yaml").write_text(yaml.safe_dump_all(_app(annotations)))
    shell(keep, tmp_path, protected, instead=here)
    before = protected.exec("deployment/wiki", "python3", "-c", LOOK, container="app")
    assert int(before.split()[0]) > 50_000
    pages = database.ask(_PAGES, "wiki")
    assert protected.namespace

    s3.stop()
    database.ask("DROP DATABASE wiki")
    cluster.kubectl("delete", "namespace", protected.namespace)
    named = {**here, "namespace wiki": f"namespace {protected.namespace}"}
    with ThreadPoolExecutor(1) as somebody:
        rebuilt = somebody.submit(shell, rebuild, tmp_path, protected, instead=named)
        try:
            until(
                lambda: "refused" in said_of(protected), "the pod's status says what is wrong", 600
            )
            blocked = time.monotonic()
            assert "refused" in protected("describe", "pod", "--selector=app=app")
            until(lambda: time.monotonic() > blocked + 125, "two minutes have passed", 130)
            starts_not(protected)
        finally:
            s3.start()
        rebuilt.result()

    assert protected.exec("deployment/wiki", "python3", "-c", LOOK, container="app") == before
    load = re.search(r"backup-runner load postgres --snapshot \w+", said_of(protected))
    assert load
    words = ("exec", "deployment/wiki", f"--container={names.CONTAINER}", "--", *load[0].split())
    said: list[str] = []

    def loaded() -> bool:
        said[:] = [protected(*words, check=False)]
        return "another run is in progress" not in said[0]

    until(loaded, "the sidecar has nothing else to do", 300)
    assert "load success" in said[0], said
    assert database.ask(_PAGES, "wiki") == pages
    found = protected.exec("deployment/wiki", "python3", "-c", CONSISTENT, container="app")
    assert found.split() == ["ok", "(0,", "1)"]


@pytest.mark.long
def test_interrupted_restore_resumes_and_keeps_what_was_written_in_between(
    protected: Kubectl, cluster: Target
) -> None:
    protected.apply(*_app(apps.ENABLED))
    protected.rollout("deployment/wiki", 600)
    name = pod_of(protected)["metadata"]["name"]
    assert sidecar.run_now(protected, name)["status"] == "success"
    before = protected.exec("deployment/wiki", "python3", "-c", LOOK, container="app")
    lose(protected)
    protected.apply(*_app(IF_EMPTY))
    staged = f"test -e {names.VOLUMES_DIR}/files/{names.STAGING}"

    def at_work() -> bool:
        try:
            container = f"--container={names.RESTORE_CONTAINER}"
            protected("exec", "deployment/wiki", container, "--", "sh", "-c", staged)
        except KubectlError:
            return False
        return True

    until(at_work, "it restores", 240)
    protected("scale", "deployment/wiki", "--replicas=0")
    protected("delete", "pod", "--all", "--grace-period=1")
    protected.wait("pod --all", "delete")  # one more began where it was not scaled down yet
    writer = apps.container(cluster.app_image, f"echo mine > /data/new; {apps.SERVE}")
    protected.apply(apps.pod("writer", apps.template([writer], [apps.claimed("files")], {})))
    protected.wait("pod/writer", "condition=Ready")
    protected("delete", "pod", "writer", "--grace-period=1")

    protected("scale", "deployment/wiki", "--replicas=1")
    protected.rollout("deployment/wiki", 600)

    assert protected.exec("deployment/wiki", "cat", "/data/files/new", container="app") == "mine\n"
    protected.exec("deployment/wiki", "rm", "/data/files/new", container="app")
    assert protected.exec("deployment/wiki", "python3", "-c", LOOK, container="app") == before
