"""What capture and differences see: all that a restore may get wrong, and nothing else."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path

import pytest

from demo.trees import Entry, Totals, capture, differences, totals
from tests import needs
from tests.cluster.work import until
from tests.integration.backup.hard_tree import (
    NAMES,
    build_hard_tree,
    build_many,
    build_sparse,
    churn,
)

ENTRY = Entry("file", 0o644, 1, 2, 3, 4, "aa", b"", 0, (), (("user.a", b"1"),))
OTHER = Entry("char", 0o4755, 8, 8, 8, 8, "bb", b"t", 8, (b"x", b"y"), (("user.a", b"2"),))
FIELDS = [field.name for field in fields(Entry)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


def changed_fields(before: dict[bytes, Entry], after: dict[bytes, Entry], path: str) -> set[str]:
    prefix = f"{path!r}: "
    lines = differences(before, after)
    return {line.removeprefix(prefix).split(":")[0] for line in lines if line.startswith(prefix)}


@contextmanager
def unprivileged() -> Iterator[None]:
    """Give up root's right to read everything, for a block; nothing to do for others."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


# What differences reports.


@pytest.mark.parametrize("field", FIELDS)
def test_a_change_of_any_field_is_one_line(field: str) -> None:
    changed = replace(ENTRY, **{field: getattr(OTHER, field)})
    [line] = differences({b"a": ENTRY}, {b"a": changed})
    assert line.startswith(f"'a': {field}: ")
    assert " -> " in line


@pytest.mark.parametrize("field", FIELDS)
def test_an_ignored_field_is_not_compared(field: str) -> None:
    lines = differences({b"a": ENTRY}, {b"a": OTHER}, ignore=frozenset({field}))
    assert {line.split(": ")[1] for line in lines} == set(FIELDS) - {field}


def test_modes_are_shown_in_octal() -> None:
    lines = differences({b"a": ENTRY}, {b"a": replace(ENTRY, mode=0o4755)})
    assert lines == ["'a': mode: 0o644 -> 0o4755"]


def test_missing_and_unexpected_names_are_reported_in_order() -> None:
    assert differences({b"b": ENTRY}, {b"a": OTHER}) == [
        "'a': unexpected char",
        "'b': missing file",
    ]


def test_only_a_directorys_size_is_never_compared() -> None:
    directory = replace(ENTRY, kind="directory")
    assert differences({b".": directory}, {b".": replace(directory, size=8192)}) == []
    assert differences({b".": directory}, {b".": replace(ENTRY, size=8192)}) == [
        "'.': kind: 'directory' -> 'file'",
        "'.': size: 3 -> 8192",
    ]


def test_lines_are_printable_for_any_name() -> None:
    before = dict.fromkeys([b"a\nb", b"\xff", "\u00e9".encode()], ENTRY)
    lines = differences(before, {})
    assert lines == ["'a\\nb': missing file", "'\u00e9': missing file", "'\\udcff': missing file"]
    assert "\n".join(lines).encode()


def test_sockets_may_be_missing_only_on_request() -> None:
    before = {b"s": replace(ENTRY, kind="socket"), b"f": replace(ENTRY, kind="fifo")}
    assert differences(before, {}) == ["'f': missing fifo", "'s': missing socket"]
    assert differences(before, {}, without_sockets=True) == ["'f': missing fifo"]


def test_an_unexpected_socket_is_reported_even_then() -> None:
    socket = {b"s": replace(ENTRY, kind="socket")}
    assert differences({}, socket, without_sockets=True) == ["'s': unexpected socket"]


# What capture sees.


def test_content_of_the_same_size_is_distinguished(root: Path) -> None:
    (root / "a").write_text("one")
    before = capture(root)
    status = (root / "a").stat()
    (root / "a").write_text("two")
    os.utime(root / "a", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert changed_fields(before, capture(root), "a") == {"digest"}


def test_zeros_at_the_end_change_size_and_digest(root: Path) -> None:
    (root / "a").write_bytes(b"one".ljust(65536, b"\0"))
    (root / "b").write_bytes(b"one".ljust(65537, b"\0"))
    entries = capture(root)
    assert entries[b"a"].size + 1 == entries[b"b"].size
    assert entries[b"a"].digest != entries[b"b"].digest


@pytest.mark.parametrize("data", [b"", b"one"])
def test_a_hole_at_the_end_equals_zeros(root: Path, data: bytes) -> None:
    (root / "dense").write_bytes(data.ljust(1 << 20, b"\0"))
    (root / "hole").write_bytes(data)
    os.truncate(root / "hole", 1 << 20)
    entries = capture(root)
    assert entries[b"hole"].digest == entries[b"dense"].digest


def test_data_moved_by_a_block_is_distinguished(root: Path) -> None:
    for name, offset in (("a", 0), ("b", 65536)):
        (root / name).write_bytes((bytes(offset) + b"data").ljust(200_000, b"\0"))
    entries = capture(root)
    assert entries[b"a"].digest != entries[b"b"].digest


def test_mode_mtime_and_target_are_read_from_the_name_itself(root: Path) -> None:
    (root / "file").touch()
    (root / "link").symlink_to("file")
    before = capture(root)
    (root / "file").chmod(0o4711)
    os.utime(root / "link", ns=(0, 123_456_789), follow_symlinks=False)
    after = capture(root)
    assert changed_fields(before, after, "file") == {"mode"}
    assert changed_fields(before, after, "link") == {"mtime_ns"}
    assert (after[b"file"].mode, after[b"link"].mtime_ns) == (0o4711, 123_456_789)
    (root / "link").unlink()
    (root / "link").symlink_to("elsewhere")
    assert "target" in changed_fields(after, capture(root), "link")


def test_a_broken_hard_link_is_reported_for_every_name(root: Path) -> None:
    (root / "a").write_text("same")
    (root / "b").hardlink_to(root / "a")
    before = capture(root)
    assert before[b"a"].links == before[b"b"].links == (b"a", b"b")
    (root / "b").unlink()
    subprocess.run(["cp", "-p", root / "a", root / "b"], check=True)
    after = capture(root)
    assert changed_fields(before, after, "a") == changed_fields(before, after, "b") == {"links"}


def test_a_hard_link_from_outside_the_tree_is_no_link(root: Path) -> None:
    (root / "a").touch()
    (root.parent / "outside").hardlink_to(root / "a")
    assert capture(root)[b"a"].links == ()


def test_xattrs_are_captured(root: Path) -> None:
    (root / "a").touch()
    before = capture(root)
    try:
        os.setxattr(root / "a", "user.b", b"\xff")
        os.setxattr(root / "a", "user.a", b"")
    except OSError as error:
        needs.missing(f"extended attributes in the folder of temporary files ({error})")
    after = capture(root)
    assert after[b"a"].xattrs == (("user.a", b""), ("user.b", b"\xff"))
    assert changed_fields(before, after, "a") == {"xattrs"}


def test_no_symlink_is_followed_not_even_the_root(root: Path) -> None:
    (root / "up").symlink_to("..")
    assert set(capture(root)) == {b".", b"up"}
    (root.parent / "alias").symlink_to(root)
    alias = capture(root.parent / "alias")
    assert (set(alias), alias[b"."].kind) == ({b"."}, "symlink")


def test_a_root_in_bytes_is_the_same_root(root: Path) -> None:
    (root / "a").touch()
    assert capture(os.fsencode(root)) == capture(root)


def test_an_absent_root_is_an_error(root: Path) -> None:
    with pytest.raises(FileNotFoundError):
        capture(root / "absent")


def test_the_unreadable_is_an_error_or_left_out(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "readable").touch()
    (root / "file").touch(mode=0)
    (root / "directory").mkdir()
    (root / "directory" / "below").touch()
    root.chmod(0o755)
    (root / "directory").chmod(0)
    monkeypatch.chdir(root)  # pytest lets nobody else through the directories above
    try:
        with unprivileged():
            with pytest.raises(PermissionError):
                capture(b".")
            entries = capture(b".", skip_unreadable=True)
    finally:
        (root / "directory").chmod(0o755)
    assert set(entries) == {b".", b"readable"}


def test_a_sparse_file_equals_its_dense_copy(root: Path, tmp_path: Path) -> None:
    sparse = build_sparse(root, size=5_000_001)
    dense = tmp_path / "dense" / "sparse"
    dense.parent.mkdir()
    dense.write_bytes(sparse.read_bytes())
    assert sparse.stat().st_blocks < dense.stat().st_blocks
    ours, theirs = capture(root)[b"sparse"], capture(dense.parent)[b"sparse"]
    assert replace(theirs, mtime_ns=ours.mtime_ns) == ours


def test_one_byte_of_a_2_gib_sparse_file_is_distinguished(root: Path) -> None:
    path = build_sparse(root)
    before = capture(root)
    assert before[b"sparse"].size == 2 << 30
    with path.open("r+b") as file:
        file.seek(1 << 30)
        file.write(b"!")
    assert {"digest"} <= changed_fields(before, capture(root), "sparse") <= {"digest", "mtime_ns"}


def test_totals_count_a_hard_linked_file_once(root: Path) -> None:
    (root / "a").write_bytes(bytes(10))
    (root / "b").hardlink_to(root / "a")
    (root / "c").write_bytes(bytes(5))
    (root / "d").symlink_to("a")
    assert totals(capture(root)) == Totals(files=3, directories=1, others=1, size_bytes=15)


# The builders of hard trees.


def test_a_hard_tree_equals_its_exact_copy(root: Path, tmp_path: Path) -> None:
    build_hard_tree(root)
    subprocess.run(["cp", "-a", root, tmp_path / "copy"], check=True)
    before, after = capture(root), capture(tmp_path / "copy")
    assert differences(before, after) == []
    assert {b"names/" + name + b"/" + name for name in NAMES} <= set(before)
    assert {"file", "directory", "symlink", "fifo", "socket"} <= {e.kind for e in before.values()}


def test_a_hard_tree_without_its_socket_passes_only_on_request(root: Path) -> None:
    build_hard_tree(root)
    before = capture(root)
    (root / "special" / "socket").unlink()
    os.utime(root / "special", ns=(0, before[b"special"].mtime_ns))
    assert differences(before, capture(root)) == ["'special/socket': missing socket"]
    assert differences(before, capture(root), without_sockets=True) == []


def test_many_files_are_created_in_folders_of_1000(root: Path) -> None:
    build_many(root, count=1001)
    found = totals(capture(root))
    assert (found.files, found.directories) == (1001, 1 + 2)


def test_churn_changes_the_tree_until_its_block_ends(root: Path) -> None:
    with churn(root):
        until((root / "churn-60").exists, "60 files were written", 60)
    settled = capture(root)
    assert settled[b"log"].size > 60 * 1024
    assert b"churn-0" not in settled
    assert differences(settled, capture(root)) == []


def test_an_error_of_the_churn_is_raised(root: Path) -> None:
    (root / "log").mkdir()
    with pytest.raises(IsADirectoryError), churn(root):
        pass
