"""Lines and servers that break, between restic and its repository."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.faults import line
from tests.faults.line import WORKS, Fault, Line, always, on_uploads
from tests.faults.night import Night
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
    "429": (always(Fault(429)), "network", "429"),
    "500": (always(Fault(500)), "network", "500"),
}


@pytest.mark.parametrize("fault", FOREVER)
def test_a_server_that_refuses_for_ever(tmp_path: Path, way: Line, fault: str) -> None:
    """restic alone retries for 15 minutes."""
    night = _night(tmp_path, way)
    night.write("new", 1 << 16)
    way.rule, failure, said = FOREVER[fault]

    ended = night.back_up("failure", failure)

    assert said in ended["message"]
    assert ended["seconds"] < 30
    way.rule = always(WORKS)
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


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path, certified: tuple[str, Path]) -> None:
    """Naming its authority in RESTIC_CACERT is the cure."""
    url, ca = certified
    night = Night(tmp_path)
    night.sidecar.change_secret(RESTIC_REPOSITORY=f"rest:{url}/repository/")

    ended = night.back_up("failure", "network")

    assert "certificate" in ended["message"]
    night.sidecar.change_secret(RESTIC_CACERT=str(ca))
    assert night.ends()["status"] == "success"
