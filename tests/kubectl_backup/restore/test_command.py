"""Restores into a folder here: all of it, or no success."""

import io
import json
import os
import signal
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from kubectl_backup.cluster.exec import Running
from kubectl_backup.output import interrupts, terminal
from kubectl_backup.restore import local
from kubectl_backup.restore.archive import placement
from kubectl_backup.restore.archive.writer import Bounds
from kubectl_backup.restore.selection import Content, Selection
from kubectl_backup.workload.sidecar import Sidecar
from tests.kubectl_backup.api import Api, Ran
from tests.kubectl_backup.conftest import Backup
from tests.kubectl_backup.pods import Json, known, pod

PODS = "/api/v1/namespaces/prod/pods"
COPIES = "/var/lib/backup/tmp/sqlite"


def snapshot(*paths: str) -> Json:
    """Return a snapshot."""
    return {
        "id": "4f8a1c2e9b" * 4, "short_id": "4f8a1c2e", "time": "2026-09-21T13:03:20Z",
        "hostname": "wiki", "tags": ["ns=prod"], "paths": list(paths), "summary": {},
    }  # fmt: skip


def tree(**files: str) -> bytes:
    """Return a tar archive of files."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return made.getvalue()


def nodes(**sizes: int | None) -> Ran:
    """Return what ``restic ls --json`` says of paths: files with their sizes, and folders."""
    lines: list[Json] = [{"paths": ["/backup/data"], "struct_type": "snapshot"}]
    for path, size in sizes.items():
        what = {"type": "dir"} if size is None else {"type": "file", "size": size}
        lines.append({"path": path, "struct_type": "node", **what})
    return Ran("\n".join(map(json.dumps, lines)).encode())


def selected(part: Sidecar) -> Selection:
    """Return all of the volume, with two files of three letters."""
    sources = {"/backup/data": Content(is_folder=True, bounds=Bounds(3, 6))}
    return Selection(part, "data", "/backup/data", snapshot("/backup/data"), sources)


TREE = {"/backup/data": None, "/backup/data/a": 3, "/backup/data/b c": 2}


@pytest.fixture
def restic(api: Api) -> dict[str, Ran]:
    """What restic says in the one pod, by its command."""
    api.objects[PODS] = {"items": [pod()]}
    api.commands[pod()["metadata"]["name"]] = Ran(json.dumps(known()).encode())
    api.by_word |= {
        "restic snapshots": Ran(json.dumps([snapshot("/backup/data")]).encode()),
        "restic ls": nodes(**TREE),
        "restic dump": Ran(tree(a="one", **{"b c": "ü"})),
    }
    return api.by_word


def test_a_volume_is_restored_into_the_folder(
    api: Api, backup: Backup, restic: dict[str, Ran], tmp_path: Path
) -> None:
    folder = tmp_path / "x y"

    said = backup("restore", "wiki", "--volume", "data", "--to-local", str(folder))

    assert (said.code, said.err) == (0, "")
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"a": "one", "b c": "ü"}
    assert "2 files, 5 B" in said.out
    (dumped,) = [words for _, words in api.ran if words[1:3] == ["restic", "dump"]]
    assert dumped[-2:] == [f"{snapshot()['id']}:/backup/data", "/"]
    assert api.asked == []  # nothing in the cluster changes
    del restic


@pytest.mark.parametrize(
    "dump",
    [Ran(tree(a="one"), err=b"Fatal: load <data/4f>: not found\n", code=1),
     Ran(tree(a="one" * 900)[:1000]), Ran(b"", err=b"Fatal\n", code=1)],
)  # fmt: skip
def test_a_partial_restore_is_a_failure(
    backup: Backup, restic: dict[str, Ran], tmp_path: Path, dump: Ran
) -> None:
    restic["restic dump"] = dump

    said = backup("restore", "wiki", "--volume", "data", "--to-local", str(tmp_path / "x"))

    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)


def test_a_truncated_file_is_not_moved_into_place(
    backup: Backup, restic: dict[str, Ran], tmp_path: Path
) -> None:
    """Somebody might take it for whole."""
    restic["restic ls"] = nodes(**{"/backup/data/a b": 5})
    words = ("restore", "wiki", "--volume", "data", "--path", "a b", "--to-local", str(tmp_path))

    restic["restic dump"] = Ran(b"half", err=b"Fatal: gone\n", code=1)
    failed = backup(*words, "--yes")
    assert (failed.code, "the transfer is incomplete: Fatal: gone" in failed.err) == (1, True)
    assert not (tmp_path / "a b").exists()

    restic["restic dump"] = Ran(b"whole")
    assert backup(*words, "--yes").code == 0
    assert (tmp_path / "a b").read_bytes() == b"whole"


@pytest.mark.parametrize("name", ["a b", "a b.part"])
def test_a_file_is_not_written_through_a_link_that_was_restored_before(
    backup: Backup, restic: dict[str, Ran], tmp_path: Path, name: str
) -> None:
    """The app chose its name and its target; the folder is of this machine."""
    mine, folder = tmp_path / "mine", tmp_path / "x"
    mine.write_text("mine")
    folder.mkdir()
    (folder / name).symlink_to(mine)
    restic["restic ls"] = nodes(**{"/backup/data/a b": 6})
    restic["restic dump"] = Ran(b"theirs")
    words = ("restore", "wiki", "--volume", "data", "--path", "a b", "--to-local", str(folder))

    assert backup(*words, "--yes").code == 0

    assert mine.read_text() == "mine"
    assert (folder / "a b").read_text() == "theirs"
    assert not (folder / "a b").is_symlink()
    assert {path.name for path in folder.iterdir()} == {"a b", name}


def test_copies_of_databases_are_restored_too(
    api: Api, backup: Backup, restic: dict[str, Ran], tmp_path: Path
) -> None:
    """The live files are in no snapshot."""
    both = snapshot("/backup/data", COPIES)
    restic["restic snapshots"] = Ran(json.dumps([both]).encode())
    restic["restic ls"] = nodes(**TREE, **{f"{COPIES}{path}": size for path, size in TREE.items()})

    assert (
        backup("restore", "wiki", "--volume", "data", "--to-local", str(tmp_path / "x")).code == 0
    )

    dumped = [words[-2] for _, words in api.ran if words[1:3] == ["restic", "dump"]]
    assert [each.partition(":")[2] for each in dumped] == [
        "/backup/data", f"{COPIES}/backup/data"
    ]  # fmt: skip


def test_a_missing_path_is_reported_in_one_line(
    backup: Backup, restic: dict[str, Ran], tmp_path: Path
) -> None:
    restic["restic ls"] = Ran(b"")

    said = backup("restore", "wiki", "--volume", "data", "--to-local", str(tmp_path / "x"))

    assert (said.code, "kubectl backup ls WORKLOAD 4f8a1c2e data" in said.err) == (1, True)
    assert not (tmp_path / "x").exists()


def test_a_folder_that_cannot_be_created_is_reported_in_one_line(
    backup: Backup, restic: dict[str, Ran], tmp_path: Path
) -> None:
    del restic
    (tmp_path / "x").write_text("a file")

    said = backup("restore", "wiki", "--volume", "data", "--to-local", str(tmp_path / "x" / "y"))

    assert (said.code, said.err.count("\n")) == (1, 1)


def test_restics_own_message_is_shown(backup: Backup, restic: dict[str, Ran]) -> None:
    restic["restic snapshots"] = Ran(err=b"Fatal: no route \x1b[2J\n", code=1)

    said = backup("snapshots", "wiki")

    assert (said.code, said.out) == (1, "")
    assert "restic snapshots: Fatal: no route ?[2J; `kubectl backup doctor`" in said.err


@pytest.mark.parametrize(
    ("code", "told"),
    [(10, "kubectl backup now"), (11, "kubectl backup unlock"), (12, "password"),
     (1, "restic snapshots: Fatal: x; ")],
)  # fmt: skip
def test_each_exit_code_of_restic_names_the_next_step(
    backup: Backup, restic: dict[str, Ran], code: int, told: str
) -> None:
    line = {"message_type": "exit_error", "code": code, "message": "Fatal: x\nand more"}
    restic["restic snapshots"] = Ran(err=json.dumps(line).encode(), code=code)

    said = backup("snapshots", "wiki")

    assert (said.code, said.err.count("\n")) == (1, 1)
    assert told in said.err
    assert "{" not in said.err


@pytest.mark.parametrize(
    ("dump", "why"),
    [(tree(a="one", **{"b c": "ü", "d": "", "e": ""}), "entries than the snapshot, which has 3"),
     (tree(a="four", **{"b c": "ü"}), "more data than the snapshot, which has 5 B"),
     (tree(a="one"), "incomplete: 3 B of /backup/data arrived, the snapshot has 5 B"),
     (tree(**{"../a": "one", "b c": "ü"}), "leads out of the folder")],
)  # fmt: skip
def test_a_restore_has_the_snapshots_files_or_nothing_is_in_place(
    backup: Backup, restic: dict[str, Ran], tmp_path: Path, dump: bytes, why: str
) -> None:
    """Also where it could be unpacked without harm: this is not the backup."""
    restic["restic ls"] = nodes(**TREE)
    restic["restic dump"] = Ran(dump)
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / "a").write_text("mine")

    said = backup("restore", "wiki", "--volume", "data", "--to-local", str(folder), "--yes")

    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"kubectl backup: nothing was restored into {folder}: ")
    assert why in said.err
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("a", "mine")]


@pytest.mark.parametrize("size", [4, 6])
def test_a_single_file_has_the_size_in_the_snapshot(
    backup: Backup, restic: dict[str, Ran], tmp_path: Path, size: int
) -> None:
    restic["restic ls"] = nodes(**{"/backup/data/a b": 5})
    restic["restic dump"] = Ran(b"x" * size)
    words = ("--volume", "data", "--path", "a b", "--to-local", str(tmp_path / "x"))

    said = backup("restore", "wiki", *words)

    assert (said.code, "nothing was restored" in said.err) == (1, True)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "listing", [b"{" * 3_000_000, b'{"path": "/backup/data", "type": 1, "size": {}}\n',
                b'{"path": "/backup/data"}\n', b'{"path": "/backup/data/x", "type": "file"'],
)  # fmt: skip
def test_an_unreadable_listing_is_reported_in_one_line(
    backup: Backup, restic: dict[str, Ran], tmp_path: Path, listing: bytes
) -> None:
    restic["restic ls"] = Ran(listing)

    said = backup("restore", "wiki", "--volume", "data", "--to-local", str(tmp_path / "x"))

    assert (said.code, said.err.count("\n"), len(said.err) < 500) == (1, 1, True)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_restore_says_that_nothing_is_in_place(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, number: signal.Signals
) -> None:
    class Part:
        def run(self, *_: str) -> Running:
            return Running(self.interrupted())

        def interrupted(self) -> Iterator[bytes]:
            yield tree(a="one")[:1024]
            signal.raise_signal(number)
            yield bytes(10_240)

    before = {each: signal.getsignal(each) for each in interrupts._ENDINGS}
    selection = selected(cast("Sidecar", Part()))
    try:
        interrupts.interruptible()
        with pytest.raises(KeyboardInterrupt):
            local.write(terminal.current(), selection, tmp_path / "x", yes=True)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)

    assert f"nothing was restored into {tmp_path / 'x'}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_a_killed_restore_are_named_with_a_command_to_remove_them(
    backup: Backup, restic: dict[str, Ran], tmp_path: Path
) -> None:
    del restic
    folder = tmp_path / "my $(files)"
    left = folder / f"{placement.PREFIX}abcd1234"
    left.mkdir(parents=True)

    said = backup("restore", "wiki", "--volume", "data", "--to-local", str(folder), "--yes")

    assert said.code == 0
    assert f"remove it: rm -r '{left}'" in said.err
    assert {path.name for path in folder.iterdir()} == {"a", "b c", left.name}


def test_moving_into_place_is_not_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it is there already, and half of it in place would be nobody's wish."""
    replace = os.replace

    def interrupted(*args: Any, **more: Any) -> None:  # noqa: ANN401 -- whatever it takes
        signal.raise_signal(signal.SIGTERM)
        replace(*args, **more)

    class Part:
        def run(self, *_: str) -> Running:
            return Running(iter([tree(a="one", b="two")]))

    before = {each: signal.getsignal(each) for each in interrupts._ENDINGS}
    selection = selected(cast("Sidecar", Part()))
    monkeypatch.setattr(os, "replace", interrupted)
    code = None
    try:
        interrupts.interruptible()
        code = local.write(terminal.current(), selection, tmp_path / "x", yes=True)
    except KeyboardInterrupt:
        pass
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)

    assert (code, {path.name for path in (tmp_path / "x").iterdir()}) == (0, {"a", "b"})
