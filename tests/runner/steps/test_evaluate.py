"""What a backup with a snapshot is worth, judged by its sources and unreadable files."""

import json
from dataclasses import replace

import pytest

from runner.backup.volumes import backup
from runner.steps.evaluate import Source, errors_by_source, worth
from runner.steps.listener import Listener
from runner.steps.outcome import Counts, Failure, Outcome, Status
from runner.steps.result import Completed
from tests.runner.config.workload import PAGES, UPLOADS, configured
from tests.runner.steps.conversation import (
    BACKUP,
    FACTS,
    GOOD,
    MARKED,
    SUMMARY,
    doubtful,
    failed,
    partly,
    play,
)


def judged(
    done: Completed,
    sources: dict[str, Source] | None = None,
    *,
    files: dict[str, int] | None = None,
    usual: tuple[int, int] | None = None,
) -> Outcome:
    """Return the outcome of one backup; both sources had files before.

    What is not there as it should be makes its snapshot a doubtful one. ``files`` are how many
    there are in sources with unreadable ones: many, unless given.
    """
    facts = replace(FACTS, sources=sources or FACTS.sources, usual=usual)
    wounded = errors_by_source(facts, done)
    counted = [files or dict.fromkeys(wounded, 1_000_000)] if wounded and done.messages else []
    said, outcome = play(backup(configured(), facts), [done, *counted], [MARKED])
    marks = [doubtful(str(SUMMARY["snapshot_id"]))] if outcome.lost_files else []
    assert said[1:] == [*([("count", *wounded)] if counted else []), *marks]
    assert outcome.snapshot == ("9c0d" if marks else SUMMARY["snapshot_id"])
    return outcome


def test_a_few_unreadable_files_are_a_warning_that_names_them() -> None:
    """The snapshot counts: it holds nearly everything."""
    outcome = judged(partly([f"{PAGES}/a", f"{PAGES}/b"]))

    assert (outcome.status, outcome.failure) == (Status.WARNING, Failure.SOURCE)
    assert outcome.message == f"2 unreadable: {PAGES}/a, {PAGES}/b"
    assert outcome.unreadable == (f"{PAGES}/a", f"{PAGES}/b")
    assert outcome.read_errors == 2
    assert outcome.exit_code == 3
    assert outcome.protected


def test_many_unreadable_files_are_counted_and_five_are_named() -> None:
    """A message is one line."""
    outcome = judged(partly([f"{PAGES}/{number}" for number in range(8)], read=100))

    named = ", ".join(f"{PAGES}/{number}" for number in range(5))
    assert outcome.message == f"8 unreadable: {named} and 3 more"


@pytest.mark.parametrize(
    ("bad", "read", "status"),
    [(1, 100, Status.WARNING), (9, 10, Status.WARNING), (10, 10, Status.FAILURE),
     (11, 10, Status.FAILURE), (1, 0, Status.FAILURE)],
)  # fmt: skip
def test_half_of_all_unreadable_is_a_failure(bad: int, read: int, status: Status) -> None:
    """restic exits with 3 even where it read nothing at all."""
    outcome = judged(partly([f"{PAGES}/{number}" for number in range(bad)], read=read))

    assert (outcome.status, outcome.failure) == (status, Failure.SOURCE)
    assert outcome.protected == (status == Status.WARNING)


def test_an_unreadable_source_root_is_a_failure() -> None:
    """The other volume's files are in the snapshot, but this one's are not."""
    outcome = judged(partly([UPLOADS], read=1000))

    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.SOURCE)
    assert outcome.message.startswith(f"unreadable: {UPLOADS};")
    assert not outcome.protected


def test_an_unreadable_source_root_is_found_among_any_number_of_unreadable_files() -> None:
    """Only their names are cut short, not what they mean."""
    listener = Listener()
    for name in (*(f"{PAGES}/{number}" for number in range(200)), UPLOADS):
        line = {"message_type": "error", "error": {"message": "denied"}, "item": name}
        listener.stderr(json.dumps(line), now=0)
    listener.stdout(json.dumps({**SUMMARY, "files_new": 5000}))

    outcome = judged(listener.completed(3, ""))

    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.SOURCE)


def test_a_source_that_could_not_be_listed_before_is_a_failure() -> None:
    """Even where restic does not complain."""
    outcome = judged(GOOD, {PAGES: Source.FULL, UPLOADS: Source.UNREADABLE})

    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.SOURCE)
    assert outcome.message.startswith(f"unreadable: {UPLOADS};")


def test_an_empty_source_that_held_files_is_a_failure() -> None:
    """Three empty snapshots would push out the good ones."""
    outcome = judged(GOOD, {PAGES: Source.FULL, UPLOADS: Source.EMPTY})

    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.SOURCE)
    assert outcome.message.startswith(f"empty, and had files before: {UPLOADS};")
    assert not outcome.protected


def test_an_empty_source_that_never_held_files_is_a_warning() -> None:
    """An app that has not written yet."""
    outcome = judged(GOOD, {PAGES: Source.FULL, "/backup/new": Source.EMPTY})

    assert (outcome.status, outcome.failure) == (Status.WARNING, Failure.SOURCE)
    assert outcome.message == "empty: /backup/new"
    assert outcome.protected


def test_a_missing_source_is_a_failure_and_the_other_is_backed_up() -> None:
    """restic before 0.19 says nothing and exits with 0."""
    facts = replace(FACTS, sources={PAGES: Source.FULL, UPLOADS: Source.MISSING})

    said, outcome = play(backup(configured(), facts), [GOOD, MARKED])

    assert said == [BACKUP[:-1], doubtful("4f8a1c2e9b")]
    assert said[0][-2:] == ("--", PAGES)
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.SOURCE)
    assert outcome.message.startswith(f"missing: {UPLOADS};")
    assert outcome.snapshot == "9c0d"
    assert not outcome.protected


def test_empty_and_unreadable_sources_are_passed_to_restic() -> None:
    """It may be able to read what we could not, and a snapshot shows the folder."""
    sources = {PAGES: Source.EMPTY, UPLOADS: Source.UNREADABLE}

    said, _ = play(backup(configured(), replace(FACTS, sources=sources)), [GOOD, MARKED])

    assert said == [BACKUP, doubtful("4f8a1c2e9b")]


def test_the_worst_problem_is_named_first() -> None:
    """Missing before empty before unreadable."""
    sources = {"/a": Source.UNREADABLE, PAGES: Source.EMPTY, "/c": Source.MISSING}

    assert judged(GOOD, sources).message.startswith("missing: /c;")
    del sources["/c"]
    assert judged(GOOD, sources).message.startswith(f"empty, and had files before: {PAGES};")


def test_exit_3_without_a_file_quotes_restics_message() -> None:
    """A folder that went away while restic started has no error item of its own."""
    line = f"{UPLOADS} does not exist, skipping"

    outcome = judged(Completed(3, messages=(SUMMARY,), tail=(line,)))

    assert outcome.status in {Status.WARNING, Status.FAILURE}
    assert outcome.failure == Failure.SOURCE
    assert UPLOADS in outcome.message
    assert "0 unreadable" not in outcome.message


def test_output_on_standard_error_does_not_change_a_success() -> None:
    """A cache that cannot be written costs only time."""
    outcome = judged(replace(GOOD, tail=("unable to open cache: permission denied",)))

    assert (outcome.status, outcome.failure) == (Status.SUCCESS, None)


@pytest.mark.parametrize(
    ("bad", "total", "status"),
    [(1, 3, Status.WARNING), (4, 9, Status.WARNING), (1, 2, Status.FAILURE),
     (3, 3, Status.FAILURE), (1, 1, Status.FAILURE)],
)  # fmt: skip
def test_half_of_one_volume_unreadable_is_a_failure(bad: int, total: int, status: Status) -> None:
    """However many files the other volume has."""
    done = partly([f"{PAGES}/{number}" for number in range(bad)], read=1_000_000)

    outcome = judged(done, files={PAGES: total})

    assert (outcome.status, outcome.failure) == (status, Failure.SOURCE)
    assert (f"half unreadable or more: {PAGES};" in outcome.message) == (status == Status.FAILURE)


@pytest.mark.parametrize(
    ("usual", "shrunk"),
    [
        (None, False),
        ((10, 5000), False),
        ((101, 5000), True),
        ((100, 5000), False),
        ((20, 5000), False),
        ((10, 51 << 20), True),
        ((10, 900_000), False),
    ],
    ids=["unknown", "as ever", "files", "a tenth", "few files", "bytes", "few bytes"],
)
def test_a_shrunken_source_is_a_warning_that_suspends_retention(
    usual: tuple[int, int] | None, *, shrunk: bool
) -> None:
    """Three such snapshots could push out the good ones."""
    outcome = judged(GOOD, usual=usual)

    assert outcome.shrunk is shrunk
    assert (outcome.status == Status.WARNING) is shrunk
    assert ("backup-runner accept" in outcome.message) is shrunk
    assert outcome.protected


def test_a_snapshot_that_cannot_be_tagged_is_reported_with_the_problem() -> None:
    """Such as in an append-only repository."""
    facts = replace(FACTS, sources={PAGES: Source.EMPTY, UPLOADS: Source.FULL})

    _, outcome = play(backup(configured(), facts), [GOOD, failed(1, "Fatal: 403 Forbidden")])

    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.SOURCE)
    assert outcome.message.endswith("the snapshot cannot be marked as doubtful: 403 Forbidden")
    assert outcome.snapshot == SUMMARY["snapshot_id"]


NOTHING = dict.fromkeys(("files_new", "files_changed", "files_unmodified"), 0)
NO_FILE = replace(GOOD, messages=({**SUMMARY, **NOTHING},))


@pytest.mark.parametrize("full", [(PAGES,), (PAGES, UPLOADS)])
def test_a_snapshot_without_files_of_a_full_source_is_a_failure(full: tuple[str, ...]) -> None:
    """Excludes left all of them out, or restic stayed on another file system."""
    sources = {path: Source.FULL if path in full else Source.EMPTY for path in (PAGES, "/backup/n")}
    sources |= {UPLOADS: Source.FULL} if UPLOADS in full else {}

    outcome = judged(NO_FILE, sources)

    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.SOURCE)
    assert f"there are files in {', '.join(full)}" in outcome.message
    assert not outcome.protected


@pytest.mark.parametrize(("usual", "status"), [((1, 9), "failure"), (None, "warning")])
def test_a_snapshot_without_files_after_one_with_files_is_a_failure(
    usual: tuple[int, int] | None, status: str
) -> None:
    """As where RESTIC_SOURCE names another folder, which is empty."""
    outcome = judged(NO_FILE, {"/backup/new": Source.EMPTY}, usual=usual)

    assert (outcome.status, outcome.failure) == (status, Failure.SOURCE)
    assert outcome.protected == (status == "warning")


@pytest.mark.parametrize(
    ("left_out", "status"), [(("mysql",), Status.SUCCESS), ((), Status.FAILURE)]
)
def test_a_snapshot_without_files_is_complete_where_a_dump_replaces_them(
    left_out: tuple[str, ...], status: Status
) -> None:
    facts = replace(FACTS, sources={PAGES: Source.FULL}, left_out=left_out)

    assert worth(facts, NO_FILE, Counts(), {}).status == status


def test_a_link_that_is_not_followed_is_a_failure_and_the_other_source_is_backed_up() -> None:
    why = "is a link to /etc, which leads out of its volume"
    facts = replace(
        FACTS, sources={PAGES: Source.FULL, UPLOADS: Source.REFUSED}, refused={UPLOADS: why}
    )

    said, outcome = play(backup(configured(), facts), [GOOD, MARKED])

    assert said[0][-2:] == ("--", PAGES)
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.SOURCE)
    assert outcome.message.startswith(f"{UPLOADS} {why};")


def test_without_any_other_source_than_such_a_link_there_is_no_backup() -> None:
    facts = replace(
        FACTS, sources={PAGES: Source.MISSING, UPLOADS: Source.REFUSED}, refused={UPLOADS: "is odd"}
    )

    said, outcome = play(backup(configured(), facts), [])

    assert said == []
    assert outcome.message == f"{UPLOADS} is odd; missing: {PAGES}; no backup was made"
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.SOURCE)


def test_errors_of_a_source_with_a_longer_name_do_not_count() -> None:
    """Of the one file in the first, all would be unreadable."""
    first, second = "/backup/data", "/backup/data2"
    sources = {first: Source.FULL, second: Source.FULL}

    outcome = judged(partly([f"{second}/a"], read=101), sources, files={first: 1, second: 100})

    assert outcome.status == Status.WARNING
