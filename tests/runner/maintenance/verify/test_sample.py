"""Which files a drill tries, how it names them to restic, and what it makes of the result."""

from random import Random

import pytest

from runner.maintenance.verify import sample as verify_sample
from runner.maintenance.verify.sample import Chosen, File, Sample, Tried
from runner.steps.outcome import Failure, Status
from runner.steps.result import Completed

MANY = 3000
PAGES, UPLOADS = "/backup/pages", "/backup/uploads"
MTIME = "2026-11-23T13:34:56.123456789+01:00"


def sample(*files: tuple[str, int], paths: tuple[str, ...] = (PAGES, UPLOADS)) -> Sample:
    """Return what a drill remembers of a snapshot with files of these sizes."""
    made = Sample(Random(7))  # noqa: S311 -- the same in each run
    made.hear({"message_type": "snapshot", "id": "4f", "paths": list(paths)})
    for path in paths:
        made.hear({"message_type": "node", "type": "dir", "path": path})
    for path, size in files:
        made.hear(
            {"message_type": "node", "type": "file", "path": path, "size": size, "mtime": MTIME}
        )
    made.hear({"message_type": "summary"})
    return made


def names(chosen: Chosen) -> set[str]:
    """Return the paths of what was chosen."""
    return {file.path for file in chosen.files}


def test_small_folders_are_sampled_completely() -> None:
    made = sample((f"{PAGES}/a", 10), (f"{PAGES}/b/c", 0), (f"{UPLOADS}/d", 5))

    chosen = made.chosen(1 << 20)

    assert made.snapshot == "4f"
    assert names(chosen) == {f"{PAGES}/a", f"{PAGES}/b/c", f"{UPLOADS}/d"}
    assert chosen.untried == ()
    assert chosen.files[0].mtime == 1_795_437_296_123_456


def test_a_large_folder_is_sampled_in_bounded_memory() -> None:
    many = [(f"{UPLOADS}/{number}", 100_000) for number in range(MANY)]
    made = sample((f"{PAGES}/only", 10), *many)

    chosen = made.chosen(10 << 20)

    assert f"{PAGES}/only" in names(chosen)
    assert 50 < len(chosen.files) <= 500
    assert len(names(chosen)) == len(chosen.files)
    assert sum(file.room for file in chosen.files) <= 10 << 20
    assert sum(len(folder.kept) for folder in made._folders) <= 500
    late = {path for path, _ in many[MANY // 2 :]}
    assert names(chosen) & late, "the sample is of all files, not of the first"


def test_each_drill_samples_other_files() -> None:
    many = [(f"{PAGES}/{number}", 10) for number in range(MANY)]
    first, second = Sample(Random(1)), Sample(Random(2))  # noqa: S311 -- as above
    for made in (first, second):
        made.hear({"message_type": "snapshot", "id": "4f", "paths": [PAGES]})
        for path, size in many:
            made.hear({"message_type": "node", "type": "file", "path": path, "size": size})

    assert names(first.chosen(1 << 20)) != names(second.chosen(1 << 20))


def test_the_smallest_file_is_sampled_where_no_other_fits() -> None:
    many = [(f"{PAGES}/{number}", 600_000 + 5000 * number) for number in range(MANY)]

    chosen = sample((f"{UPLOADS}/x", 10), *many[::-1]).chosen(610_000)

    assert names(chosen) == {f"{UPLOADS}/x", f"{PAGES}/{0}"}


def test_a_folder_without_a_file_that_fits_is_named() -> None:
    chosen = sample((f"{UPLOADS}/x", 10), (f"{PAGES}/disk.img", 10 << 30)).chosen(1 << 20)

    assert names(chosen) == {f"{UPLOADS}/x"}
    assert chosen.untried == (PAGES,)
    done = verify_sample.judged(
        sample((f"{UPLOADS}/x", 10)), chosen, Completed(0), [Tried(chosen.files[0], compared=True)]
    )
    assert done.status == Status.SKIPPED, "what was never tried is not called safe"
    assert PAGES in done.message


@pytest.mark.parametrize("paths", [(PAGES, UPLOADS), ()])
def test_a_snapshot_without_files_gives_an_empty_sample(paths: tuple[str, ...]) -> None:
    assert sample(paths=paths).chosen(1 << 20) == Chosen((), ())


def test_a_nested_folder_has_its_own_share() -> None:
    """And one whose name only begins alike is another."""
    paths = (PAGES, f"{PAGES}/deep", f"{PAGES}-old")
    made = sample(
        (f"{PAGES}/deep/a", 1), (f"{PAGES}/b", 1), (f"{PAGES}-old/c", 1), paths=paths
    )  # fmt: skip

    assert sorted((folder.path, folder.files) for folder in made._folders) == [
        (PAGES, 1), (f"{PAGES}-old", 1), (f"{PAGES}/deep", 1),
    ]  # fmt: skip


def test_names_that_are_not_utf_8_are_counted_and_not_sampled() -> None:
    made = sample((f"{PAGES}/caf\ufffd", 10), (f"{UPLOADS}/x", 10))

    assert made.chosen(1 << 20) == Chosen(
        (File(f"{UPLOADS}/x", 10, 1_795_437_296_123_456),), (PAGES,)
    )
    assert made.total.startswith("2 files")


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/plain name", "/plain name"),
        ("/*?[a]\\", "/\\*\\?\\[a]\\\\"),
        ("/$HOME ${x}", "/$$HOME $${x}"),
        ("/ends with blank ", "/ends with blank[ ]"),
        ("/line\nbreak", "/line[\t-\v]break"),
        ("/#hash", "/#hash"),
    ],
)
def test_a_pattern_names_one_path(path: str, pattern: str) -> None:
    assert verify_sample.patterns([File(path, 1, None)]) == pattern + "\n"


FILE, OTHER = File(f"{PAGES}/a", 10, None), File(f"{PAGES}/b", 5, None)
CHOSEN = Chosen((FILE, OTHER), ())
KNOWN = sample((FILE.path, 10), (OTHER.path, 5))
GOOD = (Tried(FILE, compared=True), Tried(OTHER))


def broken(path: str, why: str, *tail: str) -> Completed:
    """Return a restore in which one item failed."""
    return Completed(1, tail=tail, unreadable=(path,), reasons=(why,), read_errors=1)


def test_a_successful_drill_names_its_sample() -> None:
    done = verify_sample.judged(KNOWN, CHOSEN, Completed(0), GOOD)

    assert done.status == Status.SUCCESS
    assert done.message == (
        "2 files (15 B) of 2 files (15 B) restored, 1 of them equal to the live ones"
    )


def test_databases_are_counted() -> None:
    done = verify_sample.judged(KNOWN, CHOSEN, Completed(0), (GOOD[0], Tried(OTHER, sound=True)))

    assert done.message.endswith(", 1 database intact")


def test_the_first_file_that_cannot_be_restored_is_named() -> None:
    said = broken(FILE.path, "ciphertext verification failed", "Fatal: There were 1 errors")

    done = verify_sample.judged(KNOWN, CHOSEN, said, GOOD)

    assert (done.status, done.failure) == (Status.FAILURE, Failure.REPOSITORY)
    assert done.message.startswith(
        f"{FILE.path} cannot be restored: ciphertext verification failed; run `backup-runner restic"
    )
    assert "run `restic check --read-data`" in done.message


@pytest.mark.parametrize(
    ("why", "failure"),
    [("write: no space left on device", Failure.SPACE), ("dial tcp: lookup", Failure.NETWORK)],
)
def test_other_failures_are_not_called_damage(why: str, failure: Failure) -> None:
    done = verify_sample.judged(KNOWN, CHOSEN, broken(FILE.path, why), GOOD)

    assert (done.status, done.failure) == (Status.FAILURE, failure)
    assert "repair" not in done.message


def test_owners_that_cannot_be_restored_are_ignored() -> None:
    """The sidecar may have no right to give files away."""
    said = broken(FILE.path, "lchown /var/lib/backup/tmp/drill/x: operation not permitted")

    assert verify_sample.judged(KNOWN, CHOSEN, said, GOOD).status == Status.SUCCESS


def test_a_restore_that_fails_without_naming_a_file_is_a_failure() -> None:
    said = Completed(12, tail=("Fatal: wrong password",))

    done = verify_sample.judged(KNOWN, CHOSEN, said, GOOD)

    assert (done.status, done.failure) == (Status.FAILURE, Failure.AUTH)


def test_a_wrongly_restored_file_is_named() -> None:
    wrong = (
        Tried(FILE, "was restored with different content"),
        Tried(OTHER, "is not an intact database"),
    )

    done = verify_sample.judged(KNOWN, CHOSEN, Completed(0), wrong)

    assert (done.status, done.failure) == (Status.FAILURE, Failure.RESTIC)
    assert done.message.startswith(
        f"{FILE.path} (and 1 more) was restored with different content; "
    )
