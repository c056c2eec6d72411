"""Snapshots of earlier rollouts, each under a host of its own: restored, counted, and not more."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from demo import app, trees
from tests.integration.restore.restores import Start, lose, tree, with_repository
from tests.integration.sidecars import Sidecar

_ZERO = {f"KEEP_{each}": "0" for each in ("LAST", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")}


@pytest.fixture
def wiki(tmp_path: Path) -> Sidecar:
    """A sidecar of the DeploymentConfig `wiki`, which has made no backup under this name."""
    made = with_repository(Sidecar(tmp_path, rollout=12))
    app.write_files(made.volume)
    return made


def _made(sidecar: Sidecar, name: str, days: int, kind: str = "ReplicationController") -> None:
    """Back up the volume, so many days ago, as the version before did in a pod of ``name``."""
    when = datetime.now(UTC) - timedelta(days=days)
    sidecar.restic(
        "backup", "-q", "--host", name, "--tag", f"ns=prod,kind={kind},workload={name}",
        "--time", when.strftime("%Y-%m-%d %H:%M:%S"), "--", str(sidecar.volume),
    )  # fmt: skip


def test_an_empty_volume_is_filled_from_the_newest_rollout(wiki: Sidecar) -> None:
    (wiki.volume / "one").write_text("old")
    _made(wiki, "wiki-9", 3)
    (wiki.volume / "one").write_text("new")
    _made(wiki, "wiki-10", 2)
    before = lose(wiki)

    start = Start(wiki).run()

    assert trees.differences(before, tree(wiki.volume)) == []
    assert "(made as wiki-10)" in start.said
    assert wiki.back_up()["status"] == "success"
    assert wiki.snapshots()[-1]["hostname"] == "wiki"


def test_a_drill_tries_the_newest_rollout_until_there_is_a_backup(wiki: Sidecar) -> None:
    _made(wiki, "wiki-9", 3)
    (wiki.volume / "more").write_text("more")
    _made(wiki, "wiki-10", 2, "Deployment")  # a neighbour's
    files = wiki.snapshots()[0]["summary"]["total_files_processed"]

    done = wiki.run("backup-runner", "verify")

    assert done.returncode == 0, done.stdout
    assert f"of {files} files" in done.stdout


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DeploymentConfig"])
def test_another_workload_by_such_a_name_fills_nothing(wiki: Sidecar, kind: str) -> None:
    _made(wiki, "wiki-9", 3, kind)
    lose(wiki)

    Start(wiki).run()

    assert list(wiki.volume.iterdir()) == []


def test_a_pod_waits_while_two_may_be_earlier_rollouts(wiki: Sidecar) -> None:
    for name, days in (("wiki-9", 3), ("wiki-10", 2), ("wiki-9", 1)):
        _made(wiki, name, days)
    lose(wiki)

    start = Start(wiki).run(expected=1)

    assert not (wiki.volume / "pages").exists()
    assert "snapshots of wiki-10, wiki-9 may be" in start.told
    assert "backup.restore-from" in start.told


def test_retention_counts_rollouts_as_if_the_name_had_never_changed(wiki: Sidecar) -> None:
    """Another workload's stay, and so do those of a rollout that ended less than a month ago."""
    for name, days in (("wiki-9", 50), ("wiki-9", 49), ("wiki-10", 40), ("wiki-11", 20)):
        _made(wiki, name, days)
    for days in (10, 5):
        _made(wiki, "wiki", days, "DeploymentConfig")
    _made(wiki, "wiki-8", 60, "Deployment")
    wiki.change_secret(**_ZERO | {"KEEP_DAILY": "4"}, BACKUP_FORGET="* * * * *")

    wiki.back_up()

    left = [each["hostname"] for each in wiki.snapshots()]
    assert left == ["wiki-8", "wiki-10", "wiki-11", "wiki", "wiki", "wiki"]
