"""Copies of the project, in which faults are planted: the original stays as it is."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.blocks import PROJECT
from tests.mutants.table import Fault


class Copy:
    """One copy with a virtual environment of its own, whose programs import the copy.

    The environment of the tests imports the original, also in each program that they start.
    """

    def __init__(self, folder: Path) -> None:
        """Copy what Git knows or would take, with uncommitted changes."""
        self.folder = folder
        listed = subprocess.run(
            ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"),
            cwd=PROJECT, check=True, capture_output=True, text=True,
        )  # fmt: skip
        for name in filter(None, listed.stdout.split("\0")):
            if (PROJECT / name).exists():  # what was removed and not committed is still listed
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(PROJECT / name, folder / name, follow_symlinks=False)
        self._environment()

    def _environment(self) -> None:
        bin_folder = self.folder / ".venv/bin"
        venv.create(self.folder / ".venv", symlinks=True, with_pip=False)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        packages = self.folder / ".venv/lib" / version / "site-packages"
        # Lines of a second site-packages' own *.pth are not read: the original is not among them.
        (packages / "copy.pth").write_text(f"{self.folder}\n{sysconfig.get_path('purelib')}\n")
        for script in Path(sys.executable).parent.iterdir():
            if not (bin_folder / script.name).exists() and script.is_file():
                text = script.read_bytes()
                text = text.replace(os.fsencode(sys.executable), os.fsencode(bin_folder / "python"))
                (bin_folder / script.name).write_bytes(text)
                (bin_folder / script.name).chmod(0o755)

    @property
    def python(self) -> Path:
        """The interpreter that imports this copy."""
        return self.folder / ".venv/bin/python"

    @contextmanager
    def planted(self, fault: Fault) -> Iterator[None]:
        """Have the fault in this copy for as long as the block runs."""
        path = self.folder / fault.path
        text = path.read_text()
        try:
            self._write(path, fault.planted(text))
            yield
        finally:
            self._write(path, text)

    @staticmethod
    def _write(path: Path, text: str) -> None:
        """Write a module; what was compiled of it may be as long and as old as the new text."""
        path.write_text(text)
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink(missing_ok=True)
