"""Programs of others that tests run: this machine's own, else unpacked from Debian's packages.

They are unpacked into the user's cache, see `services.once`; where that fails, see `tests.needs`.
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests import needs
from tests.cluster.settings import CACHE
from tests.services import once

_UNPACK = Path(__file__).with_name("unpack.sh")
_OWN = "own"


@dataclass(frozen=True, slots=True)
class _Package:
    """``path`` is a glob below a root; ``suite`` is where a version comes from that is wanted."""

    path: str
    suite: str
    packages: tuple[str, ...]


_PROGRAMS = {
    "curl": _Package("usr/bin/curl", _OWN, ("curl",)),
    "ntfy": _Package("usr/bin/ntfy", "trixie", ("ntfy",)),
    "pushgateway": _Package("usr/bin/prometheus-pushgateway", "sid", ("prometheus-pushgateway",)),
    "prometheus": _Package("usr/bin/prometheus", "trixie", ("prometheus",)),
    "promtool": _Package("usr/bin/promtool", "trixie", ("promtool",)),
    "alertmanager": _Package(
        "usr/bin/prometheus-alertmanager", "trixie", ("prometheus-alertmanager",)
    ),
    "restic-0.18": _Package("usr/bin/restic", "trixie", ("restic",)),
    "faketime": _Package("usr/lib/*/faketime/libfaketime.so.1", _OWN, ("faketime", "libfaketime")),
    "postgres": _Package("usr/lib/postgresql/*/bin/postgres", _OWN, ("postgresql",)),
    "pg_dump-13": _Package(
        "usr/lib/postgresql/13/bin/pg_dump", "bullseye",
        ("postgresql-client-13", "libpq5", "libssl1.1", "libldap-2.4-2"),
    ),
    "mariadb": _Package("usr/sbin/mariadbd", _OWN, ("mariadb-server",)),
    "sshd": _Package("usr/sbin/sshd", _OWN, ("openssh-server", "openssh-client")),
    # Of the image, with its own libc: this machine's may be older.
    "mariadb-11.8": _Package(
        "usr/bin/mariadb-dump", "trixie",
        ("mariadb-client", "mariadb-client-core", "libmariadb3", "libc6", "libstdc++6",
         "libgcc-s1", "libssl3t64", "zlib1g", "libzstd1", "libtinfo6", "libncurses6",
         "libreadline8t64", "libedit2", "libbsd0", "libmd0"),
    ),
    "redis": _Package("usr/bin/redis-server", _OWN, ("redis-server", "redis-tools")),
}  # fmt: skip


def need(name: str) -> Path:
    """Return a program; ``name`` is a key of _PROGRAMS."""
    package = _PROGRAMS[name]
    if package.suite == _OWN and (found := _newest(Path("/"), package.path)):
        return found
    found = _newest(_unpacked(name, package), package.path)
    assert found, f"{', '.join(package.packages)}: no {package.path}"
    return found


def environment(name: str) -> Mapping[str, str]:
    """Return what an unpacked program needs to find its libraries; nothing for an installed one."""
    need(name)  # else libraries that another process unpacks now were left out
    folders = [path for path in _folder(name).glob("**/lib/*-linux-gnu*") if path.is_dir()]
    return {"LD_LIBRARY_PATH": ":".join(map(str, folders))} if folders else {}


def beside(name: str, program: str) -> Path:
    """Return another program of the same packages: ``psql`` of "postgres", say."""
    folder = need(name).parent
    return next(
        found for each in (folder, folder.parent / "bin") if (found := each / program).exists()
    )


def clients(target: Path, name: str, *programs: str) -> str:
    """Return a PATH that begins with programs which need no other variable, as an image's do."""
    target.mkdir(exist_ok=True)
    variables = " ".join(f"{key}={value}" for key, value in environment(name).items())
    loader = _newest(_folder(name), "usr/lib/*/ld-linux-*.so.*")
    start = f"exec {loader} --library-path {loader.parent}" if loader else f"{variables} exec"
    for program in programs:
        script = target / program
        script.write_text(f'#!/bin/sh\n{start} {beside(name, program)} "$@"\n')
        script.chmod(0o755)
    return f"{target}:{os.environ['PATH']}"


def _folder(name: str) -> Path:
    return CACHE / "services" / name


def _newest(root: Path, pattern: str) -> Path | None:
    return max(root.glob(pattern), default=None)


def _unpacked(name: str, package: _Package) -> Path:
    def unpack(folder: Path) -> None:
        done = subprocess.run(
            ("sh", _UNPACK, folder, package.suite, *package.packages),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            needs.missing(f"{', '.join(package.packages)} ({' '.join(done.stderr.split())})")

    return once.folder(_folder(name), f"{package.suite}: {' '.join(package.packages)}", unpack)
