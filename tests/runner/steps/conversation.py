"""Plays a run by hand: scripted answers in, the exact effects and the end out."""

import json
from collections.abc import Generator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from runner.databases.inventory import Judgement
from runner.steps.evaluate import Facts, Source
from runner.steps.questions import Ages, Count, Judge, Names, Wait
from runner.steps.result import Completed
from runner.steps.step import Effect, Result
from tests.runner.config.workload import NOW, PAGES, UPLOADS

T = TypeVar("T")
Said = tuple[str, ...]

BACKUP: Said = (
    "restic", "backup", "--json", "--retry-lock", "120s",
    "--host", "wiki", "--tag", "ns=prod", "--tag", "kind=Deployment", "--tag", "workload=wiki",
    "--group-by", "host,tags", "--exclude", "lost+found", "--exclude", ".backup-restore",
    "--", PAGES, UPLOADS,
)  # fmt: skip
WAIT: Said = ("wait",)
LOOK: Said = ("restic", "cat", "config", "--no-lock", "--json")
INIT: Said = ("restic", "init", "--json")
KEYS: Said = ("restic", "key", "list", "--no-lock", "--json")
LOCKS: Said = ("restic", "list", "locks", "--no-lock", "-q")
UNLOCK: Said = ("restic", "unlock", "-q")


def lock(identifier: str) -> Said:
    """Return the command that reads one lock."""
    return ("restic", "cat", "lock", identifier, "--no-lock", "-q")


FACTS = Facts(
    sources={PAGES: Source.FULL, UPLOADS: Source.FULL},
    once_full=frozenset({PAGES, UPLOADS}),
    had_success=False,
    now=NOW,
)
SUMMARY = {
    "message_type": "summary",
    "files_new": 2,
    "files_changed": 1,
    "files_unmodified": 7,
    "total_bytes_processed": 5000,
    "data_added": 2048,
    "snapshot_id": "4f8a1c2e9b",
}
GOOD = Completed(0, messages=(SUMMARY,))
EMPTY = Completed(0)
MISSING = Completed(10, tail=("Fatal: repository does not exist: unable to open config file",))
LOCKED = Completed(11, tail=("Fatal: unable to create lock in backend: already locked",))
STOPPED = Completed(1, stopped="signal")
MARKED = Completed(0, messages=({"message_type": "changed", "new_snapshot_id": "9c0d"},))
ONE_KEY = Completed(0, text=json.dumps([{"current": True, "id": "2e54"}]))
TWO_KEYS = Completed(0, text=json.dumps([{"current": True, "id": "2e54"}, {"id": "77aa"}]))


def doubtful(snapshot: str) -> Said:
    """Return the command that marks a snapshot."""
    return ("restic", "tag", "--json", "--retry-lock", "120s", "--add", "doubtful", snapshot)


def failed(code: int, *tail: str) -> Completed:
    """Return a command that failed with these last words."""
    return Completed(code, tail=tail)


def listing(
    *snapshots: str, ours: bool = False, others: bool = False, old: bool = False, files: int = 9
) -> Completed:
    """Return snapshots as restic lists them, an hour apart, the last one of this moment."""
    tags = ["ns=prod", "kind=Deployment", "workload=wiki" if ours else "workload=other"]
    at = NOW - timedelta(days=old)
    found = [
        {
            "id": snapshot,
            "time": (at - timedelta(hours=number)).isoformat(),
            "hostname": "wiki",
            "summary": {"total_files_processed": files, "total_bytes_processed": 50},
            **({"tags": tags} if ours or others else {}),
        }
        for number, snapshot in enumerate(reversed(snapshots))
    ]
    return Completed(0, text=json.dumps(found))


def partly(names: Sequence[str], *, read: int = 10) -> Completed:
    """Return a backup of ``read`` files that could not read those with ``names``."""
    summary = {**SUMMARY, "files_new": read, "files_changed": 0, "files_unmodified": 0}
    done = Completed(3, messages=(summary,))
    return replace(done, unreadable=tuple(names), read_errors=len(names))


def lock_text(time: str) -> Completed:
    """Return a lock as ``restic cat lock`` prints it."""
    held = {"time": time, "exclusive": False, "hostname": "wiki", "pid": 12}
    return Completed(0, text=json.dumps(held, indent=2))


def play(
    run: Generator[Effect, Result, T],
    answers: Sequence[Completed | bool | dict[str, int] | dict[str, float] | list[str] | Judgement],
    spare: Sequence[Completed] = (),
) -> tuple[list[Said], T]:
    """Return the argv of each effect in order, and the run's result.

    Every answer is needed; those in ``spare`` may be, after them.
    """
    left = [*answers, *spare]
    said: list[Said] = []
    answer: Result = None
    while True:
        try:
            effect = run.send(answer)
        except StopIteration as end:
            assert len(left) <= len(spare), f"the run ended before it needed {left}"
            return said, end.value
        match effect:
            case Wait():
                said.append(WAIT)
            case Count():
                said.append(("count", *effect.paths))
            case Ages():
                said.append(("ages", effect.folder))
            case Names():
                said.append(("names", effect.folder))
            case Judge():
                said.append(("judge", effect.name, *effect.sources))
            case _:
                said.append(effect.argv)
        assert left, f"the run wanted more: {said}"
        answer = left.pop(0)
