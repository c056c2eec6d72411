"""A process that is restricted opens what it was given, and nothing else by whatever name."""

import subprocess
import sys
from pathlib import Path

from tests import needs

SCRIPT = """
import os, sys
from tests import needs
from runner.sandbox import landlock
root = sys.argv[1]
given = os.open(f"{root}/given", os.O_PATH | os.O_NOFOLLOW)
folder = os.open(f"{root}/folder", os.O_PATH | os.O_DIRECTORY)
print(landlock.only([given], [folder]))
def tried(what, *args):
    try:
        os.close(os.open(*args))
        print(what, "opened")
    except OSError as error:
        print(what, error.strerror)
tried("given", f"{root}/given", os.O_RDONLY)
tried("by descriptor", f"/proc/self/fd/{given}", os.O_RDONLY)
tried("to write", f"{root}/given", os.O_WRONLY)
tried("other", f"{root}/other", os.O_RDONLY)
tried("link", f"{root}/link", os.O_RDONLY)
tried("pipe", f"{root}/pipe", os.O_RDONLY | os.O_NONBLOCK)
tried("new", f"{root}/new", os.O_WRONLY | os.O_CREAT)
tried("ours", f"{root}/folder/new", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
"""


@needs.landlock.mark
def test_only_allowed_paths_are_opened(tmp_path: Path) -> None:
    for name in ("given", "other"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("other")
    subprocess.run(["mkfifo", tmp_path / "pipe"], check=True)

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path], capture_output=True, text=True, check=True
    )

    able, *lines = done.stdout.splitlines()
    assert able == "True"
    no = "Permission denied"
    assert lines == [
        "given opened", "by descriptor opened", f"to write {no}", f"other {no}", f"link {no}",
        f"pipe {no}", f"new {no}", "ours opened",
    ]  # fmt: skip
