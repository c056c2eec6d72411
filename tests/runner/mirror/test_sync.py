"""One run of a mirror, by hand: what is asked, and that nothing is deleted on a doubt."""

import json
from dataclasses import replace

import pytest

from runner.mirror import sync
from runner.steps.evaluate import Facts, Source
from runner.steps.outcome import Failure, Status
from runner.steps.result import Completed
from tests.runner.config.workload import PAGES, UPLOADS, configured
from tests.runner.steps.conversation import EMPTY, FACTS, STOPPED, failed, play

MIRRORING = {"BACKUP_ENGINE": "rclone"}
CONFIG = configured(MIRRORING, {"BUP_DST": "there:backups"})
BASE = "backupmirror:prod/Deployment/wiki"
ONE = replace(FACTS, sources={PAGES: Source.FULL}, once_full=frozenset())

LOOK = (
    "rclone", "lsjson", "--stat", "--use-json-log", "--retries", "1", "--low-level-retries", "3",
    "--contimeout", "20s", f"{BASE}/last-success",
)  # fmt: skip
MARK = ("rclone", "touch", *LOOK[3:])
CHOSEN = (
    "--use-json-log",
    "--links",
    "--exclude",
    "lost+found/**",
    "--exclude",
    ".backup-restore/**",
)
SYNC = (
    "rclone", "sync", *CHOSEN, "--create-empty-src-dirs",
    "--stats", "5s", "--stats-log-level", "NOTICE",
    "--backup-dir", f"{BASE}/archive-2026-11-23T123400Z/pages", "--", PAGES, f"{BASE}/mirror/pages",
)  # fmt: skip
COPY = ("rclone", "copy", *SYNC[2:])
NO_MARK = Completed(3, tail=("directory not found",))
MARKED = Completed(0, text=json.dumps({"ModTime": "2026-11-22T12:00:00Z"}))
NOBODY = failed(1, "dial tcp: connection refused")
LATE = Completed(1, stopped="time")


def sized(files: int, size: int = 0) -> Completed:
    """Return the answer to a count."""
    return Completed(0, text=json.dumps({"count": files, "bytes": size}))


def size(folder: str) -> tuple[str, ...]:
    """Return the command that counts a folder."""
    return ("rclone", "size", "--json", *CHOSEN, "--", folder)


ASKED = [LOOK, size(f"{BASE}/mirror/pages")]


def test_a_mirror_is_read_before_it_is_changed() -> None:
    said, outcome = play(sync.backup(CONFIG, ONE), [NO_MARK, NO_MARK, sized(30, 100), EMPTY, EMPTY])

    assert said == [*ASKED, size(PAGES), SYNC, MARK]
    assert (outcome.status, outcome.failure) == (Status.SUCCESS, None)
    assert outcome.counts.files == 30


def test_each_source_has_its_folder() -> None:
    both = replace(ONE, sources={PAGES: Source.FULL, UPLOADS: Source.FULL})
    counts = [sized(3), sized(4), sized(3), EMPTY, sized(4), EMPTY]

    said, outcome = play(sync.backup(CONFIG, both), [MARKED, *counts, EMPTY])

    assert [argv[-1] for argv in said if argv[1] == "sync"] == [
        f"{BASE}/mirror/pages", f"{BASE}/mirror/uploads",
    ]  # fmt: skip
    assert outcome.counts.files == 7


@pytest.mark.parametrize(
    ("answer", "status", "failure"),
    [
        (NOBODY, Status.FAILURE, Failure.NETWORK),
        (LATE, Status.FAILURE, None),
        (STOPPED, Status.INTERRUPTED, None),
        (failed(1, "AccessDenied: no"), Status.FAILURE, Failure.AUTH),
    ],
)
@pytest.mark.parametrize("step", [0, 1, 2])
def test_nothing_is_changed_where_a_listing_fails(
    answer: Completed, status: Status, failure: Failure | None, step: int
) -> None:
    answers = [MARKED, sized(30), sized(30)]
    answers[step:] = [answer]

    said, outcome = play(sync.backup(CONFIG, ONE), answers)

    assert not [argv for argv in said if argv[1] in {"sync", "copy", "touch"}]
    assert outcome.status == status
    if failure and step < 2:
        assert outcome.failure == failure


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("text", ["", "no JSON", "[]", "{}", '{"count": null, "bytes": 1}'])
def test_nothing_is_changed_where_a_count_is_empty(text: str, step: int) -> None:
    answers = [MARKED, sized(30)][: step + 1]
    answers[step:] = [Completed(0, text=text)]

    said, outcome = play(sync.backup(CONFIG, ONE), answers)

    assert len(said) == step + 1
    assert outcome.status == Status.FAILURE


@pytest.mark.parametrize("step", [1, 2, 3])
def test_the_end_of_the_pod_interrupts(step: int) -> None:
    answers = [MARKED, sized(30), sized(30), EMPTY]
    answers[step:] = [LATE]

    said, outcome = play(sync.backup(CONFIG, ONE, 20), answers)

    assert outcome.status == Status.INTERRUPTED
    assert "grace period" in outcome.message
    assert MARK not in said


def test_a_failed_marker_is_a_warning() -> None:
    answers = [MARKED, sized(30), sized(30), EMPTY, failed(1, "AccessDenied: no")]

    _, outcome = play(sync.backup(CONFIG, ONE), answers)

    assert (outcome.status, outcome.failure) == (Status.WARNING, Failure.AUTH)
    assert "cannot be marked as complete: AccessDenied" in outcome.message
    assert outcome.protected


@pytest.mark.parametrize(
    ("before", "now", "command"),
    [(30, 2, COPY), (30, 3, SYNC), (19, 1, SYNC), (0, 1, SYNC)],
)
def test_a_shrunken_source_deletes_nothing(before: int, now: int, command: tuple[str, ...]) -> None:
    said, outcome = play(
        sync.backup(CONFIG, ONE), [MARKED, sized(before), sized(now), EMPTY, EMPTY]
    )

    assert said[3] == command
    assert outcome.shrunk == (command == COPY)
    accepted = replace(ONE, accepted=True)
    answers = [MARKED, sized(before), sized(now), EMPTY, EMPTY]
    assert play(sync.backup(CONFIG, accepted), answers)[0][3] == SYNC


def test_a_fully_excluded_source_deletes_nothing_and_is_no_success() -> None:
    said, outcome = play(sync.backup(CONFIG, ONE), [MARKED, sized(5), sized(0), EMPTY])

    assert said[3] == COPY
    assert MARK not in said
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.SOURCE)


def test_a_source_that_is_a_link_is_mirrored_from_its_target() -> None:
    facts = replace(ONE, real={PAGES: "/backup/pages-5"})

    said, _ = play(sync.backup(CONFIG, facts), [MARKED, sized(30), sized(30), EMPTY, EMPTY])

    assert said[2][-1] == "/backup/pages-5"
    assert said[3][-2:] == ("/backup/pages-5", f"{BASE}/mirror/pages")


@pytest.mark.parametrize("state", [Source.EMPTY, Source.MISSING, Source.UNREADABLE, Source.REFUSED])
def test_an_empty_or_unreadable_source_is_not_mirrored(state: Source) -> None:
    refused = {UPLOADS: "is a link to /etc"} if state == Source.REFUSED else {}
    facts = replace(ONE, sources={PAGES: Source.FULL, UPLOADS: state}, refused=refused)
    answers = [MARKED, sized(30), sized(30), sized(30), EMPTY]

    said, outcome = play(sync.backup(CONFIG, facts), answers)

    assert [argv[-1] for argv in said if argv[1] in {"sync", "copy"}] == [f"{BASE}/mirror/pages"]
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.SOURCE)
    assert MARK not in said


def test_an_emptied_source_is_mirrored_once_it_is_accepted() -> None:
    facts = replace(ONE, sources={PAGES: Source.EMPTY}, accepted=True)

    said, outcome = play(sync.backup(CONFIG, facts), [MARKED, sized(30), sized(0), EMPTY, EMPTY])

    assert SYNC in said
    assert outcome.protected


@pytest.mark.parametrize("sources", [{}, {PAGES: Source.MISSING}])
def test_without_a_source_no_command_runs(sources: dict[str, Source]) -> None:
    said, outcome = play(sync.backup(CONFIG, replace(ONE, sources=sources)), [])

    assert said == []
    assert outcome.failure == Failure.SOURCE


@pytest.mark.parametrize("destination", ["backups", "./backups", "~/backups"])
def test_a_destination_does_not_depend_on_the_working_folder(destination: str) -> None:
    said, outcome = play(sync.backup(configured(MIRRORING, {"BUP_DST": destination}), ONE), [])

    assert said == []
    assert outcome.failure == Failure.CONFIG


def test_a_vanished_mirror_is_not_started_again() -> None:
    facts: Facts = replace(ONE, had_success=True)

    said, outcome = play(sync.backup(CONFIG, facts), [NO_MARK, NO_MARK])

    assert said == ASKED
    assert outcome.failure == Failure.CONFIG


@pytest.mark.parametrize(
    ("done", "status"),
    [
        (Completed(1, unreadable=("a",), read_errors=1), Status.WARNING),
        (Completed(1, unreadable=("a",), read_errors=1, other_errors=True), Status.FAILURE),
        (Completed(0, unreadable=("a",), read_errors=1), Status.SUCCESS),
        (NOBODY, Status.FAILURE),
    ],
)
def test_only_unreadable_files_are_tolerated(done: Completed, status: Status) -> None:
    answers: list[Completed | dict[str, int]] = [MARKED, sized(30), sized(30), done]
    if status == Status.WARNING:
        answers.append({PAGES: 30})
    if status != Status.FAILURE:
        answers.append(EMPTY)

    said, outcome = play(sync.backup(CONFIG, ONE), answers)

    assert outcome.status == status
    assert (MARK in said) == (status != Status.FAILURE)


def test_the_marker_has_the_time_of_the_last_success() -> None:
    for answer, year, known in (
        (MARKED, 2026, True), (NO_MARK, None, True), (NOBODY, None, False), (EMPTY, None, False),
    ):  # fmt: skip
        said, last = play(sync.last_success(CONFIG), [answer])
        assert said == [LOOK]
        assert (last.made.year if last.made else None) == year
        assert last.is_certain is known, answer
