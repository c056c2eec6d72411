"""Images of the test cluster: built by buildah from a base made here, kept as archives.

No registry is asked: the base is a Debian made by mmdebstrap, as slim as the Dockerfile's, for
which it stands in. An archive is built anew when a digest over all that goes into it has changed.
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
SIDECAR_DB = f"{REGISTRY}/backup-webhook-sidecar-db:{VERSION}"
APP = f"{REGISTRY}/app:test"  # a Debian with nothing in it: shell, coreutils, tar
PAUSE = f"{REGISTRY}/pause:test"  # one program, and no shell
_BASE = f"{REGISTRY}/base:trixie"

_SUITE = "trixie"
_BASE_LASTS = 7 * 86400.0  # seconds until it is made anew, for Debian's updates
_DIGESTS = IMAGES / "digests.json"  # archive name: digest
_TARBALL = IMAGES / "base.tar"
# What Debian's own slim images leave out.
_LEFT_OUT = ("doc", "groff", "info", "linda", "lintian", "locale", "man")
_MAKE_BASE = [
    *("mmdebstrap", "--variant=minbase", "--include=ca-certificates"),
    *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT),
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    *(_SUITE, str(_TARBALL)),
]
# buildah's mounts are made in a namespace of each call's own, so that none is left when a build
# is broken off.
APART = ("unshare", "--mount", "--propagation", "private", "--")
# A storage of our own: what others build with buildah is neither used nor touched.
_BUILDAH = [
    *(*APART, "buildah", "--storage-driver", "overlay"),
    *("--root", f"{IMAGES}/storage", "--runroot", f"{IMAGES}/run"),
]


def archives() -> dict[str, str]:
    """Return the digest of every built archive by its file name below IMAGES."""
    digests: dict[str, str] = json.loads(_DIGESTS.read_text()) if _DIGESTS.exists() else {}
    return digests


def build() -> None:
    """Build the images that are missing or outdated. Some minutes at first. Raises WorkError."""
    with alone(IMAGES):
        base = _base()
        _archive("pause", PAUSE, _pause())
        _archive("app", APP, _derived(base))
        _archive("webhook", WEBHOOK, _project(base, "webhook"))
        _archive("sidecar", SIDECAR, _project(base, "sidecar"))
        _archive("sidecar-db", SIDECAR_DB, _project(base, "sidecar-db"))


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
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    push = ["push", "--quiet", name, f"oci-archive:{part}:{name}"]
    _buildah(f"Writing {path.name}", IMAGES, *push)
    part.rename(path)  # another process may import it now
    part.write_text(json.dumps({**known, path.name: digest}, indent=1))
    part.rename(_DIGESTS)


def _buildah(label: str, folder: Path, *arguments: str) -> None:
    temporary = IMAGES / "tmp"
    temporary.mkdir(exist_ok=True)
    try:
        argv = [*_BUILDAH, *arguments]
        long(label, argv, IMAGES / "buildah.log", folder, {"TMPDIR": str(temporary)})
    finally:
        for path in temporary.iterdir():
            # Among what buildah leaves there are the caches of the Dockerfile's mounts.
            if not path.name.startswith("buildah-cache"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _base() -> str:
    """Make the base where it is missing or old; return its digest."""
    stamp = IMAGES / "base.made"
    recipe = " ".join(_MAKE_BASE)
    if stamp.exists() and time.time() - stamp.stat().st_mtime < _BASE_LASTS:
        made = stamp.read_text()
        if made.startswith(recipe):
            return made
    # All layers were built on the old base: gone with it, so that the storage does not grow.
    shutil.rmtree(IMAGES / "storage", ignore_errors=True)
    _DIGESTS.unlink(missing_ok=True)
    long(f"Making a Debian {_SUITE}", _MAKE_BASE, IMAGES / "mmdebstrap.log", IMAGES)
    folder = _context("base", "FROM scratch\nADD base.tar /\n", _TARBALL)
    _TARBALL.unlink()
    _buildah(f"Building image {_BASE}", folder, "build", "--tag", _BASE, ".")
    shutil.rmtree(folder)
    stamp.write_text(f"{recipe}\n{time.time_ns()}\n")
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
    arguments += ["--build-arg", f"BASE={_BASE}", "--build-arg", f"VERSION={VERSION}"]
    # Certificates of the network that this machine is in: seen by the build, never in the image.
    for file in ("/etc/ssl/certs", "/etc/pip.conf"):
        if Path(file).exists():
            arguments += ["--volume", f"{file}:{file}:ro"]
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
