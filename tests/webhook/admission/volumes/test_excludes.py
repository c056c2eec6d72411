"""Exclude patterns without effect, named at admission and by `backup-webhook lint`."""

import pytest

from tests.webhook.admitting import Json, answer_to
from tests.webhook.commands import template_of
from tests.webhook.lint.lint_files import Lint, complete, namespace

Output = pytest.CaptureFixture[str]


def _mounted(pod: Json) -> tuple[str, str]:
    """Return where the app mounts its first volume, and that volume's name."""
    mount = pod["spec"]["containers"][0]["volumeMounts"][0]
    return str(mount["mountPath"]).rstrip("/"), str(mount["name"])


@pytest.mark.parametrize("inside", ["cache", "deep/cache/*", ""])
def test_a_path_as_the_app_sees_it_is_named_with_the_correct_one(
    asked: Json, pod: Json, inside: str
) -> None:
    where, volume = _mounted(pod)
    pattern = f"{where}/{inside}".rstrip("/")
    pod["metadata"]["annotations"]["backup.exclude"] = f"*.tmp\n{pattern}"

    answer = answer_to(asked)

    assert answer.reason == "injected"
    (warning,) = answer.warnings
    meant = f"/backup/{volume}/{inside}".rstrip("/")
    assert "backup.exclude" in warning
    assert warning.endswith(f"is a path inside the app's container: write {meant}")


def test_a_path_in_a_sub_path_includes_it(asked: Json, pod: Json) -> None:
    mount = pod["spec"]["containers"][0]["volumeMounts"][0]
    mount["subPath"] = "app"
    pod["metadata"]["annotations"]["backup.exclude"] = f"{mount['mountPath']}/cache"

    (warning,) = answer_to(asked).warnings

    assert warning.endswith(f"write /backup/{mount['name']}/app/cache")


@pytest.mark.parametrize(
    "pattern",
    ["*.tmp,*.log", "*.log, cache/**", "'*.tmp'", "~/cache", "/elsewhere/x", "a\\b", "!x"],
)
def test_a_pattern_that_is_probably_a_mistake_is_named(
    asked: Json, pod: Json, pattern: str
) -> None:
    pod["metadata"]["annotations"]["backup.exclude"] = pattern

    answer = answer_to(asked)

    assert answer.reason == "injected"
    (warning,) = answer.warnings
    assert warning.startswith("backup: annotation backup.exclude")


@pytest.mark.parametrize("pattern", ["*.tmp", "/backup/data/cache", "cache/**\n!keep", "*,v"])
def test_a_plausible_pattern_is_not_named(asked: Json, pod: Json, pattern: str) -> None:
    pod["metadata"]["annotations"]["backup.exclude"] = pattern

    assert answer_to(asked).warnings == []


def test_patterns_of_rclone_are_not_checked_as_restics(asked: Json, pod: Json) -> None:
    pod["metadata"]["annotations"] |= {"backup.engine": "rclone", "backup.exclude": "/c/{a,b}/**"}

    assert answer_to(asked).warnings == []


def test_only_the_first_of_many_doubtful_patterns_are_named(asked: Json, pod: Json) -> None:
    """A client shows each warning."""
    lines = "\n".join(f"/nowhere/{number}" for number in range(50))
    pod["metadata"]["annotations"]["backup.exclude"] = lines

    assert len(answer_to(asked).warnings) == 5


def test_lint_names_a_pattern_of_the_pods(lint: Lint, wiki: Json) -> None:
    template_of(wiki)["metadata"]["annotations"]["backup.exclude"] = "*.log, cache/**"

    linted = lint(wiki, namespace(), complete())

    assert linted.status == 1
    assert "without commas" in linted.one("warning", "backup.exclude")


def test_lint_names_a_pattern_of_the_secrets_by_its_line(lint: Lint, wiki: Json) -> None:
    """No value of a Secret is printed."""
    given = complete(BACKUP_EXCLUDE="*.tmp\n/hidden/here,and/there\n")

    linted = lint(wiki, namespace(), given)

    assert "line 2 (not shown)" in linted.one("warning", "BACKUP_EXCLUDE")
    assert "hidden" not in linted.printed
    template_of(wiki)["metadata"]["annotations"]["backup.exclude"] = "*.tmp"
    assert linted.status == 1
    assert lint(wiki, namespace(), given).status == 0  # the annotation wins
