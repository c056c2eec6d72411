"""Images of the test cluster: built by buildah from a base made here, kept as archives.

No registry is asked: the base is a Debian made by mmdebstrap, and stands in for the
Dockerfile's. An archive is built anew when a digest over all that goes into it has changed.
"""

import hashlib
import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from contract import VERSION
from tests.cluster.settings import IMAGES, PROJECT
from tests.cluster.work import WorkError, alone, long

REGISTRY = "localhost"
WEBHOOK = f"{REGISTRY}/backup-webhook:{VERSION}"
SIDECAR = f"{REGISTRY}/backup-webhook-sidecar:{VERSION}"
APP = f"{REGISTRY}/app:test"  # a Debian with nothing in it: shell, coreutils, tar
_PAUSE = f"{REGISTRY}/pause:test"
_BASE = f"{REGISTRY}/base:trixie"

_SUITE = "trixie"
_BASE_LASTS = 7 * 86400.0  # seconds until it is made anew, for Debian's updates
_DIGESTS = IMAGES / "digests.json"  # archive name: digest
_TARBALL = IMAGES / "base.tar"
# A storage of our own: what others build with buildah is neither used nor touched. Mounts are
# made in a namespace of each call's own, so that none is left when a build is broken off.
_BUILDAH = [
    *("unshare", "--mount", "--propagation", "private", "--", "buildah"),
    *("--storage-driver", "overlay"),
    *("--root", str(IMAGES / "storage")),
    *("--runroot", str(IMAGES / "run")),
]


def archives() -> dict[str, str]:
    """Return the digest of every built archive by its file name below IMAGES."""
    digests: dict[str, str] = json.loads(_DIGESTS.read_text()) if _DIGESTS.exists() else {}
    return digests


def build() -> None:
    """Build the images that are missing or outdated. Some minutes at first. Raises WorkError."""
    with alone(IMAGES):
        base = _base()
        _archive("pause", _PAUSE, _pause())
        _archive("app", APP, _derived(base))
        for target, name in (("webhook", WEBHOOK), ("sidecar", SIDECAR)):
            _archive(target, name, _project(base, target))


class _Recipe:
    """How an image is made: buildah's arguments, the folder, and a digest of all inputs."""

    def __init__(self, folder: Path, arguments: list[str], *inputs: bytes) -> None:
        self.folder = folder
        self.arguments = arguments
        digest = hashlib.sha256()
        for part in (" ".join(arguments).encode(), *inputs):
            digest.update(hashlib.sha256(part).digest())
        self.digest = digest.hexdigest()


def _archive(label: str, name: str, recipe: _Recipe) -> None:
    """Build the image and write it to IMAGES/LABEL.tar, unless that is there with its digest."""
    known = archives()
    path = IMAGES / f"{label}.tar"
    digest = f"{name} {recipe.digest}"
    if known.get(path.name) == digest and path.exists():
        return
    _buildah(f"Building image {name}", recipe.folder, "build", "--tag", name, *recipe.arguments)
    path.unlink(missing_ok=True)
    # Not compressed: it is read on this machine only, and gzip would take longer than the build.
    push = ["push", "--quiet", "--disable-compression", name, f"oci-archive:{path}:{name}"]
    _buildah(f"Writing {path.name}", IMAGES, *push)
    _DIGESTS.write_text(json.dumps({**known, path.name: digest}, indent=1))


def _buildah(label: str, folder: Path, *arguments: str) -> None:
    temporary = IMAGES / "tmp"
    temporary.mkdir(exist_ok=True)
    try:
        argv = [*_BUILDAH, *arguments]
        long(label, argv, IMAGES / "buildah.log", folder, {"TMPDIR": str(temporary)})
    finally:
        shutil.rmtree(temporary)


def _base() -> str:
    """Make the base where it is missing or old; return its digest."""
    stamp = IMAGES / "base.sha256"
    if stamp.exists() and time.time() - stamp.stat().st_mtime < _BASE_LASTS:
        return stamp.read_text()
    # All layers were built on the old base: gone with it, so that the storage does not grow.
    shutil.rmtree(IMAGES / "storage", ignore_errors=True)
    _DIGESTS.unlink(missing_ok=True)
    argv = ["mmdebstrap", "--variant=minbase", "--include=ca-certificates", _SUITE, str(_TARBALL)]
    long(f"Making a Debian {_SUITE}", argv, IMAGES / "mmdebstrap.log", IMAGES)
    folder = _context("base", "FROM scratch\nADD base.tar /\n", _TARBALL)
    _TARBALL.unlink()
    _buildah(f"Building image {_BASE}", folder, "build", "--tag", _BASE, ".")
    shutil.rmtree(folder)
    stamp.write_text(str(time.time_ns()))
    return stamp.read_text()


def _context(name: str, dockerfile: str, *files: Path) -> Path:
    """Make a folder to build from, with a Dockerfile and copies of files."""
    folder = IMAGES / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "Dockerfile").write_text(dockerfile)
    for file in files:
        shutil.copy(file, folder)
    return folder


def _pause() -> _Recipe:
    """The program that holds a pod's namespaces: Debian's catatonit is static."""
    program = shutil.which("catatonit")
    if program is None:
        raise WorkError("catatonit is not there")
    dockerfile = 'FROM scratch\nCOPY catatonit /pause\nENTRYPOINT ["/pause", "-P"]\n'
    folder = _context("pause", dockerfile, Path(program))
    return _Recipe(folder, ["."], dockerfile.encode(), Path(program).read_bytes())


def _derived(base: str) -> _Recipe:
    dockerfile = f"FROM {_BASE}\n"
    return _Recipe(_context("app", dockerfile), ["--pull-never", "."], base.encode())


def _project(base: str, target: str) -> _Recipe:
    """One of our own images, from the Dockerfile and whatever it copies."""
    arguments = ["--layers", "--isolation", "chroot", "--pull-never", "--target", target]
    arguments += ["--build-arg", f"BASE={_BASE}"]
    # Certificates of the network that this machine is in: seen by the build, never in the image.
    for file in ("/etc/ssl/certs", "/etc/pip.conf"):
        if Path(file).exists():
            arguments += ["--volume", f"{file}:{file}:ro"]
    # Go's caches are gigabytes: kept for the next build, they need not go through a layer.
    for cache in ("go/pkg/mod", ".cache/go-build"):
        folder = IMAGES / "go" / cache
        folder.mkdir(parents=True, exist_ok=True)
        arguments += ["--volume", f"{folder}:/root/{cache}"]
    dockerfile = PROJECT / "Dockerfile"
    files = [dockerfile, *sorted(_copied(dockerfile.read_text()))]
    inputs = (str(file).encode() + b"\0" + file.read_bytes() for file in files)
    return _Recipe(PROJECT, [*arguments, "."], base.encode(), *inputs)


def _copied(dockerfile: str) -> Iterator[Path]:
    """Yield the project's files that a Dockerfile copies."""
    for line in re.findall(r"^(?:COPY|ADD) +(?!--from)(.+)$", dockerfile, re.MULTILINE):
        *sources, _ = (word for word in line.split() if not word.startswith("--"))
        for source in sources:
            path = PROJECT / source
            files = path.rglob("*") if path.is_dir() else [path]
            yield from (f for f in files if f.is_file() and "__pycache__" not in f.parts)
