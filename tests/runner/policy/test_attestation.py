"""Only the job can seal its state: what others write in its name is told apart."""

from runner.policy import attestation

SECRET = {"RESTIC_REPOSITORY": "s3:s3.example.net/all", "RESTIC_PASSWORD": "known to all",
          "AWS_SECRET_ACCESS_KEY": "of the job"}  # fmt: skip


def test_a_seal_is_valid_for_its_content_alone() -> None:
    key = attestation.key(attestation.material(SECRET))
    tag = attestation.tag(key, 7, b"state")

    assert attestation.number(key, ("record=maintenance", tag)) == 7
    assert attestation.fits(key, (tag,), b"state")
    assert not attestation.fits(key, (tag,), b"another")
    for forged in (
        tag.replace("seal=7.", "seal=8."), tag[:-1] + ("0" if tag[-1] != "0" else "1"),
        "seal=9." + "0" * 64 + "." + "0" * 64, "seal=", tag + "x", tag.upper(),
    ):  # fmt: skip
        assert attestation.number(key, (forged,)) == 0
        assert not attestation.fits(key, (forged,), b"state")
    assert attestation.number(key, ("seal=0", tag)) == 7


def test_the_key_is_derived_from_credentials_that_members_lack() -> None:
    own = attestation.material(SECRET)

    assert attestation.material({**SECRET, "AWS_SECRET_ACCESS_KEY": "of a member"}) != own
    others = {"NTFY_TOPIC": "home", "AWS_SESSION_TOKEN": "x", "PATH": "/", "BACKUP_POD": "x"}
    assert attestation.material({**SECRET, **others, "KUBERNETES_PORT": "x"}) == own
    named = attestation.material({**SECRET, "BACKUP_MAINTENANCE_KEY": "own"})
    assert named != own
    assert attestation.material({"BACKUP_MAINTENANCE_KEY": "own"}) == named
    assert (
        attestation.number(attestation.key(own), (attestation.tag(attestation.key(named), 7, b""),))
        == 0
    )
