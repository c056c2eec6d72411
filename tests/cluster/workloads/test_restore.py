"""Everything is lost and comes back by `backup.restore` alone; nothing is mixed up."""

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
from tests.cluster.commands.backup_command import backup, rows
from tests.cluster.commands.documented import shell
from tests.cluster.conftest import Target
from tests.cluster.programs import images
from tests.cluster.programs.kubectl import Json, Kubectl, KubectlError
from tests.cluster.programs.release import DEPLOYMENT, Release
from tests.cluster.work import until
from tests.cluster.workloads import apps, sidecar
from tests.cluster.workloads.s3 import S3
from tests.services.databases import postgres
from tests.services.databases.postgres import Postgres

_IMPATIENT = {"BACKUP_OPEN_TIMEOUT_SECONDS": "5", "BACKUP_RESTORE_SECONDS": "1"}
_BLOCKED_FOR_LONG = {"progressDeadlineSeconds": 3600}  # a rollout gives up after 600 else
READY = "/tmp/ready"  # noqa: S108 -- in the container
IF_EMPTY = {**apps.ENABLED, "backup.restore": "if-empty"}
REQUIRED = {**apps.ENABLED, "backup.restore": "required"}
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
    deployment = apps.workload("Deployment", "wiki", template, **_BLOCKED_FOR_LONG)
    return [*map(apps.claim, VOLUMES), deployment]


def _small(image: str, annotations: Mapping[str, str], script: str = apps.SERVE) -> list[Json]:
    """Return a Deployment `wiki` with one volume."""
    template = apps.template([apps.container(image, script)], [apps.claimed()], annotations)
    return [apps.claim(), apps.workload("Deployment", "wiki", template, **_BLOCKED_FOR_LONG)]


def _backed_up(kubectl: Kubectl, image: str) -> None:
    """Leave a snapshot of Deployment `wiki`, and nothing else of it."""
    script = "mkdir -p /data/pages; echo one > /data/pages/index; " + apps.SERVE
    kubectl.apply(*_small(image, apps.ENABLED, script))
    kubectl.rollout("deployment/wiki")
    last = sidecar.run_now(kubectl, _pod(kubectl)["metadata"]["name"])
    assert last["status"] == "success", last
    _lose(kubectl)


def _lose(kubectl: Kubectl) -> None:
    # Its pods first: else another takes the place of one that is deleted here.
    kubectl("delete", "deployment", "wiki", "--cascade=foreground")
    kubectl("delete", "pod", "--all", "--grace-period=1")
    kubectl("delete", "persistentvolumeclaim", "--all")


def _pod(kubectl: Kubectl) -> Json:
    (pod,) = [
        pod
        for pod in kubectl.items("pods", "--selector=app=app")
        if "deletionTimestamp" not in pod["metadata"]
    ]
    return pod


def _said(kubectl: Kubectl) -> str:
    """Return why the restore ended last, as `kubectl describe` shows it; "" while it has not."""
    for pod in kubectl.items("pods", "--selector=app=app"):
        for each in pod["status"].get("initContainerStatuses", ()):
            if each["name"] == names.RESTORE_CONTAINER:
                ends = (each["state"].get("terminated"), each["lastState"].get("terminated"))
                return next((end.get("message", "") for end in ends if end), "")
    return ""


def _plugin_says(kubectl: Kubectl, failure: str, why: str) -> None:
    """Fail unless `kubectl backup` says what the restore says, with a next step."""
    told = f"waiting for backup-restore ({failure}): "
    (row,) = rows(kubectl)
    assert (row["status"], row["reason"], row["protected"]) == ("not running", failure, True)
    assert told in row["problems"][0]
    assert why in row["problems"][0]
    assert row["remedy"]
    assert row["since"]
    said = backup(kubectl, "doctor", "wiki")
    assert (said.code, told in said.out, "PodInitializing" in said.out) == (1, True, False)


def _log(kubectl: Kubectl) -> str:
    pods = kubectl.names("pods", "--selector=app=app")
    return "".join(
        kubectl("logs", pod, f"--container={names.RESTORE_CONTAINER}", check=False) for pod in pods
    )


def _starts_not(kubectl: Kubectl) -> None:
    """Fail where the app has been started."""
    for pod in kubectl.items("pods", "--selector=app=app"):
        for each in pod["status"].get("containerStatuses", ()):
            assert "running" not in each["state"], "the app has started"


def _listing(kubectl: Kubectl) -> str:
    return kubectl.exec("deployment/wiki", "sh", "-c", "cd /data && find . -type f | sort",
                        container="app")  # fmt: skip


@pytest.fixture
def database(cluster: Target) -> Iterator[Postgres]:
    """A PostgreSQL that pods reach, with a database of pages."""
    with postgres.serve(cluster.host) as server:
        server.ask("CREATE DATABASE wiki")
        server.ask("CREATE TABLE pages AS SELECT n, md5(n::text) AS text "
                   "FROM generate_series(1, 50000) n", "wiki")  # fmt: skip
        yield server


def test_everything_is_restored_after_the_namespace_is_deleted(
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
    last = sidecar.run_now(protected, _pod(protected)["metadata"]["name"])
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
            until(lambda: "refused" in _said(protected), "the pod's status says what is wrong", 600)
            blocked = time.monotonic()
            assert "refused" in protected("describe", "pod", "--selector=app=app")
            until(lambda: time.monotonic() > blocked + 125, "two minutes have passed", 130)
            _starts_not(protected)
        finally:
            s3.start()
        rebuilt.result()

    assert protected.exec("deployment/wiki", "python3", "-c", LOOK, container="app") == before
    load = re.search(r"backup-runner load postgres --snapshot \w+", _said(protected))
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


def test_a_wrong_password_blocks_with_a_message_until_it_is_corrected(
    protected: Kubectl, cluster: Target, tmp_path: Path
) -> None:
    _backed_up(protected, cluster.app_image)
    right = protected.get("secret", apps.SECRET)["data"]
    changed = json.dumps({"stringData": {"RESTIC_PASSWORD": "wrong", **_IMPATIENT}})
    protected("patch", "secret", apps.SECRET, "--patch", changed)

    protected.apply(*_small(cluster.app_image, IF_EMPTY))

    until(lambda: "password" in _log(protected), "the log says what is wrong", 300)
    until(lambda: "password" in _said(protected), "the pod's status says what is wrong", 400)
    (look,) = blocks("docs/restore.md", "## A volume that is gone")
    here = {"-n wiki": f"-n {protected.namespace}", "NAME": _pod(protected)["metadata"]["name"]}
    assert "password" in shell(look, tmp_path, protected, instead=here)
    _plugin_says(protected, "auth", "password")
    _starts_not(protected)
    protected("patch", "secret", apps.SECRET, "--patch", json.dumps({"data": right}))
    protected.rollout("deployment/wiki", 600)
    assert _listing(protected) == "./pages/index\n"


def test_first_deploy_starts_empty_and_a_required_restore_blocks(
    protected: Kubectl, cluster: Target
) -> None:
    protected.apply(*_small(cluster.app_image, IF_EMPTY))
    protected.rollout("deployment/wiki")
    assert _listing(protected) == ""
    _lose(protected)

    protected.apply(*_small(cluster.app_image, REQUIRED))

    until(lambda: "required" in _said(protected), "the pod's status says why", 240)
    _plugin_says(protected, "source", "one is required")
    _starts_not(protected)


def test_workload_of_the_same_name_elsewhere_never_gets_the_data(
    protected: Kubectl, kubectl: Kubectl, cluster: Target
) -> None:
    """One Secret, one repository, two namespaces."""
    _backed_up(protected, cluster.app_image)
    secret = protected.get("secret", apps.SECRET)
    other = kubectl.within(f"{protected.namespace}-other")
    kubectl("create", "namespace", str(other.namespace))
    try:
        other.wait("serviceaccount/default", "create")
        apps.opted_in(other)
        other.apply({**secret, "metadata": {"name": apps.SECRET}})

        other.apply(*_small(cluster.app_image, IF_EMPTY))
        other.rollout("deployment/wiki")

        assert _listing(other) == ""
    finally:
        other("delete", "pod", "--all", "--grace-period=1", "--wait=false")
        kubectl("delete", "namespace", str(other.namespace), "--wait=false")


def test_interrupted_restore_resumes_and_keeps_files_written_in_between(
    protected: Kubectl, cluster: Target
) -> None:
    protected.apply(*_app(apps.ENABLED))
    protected.rollout("deployment/wiki", 600)
    name = _pod(protected)["metadata"]["name"]
    assert sidecar.run_now(protected, name)["status"] == "success"
    before = protected.exec("deployment/wiki", "python3", "-c", LOOK, container="app")
    _lose(protected)
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


@pytest.mark.alone
def test_pod_is_denied_while_the_webhook_is_unreachable_and_restored_afterwards(
    protected: Kubectl, release: Release, cluster: Target
) -> None:
    _backed_up(protected, cluster.app_image)
    release.kubectl("scale", DEPLOYMENT, "--replicas=0")
    release.kubectl.wait("pod --selector=app.kubernetes.io/component=webhook", "delete")
    try:
        bare = apps.template([apps.container(cluster.app_image)], [apps.claimed()], IF_EMPTY)
        with pytest.raises(KubectlError, match=r"backup\.restore"):
            protected.apply(apps.claim(), apps.pod("bare", bare))
        protected.apply(*_small(cluster.app_image, IF_EMPTY))
        refused = "--field-selector=reason=FailedCreate"
        until(lambda: bool(protected.items("events", refused)), "the pod is refused", 240)
        assert not protected.items("pods", "--selector=app=app")
    finally:
        release.upgrade()

    protected("rollout", "restart", "deployment/wiki")
    protected.rollout("deployment/wiki", 400)
    assert _listing(protected) == "./pages/index\n"
