"""Mirrors under faults: nothing is ever deleted that is not in an archive of its own."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.blocks import blocks, run
from tests.cluster.workloads import s3
from tests.faults.mirror.mirrors import Mirror, files, reason


def test_a_mirror_is_restored_as_it_was(tmp_path: Path) -> None:
    sidecar = Mirror(tmp_path)
    (sidecar.volume / "link").symlink_to("file 1 ä")
    ended = sidecar.back_up()

    (copy,) = blocks("docs/mirror.md", "## Get files back")
    real = {
        "remote:path/NAMESPACE": str(sidecar.destination / "prod"),
        "/where/to": str(tmp_path / "restored"),
    }
    run(copy, tmp_path, instead=real)

    assert reason(ended) == ("success", None)
    assert ended["files_new"] == 31
    assert files(tmp_path / "restored") == files(sidecar.volume)
    assert not list(sidecar.base.glob("archive-*"))
    assert sidecar.status()["last_success"]


def test_a_file_that_changes_twice_a_day_is_kept_twice(tmp_path: Path) -> None:
    sidecar = Mirror(tmp_path)
    for text in ("first", "second!", "third"):
        (sidecar.volume / "page").write_text(text)
        sidecar.back_up()
        _next_second()

    assert (sidecar.mirror / "page").read_text() == "third"
    kept = {p.read_text() for p in sidecar.base.glob("archive-*/data/page")}
    assert kept == {"first", "second!"}


def _next_second() -> None:
    now = datetime.now(UTC)
    while datetime.now(UTC).replace(microsecond=0) == now.replace(microsecond=0):
        continue


@pytest.mark.parametrize("lose", ["missing", "empty"])
def test_a_source_that_is_missing_or_empty(tmp_path: Path, lose: str) -> None:
    sidecar = Mirror(tmp_path)
    sidecar.back_up()
    before = files(sidecar.mirror)
    aside = sidecar.volume.rename(sidecar.root / "aside")
    if lose == "empty":
        sidecar.volume.mkdir()
    (sidecar.path("/var/lib/backup") / "state.json").unlink()  # nor does a new pod empty it

    ended = sidecar.back_up(expected=1)

    assert reason(ended) == ("failure", "source")
    assert files(sidecar.mirror) == before
    if lose == "empty":
        sidecar.volume.rmdir()
    aside.rename(sidecar.volume)
    assert reason(sidecar.back_up()) == ("success", None)


def test_a_shrunken_source(tmp_path: Path) -> None:
    sidecar = Mirror(tmp_path)
    sidecar.back_up()
    for path in sorted(sidecar.volume.iterdir())[2:]:
        path.unlink()
    (sidecar.volume / "file 1 ä").write_text("new")

    ended = sidecar.back_up()

    assert reason(ended) == ("warning", "source")
    assert len(list(sidecar.mirror.iterdir())) >= 30
    assert sidecar.status()["held"]
    sidecar.run("backup-runner", "accept")
    assert reason(sidecar.back_up()) == ("success", None)
    assert len(files(sidecar.mirror)) == len(files(sidecar.volume))
    assert len(sidecar.archived()) >= 27


def test_archives_expire_by_their_real_dates(tmp_path: Path) -> None:
    sidecar = Mirror(tmp_path)
    now = datetime.now(UTC)
    kept: list[str] = []
    gone: list[str] = []
    for days in (0, 1, 6, 7, 8, 31, 400):
        name = (now - timedelta(days=days, minutes=5)).strftime("archive-%Y-%m-%dT%H%M%SZ")
        (gone if days >= 7 else kept).append(name)
    foreign = [
        "archive-2020-01-01",
        "archive-2020-02-30T000000Z",
        "archive-2020-01-01T000000Z.bak",
        "wiki-2020-01-01",
    ]
    sidecar.back_up()
    for name in (*kept, *gone, *foreign):
        (sidecar.base / name / "data").mkdir(parents=True)
        (sidecar.base / name / "data" / "old").write_text(name)
    sidecar.make_retention_due()

    sidecar.back_up()

    assert sorted(p.name for p in sidecar.base.glob("*-*") if p.is_dir()) == sorted(kept + foreign)
    assert sidecar.status()["tasks"]["forget"]["status"] == "success"


def test_archives_after_a_long_gap(tmp_path: Path) -> None:
    """Or the clock went ahead by years: an archive of today then looks old."""
    sidecar = Mirror(tmp_path)
    sidecar.back_up()
    old = datetime.now(UTC) - timedelta(days=40)
    (sidecar.base / old.strftime("archive-%Y-%m-%dT%H%M%SZ")).mkdir()
    sidecar.make_retention_due(last_success=old.timestamp())
    for _ in range(2):
        assert reason(sidecar.back_up()) == ("success", None)

        assert len(list(sidecar.base.glob("archive-*"))) == 1
        forget = sidecar.status()["tasks"]["forget"]
        assert forget["status"] == "skipped"
        assert "all archives are kept until" in forget["message"]
        file = sidecar.state / "state.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"tasks": {}}))
    sidecar.make_retention_due()
    sidecar.back_up()
    assert not list(sidecar.base.glob("archive-*"))


def test_an_archive_of_the_future(tmp_path: Path) -> None:
    sidecar = Mirror(tmp_path)
    for name in ("archive-2026-01-01T000000Z", "archive-2999-01-01T000000Z"):
        (sidecar.base / name).mkdir(parents=True)

    assert reason(sidecar.back_up()) == ("success", None)

    assert len(list(sidecar.base.glob("archive-*"))) == 2
    assert sidecar.status()["tasks"]["forget"]["status"] == "failure"


def test_two_workloads_of_one_name_in_two_namespaces(tmp_path: Path) -> None:
    first, second = Mirror(tmp_path), Mirror(tmp_path, namespace="staging")
    first.back_up()
    second.back_up()
    first.back_up()

    assert files(first.mirror) == files(first.volume)
    assert files(second.mirror) == files(second.volume)
    assert not first.archived()
    assert not second.archived()


def test_a_mirror_on_s3_and_a_wrong_key(tmp_path: Path) -> None:
    with s3.serve("127.0.0.1", tmp_path / "s3") as server:
        server.make_bucket("bucket")
        conf = (
            f"[there]\ntype = s3\nprovider = Rclone\nendpoint = {server.url}\n"
            f"access_key_id = {server.key}\nsecret_access_key = {server.secret}\n"
        )
        sidecar = Mirror(tmp_path, **{"BUP_DST": "there:bucket/backups", "rclone.conf": conf})

        assert reason(sidecar.back_up()) == ("success", None)
        copy = sidecar.path("/var/lib/backup") / "rclone.conf"
        assert copy.stat().st_mode & 0o777 == 0o600
        stored = server.folder / "bucket/backups/prod/Deployment/wiki/mirror/data"
        assert files(stored) == files(sidecar.volume)
        sidecar.change_secret(**{"rclone.conf": conf.replace(server.key, "somebody-else")})
        ended = sidecar.back_up(expected=1)
        assert reason(ended) == ("failure", "auth"), ended
        assert server.secret not in json.dumps(ended)


def test_a_mirror_with_an_unreachable_server(tmp_path: Path) -> None:
    conf = (
        "[there]\ntype = s3\nprovider = Rclone\nendpoint = http://127.0.0.1:1\n"
        "access_key_id = aaaaaa\nsecret_access_key = bbbbbb\n"
    )
    sidecar = Mirror(tmp_path, **{"BUP_DST": "there:bucket", "rclone.conf": conf})
    sidecar._extra = {**sidecar._extra, "BACKUP_OPEN_TIMEOUT_SECONDS": "3"}  # it tries again

    assert reason(sidecar.back_up(expected=1)) == ("failure", "network")


def test_a_mirror_that_vanished(tmp_path: Path) -> None:
    sidecar = Mirror(tmp_path)
    sidecar.back_up()
    aside = sidecar.destination.rename(tmp_path / "aside")

    assert reason(sidecar.back_up(expected=1)) == ("failure", "config")

    assert not sidecar.destination.exists()
    aside.rename(sidecar.destination)
    assert reason(sidecar.back_up()) == ("success", None)
