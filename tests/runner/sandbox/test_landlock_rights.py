"""What a restricted process may do in the folders that it was given: work, and start nothing."""

import subprocess
import sys
from pathlib import Path

from tests import needs

SCRIPT = """
import os, sys
from runner.sandbox import landlock
root = sys.argv[1]
read = os.open(f"{root}/read", os.O_PATH)
folder = os.open(f"{root}/folder", os.O_PATH | os.O_DIRECTORY)
before = open(f"{root}/other")
assert landlock.only([read], [folder])
def tried(what, call, *args):
    try:
        call(*args)
        print(what, "done")
    except OSError as error:
        print(what, error.strerror)
def write(path):
    with open(path, "w") as file:
        file.write("x")
tried("run ours", os.execv, f"{root}/folder/program", ["program"])
tried("run given", os.execv, f"{root}/read", ["read"])
tried("write ours", write, f"{root}/folder/new")
tried("make a folder", os.mkdir, f"{root}/folder/deep")
tried("write deep", write, f"{root}/folder/deep/new")
tried("remove ours", os.unlink, f"{root}/folder/new")
tried("list ours", os.listdir, f"{root}/folder")
tried("list all", os.listdir, root)
tried("cut given", os.truncate, f"{root}/read", 0)
tried("remove given", os.unlink, f"{root}/read")
tried("make a device", os.mknod, f"{root}/folder/null", 0o20600, os.makedev(1, 3))
print(before.read())
"""


@needs.landlock.mark
def test_a_restricted_process_works_in_its_folder_and_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "other").write_text("open before")
    for program in (tmp_path / "read", tmp_path / "folder" / "program"):
        program.write_text("no program")  # one that may be run is said to be none
        program.chmod(0o755)

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path], capture_output=True, text=True, check=True
    )

    no = "Permission denied"
    lines = done.stdout.splitlines()
    assert lines[-1] == "open before"
    device = lines[-2]
    assert device in {f"make a device {no}", "make a device Operation not permitted"}
    assert lines[:-2] == [
        f"run ours {no}", f"run given {no}", "write ours done", "make a folder done",
        "write deep done", "remove ours done", "list ours done", f"list all {no}",
        f"cut given {no}", f"remove given {no}",
    ]  # fmt: skip
    assert (tmp_path / "read").read_text() == "no program"
