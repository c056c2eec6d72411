"""An S3 server that refuses, stumbles or loses a race: restic answers otherwise than with REST."""

import json
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cluster.workloads import s3 as s3_server
from tests.cluster.workloads.s3 import S3
from tests.faults.network import line
from tests.faults.network.line import WORKS, Fault, Line, Rule, always, on_uploads, some
from tests.faults.night import Night
from tests.integration.sidecars import Json, Sidecar


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3]:
    """An S3 server; the repository ``home/repository`` in it is Night's, and opens at once."""
    with s3_server.serve("127.0.0.1", tmp_path / "s3") as made:
        made.make_bucket("home")
        repository = made.folder / "home" / "repository"
        if Night.template:
            shutil.copytree(Night.template, repository)
        (tmp_path / "repository").symlink_to(repository)
        yield made


@pytest.fixture
def way(s3: S3) -> Iterator[Line]:
    """A line to it."""
    with line.to(s3.url) as made:
        yield made


def _secret(s3: S3, url: str = "", bucket: str = "home") -> dict[str, str]:
    return {
        "RESTIC_REPOSITORY": f"s3:{url or s3.url}/{bucket}/repository",
        "AWS_ACCESS_KEY_ID": s3.key, "AWS_SECRET_ACCESS_KEY": s3.secret,
    }  # fmt: skip


WRONG = {
    "unknown key": ({"AWS_ACCESS_KEY_ID": "no-key"}, "auth"),
    "wrong secret": ({"AWS_SECRET_ACCESS_KEY": "no-secret"}, "auth"),
    "no keys": ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "auth"),
    "missing bucket": ({"RESTIC_REPOSITORY": "elsewhere"}, "config"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_buckets_keys_and_regions_of_s3(tmp_path: Path, s3: S3, case: str) -> None:
    night = Night(tmp_path, **_secret(s3))
    right = dict(night.sidecar.secret)
    changed, failure = WRONG[case]
    if "RESTIC_REPOSITORY" in changed:
        changed = {"RESTIC_REPOSITORY": s3.repository(changed["RESTIC_REPOSITORY"])}
    night.sidecar.change_secret(**changed)

    ended = night.back_up("failure", failure)

    assert ended["seconds"] < 30
    assert {each.name for each in s3.folder.iterdir()} == {"home"}
    night.sidecar.change_secret(**right)
    assert night.ends()["status"] == "success"


def _says(status: int, code: str, message: str) -> Fault:
    xml = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Fault(status, xml.encode())


DENIED = _says(403, "AccessDenied", "Access Denied.")
NO_BUCKET = _says(404, "NoSuchBucket", "The specified bucket does not exist")
NO_KEY = _says(403, "InvalidAccessKeyId", "The Access Key Id you provided does not exist")
REFUSED: dict[str, tuple[Rule, str, str]] = {
    "all uploads": (on_uploads(DENIED), "auth", "Access Denied"),
    "uploads of data": (on_uploads(DENIED, "/data/"), "auth", "Access Denied"),
    "a bucket that is removed": (on_uploads(NO_BUCKET, "/data/"), "config", "bucket does not"),
    "a quota": (
        on_uploads(_says(403, "QuotaExceeded", "Quota exceeded"), "/data/"),
        "space",
        "Quota",
    ),
    "a full MinIO": (
        on_uploads(
            _says(
                507,
                "XMinioStorageFull",
                "Storage backend has reached its minimum free drive threshold.",
            ),
            "/data/",
        ),
        "space",
        "minimum free drive threshold",
    ),
    "B2's cap": (
        on_uploads(
            _says(403, "AccessDenied", "Cannot upload files, storage cap exceeded."), "/data/"
        ),
        "space",
        "storage cap exceeded",
    ),
    "a key that is revoked": (on_uploads(NO_KEY, "/data/"), "auth", "does not exist"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_uploads_that_s3_refuses(tmp_path: Path, s3: S3, way: Line, case: str) -> None:
    """restic alone tries for 15 minutes, unless it is told AccessDenied."""
    night = Night(tmp_path, **_secret(s3, way.url))
    night.write("new", 1 << 16)
    way.rule, failure, said = REFUSED[case]

    ended = night.back_up("failure", failure)

    assert said in ended["message"]
    assert ended["seconds"] < 40
    way.rule = always(WORKS)
    assert night.ends()["status"] == "success"


AWHILE = {
    "503": (3, _says(503, "SlowDown", "Please reduce your request rate."), "/data/"),
    "500 while it is opened": (2, _says(500, "InternalError", "We encountered an error."), ""),
    "refused once": (1, NO_KEY, "/data/"),
    "full for a moment": (2, _says(507, "XMinioStorageFull", "Storage backend is full"), "/data/"),
    "reset during an upload": (1, Fault(reset_after=1 << 18), "/data/"),
}


@pytest.mark.parametrize("case", AWHILE)
def test_an_s3_server_with_temporary_errors(tmp_path: Path, s3: S3, way: Line, case: str) -> None:
    night = Night(tmp_path, **_secret(s3, way.url))
    night.write("new", 1 << 20)
    way.rule = some(*AWHILE[case])

    night.back_up()

    way.rule = always(WORKS)
    assert night.ends()["status"] == "success"


def _held_until(count: int) -> Rule:
    """Return the rule that the config is written by so many at the same moment."""
    met: set[int] = set()  # by the threads that serve them

    def rule(method: str, path: str) -> Fault:
        if method != "PUT" or not path.endswith("/config"):
            return WORKS
        met.add(threading.get_ident())
        return WORKS if len(met) >= count else Fault(hangs=True)

    return rule


# While a password takes its time, all of them have seen that there is no repository yet.
@pytest.mark.usefixtures("released_restic")
def test_several_that_create_one_repository_on_s3(tmp_path: Path, s3: S3, way: Line) -> None:
    """The last config wins there; the key that opens it is found by the beginning of its id."""
    s3.make_bucket("new")
    herd = [
        Sidecar(
            tmp_path / name, name=name, secret=_secret(s3, way.url, "new"),
            annotations={"backup.forget": "off"}, pace={"BACKUP_INIT_SETTLE_SECONDS": "2"},
        )
        for name in ("one", "two", "three")
    ]  # fmt: skip
    for each in herd:
        (each.volume / "page").write_text("some")
    way.rule = _held_until(len(herd))

    with ThreadPoolExecutor(len(herd)) as threads:
        ended = list(threads.map(Sidecar.back_up, herd))

    assert way.uploads("/keys/") == len(herd)
    assert [each["status"] for each in ended] == ["success"] * len(herd)
    by_hand = Sidecar(tmp_path / "by-hand")
    by_hand.repository = s3.folder / "new" / "repository"
    keys: list[Json] = json.loads(by_hand.restic("key", "list", "--json"))
    assert len(keys) == 1
    assert "no errors were found" in by_hand.restic("check", "--read-data")
    assert len(by_hand.snapshots()) == len(herd)
    assert herd[0].back_up()["status"] == "success"
