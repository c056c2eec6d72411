"""Real and hard input: the system's own files, many files, odd names, files that change."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from demo import trees
from tests import needs
from tests.integration.backup import hard_tree
from tests.integration.sidecars import OTHER, Sidecar, contents, other_user

_PYTHON = max(Path("/usr/lib").glob("python3*"), key=lambda path: path.name)


def _copy(folder: Path, root: Path) -> Path:
    """Return a copy of a folder of the system: in the folder itself, others write meanwhile."""
    copy = root / "copy"
    subprocess.run(("cp", "-a", "--", f"{folder}/.", str(copy)), check=True)
    return copy


def _over(folder: Path, root: Path) -> Sidecar:
    """Return a sidecar that backs up another folder in place of its volume."""
    sidecar = Sidecar(root)
    sidecar.change_secret(RESTIC_SOURCE=str(folder))
    sidecar.volume = folder
    return sidecar


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that other users can reach; pytest's own are closed to them."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def _as_other_user(sidecar: Sidecar, shared: Path) -> CompletedProcess[str]:
    sidecar._extra = {**sidecar._extra, **other_user(shared)}
    for path in (shared, sidecar.root, *sidecar.root.rglob("*")):
        os.chown(path, OTHER, OTHER, follow_symlinks=False)
    return sidecar.run("backup-runner", "run", user=OTHER)


@pytest.mark.parametrize("folder", [_PYTHON, Path("/etc")])
@needs.root.mark
def test_system_folders_are_restored_by_root(folder: Path, tmp_path: Path) -> None:
    copy = _copy(folder, tmp_path)
    sidecar = _over(copy, tmp_path)
    before = contents(trees.capture(copy))

    ended = sidecar.back_up()

    assert ended["status"] == "success"
    assert trees.differences(before, sidecar.restored(tmp_path / "restored")) == []


@needs.root.mark
def test_unreadable_files_are_a_warning_that_names_them(shared: Path) -> None:
    copy = _copy(Path("/etc"), shared)
    sidecar = _over(copy, shared)
    unreadable = _unreadable_by_others(copy)
    assert f"{copy}/shadow" in unreadable

    done = _as_other_user(sidecar, shared)

    assert done.returncode == 0, done.stdout + done.stderr
    last = sidecar.status()["last"]
    assert (last["status"], last["failure"]) == ("warning", "source")
    assert last["read_errors"] == len(unreadable)
    assert set(last["unreadable"]) <= unreadable
    restored = sidecar.restored(shared / "restored")
    known = contents(trees.capture(copy))
    missing = {f"{copy}/{name.decode()}" for name in known.keys() - restored.keys()}
    assert all(path in unreadable or _inside(path, unreadable) for path in missing)
    assert trees.differences({n: known[n] for n in restored}, restored) == []


@needs.root.mark
def test_python_tree_is_read_in_full_by_another_user(shared: Path) -> None:
    copy = _copy(_PYTHON, shared)
    sidecar = _over(copy, shared)

    done = _as_other_user(sidecar, shared)

    assert done.returncode == 0, done.stdout + done.stderr
    assert sidecar.status()["last"]["status"] == "success"
    before = contents(trees.capture(copy))
    assert trees.differences(before, sidecar.restored(shared / "restored")) == []


@needs.root.mark
def test_source_that_cannot_be_read_at_all_is_a_failure(shared: Path) -> None:
    """restic makes an empty snapshot of it and says exit 3; three of those push out the good."""
    closed = shared / "closed"
    closed.mkdir(mode=0o700)
    (closed / "file").write_text("content")
    sidecar = _over(closed, shared)

    done = _as_other_user(sidecar, shared)

    assert done.returncode == 1
    last = sidecar.status()["last"]
    assert (last["status"], last["failure"]) == ("failure", "source")
    assert str(closed) in last["message"]


def test_unusual_names_links_and_file_types_are_restored(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path)
    hard_tree.build_hard_tree(sidecar.volume)
    before = contents(trees.capture(sidecar.volume))

    ended = sidecar.back_up()

    assert ended["status"] == "success"
    restored = sidecar.restored(tmp_path / "restored")
    assert trees.differences(before, restored, without_sockets=True) == []


def test_sparse_file_of_2_gib_is_restored_sparse(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path)
    sparse = hard_tree.build_sparse(sidecar.volume)
    before = contents(trees.capture(sidecar.volume))

    sidecar.back_up()

    assert trees.differences(before, sidecar.restored(tmp_path / "restored")) == []
    restored = tmp_path / "restored" / sparse.relative_to(sidecar.volume)
    assert restored.stat().st_size == 2 << 30
    assert restored.stat().st_blocks * 512 < 64 << 20


def test_100_000_small_files_are_restored(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path)
    hard_tree.build_many(sidecar.volume)
    before = contents(trees.capture(sidecar.volume))

    ended = sidecar.back_up()

    assert ended["files_new"] >= 100_000
    assert trees.differences(before, sidecar.restored(tmp_path / "restored")) == []


def test_files_that_grow_and_vanish_meanwhile_do_not_affect_others(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path)
    hard_tree.build_many(sidecar.volume / "still", 3000)
    moving = sidecar.volume / "moving"
    moving.mkdir()
    before = contents(trees.capture(sidecar.volume / "still"))
    with hard_tree.churn(moving):
        ended = sidecar.back_up()

    assert ended["status"] in {"success", "warning"}
    restored = sidecar.restored(tmp_path / "restored")
    still = {n.removeprefix(b"still/"): e for n, e in restored.items() if n.startswith(b"still/")}
    assert trees.differences(before, still) == []
    assert b"moving/log" in restored


def _unreadable_by_others(folder: Path) -> set[str]:
    """Return what find says that another user cannot read."""
    kinds = ("(", "-type", "f", "-o", "-type", "d", ")")
    done = subprocess.run(
        ("find", str(folder), *kinds, "!", "-readable"),
        user=OTHER, group=OTHER, extra_groups=[], text=True, capture_output=True, check=False,
    )  # fmt: skip
    return set(done.stdout.splitlines())


def _inside(path: str, folders: set[str]) -> bool:
    return any(path.startswith(f"{folder}/") for folder in folders)
