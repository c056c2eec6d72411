"""Only the job can seal its state: what others write in its name is told apart."""

from runner import seal

SECRET = {"RESTIC_REPOSITORY": "s3:s3.example.net/all", "RESTIC_PASSWORD": "known to all",
          "AWS_SECRET_ACCESS_KEY": "of the job"}  # fmt: skip


def test_a_seal_fits_its_content_alone() -> None:
    key = seal.key(seal.material(SECRET))
    tag = seal.tag(key, 7, b"state")

    assert seal.number(key, ("record=maintenance", tag)) == 7
    assert seal.fits(key, (tag,), b"state")
    assert not seal.fits(key, (tag,), b"another")
    for forged in (
        tag.replace("seal=7.", "seal=8."), tag[:-1] + ("0" if tag[-1] != "0" else "1"),
        "seal=9." + "0" * 64 + "." + "0" * 64, "seal=", tag + "x", tag.upper(),
    ):  # fmt: skip
        assert seal.number(key, (forged,)) == 0
        assert not seal.fits(key, (forged,), b"state")
    assert seal.number(key, ("seal=0", tag)) == 7


def test_the_key_is_made_of_credentials_that_members_lack() -> None:
    own = seal.material(SECRET)

    assert seal.material({**SECRET, "AWS_SECRET_ACCESS_KEY": "of a member"}) != own
    assert seal.material({**SECRET, "NTFY_TOPIC": "home", "AWS_SESSION_TOKEN": "x", "PATH": "/",
                          "KUBERNETES_PORT": "x", "BACKUP_POD": "x"}) == own  # fmt: skip
    named = seal.material({**SECRET, "BACKUP_MAINTENANCE_KEY": "own"})
    assert named != own
    assert seal.material({"BACKUP_MAINTENANCE_KEY": "own"}) == named
    assert seal.number(seal.key(own), (seal.tag(seal.key(named), 7, b""),)) == 0
