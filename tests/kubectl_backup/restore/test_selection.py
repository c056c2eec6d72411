"""The command that a selection becomes in a pod, by what its image can do."""

from typing import cast

import pytest

from kubectl_backup.restore.archive.writer import Bounds
from kubectl_backup.restore.selection import Content, Selection
from kubectl_backup.workload.sidecar import Sidecar

ID = "4f8a1c2e9b"
OURS = ("backup-runner", "restore", "--snapshot", ID, "--path")
RESTICS = (
    "backup-runner", "restic", "restore", "--retry-lock", "5m", "--exclude", "lost+found",
)  # fmt: skip


@pytest.mark.parametrize(
    ("folder", "is_folder", "has_restore", "delete", "command"),
    [
        ("/backup/data", True, True, False, (*OURS, "/backup/data")),
        ("/backup/data/a b", False, True, False, (*OURS, "/backup/data/a b")),
        ("/backup/data", True, True, True, (*OURS, "/backup/data", "--delete")),
        ("/backup/data", True, False, False,
         (*RESTICS, "--target", "/backup/data", f"{ID}:/backup/data")),
        ("/backup/data", True, False, True,
         (*RESTICS, "--delete", "--target", "/backup/data", f"{ID}:/backup/data")),
        ("/backup/data/x*[1]", False, False, False,
         (*RESTICS, "--include", "/x\\*\\[1]", "--target", "/backup/data", f"{ID}:/backup/data")),
        # Nothing but a file is restored, so nothing beside it may be removed.
        ("/backup/data/x", False, False, True,
         (*RESTICS, "--include", "/x", "--target", "/backup/data", f"{ID}:/backup/data")),
    ],
)  # fmt: skip
def test_each_image_restores_with_the_programs_it_has(
    folder: str, *, is_folder: bool, has_restore: bool, delete: bool, command: tuple[str, ...]
) -> None:
    sources = {folder: Content(is_folder, Bounds(1, 1))}
    part = cast("Sidecar", None)  # which pod it is changes nothing
    snapshot = {"id": ID, "short_id": ID[:8]}
    selection = Selection(part, "data", folder, snapshot, sources, has_restore, delete)

    assert tuple(selection.command()) == command


def test_the_size_is_that_of_all_sources() -> None:
    sources = {str(size): Content(is_folder=True, bounds=Bounds(1, size)) for size in (3, 40)}

    assert Selection(cast("Sidecar", None), "data", "/x", {}, sources).size == 43
