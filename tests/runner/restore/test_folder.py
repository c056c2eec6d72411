"""What restic's restore says: whether it came to its end, and which files it had trouble with."""

import json

import pytest

from contract.snapshots import Snapshot
from runner.restic import selection
from runner.restic.selection import Wanted
from runner.restore import folder
from runner.restore.folder import Put
from runner.steps.result import Completed
from runner.steps.step import RunEnded, Step
from tests.runner.config.workload import PAGES, UPLOADS
from tests.runner.restic.test_selection import MINE, known, snapshot
from tests.runner.steps.conversation import LOCKED, MISSING, STOPPED, failed, play

SUMMARY = {"message_type": "summary", "files_restored": 3, "bytes_restored": 70}
GOOD = Completed(0, messages=(SUMMARY,))
NOT_THERE = failed(1, "path backup/pages: not found")
TARGET = "/backup/pages/.backup-restore/files"
COPIES = "/var/lib/backup/tmp/sqlite"
(KEPT,) = known(snapshot(1))
(BOTH,) = known(snapshot(1, paths=(PAGES, UPLOADS)))
(WITH_COPIES,) = known(snapshot(1, paths=(PAGES, COPIES)))


def restore(above: str, *, alone: bool = False) -> tuple[str, ...]:
    """Return the command that restores `pages` from this folder of a snapshot."""
    return (
        "restic", "restore", "--json", "--no-lock", "--sparse",
        "--exclude-xattr", "security.selinux", *(() if alone else ("--include", "/pages")),
        "--target", TARGET, f"{KEPT.id}:{above}",
    )  # fmt: skip


def partly(
    *errors: str, last: str = "Fatal: There were 2 errors", summary: bool = True
) -> Completed:
    """Return a restore that ended with these errors."""
    names = tuple(f"/pages/{number}" for number in range(len(errors)))
    messages = (SUMMARY,) if summary else ()
    return Completed(1, messages, tail=(last,), unreadable=names, reasons=errors)


WEB = ("ns=prod", "kind=DeploymentConfig", "workload=web")
_ROLLOUT = ["ns=prod", "kind=ReplicationController"]


def _rollouts(*days: str) -> Completed:
    """Return a list of one snapshot of each rollout of `web`, made on these days of March."""
    found = [
        {"id": f"a{number}", "time": f"2026-03-{day}T03:00:00Z", "hostname": f"web-{number}",
         "tags": [*_ROLLOUT, f"workload=web-{number}"]}
        for number, day in enumerate(days, 1)
    ]  # fmt: skip
    return Completed(0, text=json.dumps(found))


def test_a_workload_with_earlier_names_is_asked_for_by_its_namespace() -> None:
    wanted = Wanted("web", WEB)

    said, found = play(folder.known(wanted), [_rollouts("01", "02")])

    assert said == [("restic", "snapshots", "--json", "--no-lock", "--tag", "ns=prod")]
    assert [each.id for each in selection.in_order(wanted, found)] == ["a2", "a1"]


def test_an_empty_volume_waits_while_it_is_unknown_whose_snapshots_are_there() -> None:
    with pytest.raises(RunEnded, match=r"of web-1, web-2 may be .* backup\.restore-from"):
        play(folder.known(Wanted("web", WEB)), [_rollouts("02", "01")])


def test_snapshots_are_asked_for_by_host_and_all_tags() -> None:
    listed = Completed(0, text='[{"id": "a1"}]\n')

    said, found = play(folder.known(Wanted("wiki", MINE)), [listed])

    assert said == [
        ("restic", "snapshots", "--json", "--no-lock", "--host", "wiki",
         "--tag", "ns=prod,kind=Deployment,workload=wiki"),
    ]  # fmt: skip
    assert found == [Snapshot("a1")]


def test_only_exit_10_means_no_repository() -> None:
    assert play(folder.known(Wanted("wiki", MINE)), [MISSING])[1] == []
    with pytest.raises(RunEnded, match="the repository cannot be read: "):
        play(folder.known(Wanted("wiki", MINE), by_hand=True), [MISSING])
    for done in (
        LOCKED, STOPPED, failed(1, "Fatal: no"), Completed(10, stopped="retrying"),
    ):  # fmt: skip
        with pytest.raises(RunEnded):
            play(folder.known(Wanted("wiki", MINE)), [done])


def test_a_folder_is_restored_with_owner_and_mode() -> None:
    said, put = play(folder.folder(BOTH, PAGES, TARGET), [GOOD, ["a file"]])

    assert said == [restore("/backup"), ("names", f"{TARGET}/pages")]
    assert put == Put(3, 70)


def test_a_folder_that_was_backed_up_alone_needs_no_filter() -> None:
    said, _ = play(folder.folder(KEPT, PAGES, TARGET), [GOOD, ["a file"]])

    assert said[0] == restore("/backup", alone=True)


def test_copies_of_databases_are_restored_first() -> None:
    said, put = play(folder.folder(WITH_COPIES, PAGES, TARGET), [GOOD, GOOD, ["a file"]])

    assert said[:2] == [restore(f"{COPIES}/backup"), restore("/backup", alone=True)]
    assert put == Put(6, 140)


@pytest.mark.parametrize("kept", [KEPT, WITH_COPIES])
def test_a_missing_or_empty_folder_is_not_restored(kept: Snapshot) -> None:
    copies: list[Completed] = [NOT_THERE] if kept.copies else []

    for main in (NOT_THERE, GOOD):
        assert play(folder.folder(kept, PAGES, TARGET), [*copies, main, []])[1] is None


def test_errors_are_named_by_paths_in_the_snapshot() -> None:
    """A refused chmod may keep a file from its owner or from its content: restic says the same."""
    done = partly("chmod /x: operation not permitted", "write /x: no space left on device")

    put = folder.came_back(done, "/backup")

    assert put == Put(
        3, 70, {"/backup/pages/0": done.reasons[0], "/backup/pages/1": done.reasons[1]}
    )


def test_errors_of_copies_and_of_other_files_are_separate() -> None:
    errors = partly("chmod /x: operation not permitted")

    _, put = play(folder.folder(WITH_COPIES, PAGES, TARGET), [errors, errors, ["a file"]])

    assert put is not None
    assert set(put.errors) == {f"{COPIES}/backup/pages/0", "/backup/pages/0"}


@pytest.mark.parametrize(
    "done",
    [
        partly("lchown /x: operation not permitted", last="Fatal: connection reset"),
        partly("lchown /x: operation not permitted", summary=False),
        failed(1, "Fatal: failed to find snapshot"),
        failed(12, "Fatal: wrong password"),
        failed(-9),
        STOPPED,
        Completed(0, messages=(SUMMARY,), stopped="memory"),
    ],
)
def test_an_incomplete_restore_is_an_error(done: Completed) -> None:
    with pytest.raises(RunEnded):
        folder.came_back(done, "/backup")


def test_snapshots_with_files_are_found_with_one_command() -> None:
    """In the order in which they are tried, also where all that is there is a database's copy."""
    kept = [*known(snapshot(3)), WITH_COPIES, *known(snapshot(2))]
    asked = folder.holding(kept, PAGES)

    step = next(asked)

    assert isinstance(step, Step)
    assert step.argv == (
        "restic", "find", "--no-lock", "-s", kept[0].id, "-s", kept[1].id, "-s", kept[2].id,
        f"{PAGES}/*", f"/var/lib/backup/tmp/sqlite{PAGES}/*",
    )  # fmt: skip
    assert step.hear is not None
    for line in (f"{PAGES}/a", "Found matching entries in snapshot 00000000 from 2026-11-01"):
        step.hear({"message_type": "text", "text": line})
    with pytest.raises(StopIteration) as end:
        asked.send(Completed(0))
    assert end.value.value == kept
    assert play(folder.holding([], PAGES), []) == ([], [])
    with pytest.raises(RunEnded):
        play(folder.holding(kept, PAGES), [failed(1)])
