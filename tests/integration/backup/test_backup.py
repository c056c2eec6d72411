"""Ordinary runs with real restic: what a backup leaves, and what a restore brings back."""

import json
from pathlib import Path

from contract import names
from demo import app, trees
from tests.integration.sidecars import Sidecar, contents


def test_a_restore_brings_back_every_detail(sidecar: Sidecar, tmp_path: Path) -> None:
    before = contents(trees.capture(sidecar.volume))

    ended = sidecar.back_up()

    assert ended["status"] == "success"
    assert "class" not in ended
    assert trees.differences(before, sidecar.restored(tmp_path / "restored")) == []


def test_missing_repository_is_initialised_once(sidecar: Sidecar) -> None:
    first = sidecar.run("backup-runner", "run")
    second = sidecar.run("backup-runner", "run")

    assert "a new repository was created" in first.stdout
    assert "a new repository was created" not in second.stdout
    assert len(json.loads(sidecar.restic("key", "list", "--json"))) == 1


def test_snapshot_names_host_and_workload(sidecar: Sidecar) -> None:
    sidecar.back_up()

    [snapshot] = sidecar.snapshots()
    assert snapshot["hostname"] == "wiki"
    assert snapshot["tags"] == ["ns=prod", "kind=Deployment", "workload=wiki"]
    assert snapshot["paths"] == [str(sidecar.volume)]


def test_second_run_reads_only_what_changed(sidecar: Sidecar) -> None:
    sidecar.back_up()
    app.change_files(sidecar.volume)

    ended = sidecar.back_up()

    assert ended["files_new"] == 2
    assert 1 <= ended["files_changed"] <= 2
    assert ended["files_unmodified"] > 190


def test_lost_and_found_and_excluded_files_are_left_out(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path, annotations={"backup.exclude": "*.tmp\ncache/"})
    for name in ("lost+found/piece", "a.tmp", "cache/entry", "kept"):
        path = sidecar.volume / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)

    sidecar.back_up()

    listed = sidecar.restic("ls", "latest")
    assert "/kept" in listed
    assert not any(name in listed for name in ("piece", "a.tmp", "entry"))


def test_retention_does_not_affect_other_workloads(tmp_path: Path) -> None:
    """Two apps of one name in two namespaces forgot each other's snapshots once."""
    keep = {"backup.keep-last": "1", **{f"backup.keep-{n}": "0" for n in ("hourly", "daily")}}
    keep |= {f"backup.keep-{n}": "0" for n in ("weekly", "monthly")}
    mine = Sidecar(tmp_path, annotations=keep)
    other = Sidecar(tmp_path, annotations={"backup.forget": "off"}, namespace="test")
    for sidecar in (mine, other):
        app.write_files(sidecar.volume)
    for _ in range(2):
        other.back_up()

    mine.back_up()

    by_namespace = [snapshot["tags"][0] for snapshot in mine.snapshots()]
    assert by_namespace == ["ns=test", "ns=test", "ns=prod"]


def test_retention_that_keeps_nothing_is_not_applied(tmp_path: Path) -> None:
    zero = {f"backup.keep-{span}": "0" for span in ("last", "hourly", "daily", "weekly", "monthly")}
    sidecar = Sidecar(tmp_path, annotations=zero)
    app.write_files(sidecar.volume)

    done = sidecar.run("backup-runner", "run")

    assert "every keep-* is 0: all snapshots are kept" in done.stdout
    assert len(sidecar.snapshots()) == 1


def test_a_sub_path_of_a_volume_is_backed_up_alone(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path, annotations={"backup.volumes": "data:pages"})
    app.write_files(sidecar.volume)

    sidecar.back_up()

    listed = sidecar.restic("ls", "latest")
    assert "page 0.md" in listed
    assert "settings.ini" not in listed


def test_the_original_systems_secret_works_from_the_environment_alone(tmp_path: Path) -> None:
    """A Secret that is not mounted, as with the hand-written sidecar."""
    sidecar = Sidecar(tmp_path)
    app.write_files(sidecar.volume)
    sidecar.write_secrets({})
    secret = {
        "RESTIC_SOURCE": str(sidecar.volume / "pages"),
        "RESTIC_HOSTNAME": "old-name",
        "KEEP_HOURLY": "48",
        "RESTIC_RETENTION_POLICIES_ENABLED": "false",
        "RESTIC_ADDITIONAL_BACKUP_PARAMETERS": "--exclude '*9.md'",
        "PRE_HOOK": f"echo ready > '{sidecar.volume}/pages/hook.txt'",
    }
    sidecar._extra = {
        **sidecar._extra,
        **{f"{names.SECRET_PREFIX}{key}": text for key, text in secret.items()},
        names.ENV_SECRET_DIR: str(tmp_path / "none"),
    }

    done = sidecar.run("backup-runner", "run")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "forget" not in done.stdout
    [snapshot] = sidecar.snapshots()
    assert snapshot["hostname"] == "old-name"
    listed = sidecar.restic("ls", "latest")
    assert "hook.txt" in listed
    assert "page 19.md" not in listed
    assert "settings.ini" not in listed


def test_a_cache_beyond_its_bound_is_recreated(sidecar: Sidecar) -> None:
    """Beyond its ephemeral storage the kubelet evicts the whole pod."""
    sidecar.back_up()
    cache = sidecar.path("/var/lib/backup") / "cache"
    with (cache / "ballast").open("wb") as file:
        file.truncate((512 << 20) + 1)

    assert sidecar.back_up()["status"] == "success"
    assert cache.is_dir()
    assert not (cache / "ballast").exists()
