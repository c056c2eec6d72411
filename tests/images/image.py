"""An image's archive, read and unpacked as a node does it: layer over layer."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]

_GONE = ".wh."  # a layer's name for what it takes away from the layers below
_ALL_GONE = ".wh..wh..opq"  # for all that lies in the folder below


@dataclass(frozen=True)
class Image:
    """An image as a registry would have it, and its files as a node would."""

    name: str
    config: Json
    """Its user, environment, entry point and labels."""
    size: int
    """Bytes that a node without any of its layers downloads."""
    root: Path

    def path(self, inside: str) -> Path:
        """Return where a file of the image is on this machine."""
        return self.root / inside.lstrip("/")

    @property
    def environment(self) -> dict[str, str]:
        """The variables that each of its containers begins with."""
        return dict(entry.split("=", 1) for entry in self.config["Env"])

    def packages(self) -> set[str]:
        """Return the names of its Debian packages, as a scanner reads them."""
        database = self.path("/var/lib/dpkg")
        argv = ["dpkg-query", f"--admindir={database}", "--show", "--showformat=${Package}\n"]
        return set(_output(*argv).split())


def unpack(archive: Path, folder: Path) -> Image:
    """Unpack an OCI archive into ``folder``; needs root, for the files' owners."""
    blobs, root = folder / "archive", folder / "root"
    blobs.mkdir(parents=True)
    root.mkdir()
    _output("tar", "--extract", f"--file={archive}", f"--directory={blobs}")
    index = json.loads((blobs / "index.json").read_text())
    manifest = json.loads(_blob(blobs, index["manifests"][0]).read_text())
    config = json.loads(_blob(blobs, manifest["config"]).read_text())
    for layer in manifest["layers"]:
        assert layer["mediaType"].endswith("+gzip"), "not compressed as for a registry"
        _lay(_blob(blobs, layer), root)
    size = sum(layer["size"] for layer in manifest["layers"])
    shutil.rmtree(blobs)
    return Image(archive.stem, config["config"], size, root)


def _blob(folder: Path, descriptor: Json) -> Path:
    kind, _, digest = str(descriptor["digest"]).partition(":")
    return folder / "blobs" / kind / digest


def _lay(layer: Path, root: Path) -> None:
    """Put a layer over what is in ``root``."""
    for name in _output("tar", "--list", f"--file={layer}").splitlines():
        folder, _, last = name.rpartition("/")
        if last == _ALL_GONE:
            for path in (root / folder).iterdir():
                _remove(path)
        elif last.startswith(_GONE):
            _remove(root / folder / last.removeprefix(_GONE))
    argv = ["tar", "--extract", f"--file={layer}", f"--directory={root}"]
    _output(*argv, "--numeric-owner", "--preserve-permissions", f"--exclude={_GONE}*")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _output(*argv: str) -> str:
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    assert done.returncode == 0, f"{argv[0]}: {done.stderr}"
    return done.stdout
