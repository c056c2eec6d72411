"""Which layer wins, what is said of a value that cannot be used, and of keys nobody knows."""

import re
from typing import Any

import pytest

from contract.annotations import settings
from contract.annotations.settings import (
    ALL,
    EXCLUDE,
    KEEP_DAILY,
    MEMORY_LIMIT,
    NAME,
    VOLUMES,
    Problem,
    Setting,
)

LAYERS = ["annotation", "Secret variable", "chart value", "default"]


def _resolve(**texts: str | None) -> settings.Settings:
    """Resolve with backup.keep-daily in the given layers; the built-in default is 7."""
    return settings.resolve(
        {"backup.keep-daily": texts.get("annotation")},
        {"KEEP_DAILY": texts["variable"] or ""} if "variable" in texts else {},
        {"keep-daily": texts["chart"] or ""} if "chart" in texts else {},
    )


@pytest.mark.parametrize(
    ("texts", "value"),
    [
        ({"annotation": "1", "variable": "2", "chart": "3"}, 1),
        ({"variable": "2", "chart": "3"}, 2),
        ({"annotation": "1", "chart": "3"}, 1),
        ({"chart": "3"}, 3),
        ({}, 7),
        ({"annotation": "", "variable": " ", "chart": "3"}, 3),
        ({"annotation": "", "variable": "", "chart": ""}, 7),
    ],
)
def test_the_first_layer_that_sets_a_value_wins(texts: dict[str, str], value: int) -> None:
    found = _resolve(**texts)

    assert (found[KEEP_DAILY], found.problems) == (value, ())


@pytest.mark.parametrize(
    ("texts", "value", "problems"),
    [
        ({"annotation": "x"}, 7, [("annotation", "backup.keep-daily", "x", "7")]),
        ({"annotation": "x", "variable": "2"}, 2, [("annotation", "backup.keep-daily", "x", "2")]),
        (
            {"annotation": "x", "variable": "", "chart": "3"},
            3,
            [("annotation", "backup.keep-daily", "x", "3")],
        ),
        ({"variable": "y", "chart": "3"}, 3, [("Secret variable", "KEEP_DAILY", "y", "3")]),
        ({"chart": "z"}, 7, [("chart value", "keep-daily", "z", "7")]),
        (
            {"annotation": "x", "variable": "y", "chart": "z"},
            7,
            [
                ("annotation", "backup.keep-daily", "x", "7"),
                ("Secret variable", "KEEP_DAILY", "y", "7"),
                ("chart value", "keep-daily", "z", "7"),
            ],
        ),
        ({"annotation": "1", "variable": "y"}, 1, []),
    ],
)
def test_an_invalid_value_falls_back_to_the_next_layer_and_is_named(
    texts: dict[str, str], value: int, problems: list[tuple[str, str, str, str]]
) -> None:
    found = _resolve(**texts)

    assert found[KEEP_DAILY] == value
    assert [(p.where, p.key, p.value, p.used) for p in found.problems] == problems


def test_an_invalid_value_without_a_fallback_leaves_the_setting_unset() -> None:
    found = settings.resolve({"backup.name": "-x-"}, {}, {})

    assert found.get(NAME) is None
    assert [problem.used for problem in found.problems] == ["none"]


def test_invalid_values_do_not_affect_each_other() -> None:
    found = settings.resolve(
        {"backup.keep-daily": "x", "backup.memory-limit": "y", "backup.exclude": "*.tmp"}, {}, {}
    )

    assert [problem.key for problem in found.problems] == [
        "backup.keep-daily",
        "backup.memory-limit",
    ]
    assert (found[MEMORY_LIMIT], found[EXCLUDE]) == ("256Mi", ("*.tmp",))


@pytest.mark.parametrize("setting", [s for s in ALL if not s.live], ids=lambda s: s.key)
def test_a_setting_fixed_at_admission_has_no_variable(setting: Setting[Any]) -> None:
    assert setting.variable is None
    name = "BACKUP_" + setting.key.upper().replace("-", "_")

    found = settings.resolve({}, {name: "x", "None": "x"}, {}, [setting])

    assert found.problems == ()
    assert found.get(setting) == settings.resolve({}, {}, {}).get(setting)


def test_settings_that_decide_over_execution_and_placement_are_not_live() -> None:
    """The right to patch a pod's annotations is not a right to execute."""
    fixed = {setting.key for setting in ALL if not setting.live}

    assert fixed >= {"enabled", "volumes", "secret", "name", "run-as", "cpu-request", "cpu-limit"}
    assert fixed >= {"memory-request", "memory-limit"}


def test_keys_and_variables_are_unique_and_well_formed() -> None:
    keys = [setting.key for setting in ALL]
    variables = [setting.variable for setting in ALL if setting.variable]

    assert len(set(keys)) == len(keys)
    assert len(set(variables)) == len(variables)
    assert all(re.fullmatch("[a-z]+(-[a-z]+)*", key) for key in keys)
    assert all(re.fullmatch("(BACKUP|KEEP)(_[A-Z]+)+", variable) for variable in variables)
    assert all(setting.annotation == f"backup.{setting.key}" for setting in ALL)


def test_only_requested_settings_are_resolved() -> None:
    found = settings.resolve({"backup.keep-daily": "x"}, {}, {}, [MEMORY_LIMIT])

    assert found.get(KEEP_DAILY) is None
    assert found.problems == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("data", ("data",)),
        ("data,media", ("data", "media")),
        (" data ,\n media:a/b\t,", ("data", "media:a/b")),
    ],
)
def test_volumes_are_separated_by_spaces(text: str, value: tuple[str, ...]) -> None:
    assert settings.resolve({"backup.volumes": text}, {}, {})[VOLUMES] == value


def test_excludes_are_one_per_line() -> None:
    text = "\n *.tmp \n\n/cache/with space\n# no comment\r\n"

    found = settings.resolve({"backup.exclude": text}, {}, {})

    assert found[EXCLUDE] == ("*.tmp", "/cache/with space", "# no comment")


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (Problem("annotation", "k", "v", "why", "7"), "annotation k 'v': why; using 7"),
        (Problem("annotation", "k", "", "why", ""), "annotation k: why"),
        (Problem("annotation", "k", "a\nb", "why", ""), "annotation k 'a\\nb': why"),
        (Problem("x", "k", "v" * 61, "why", ""), f"x k '{'v' * 60}…': why"),
    ],
)
def test_a_problem_is_one_line_for_people(problem: Problem, line: str) -> None:
    assert str(problem) == line


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("backup.shedule", "did you mean backup.schedule?"),
        ("backup.Schedule", "did you mean backup.schedule?"),
        ("backup.keep_daily", "did you mean backup.keep-daily?"),
        ("backup.enable", "did you mean backup.enabled?"),
        ("backup.volume", "did you mean backup.volumes?"),
        ("backup.frobnicate", "it has no effect"),
        ("Backup.enabled", "did you mean backup.enabled?"),
        ("backup_keep_daily", "did you mean backup.keep-daily?"),
        ("backups/schedule", "did you mean backup.schedule?"),
    ],
)
def test_an_unknown_key_is_named_with_a_suggestion(key: str, hint: str) -> None:
    (problem,) = settings.unknown({key: "value"})

    assert (problem.where, problem.key, problem.value) == ("annotation", key, "value")
    assert problem.reason == f"no such setting, {hint}"


@pytest.mark.parametrize(
    "key",
    [setting.annotation for setting in ALL]
    + ["backup.status", "backup.injected", "backup.velero.io/backup-volumes", "backups.x", "backup",
       "example.net/backup.schedule", "my.backup.enabled", "Backup.path", ""],
)  # fmt: skip
def test_known_keys_and_keys_of_other_programs_are_not_named(key: str) -> None:
    assert settings.unknown({key: "value"}) == ()


def test_unknown_keys_are_named_in_a_stable_order() -> None:
    keys = ["backup.zzz", "backup.aaa", "backup.mmm"]

    assert [problem.key for problem in settings.unknown(dict.fromkeys(keys))] == sorted(keys)


@pytest.mark.parametrize(
    ("raw", "said"), [("true", True), ("off", False), ("", False), (None, False)]
)
def test_enabled_is_read_without_the_other_settings(raw: str | None, said: bool) -> None:
    assert settings.enabled({"backup.enabled": raw}) is said
    assert settings.enabled({}) is False


@pytest.mark.parametrize("raw", ["ture", True, 1, []])
def test_an_invalid_enabled_is_an_error_that_names_it(raw: object) -> None:
    with pytest.raises(ValueError, match=r"annotation backup\.enabled .*: (write|is not text)"):
        settings.enabled({"backup.enabled": raw})


GOOD = {"keep-daily": "30"}


def _daily(
    annotations: dict[str, object], variables: dict[str, str] | None = None
) -> tuple[int, list[str], str | None]:
    found = settings.resolve(
        annotations, variables or {}, {"keep-daily": "9"}, [settings.KEEP_DAILY], GOOD
    )
    used = [str(problem) for problem in found.problems]
    return found[settings.KEEP_DAILY], used, found.given.get("keep-daily")


def test_an_invalid_value_keeps_the_last_valid_one() -> None:
    value, (problem,), given = _daily({"backup.keep-daily": "all"})

    assert (value, given) == (30, "30")
    assert problem.endswith("; using 30")


def test_the_last_valid_value_is_used_where_no_layer_has_one() -> None:
    assert _daily({"backup.keep-daily": "5"}) == (5, [], "5")
    assert _daily({"backup.keep-daily": "all"}, {"KEEP_DAILY": "6"})[0] == 6


def test_a_removed_value_is_forgotten() -> None:
    assert _daily({}) == (9, [], None)
