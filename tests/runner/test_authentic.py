"""Only the job can seal its state: what others write in its name is told apart."""

from runner import authentic

SECRET = {"RESTIC_REPOSITORY": "s3:s3.example.net/all", "RESTIC_PASSWORD": "known to all",
          "AWS_SECRET_ACCESS_KEY": "of the job"}  # fmt: skip


def test_a_seal_fits_its_content_alone() -> None:
    key = authentic.key(authentic.material(SECRET))
    tag = authentic.tag(key, 7, b"state")

    assert authentic.number(key, ("record=maintenance", tag)) == 7
    assert authentic.fits(key, (tag,), b"state")
    assert not authentic.fits(key, (tag,), b"another")
    for forged in (
        tag.replace("seal=7.", "seal=8."), tag[:-1] + ("0" if tag[-1] != "0" else "1"),
        "seal=9." + "0" * 64 + "." + "0" * 64, "seal=", tag + "x", tag.upper(),
    ):  # fmt: skip
        assert authentic.number(key, (forged,)) == 0
        assert not authentic.fits(key, (forged,), b"state")
    assert authentic.number(key, ("seal=0", tag)) == 7


def test_the_key_is_made_of_credentials_that_members_lack() -> None:
    own = authentic.material(SECRET)

    assert authentic.material({**SECRET, "AWS_SECRET_ACCESS_KEY": "of a member"}) != own
    others = dict.fromkeys(
        ("NTFY_TOPIC", "AWS_SESSION_TOKEN", "PATH", "KUBERNETES_PORT", "BACKUP_POD"), "x"
    )
    assert authentic.material({**SECRET, **others}) == own
    named = authentic.material({**SECRET, "BACKUP_MAINTENANCE_KEY": "own"})
    assert named != own
    assert authentic.material({"BACKUP_MAINTENANCE_KEY": "own"}) == named
    assert authentic.number(authentic.key(own), (authentic.tag(authentic.key(named), 7, b""),)) == 0
