"""Archives that come in pieces from a cluster are not trusted."""

import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from kubectl_backup.refusal import ClusterError
from kubectl_backup.unpack import unpack

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


def restored(folder: Path, *members: tuple[tarfile.TarInfo, bytes]) -> tuple[int, int]:
    """Unpack members into a folder."""
    return unpack(pieces(archive(*members), 1000), folder, lambda _f, _t: None)


@pytest.mark.parametrize("size", [1, 511, 100_000])
def test_names_with_spaces_and_beyond_ascii(tmp_path: Path, size: int) -> None:
    """In whatever pieces they come."""
    long = "ordner mit leerzeichen/" + "ü" * 120
    data = archive(
        (entry("ordner mit leerzeichen", type=tarfile.DIRTYPE, mode=0o755), b""),
        (entry(long, mode=0o640), b"one"),
        (entry("漢字 \n.txt"), b"zwei"),
    )
    seen: list[tuple[int, int]] = []

    counted = unpack(pieces(data, size), tmp_path, lambda f, t: seen.append((f, t)))

    assert (tmp_path / long).read_bytes() == b"one"
    assert (tmp_path / "漢字 \n.txt").read_bytes() == b"zwei"
    assert (tmp_path / long).stat().st_mode & 0o777 == 0o640
    assert counted == seen[-1] == (2, 7)


def test_bytes_that_are_no_text_come_back(tmp_path: Path) -> None:
    restored(tmp_path, (entry("a\udcffb"), b"x"))

    assert [path.name for path in tmp_path.iterdir()] == ["a\udcffb"]


@pytest.mark.parametrize("name", ["../outside", "sub/../../outside"])
def test_nothing_is_written_outside(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()

    with pytest.raises(ClusterError, match="cannot be unpacked"):
        restored(folder, (entry(name), b"x"))

    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


def test_an_absolute_name_is_taken_as_a_relative_one(tmp_path: Path) -> None:
    restored(tmp_path, (entry("/etc/passwd"), b"x"))

    assert (tmp_path / "etc/passwd").read_bytes() == b"x"


def test_a_link_leads_nobody_outside(tmp_path: Path) -> None:
    """It is restored, and not followed."""
    folder, outside = tmp_path / "inside", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    link = entry("way", type=tarfile.SYMTYPE, linkname=str(outside))

    with pytest.raises(ClusterError, match="cannot be unpacked"):
        restored(folder, (link, b""), (entry("way/x"), b"x"))

    assert (folder / "way").is_symlink()
    assert list(outside.iterdir()) == []


def test_an_archive_that_ends_too_early_is_no_success(tmp_path: Path) -> None:
    data = archive((entry("a"), b"x" * 5000))

    with pytest.raises(ClusterError, match="cannot be unpacked"):
        unpack(pieces(data[:2000], 100), tmp_path, lambda _f, _t: None)


def test_what_follows_the_archive_is_taken_too(tmp_path: Path) -> None:
    """Only then is it known how the command ended."""
    rest = pieces(archive((entry("a"), b"x")) + b"\0" * 20_000, 1000)

    unpack(rest, tmp_path, lambda _f, _t: None)

    assert next(rest, None) is None


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file where the folder should be")

    with pytest.raises(ClusterError, match="a/b"):
        restored(tmp_path, (entry("a/b"), b"x"))


def test_one_file_that_cannot_be_written_is_named_and_all_else_comes(tmp_path: Path) -> None:
    (tmp_path / "b" / "mine").mkdir(parents=True)
    members = [(entry(name), name.encode()) for name in ("a", "b", "c")]

    with pytest.raises(ClusterError, match="NOT ALL of it is there: 1 file is not written: b: "):
        restored(tmp_path, *members)

    assert [(tmp_path / name).read_text() for name in ("a", "c")] == ["a", "c"]
    assert (tmp_path / "b" / "mine").is_dir()


def test_folders_are_closed_once_all_is_in_them() -> None:
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
