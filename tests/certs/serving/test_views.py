"""What is remembered while files are broken, when a life ends, and what each context requires."""

import ssl
from datetime import datetime, timedelta
from pathlib import Path

from certs import authority
from certs.authority import CA, Leaf
from certs.context import Front
from certs.files import Files


def test_last_readable_files_count_until_they_are_readable_again(
    tmp_path: Path, ca: CA, leaf: Leaf, now: datetime
) -> None:
    chain, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    chain.write_bytes(leaf.chain)
    key.write_bytes(leaf.key)
    (tmp_path / "ca.crt").write_bytes(authority.pem(ca.certificate))
    files = Files(chain, key)
    good = files.refresh(now)

    chain.unlink()
    later = now + timedelta(minutes=5)
    bad = files.refresh(later)

    assert (bad.leaf, bad.bundles, bad.ca_expires) == (good.leaf, good.bundles, good.ca_expires)
    assert bad.problem == f"{chain}: No such file or directory"
    assert bad.look_again == later + timedelta(seconds=10)


def test_a_certificate_is_valid_from_its_first_moment_and_not_in_its_last(ca: CA) -> None:
    certificate = ca.certificate

    assert authority.valid(certificate, certificate.not_valid_before_utc)
    assert not authority.valid(certificate, certificate.not_valid_after_utc)


def test_client_certificate_requirement_applies_to_each_context(leaf: Leaf) -> None:
    prepared: list[ssl.SSLContext] = []
    front = Front(prepared.append)

    front.use(leaf)
    front.use(leaf)

    assert len({id(each) for each in prepared}) == 3
    assert prepared[0] is front.context
