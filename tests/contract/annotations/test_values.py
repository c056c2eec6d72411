"""Times of restores say their zone, and globs stay inside the volume."""

import pytest

from contract.annotations import settings, values


def _problems(annotation: str, text: str) -> list[str]:
    return [each.reason for each in settings.resolve({annotation: text}, {}, {}).problems]


@pytest.mark.parametrize(
    "text", ["2026-11-25T03:00:00", "2026-11-25", "2026-11-25 03:00", "yesterday", "4f8a"]
)
def test_a_time_without_its_zone_is_refused(text: str) -> None:
    """Whose zone would it be: the writer's, the pod's, the server's?"""
    (why,) = _problems("backup.restore-as-of", text)
    assert why.startswith("write a time such as 2026-11-25T03:00:00Z")


@pytest.mark.parametrize("text", ["2026-11-25T03:00:00Z", "2026-11-25T03:00:00+01:00", "4f8a" * 4])
def test_a_moment_is_read(text: str) -> None:
    assert _problems("backup.restore-as-of", text) == []


@pytest.mark.parametrize("text", ["/etc/*.db", "../x.db", "a/../../x.db", "*.db\n/x.db"])
def test_a_glob_that_leaves_the_volume_is_refused(text: str) -> None:
    (why,) = _problems("backup.sqlite", text)
    assert why.startswith("write globs inside the volume")


@pytest.mark.parametrize("key", ["backup.velero.io/x", "backup.example.com/enabled"])
def test_a_key_of_another_program_is_no_setting_of_ours(key: str) -> None:
    assert settings.unknown({key: "x"}) == ()


def test_a_pod_without_the_annotation_is_not_enabled() -> None:
    assert not settings.enabled({})


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("1h", 3600), ("0.5", 0.5)]
)
def test_a_duration_without_a_unit_is_in_seconds(text: str, seconds: float) -> None:
    assert values.seconds(text) == seconds
