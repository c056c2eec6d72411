"""Archives that a sidecar sends, to `restore.untar`, in a place that is looked at after each.

Whatever comes, it is unpacked or a ClusterError; beside the folder nothing changes, and in it there
are no devices, no pipes, no modes beyond those of the rules, no more than was announced, and
nothing at all where the archive was refused.
"""

import random
import shutil
import stat
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["kubectl_backup"]):
    from kubectl_backup.cluster.errors import ClusterError
    from kubectl_backup.restore.archive.untar import Bounds, unpack

from tests.fuzz import running
from tests.kubectl_backup.restore.archive.blocks import summed

_BOUNDS = Bounds(entries=40, size=100_000)
_PLACE = Path(tempfile.mkdtemp(prefix="archives-"))  # of whoever started this, who removes it
_INSIDE, _OUTSIDE = _PLACE / "inside", _PLACE / "outside"
_KINDS = (b"0", b"0", b"1", b"2", b"5", b"x", b"L", b"K", b"6", b"S", b"\0")
_NAMES = (b"a", b"a/b", b"way", b"way/x", b"../outside/x", b"theirs/x", b"/x", b".", b"a/../b")


def one(data: bytes) -> None:
    """Unpack one archive, and look at everything."""
    shutil.rmtree(_INSIDE, ignore_errors=True)
    (_INSIDE / "mine").mkdir(parents=True)
    (_INSIDE / "theirs").symlink_to(_OUTSIDE)
    before, beside = _seen(_INSIDE), _seen(_OUTSIDE)
    size = 1 + len(data) % 1000
    pieces = (data[start : start + size] for start in range(0, len(data), size))
    said = ""
    try:
        unpack(pieces, _INSIDE, _BOUNDS)
    except ClusterError as error:
        said = str(error)
    assert "\n" not in said
    assert not said or "INCOMPLETE" in said or _seen(_INSIDE) == before
    assert _seen(_OUTSIDE) == beside
    assert {path.name for path in _PLACE.iterdir()} == {"inside", "outside"}
    _look(len(data))


def _look(most: int) -> None:
    """Fail where something must not be there."""
    size = 0
    for path in _INSIDE.rglob("*"):
        seen = path.lstat()
        assert stat.S_IFMT(seen.st_mode) in {stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}, path
        if not stat.S_ISLNK(seen.st_mode):
            assert not seen.st_mode & 0o7022, path
        if stat.S_ISREG(seen.st_mode):
            size += seen.st_size
            assert seen.st_dev == _PLACE.stat().st_dev
    assert size <= most
    assert size <= _BOUNDS.size


def _seen(place: Path) -> list[tuple[str, int, int, int]]:
    found = []
    for path in (place, *sorted(place.rglob("*"))):
        seen = path.lstat()
        links = 0 if path.is_dir() else seen.st_nlink
        found.append((str(path), seen.st_mode, links, 0 if path.is_dir() else seen.st_size))
    return found


def mutate(data: bytes, most: int, seed: int) -> bytes:
    """Return another archive whose headers have the checksums that they should have."""
    chance = random.Random(seed)  # noqa: S311 -- libFuzzer's seed
    blocks = [data[at : at + 512] for at in range(0, len(data), 512)]
    headers = [at for at, block in enumerate(blocks) if block[257:262] == b"ustar"]
    if headers and chance.randrange(4):
        at = chance.choice(headers)
        block = bytearray(blocks[at])
        match chance.randrange(6):
            case 0:
                block[156:157] = chance.choice(_KINDS)
            case 1:
                place = chance.choice((0, 157))
                block[place : place + 100] = chance.choice(_NAMES).ljust(100, b"\0")
            case 2:
                block[124:136] = b"%011o\0" % chance.choice((0, 1, 512, 513, 8**10))
            case 3:
                blocks.insert(chance.choice(headers), bytes(block))
            case 4:
                del blocks[at]
                block = bytearray(blocks[at]) if at < len(blocks) else bytearray()
            case _:
                block[chance.randrange(len(block))] = chance.randrange(256)
        if at < len(blocks) and len(block) == 512:
            blocks[at] = bytes(block)
        changed = b"".join(blocks)
    else:
        changed = running.mutated(data, most)
    if chance.randrange(8):
        whole = (changed[at : at + 512] for at in range(0, len(changed), 512))
        changed = b"".join(
            summed(each) if len(each) == 512 and each[257:262] == b"ustar" else each
            for each in whole
        )
    return changed[:most]


if __name__ == "__main__":
    _OUTSIDE.mkdir()
    (_OUTSIDE / "mine").write_text("mine")
    running.start(one, mutate)
