"""Lines and servers that break, between restic and its repository."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.cluster.work import until
from tests.faults.network import line
from tests.faults.network.line import WORKS, Fault, Line, always, on_uploads, some
from tests.faults.night import Night, is_outcome, last_line
from tests.integration.sidecars import Sidecar
from tests.services import rest


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Line]:
    """A line to a REST server; the folder ``repository`` is Night's."""
    with rest.serve(tmp_path) as url, line.to(url) as made:
        yield made


def _night(root: Path, way: Line, **secret: str) -> Night:
    """Return a night whose good snapshot came over the line."""
    return Night(root, RESTIC_REPOSITORY=f"rest:{way.url}/repository/", **secret)


FOREVER = {
    "401": (always(Fault(401)), "auth", "401"),
    "403": (always(Fault(403)), "auth", "403"),
    "403 on writes": (on_uploads(Fault(403)), "auth", "403"),
    "413 on data": (on_uploads(Fault(413), "/data/"), "space", "413"),
    "403 on data": (on_uploads(Fault(403), "/data/"), "auth", "403"),
    "429": (always(Fault(429)), "network", "429"),
    "500": (always(Fault(500)), "network", "500"),
    "502": (always(Fault(502)), "network", "502"),
    "503": (always(Fault(503)), "network", "503"),
    "507 on data": (on_uploads(Fault(507), "/data/"), "space", "507"),
    "reset": (always(Fault(reset_after=0)), "network", ""),
}


@pytest.mark.parametrize("fault", FOREVER)
def test_a_server_that_always_refuses(tmp_path: Path, way: Line, fault: str) -> None:
    """restic alone retries for 15 minutes."""
    night = _night(tmp_path, way)
    night.write("new", 1 << 16)
    way.rule, failure, said = FOREVER[fault]

    ended = night.back_up("failure", failure)

    assert said in ended["message"]
    assert ended["seconds"] < 30
    way.rule = always(WORKS)
    assert night.ends()["status"] == "success"


AWHILE = {
    "500": (2, Fault(500), ""),
    "502 on data": (2, Fault(502), "/data/"),
    "503": (2, Fault(503), ""),
    "429": (2, Fault(429), ""),
    "reset": (2, Fault(reset_after=0), ""),
    "reset during an upload": (1, Fault(reset_after=1 << 18), "/data/"),
}


@pytest.mark.parametrize("fault", AWHILE)
def test_a_server_with_temporary_errors(tmp_path: Path, way: Line, fault: str) -> None:
    night = _night(tmp_path, way)
    night.sidecar._extra = {**night.sidecar._extra, "BACKUP_OPEN_TIMEOUT_SECONDS": "30"}
    night.write("new", 1 << 20)
    way.rule = some(*AWHILE[fault])

    night.back_up()

    way.rule = always(WORKS)
    assert night.ends()["status"] == "success"


def test_a_server_that_accepts_and_never_responds(tmp_path: Path, way: Line) -> None:
    night = _night(tmp_path, way)
    night.sidecar.change_secret(
        RESTIC_ADDITIONAL_BACKUP_PARAMETERS="--stuck-request-timeout 1s"  # of itself 5 minutes
    )
    way.rule = always(Fault(hangs=True))

    ended = night.back_up("failure", "network")

    assert ended["seconds"] < 30
    way.rule = always(WORKS)
    night.sidecar.change_secret(RESTIC_ADDITIONAL_BACKUP_PARAMETERS="")
    assert night.ends()["status"] == "success"


ADDRESSES = {
    "refused": ("rest:http://{refused}/repository/", "connection refused"),
    "no such host": ("rest:http://backup.invalid/repository/", ""),
    "S3 refused": ("s3:http://{refused}/bucket", "connection refused"),
}


@pytest.mark.parametrize("case", ADDRESSES)
def test_a_server_that_cannot_be_reached(tmp_path: Path, case: str) -> None:
    address, said = ADDRESSES[case]
    night = Night(tmp_path)
    with line.refused() as refused:
        night.sidecar.change_secret(
            RESTIC_REPOSITORY=address.format(refused=refused),
            AWS_ACCESS_KEY_ID="some-key", AWS_SECRET_ACCESS_KEY="some-secret",
        )  # fmt: skip

        ended = night.back_up("failure", "network")

    assert said in ended["message"]
    assert ended["seconds"] < 30
    night.sidecar.change_secret(RESTIC_REPOSITORY=str(night.sidecar.repository))
    assert night.ends()["status"] == "success"


def test_a_slow_connection(tmp_path: Path, way: Line) -> None:
    """It takes longer than opening may take, and is no fault."""
    night = _night(tmp_path, way)
    night.write("new", 1 << 21)
    way.rule = on_uploads(Fault(rate=1 << 19), "/data/")

    ended = night.back_up()

    assert ended["seconds"] > 3
    assert night.ends()["status"] == "success"


def test_a_pod_that_is_stopped_during_a_slow_upload(tmp_path: Path, way: Line) -> None:
    night = _night(tmp_path, way)
    night.write("new", 4 << 20)
    way.rule = on_uploads(Fault(rate=1 << 16), "/data/")  # it takes a minute
    way.seen.clear()
    with night.running() as run:
        until(lambda: way.uploads("/data/") > 0, "an upload has begun", 120)
        asked = time.monotonic()
        run.terminate()
        ended = last_line(run, is_outcome)

    assert time.monotonic() - asked < 30
    night.ended(ended, "interrupted")
    assert night.sidecar.restic("list", "locks") == ""
    way.rule = always(WORKS)
    assert night.ends()["status"] == "success"


@pytest.fixture
def certified(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A REST server by TLS, and the file of the authority that nobody knows."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    ca, chain, key = (tmp_path / name for name in ("ca.pem", "chain.pem", "key.pem"))
    authority.cert_pem.write_to_path(str(ca))
    issued.private_key_pem.write_to_path(str(key))
    for blob in issued.cert_chain_pems:
        blob.write_to_path(str(chain), append=True)
    with rest.serve(tmp_path, "--cert", str(chain), "--key", str(key), tls=True) as url:
        yield url, ca


def test_a_certificate_of_an_untrusted_ca(tmp_path: Path, certified: tuple[str, Path]) -> None:
    """Naming its authority in RESTIC_CACERT is the cure."""
    url, ca = certified
    night = Night(tmp_path)
    night.sidecar.change_secret(RESTIC_REPOSITORY=f"rest:{url}/repository/")

    ended = night.back_up("failure", "network")

    assert "certificate" in ended["message"]
    night.sidecar.change_secret(RESTIC_CACERT=str(ca))
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("value", ["/nowhere/ca.pem", "-----BEGIN CERTIFICATE-----\nx", "x"])
def test_an_invalid_custom_ca(tmp_path: Path, certified: tuple[str, Path], value: str) -> None:
    url, ca = certified
    night = Night(tmp_path)
    night.sidecar.change_secret(RESTIC_REPOSITORY=f"rest:{url}/repository/", BACKUP_CACERT=value)

    ended = night.back_up("failure", "network")

    assert "certificate" in ended["message"]
    (problem,) = night.sidecar.status()["problems"]
    assert problem.startswith("Secret variable BACKUP_CACERT")
    assert "using the system's CAs only" in problem
    night.sidecar.change_secret(BACKUP_CACERT=ca.read_text())
    assert night.ends()["status"] == "success"
    assert night.sidecar.status()["problems"] == []


def test_a_server_that_redirects(tmp_path: Path, way: Line) -> None:
    """A redirected upload would arrive empty."""
    night = _night(tmp_path, way)
    night.write("new", 1 << 16)
    with line.to(way.url) as old:
        old.rule = always(Fault(301, location=way.url))
        night.sidecar.change_secret(RESTIC_REPOSITORY=f"rest:{old.url}/repository/")

        ended = night.back_up("failure", "restic")

    assert ended["seconds"] < 30
    night.sidecar.change_secret(RESTIC_REPOSITORY=f"rest:{way.url}/repository/")
    assert night.ends()["status"] == "success"


KEEPS = tuple(f"KEEP_{each}" for each in ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"))


def test_an_append_only_server(tmp_path: Path) -> None:
    """Retention and prune are switched off with a reason; backups go on."""
    with rest.serve(tmp_path, "--append-only") as url:
        night = Night(tmp_path, RESTIC_REPOSITORY=f"rest:{url}/repository/")
        night.sidecar.change_secret(**dict.fromkeys(KEEPS, "0"), KEEP_LAST="1")
        night.make_tasks_due()
        night.write("new", 1 << 16)

        night.back_up()

        tasks = night.sidecar.status()["tasks"]
        assert tasks["forget"]["status"] == "skipped"
        assert "append-only" in tasks["forget"]["message"]
        assert "prune" not in tasks
        assert len(night.sidecar.snapshots()) == 2
        assert night.ends()["status"] == "success"


def test_a_repository_that_vanished(tmp_path: Path, way: Line) -> None:
    night = _night(tmp_path, way)
    aside = night.sidecar.repository.rename(tmp_path / "aside")

    ended = night.back_up("failure", "config")

    assert "the repository is gone" in ended["message"]
    assert not night.sidecar.repository.exists()  # no new one in its place
    aside.rename(night.sidecar.repository)
    assert night.ends()["status"] == "success"


def test_a_repository_whose_name_is_mistyped(tmp_path: Path, way: Line) -> None:
    night = _night(tmp_path, way)
    night.sidecar.change_secret(RESTIC_REPOSITORY=f"rest:{way.url}/repositroy/")

    night.back_up("failure", "config")

    assert not (tmp_path / "repositroy").exists()
    night.sidecar.change_secret(RESTIC_REPOSITORY=f"rest:{way.url}/repository/")
    assert night.ends()["status"] == "success"


def test_a_repository_that_must_not_be_created(tmp_path: Path, way: Line) -> None:
    secret = {"RESTIC_REPOSITORY": f"rest:{way.url}/repository/", "BACKUP_INIT": "never"}
    sidecar = Sidecar(tmp_path, secret=secret)
    (sidecar.volume / "page").write_text("some")

    ended = sidecar.back_up(expected=1)

    assert ended["class"] == "config"
    assert "BACKUP_INIT=never" in ended["message"]
    assert not sidecar.repository.exists()
    sidecar.change_secret(BACKUP_INIT="auto")
    assert sidecar.back_up()["status"] == "success"


def test_a_password_that_is_wrong_for_a_while(tmp_path: Path) -> None:
    """The running sidecar tries again as soon as the Secret is mended."""
    night = Night(tmp_path)
    with night.sidecar.running() as sidecar:
        sidecar.wait_for('"started"')
        night.sidecar.change_secret(RESTIC_PASSWORD="wrong")
        sidecar.annotate({"backup.run-now": "1"})
        sidecar.wait_for("backup failure")
        night.sidecar.change_secret(RESTIC_PASSWORD=night.right)
        sidecar.wait_for("backup success")
    night.told.check("success", "")
    assert len(night.told.messages()) == 2
    assert night.ends()["status"] == "success"
