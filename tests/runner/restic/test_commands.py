"""Commands, compared whole."""

import pytest

from runner.restic import commands, queries
from runner.restic.repository import opening
from runner.steps.step import Step
from tests.runner.config.workload import PAGES, UPLOADS, configured
from tests.runner.steps.conversation import BACKUP

START = BACKUP[: BACKUP.index("--host")]
OURS = BACKUP[BACKUP.index("--host") : BACKUP.index("--exclude")]
MINE = ("--host", "wiki", "--tag", "ns=prod,kind=Deployment,workload=wiki")


def test_backup_names_host_tags_and_sources() -> None:
    """Parents are found by host and tags, so that a renamed folder is not read anew."""
    assert commands.backup(configured(), (PAGES, UPLOADS)) == Step("backup", BACKUP)


def test_cluster_becomes_a_tag() -> None:
    """Each tag is an argument of its own: restic would split them at commas."""
    step = commands.backup(configured({"BACKUP_CLUSTER": "home"}), (PAGES,))

    assert step.argv == (
        *START, "--host", "wiki", "--tag", "ns=prod", "--tag", "kind=Deployment",
        "--tag", "workload=wiki", "--tag", "cluster=home", "--group-by", "host,tags",
        "--exclude", "lost+found", "--exclude", ".backup-restore", "--", PAGES,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "excludes"),
    [
        ("*.tmp", ("--exclude", "*.tmp")),
        ("-cache\n--host=evil", ("--exclude", "-cache", "--exclude", "--host=evil")),
        ("a b\n\n  c  ", ("--exclude", "a b", "--exclude", "c")),
        ("!keep\n$HOME", ("--exclude", "!keep", "--exclude", "$HOME")),
        ("--", ("--exclude", "--")),
    ],
)
def test_each_exclude_pattern_has_its_own_flag(text: str, excludes: tuple[str, ...]) -> None:
    """Whatever it begins with, it is no flag itself."""
    config = configured(annotations={"backup.exclude": text})

    assert commands.backup(config, (PAGES,)).argv == (
        *START, *OURS, "--exclude", "lost+found", "--exclude", ".backup-restore",
        *excludes, "--", PAGES,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("--one-file-system", ("--one-file-system",)),
        ("--exclude '/a b' -f", ("--exclude", "/a b", "-f")),
        ("--tag more -e=x", ("--tag", "more", "-e=x")),
    ],
)
def test_extra_arguments_precede_ours(text: str, words: tuple[str, ...]) -> None:
    """Of two values restic takes the last one, so that host and groups stay ours."""
    config = configured(secret={"RESTIC_ADDITIONAL_BACKUP_PARAMETERS": text})

    assert commands.backup(config, (PAGES,)).argv == (
        *START, *words, *OURS, "--exclude", "lost+found", "--exclude", ".backup-restore",
        "--", PAGES,
    )  # fmt: skip


def test_targets_of_links_are_sources_except_excluded_ones() -> None:
    """The parent knows it by the link's path; restic excludes nothing that is named to it."""
    secret = {"RESTIC_ADDITIONAL_BACKUP_PARAMETERS": "-e 'b?'"}
    config = configured(secret=secret, annotations={"backup.exclude": "*.log\n!keep.log"})
    names = ("a", "b1", "x.log", "keep.log", "gone")
    inside = {PAGES: tuple(f"{PAGES}/{name}" for name in names), UPLOADS: (f"{UPLOADS}/y.log",)}

    argv = commands.backup(config, (PAGES, UPLOADS), (f"{PAGES}/gone",), 0, inside).argv

    # Where nothing is left, it is the link itself: without a folder restic makes no snapshot.
    assert argv[argv.index("--") + 1 :] == (f"{PAGES}/a", f"{PAGES}/keep.log", UPLOADS)


def test_global_options_follow_the_command_name() -> None:
    """Those of a shell's are for the restic in it; what is none of restic's gets none."""
    given = ("--limit-upload=5",)

    assert commands.version().given(given) == ("restic", "--limit-upload=5", "version")
    piped = queries.load("a1", "mysql", replace=False)
    assert piped.given(given)[4:9] == (piped.argv[4], "dump", *given, "--no-lock", "a1")
    assert commands.post(configured(secret={"POST_HOOK": "x"})).given(given) == ("sh", "-c", "x")


@pytest.mark.parametrize("text", ["--", "--one-file-system -- /etc"])
def test_extra_arguments_cannot_end_the_flags_before_ours(text: str) -> None:
    """Else host and tags would be folders, and the snapshot somebody else's."""
    config = configured(secret={"RESTIC_ADDITIONAL_BACKUP_PARAMETERS": text})

    argv = commands.backup(config, (PAGES,)).argv

    assert argv.index("--host") < argv.index("--")
    assert argv[argv.index("--") + 1 :][-1] == PAGES


def test_sources_follow_the_end_of_flags() -> None:
    """A volume's sub-path may begin with a dash."""
    argv = commands.backup(configured(), ("--host=evil",)).argv

    assert argv[-2:] == ("--", "--host=evil")


def test_the_lock_timeout_is_in_whole_seconds() -> None:
    """restic wants a duration."""
    config = configured({"BACKUP_LOCK_PATIENCE_SECONDS": "2.4"})

    assert commands.backup(config, (PAGES,)).argv[3:5] == ("--retry-lock", "2s")


def test_snapshots_are_listed_by_host_and_all_tags() -> None:
    """Never somebody else's of the same name."""
    assert queries.snapshots(configured()) == Step(
        "snapshots", ("restic", "snapshots", "--json", "--no-lock", *MINE), lists=True
    )


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (opening.look(), Step("look", ("restic", "cat", "config", "--no-lock", "--json"))),
        (opening.init(), Step("init", ("restic", "init", "--json"))),
        (opening.keys(), Step("keys", ("restic", "key", "list", "--no-lock", "--json"))),
        (opening.locks(), Step("locks", ("restic", "list", "locks", "--no-lock", "-q"))),
        (opening.lock("aa"), Step("lock", ("restic", "cat", "lock", "aa", "--no-lock", "-q"))),
        (opening.unlock(), Step("unlock", ("restic", "unlock", "-q"))),
    ],
)
def test_commands_on_the_repository_itself(step: Step, expected: Step) -> None:
    """What only looks takes no lock; unlock takes none but the old ones."""
    assert step == expected


def test_hooks_are_shell_text() -> None:
    """As they were in the Secret of the system before."""
    config = configured(
        secret={
            "PRE_HOOK": " a | b\n", "POST_HOOK": "c",
            "RESTIC_BACKUP_COMMAND": "restic backup /x && y",
        }
    )  # fmt: skip

    assert commands.pre(config) == Step("pre", ("sh", "-c", "a | b"), hook=True, limit=1800)
    assert commands.post(config) == Step(
        "post", ("sh", "-c", "c"), hook=True, limit=1800, always=True
    )
    assert commands.custom_backup(config) == Step(
        "backup", ("sh", "-c", "restic backup /x && y"), hook=True
    )


@pytest.mark.parametrize("annotations", [{}, {"backup.keep-last": "9"}])
def test_no_command_holds_a_secret(annotations: dict[str, str]) -> None:
    """Everyone on the node can read an argv."""
    config = configured(annotations=annotations)
    every = [
        commands.backup(config, (PAGES,)), queries.snapshots(config), commands.forget(config),
        opening.look(), opening.init(), opening.keys(), opening.locks(), opening.unlock(),
    ]  # fmt: skip

    words = " ".join(word for step in every if step for word in step.argv)

    assert config.mask(words) == words
    assert config.repository.environment["RESTIC_REPOSITORY"] not in words
