"""Whatever a sidecar sends for an archive, it reaches nothing but the folder, and ends."""

import gzip
import itertools
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kubectl_backup.cluster.errors import ClusterError
from kubectl_backup.restore.archive import placement
from kubectl_backup.restore.archive.untar import Bounds, unpack
from tests.kubectl_backup.restore.archive.blocks import (
    END,
    extended,
    file,
    folder,
    header,
    link,
    pieces,
    record,
)

_BOUNDS = Bounds(entries=100, size=1 << 20)
_MEMORY = 16 << 20  # bytes; a header may take one, a piece of a file another
_LONG = "n" * 10_000
_HUGE = b"\x80" + (1 << 62).to_bytes(11, "big")
_NEGATIVE = b"\xff" * 11 + b"\x00"


def _endless(beginning: bytes, again: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: itertools.chain([beginning], itertools.repeat(again))


def _whole(*parts: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: pieces(b"".join(parts))


def _long(kind: bytes, count: int = 1) -> bytes:
    return extended(b"z" * (count << 20), kind)


_NOTHING = "cannot be unpacked"
REFUSED: dict[str, tuple[Callable[[], Iterator[bytes]], str]] = {
    # Names that lead out.
    "up": (_whole(file("../outside"), END), "leads out"),
    "up in the middle": (_whole(file("a/../../outside"), END), "leads out"),
    "up after a slash": (_whole(file("/../outside"), END), "leads out"),
    "up in a prefix": (_whole(file("x", prefix=b".."), END), "leads out"),
    "up in an extended header": (
        _whole(extended(record("path", "../outside")), file("a"), END), "leads out"),
    "up in a long name": (_whole(extended(b"../outside\0", b"L"), file("a"), END), "leads out"),
    "a folder that leads out": (_whole(folder("../outside/"), END), "leads out"),
    "a hard link up": (_whole(link("a", "../mine", b"1"), END), "leads out"),
    # Links.
    "through a link": (_whole(link("way", "{outside}"), file("way/x"), END), "through the link"),
    "through a link to a folder of the archive": (
        _whole(folder("d"), link("way", "d"), file("way/x"), END), "through the link"),
    "a folder through a link": (_whole(link("way", ".."), folder("way/x"), END), "through"),
    "a link through a link": (_whole(link("way", ".."), link("way/x", "y"), END), "through"),
    "through a link of the person's own": (_whole(file("theirs/x"), END), "through the link"),
    "through one far below": (
        _whole(folder("mine"), file("mine/theirs/x"), END), "through the link"),
    "a hard link through a link": (
        _whole(link("way", ".."), link("a", "way/outside/mine", b"1"), END), "not a regular file"),
    "a hard link to a link": (
        _whole(link("way", "../outside/mine"), link("a", "way", b"1"), END), "not a regular file"),
    "a hard link to what is there": (_whole(link("a", "old", b"1"), END), "not a regular file"),
    "a hard link to nothing": (_whole(link("a", "", b"1"), END), "invalid name or target"),
    "a hard link to the folder": (_whole(link("a", ".", b"1"), END), "not a regular file"),
    # Names and numbers that no file has.
    "a name of 10 KB": (_whole(extended(record("path", _LONG)), file("a"), END), "invalid name"),
    "a long name of 10 KB": (_whole(extended(_LONG.encode(), b"L"), file("a"), END), "invalid"),
    "a link to 10 KB": (
        _whole(extended(record("linkpath", _LONG)), link("a", "x"), END), "invalid name or target"),
    "a zero in a name": (_whole(extended(record("path", "a\0b")), file("a"), END), "invalid name"),
    "no name": (_whole(file(""), END), "invalid name or target"),
    "a file that is the folder": (_whole(file("."), END), "no name"),
    "a negative size": (_whole(header("a", size=_NEGATIVE), END), "no file|a number"),
    "a size below zero in an extended header": (
        _whole(extended(record("size", "-512")), file("a"), END), "size"),
    "a size beyond all numbers": (
        _whole(extended(record("size", "9" * 19)), file("a"), END), "number"),
    "a size of 5,000 digits": (
        _whole(extended(record("size", "9" * 5000)), file("a"), END), "size"),
    "a size that is no number": (_whole(header("a", size=b"12x45678901\0"), END), "damaged"),
    "a time beyond all": (_whole(extended(record("mtime", "1e300")), file("a"), END), "time"),
    "a time that is none": (_whole(extended(record("mtime", "nan")), file("a"), END), "time"),
    # Bombs.
    "a header of 4 exabytes": (
        _endless(header("x", b"x", size=_HUGE), bytes(4096)), "larger than any real"),
    "a long name of 4 exabytes": (
        _endless(header("x", b"L", size=_HUGE), b"a" * 4096), "larger than any real"),
    "an endless chain of headers": (
        _endless(b"", extended(record("comment", "x"))), "larger than any real"),
    "an endless chain of empty headers": (_endless(b"", header("x", b"x")), "larger than any real"),
    "a chain of long names": (_endless(b"", _long(b"L")), "larger than any real"),
    "many large headers": (_whole(_long(b"K", 2), file("a"), END), "larger than any real"),
    "endless entries": (_endless(b"", header("a")), "than the snapshot"),
    "endless folders": (_endless(b"", folder("a/b/c")), "than the snapshot"),
    "endless pipes": (_endless(b"", header("p", b"6")), "than the snapshot"),
    "endless links": (_endless(b"", link("a", "b")), "than the snapshot"),
    "a file of 4 exabytes": (
        _endless(header("a", size=_HUGE), bytes(4096)), "than the snapshot"),
    "a file larger than all": (_whole(file("a", bytes((1 << 20) + 1)), END), "more data"),
    "files larger than all together": (_whole(*[file("a", bytes(600_000))] * 2, END), "more data"),
    "a size that the extended header raises": (
        _endless(extended(record("size", str(1 << 40))) + header("a"), bytes(4096)), "more data"),
    "no end": (_endless(file("a") + END, bytes(4096)), "does not end"),
    "a sparse file of GNU tar": (_whole(header("a", b"S"), END), "sparse"),
    "a sparse file of PAX": (
        _whole(extended(record("GNU.sparse.size", str(1 << 62))), file("a"), END), "sparse"),
    "a sparse file of PAX 1.0": (
        _whole(extended(record("GNU.sparse.major", "1")), file("a"), END), "sparse"),
    "a compressed archive": (_whole(gzip.compress(file("a") + END)), "damaged"),
    "compressed zeros": (_whole(gzip.compress(bytes(1 << 20))), "damaged"),
    # Kinds, and damage.
    "an unknown kind": (_whole(header("a", b"Z"), END), "unknown kind"),
    "a header for all": (_whole(extended(record("path", "a"), b"g"), file("a"), END), "unknown"),
    "a volume's label": (_whole(header("a", b"V"), END), "unknown kind"),
    "a folder of GNU's increments": (_whole(header("a", b"D"), END), "unknown kind"),
    "nothing": (_whole(), "ends too early"),
    "half a header": (_whole(header("a")[:300]), "ends too early"),
    "half a file": (_whole(header("a", size=b"00000002000\0"), b"x" * 600), "ends too early"),
    "no zeros": (_whole(file("a")), "ends too early"),
    "one block of zeros": (_whole(file("a"), bytes(512)), "ends too early"),
    "more after the end": (_whole(file("a"), END, file("b"), END), "damaged"),
    "a wrong checksum": (_whole(b"b" + file("a")[1:], END), "damaged"),
    "a header that ends the archive": (_whole(extended(record("path", "b")), END), "damaged"),
    "a record without a length": (_whole(extended(b"path=b\n"), file("a"), END), "extended header"),
    "a record longer than all": (_whole(extended(b"99 path=b\n"), file("a"), END), "extended"),
    "a record of no length": (_whole(extended(b"0 path=b\n"), file("a"), END), "extended header"),
    "a record with a sign": (_whole(extended(b"+9 path=b\n"), file("a"), END), "extended header"),
    "a record without an end": (_whole(extended(b"9 path=bb"), file("a"), END), "extended header"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_archive_is_refused_in_one_line_and_nothing_is_in_place(
    tmp_path: Path, name: str
) -> None:
    made, why = REFUSED[name]
    inside, before = _place(tmp_path)

    tracemalloc.start()
    try:
        with pytest.raises(ClusterError, match=why) as raised:
            unpack(_led(made(), tmp_path), inside, _BOUNDS)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 1000
    assert peak < _MEMORY
    assert _all(tmp_path) == before


def _place(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """Make a folder with files of the person's in it and beside it; return what there is."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    (inside / "mine").mkdir(parents=True)
    outside.mkdir()
    (outside / "mine").write_text("mine")
    (inside / "old").write_text("old")
    (inside / "theirs").symlink_to(outside)
    (inside / "mine" / "theirs").symlink_to(outside)
    return inside, _all(tmp_path)


def _all(place: Path) -> dict[str, str]:
    """Return everything at a place with its mode, its time, its content and its names."""
    found = {}
    for path in sorted(place.rglob("*")):
        seen = path.lstat()
        content = path.read_text() if path.is_file() and not path.is_symlink() else ""
        names = 1 if path.is_dir() else seen.st_nlink
        found[str(path)] = f"{seen.st_mode:o} {names} {content}"
    return found


def _led(made: Iterator[bytes], tmp_path: Path) -> Iterator[bytes]:
    """Yield an archive whose link leads outside."""
    for piece in made:
        place = str(tmp_path / "outside").encode()
        if (at := piece.find(b"{outside}")) >= 0:
            block = at // 512 * 512
            entry = header("way", b"2", link=place)
            piece = piece[:block] + entry + piece[block + 512 :]  # noqa: PLW2901 -- one block of it
        yield piece


MADE: dict[str, tuple[bytes, dict[str, str]]] = {
    "an absolute name is a relative one": (file("/etc/x"), {"etc": "d700", "etc/x": "f644 x"}),
    "the last of a name counts": (file("a", b"1") + file("a", b"2"), {"a": "f644 2"}),
    "a file in the place of a link": (link("a", "../outside/mine") + file("a"), {"a": "f644 x"}),
    "a link in the place of a file": (file("a") + link("a", "../outside/mine"),
                                      {"a": "l ../outside/mine"}),
    "a file in the place of a link of the person's own": (file("theirs"), {"theirs": "f644 x"}),
    "a hard link to itself": (file("a") + link("a", "a", b"1"), {"a": "f644 x"}),
    "setuid": (file("a", mode=b"0006755\0"), {"a": "f755 x"}),
    "all modes": (file("a", mode=b"0007777\0") + folder("d", mode=b"0007777\0"),
                  {"a": "f755 x", "d": "d755"}),
    "escapes": (file("\x1b]0;x\x07\u202e\n"), {"\x1b]0;x\x07\u202e\n": "f644 x"}),
    "no text": (file(b"a\xff"), {"a\udcff": "f644 x"}),
    "a long name": (extended(b"l" * 200 + b"\0", b"L") + file("a"), {"l" * 200: "f644 x"}),
    "a size in bytes": (header("a", size=b"\x80" + (3).to_bytes(11, "big")) + b"abc" + bytes(509),
                        {"a": "f644 abc"}),
    "a link with a size": (header("a", b"2", size=b"00000000777\0", link=b"b") + file("c"),
                           {"a": "l b", "c": "f644 x"}),
    "a name that tries to be ours": (file(f"{placement.PREFIX}x/y"),
                                     {f"{placement.PREFIX}x": "d700",
                                      f"{placement.PREFIX}x/y": "f644 x"}),
    "before 1970": (extended(record("mtime", "-1.5")) + file("a"), {"a": "f644 x"}),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_a_hostile_entry_is_unpacked_harmlessly(tmp_path: Path, name: str) -> None:
    archive, wanted = MADE[name]
    inside, before = _place(tmp_path)

    unpack(pieces(archive + END), inside, _BOUNDS)

    made = {key: text for key, text in _all(tmp_path).items() if before.get(key) != text}
    assert {str(Path(key).relative_to(inside)) for key in made} == set(wanted)
    for path, text in wanted.items():
        assert _seen(inside / path) == text


def _seen(path: Path) -> str:
    if path.is_symlink():
        return f"l {path.readlink()}"
    mode = path.stat().st_mode & 0o7777
    return f"d{mode:o}" if path.is_dir() else f"f{mode:o} {path.read_text()}"


@pytest.mark.parametrize("kind", [b"3", b"4", b"6"])
def test_devices_and_pipes_of_any_name_are_named(tmp_path: Path, kind: bytes) -> None:
    archive = b"".join(header(f"\x1b[2J{number}", kind) for number in range(50))

    with pytest.raises(ClusterError, match=r"50 devices and pipes left out: .* and 45 more"):
        unpack(pieces(archive + file("a") + END), tmp_path, _BOUNDS)

    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_thousands_of_skipped_entries_are_counted_and_not_all_named(tmp_path: Path) -> None:
    """Of a hostile archive, nothing grows with what it holds."""
    made = itertools.chain(itertools.repeat(header("p", b"6") * 100, 50), [END])

    with pytest.raises(ClusterError, match=r"5000 devices and pipes .* and 4995 more") as raised:
        unpack(made, tmp_path)

    assert len(str(raised.value)) < 200


def test_folders_nested_too_deep_are_named_and_everything_else_is_restored(tmp_path: Path) -> None:
    """Each is held open when a tree is removed, and a process may hold few."""
    deep = extended(record("path", "d/" * 1500 + "x")) + file("a")

    with pytest.raises(ClusterError, match=r"1 file not written: .*too many nested"):
        unpack(pieces(deep + file("b") + END), tmp_path, _BOUNDS)

    assert [path.name for path in tmp_path.iterdir()] == ["b"]
