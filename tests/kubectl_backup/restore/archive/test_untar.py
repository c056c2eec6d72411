"""Archives that come in pieces from a cluster are not trusted."""

import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from kubectl_backup.cluster.errors import ClusterError
from kubectl_backup.restore.archive.untar import Unpacked, unpack

_OTHER = 65534  # a user who owns nothing here


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """Return a tar archive as restic writes it."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return made.getvalue()


def entry(name: str, **fields: object) -> tarfile.TarInfo:
    """Return a member."""
    made = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(made, key, value)
    return made


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """Yield data in pieces."""
    return (data[start : start + size] for start in range(0, len(data), size))


def restored(folder: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Unpacked:
    """Unpack members into a folder."""
    return unpack(pieces(archive(*members), 1000), folder)


@pytest.mark.parametrize("size", [1, 511, 100_000])
def test_names_with_spaces_and_non_ascii_characters_are_kept(tmp_path: Path, size: int) -> None:
    """In whatever pieces they come."""
    long = "ordner mit leerzeichen/" + "ü" * 120
    data = archive(
        (entry("ordner mit leerzeichen", type=tarfile.DIRTYPE, mode=0o755), b""),
        (entry(long, mode=0o640), b"one"),
        (entry("漢字 \n.txt"), b"zwei"),
    )

    unpacked = unpack(pieces(data, size), tmp_path)

    assert (tmp_path / long).read_bytes() == b"one"
    assert (tmp_path / "漢字 \n.txt").read_bytes() == b"zwei"
    assert (tmp_path / long).stat().st_mode & 0o777 == 0o640
    assert (unpacked.files, unpacked.size) == (2, 7)


def test_names_that_are_not_utf_8_are_kept(tmp_path: Path) -> None:
    restored(tmp_path, (entry("a\udcffb"), b"x"))

    assert [path.name for path in tmp_path.iterdir()] == ["a\udcffb"]


@pytest.mark.parametrize(
    "name", ["../outside", "sub/../../outside", "/../outside", "./../outside", "..", "a/.."]
)
def test_nothing_is_written_outside(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()

    with pytest.raises(ClusterError, match="cannot be unpacked"):
        restored(folder, (entry(name), b"x"))

    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


def test_an_absolute_name_is_made_relative(tmp_path: Path) -> None:
    restored(tmp_path, (entry("/etc/passwd"), b"x"))

    assert (tmp_path / "etc/passwd").read_bytes() == b"x"


def test_a_link_leads_nothing_outside(tmp_path: Path) -> None:
    """Neither what it leads to nor the link itself comes into place."""
    folder, outside = tmp_path / "inside", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    link = entry("way", type=tarfile.SYMTYPE, linkname=str(outside))

    with pytest.raises(ClusterError, match="cannot be unpacked"):
        restored(folder, (link, b""), (entry("way/x"), b"x"))

    assert list(folder.iterdir()) == list(outside.iterdir()) == []


def test_a_truncated_archive_is_a_failure(tmp_path: Path) -> None:
    data = archive((entry("a"), b"x" * 5000))

    with pytest.raises(ClusterError, match="cannot be unpacked"):
        unpack(pieces(data[:2000], 100), tmp_path)


def test_data_after_the_archive_is_drained(tmp_path: Path) -> None:
    """Only then is it known how the command ended."""
    rest = pieces(archive((entry("a"), b"x")) + b"\0" * 20_000, 1000)

    unpack(rest, tmp_path)

    assert next(rest, None) is None


def test_an_unwritable_folder_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file where the folder should be")

    with pytest.raises(ClusterError, match="the restore is INCOMPLETE: 1 file not written: a: "):
        restored(tmp_path, (entry("a/b"), b"x"), (entry("c"), b"y"))

    assert (tmp_path / "c").read_bytes() == b"y"


@pytest.mark.parametrize("target", ["{outside}", "../outside", "sub/../../outside", "."])
@pytest.mark.parametrize("below", ["x", "deep/er/x"])
def test_nothing_is_written_through_a_link(tmp_path: Path, target: str, below: str) -> None:
    """Wherever it leads: what is restored lies where its name says."""
    folder, outside = tmp_path / "inside", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    link = entry("way", type=tarfile.SYMTYPE, linkname=target.format(outside=outside))

    with pytest.raises(ClusterError, match="through the link"):
        restored(folder, (link, b""), (entry(f"way/{below}"), b"x"))

    assert list(folder.iterdir()) == list(outside.iterdir()) == []


@pytest.mark.parametrize("kind", ["symbolic", "hard"])
def test_a_link_that_has_an_entrys_name_is_replaced(tmp_path: Path, kind: str) -> None:
    """What it leads to stays as it is."""
    folder, other = tmp_path / "inside", tmp_path / "other"
    folder.mkdir()
    other.write_text("mine")
    if kind == "symbolic":
        (folder / "a").symlink_to(other)
    else:
        (folder / "a").hardlink_to(other)

    restored(folder, (entry("a"), b"theirs"))

    assert (other.read_text(), (folder / "a").read_text()) == ("mine", "theirs")
    assert not (folder / "a").is_symlink()


def test_an_archives_own_link_is_replaced_by_its_file(tmp_path: Path) -> None:
    folder, other = tmp_path / "inside", tmp_path / "other"
    folder.mkdir()
    other.write_text("mine")
    link = entry("a", type=tarfile.SYMTYPE, linkname=str(other))

    restored(folder, (link, b""), (entry("a"), b"theirs"))

    assert (other.read_text(), (folder / "a").read_text()) == ("mine", "theirs")


@pytest.mark.parametrize(
    "target", ["{other}", "../other", "sub/../../other", "way/other", "way", "sub", ".", "nothing"]
)
def test_a_hard_link_may_only_name_a_file_of_the_archive(tmp_path: Path, target: str) -> None:
    folder, other = tmp_path / "inside", tmp_path / "other"
    folder.mkdir()
    other.write_text("mine")
    way = entry("way", type=tarfile.SYMTYPE, linkname=str(tmp_path))
    sub = entry("sub", type=tarfile.DIRTYPE, mode=0o755)
    link = entry("a", type=tarfile.LNKTYPE, linkname=target.format(other=other))

    with pytest.raises(ClusterError):
        restored(folder, (way, b""), (sub, b""), (link, b""), (entry("a"), b"theirs"))

    assert (other.read_text(), other.stat().st_nlink) == ("mine", 1)
    assert not (folder / "a").exists()


def test_hard_links_within_the_archive_are_restored(tmp_path: Path) -> None:
    link = entry("sub/b", type=tarfile.LNKTYPE, linkname="a")

    restored(tmp_path, (entry("a"), b"x"), (link, b""))

    assert (tmp_path / "sub/b").samefile(tmp_path / "a")


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_devices_and_pipes_are_left_out_and_named(tmp_path: Path, kind: bytes) -> None:
    """The rest is there."""
    odd = entry("dev/odd", type=kind, devmajor=1, devminor=3)

    with pytest.raises(ClusterError, match=r"INCOMPLETE: 1 device or pipe left out: 'dev/odd'"):
        restored(tmp_path, (entry("a"), b"x"), (odd, b""), (entry("b"), b"y"))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


@pytest.mark.parametrize(
    ("mode", "left"),
    [(0o4755, 0o755), (0o2755, 0o755), (0o1777, 0o755), (0o666, 0o644), (0o400, 0o400), (0, 0)],
)
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE])
def test_modes_are_masked(tmp_path: Path, mode: int, left: int, kind: bytes) -> None:
    restored(tmp_path, (entry("a", mode=mode, type=kind), b""))

    assert (tmp_path / "a").stat().st_mode & 0o7777 == left


def test_read_only_folders_are_restored_with_mode_and_time(tmp_path: Path) -> None:
    folder = entry("sub", type=tarfile.DIRTYPE, mode=0o555, mtime=1_000_000_000)

    modes: set[int] = set()

    def looked_at() -> Iterator[bytes]:
        for piece in pieces(data, 512):
            modes.update(made.stat().st_mode & 0o7777 for made in tmp_path.glob("*/sub"))
            yield piece

    data = archive((folder, b""), (entry("sub/a", mtime=1_100_000_000), b"x"))

    unpack(looked_at(), tmp_path)

    assert modes == {0o700}  # which keeps others out until then, and lets its owner write
    made = (tmp_path / "sub").stat()
    assert (made.st_mode & 0o7777, made.st_mtime) == (0o555, 1_000_000_000)
    assert (tmp_path / "sub/a").stat().st_mtime == 1_100_000_000


def test_the_target_folder_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    restored(tmp_path, (entry("./", type=tarfile.DIRTYPE, mode=0o755, mtime=1), b""))

    made = tmp_path.stat()
    assert (made.st_mode & 0o7777, made.st_mtime > 1) == (0o700, True)


def test_an_archive_truncated_between_two_entries_is_a_failure(tmp_path: Path) -> None:
    """`tarfile` takes that for its end."""
    data = archive((entry("a"), b"x" * 512), (entry("b"), b"y" * 512))

    with pytest.raises(ClusterError, match="damaged or ends too early"):
        unpack(pieces(data[:1024], 100), tmp_path)


@pytest.mark.parametrize("header", [b"\xff" * 512, b"garbage" + b"\0" * 505])
def test_a_damaged_header_is_not_the_end_of_the_archive(tmp_path: Path, header: bytes) -> None:
    """`tarfile` takes that for the end, too."""
    data = archive((entry("a"), b"x" * 512), (entry("b"), b"y" * 512))
    damaged = data[:1024] + header + data[1536:]

    with pytest.raises(ClusterError, match="damaged or ends too early"):
        unpack(pieces(damaged, 700), tmp_path)


@pytest.mark.parametrize("fields", [{"mtime": 1e300}, {"uid": 2**62}, {"gid": 2**62}])
def test_an_impossible_attribute_is_reported_in_one_line(
    tmp_path: Path, fields: dict[str, float]
) -> None:
    """A time, or for root an owner."""
    if os.geteuid() or "mtime" in fields:
        fields = {"mtime": 1e300}

    with pytest.raises(ClusterError, match="unpacked"):
        restored(tmp_path, (entry("a", **fields), b"x"))


@pytest.mark.parametrize("name", ["a/" * 200_000 + "b", "a" * 300])
def test_a_name_that_is_too_long_is_reported_in_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(ClusterError, match=r"File name too long|invalid name or target"):
        restored(tmp_path, (entry(name), b"x"))

    assert list(tmp_path.iterdir()) == []


def test_a_small_archive_cannot_fill_the_disk(tmp_path: Path) -> None:
    """A sparse file of eight exabytes takes one block in it."""
    sparse = entry("a", pax_headers={"GNU.sparse.map": "0,0", "GNU.sparse.size": str(1 << 62)})

    with pytest.raises(ClusterError, match="sparse"):
        restored(tmp_path, (sparse, b""))

    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_file_is_named_and_everything_else_is_restored(tmp_path: Path) -> None:
    (tmp_path / "b" / "mine").mkdir(parents=True)
    members = [(entry(name), name.encode()) for name in ("a", "b", "c")]

    with pytest.raises(ClusterError, match="the restore is INCOMPLETE: 1 file not written: b: "):
        restored(tmp_path, *members)

    assert [(tmp_path / name).read_text() for name in ("a", "c")] == ["a", "c"]
    assert (tmp_path / "b" / "mine").is_dir()


def test_folders_are_closed_once_they_are_complete() -> None:
    """Else nobody but root could write into them."""
    closed = entry("closed", type=tarfile.DIRTYPE, mode=0o555, mtime=1_000_000_000)
    inner = entry("closed/inner", type=tarfile.DIRTYPE, mode=0o500, mtime=1_000_000_001)
    root = os.geteuid() == 0
    folder = Path(mkdtemp(prefix="unpack-", dir="/var/tmp"))  # pytest's are closed to others
    try:
        if root:
            os.chown(folder, _OTHER, _OTHER)
            os.seteuid(_OTHER)
        restored(folder, (closed, b""), (inner, b""), (entry("closed/inner/file"), b"x"))
        found = [(folder / name).stat() for name in ("closed", "closed/inner")]
    finally:
        if root:
            os.seteuid(0)
        for path in (folder / "closed", folder / "closed" / "inner"):
            path.chmod(0o700)
        shutil.rmtree(folder)

    assert [each.st_mode & 0o777 for each in found] == [0o555, 0o500]
    assert [each.st_mtime for each in found] == [1_000_000_000, 1_000_000_001]
