"""What of restic's words means that the repository is damaged, and what they tell to do."""

import json

import pytest

from runner.steps import damage
from runner.steps.listener import Listener
from runner.steps.outcome import Failure
from runner.steps.result import Completed

_ID = "e07c57baa98c41e5277cb3409d4709df013543b3eb845943f1a8d85a5446b154"
_PACK = "be4453141dfbbed5e6d4f9872e1374bb9159d4f9617d0ed5e8d5982557fe52b0"
_INDEX = (
    f"/: tree {_ID} is not known; the repository could be damaged, run `repair index` to try",
    f"id {_ID} not found in repository",
    "LoadRaw(<index/06c825695d>): invalid data returned",
    f"ReadFull(<data/be4453141d>): open /r/data/be/{_PACK}: no such file or directory",
    "ReadFull(<data/be4453141d>): The specified key does not exist.",
    f"pack {_PACK}: does not exist",
    "Fatal: blob <data/c92e43ac> not found in index",
)
_PACKS = (
    f"decrypting blob <data/c92e43ac> from pack {_PACK} failed: ciphertext verification failed",
    f"pack {_PACK}: unexpected file size: got 300, expected 1861",
    f"pack {_PACK} contains 2 errors: [blob 1: hash mismatch]",
)
_OTHERS = (
    "ReadFull(<data/be4453141d>): file is too short",
    "ReadFull(<data/be4453141d>): unexpected EOF",
    "Fatal: repository contains errors",
    "StreamPack: hash does not match id",
    "ReadFull(<data/be44>): The requested range cannot be satisfied.",
)
_HEADS = (
    "Fatal: config or key ae059b0d8cc3a34f is damaged: ciphertext verification failed",
    "config file has zero size, invalid repository?",
    "Fatal: LoadRaw(<key/ae059b0d8c>): invalid data returned",
)
_SNAPSHOTS = (
    "failed to load snapshot 00d0a05c: LoadRaw(<snapshot/00d0a05ce6>): invalid data returned",
    "Error loading snapshot 00d0a05c: LoadRaw(<snapshot/00d0a05ce6>): invalid data returned",
)
_SOUND = (
    "Load(<data/be44>, 0, 0) returned error, retrying after 1s: unexpected EOF",
    "Load(<data/be44>, 0, 0) failed: read tcp 10.0.0.2:1: connection reset by peer: unexpected EOF",
    'Get "https://s3.example/data/be44": unexpected EOF',
    "failed to load snapshot 8686e42a: open /r/snapshots/8686: no such file or directory",
    "open /backup/data/index: no such file or directory",
    "Fatal: wrong password or no key found",
    "dial tcp: lookup repository: no such host",
    'no matching ID found for prefix "abc"',
)  # fmt: skip


@pytest.mark.parametrize(
    ("line", "cure"),
    [
        *((line, "restic repair index`, then") for line in _INDEX),
        *((line, f"restic repair packs {_PACK}`, then") for line in _PACKS),
        *((line, "restic repair snapshots --forget`") for line in _OTHERS),
        *((line, "back from a copy") for line in _HEADS),
        *((line, "snapshot's file") for line in _SNAPSHOTS),
    ],
)
def test_damage_has_its_class_and_a_remedy(line: str, cure: str) -> None:
    """It is neither the network's nor a volume's fault."""
    done = Completed(1, tail=("Load(<key/1>) returned error, retrying after 1s: EOF", line))

    assert done.failure == Failure.REPOSITORY
    assert cure in done.said
    assert damage.RUNBOOK in done.said


@pytest.mark.parametrize("line", _SOUND)
def test_a_failure_of_the_connection_is_no_damage(line: str) -> None:
    """An answer that broke off comes whole at the next try."""
    assert Completed(1, tail=(line,)).failure != Failure.REPOSITORY


def _error(item: str, why: str) -> str:
    error = {"message": why}
    return json.dumps({"message_type": "error", "error": error, "during": "archival", "item": item})


@pytest.mark.parametrize("line", [*_INDEX, *_PACKS])
def test_damage_is_no_unreadable_file(line: str) -> None:
    """restic tells of it as of a file."""
    listener = Listener()
    listener.stderr(_error("/", line), 0)

    done = listener.completed(3, "")
    assert (done.unreadable, done.damaged) == ((), (line,))
    assert done.failure == Failure.REPOSITORY


@pytest.mark.parametrize(
    "name", ["/v/hash mismatch", "/v/ciphertext verification failed", "/v/xattr", "/v/is damaged"]
)
def test_a_file_name_is_not_taken_for_damage(name: str) -> None:
    """It is the app's to choose."""
    listener = Listener()
    listener.stderr(_error(name, f"open {name}: permission denied"), 0)

    done = listener.completed(3, "")
    assert (done.unreadable, done.damaged, done.attributes) == ((name,), (), (0, ""))


@pytest.mark.parametrize(
    "why",
    [
        "incomplete metadata for /v/a: xattr.list /v/a : operation not permitted",
        "xattr.LList /v/a : permission denied",
        "llistxattr /v/a: input/output error",
    ],
)
def test_a_file_without_its_attributes_is_not_unreadable(why: str) -> None:
    """Its content is in the snapshot."""
    listener = Listener()
    listener.stderr(_error("/v/a", why), 0)

    done = listener.completed(3, "")
    assert (done.unreadable, done.attributes) == ((), (1, why))
