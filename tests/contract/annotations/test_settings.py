"""Every annotation with its good, odd and empty spellings, one table for each kind of value."""

import re
from typing import Any

import pytest

from contract.annotations import settings
from contract.annotations.settings import ALL, Setting
from contract.annotations.values import RunAs

BY_KEY = {setting.key: setting for setting in ALL}


def _read(key: str, text: object) -> tuple[Any, tuple[settings.Problem, ...]]:
    found = settings.resolve({f"backup.{key}": text}, {}, {})
    return found.get(BY_KEY[key]), found.problems


def _accepts(key: str, text: str, value: object) -> None:
    assert _read(key, text) == (value, ())


def _refuses(key: str, text: object, remedy: str) -> None:
    default, _ = _read(key, None)
    value, problems = _read(key, text)

    assert value == default
    (problem,) = problems
    assert (problem.where, problem.key, problem.value) == ("annotation", f"backup.{key}", str(text))
    assert remedy in problem.reason
    assert problem.used == (BY_KEY[key].default or "none")


@pytest.mark.parametrize("setting", ALL, ids=lambda setting: setting.key)
@pytest.mark.parametrize("text", [None, "", " ", "\n", "\t "], ids=repr)
def test_an_empty_value_is_not_set(setting: Setting[Any], text: str | None) -> None:
    absent = settings.resolve({}, {}, {})
    found = settings.resolve({setting.annotation: text}, {}, {})

    assert found.get(setting) == absent.get(setting)
    assert found.problems == ()


@pytest.mark.parametrize("setting", ALL, ids=lambda setting: setting.key)
@pytest.mark.parametrize(
    ("value", "quoted"),
    [(True, '"true"'), (False, '"false"'), (7, '"7"'), (1.5, '"1.5"'), ([], "[]"), ({}, "{}")],
)
def test_a_value_that_is_no_text_is_named_and_not_used(
    setting: Setting[Any], value: object, quoted: str
) -> None:
    """YAML makes booleans and numbers of what stands without quotes."""
    _refuses(setting.key, value, "is not text, quote it:")
    assert quoted in _read(setting.key, value)[1][0].reason


@pytest.mark.parametrize("setting", ALL, ids=lambda setting: setting.key)
def test_every_default_is_valid(setting: Setting[Any]) -> None:
    if setting.default:
        assert setting.parse(setting.default) == settings.resolve({}, {}, {})[setting]
    else:
        assert settings.resolve({}, {}, {}).get(setting) is None


@pytest.mark.parametrize("key", ["enabled", "paused"])
@pytest.mark.parametrize(
    ("text", "value"),
    [(text, True) for text in ("true", "True", "TRUE", "yes", "YES", "on", "On", "1", " true\n")]
    + [(text, False) for text in ("false", "FALSE", "no", "No", "off", "OFF", "0", "\tfalse ")],
)
def test_a_boolean_is_read_in_any_case(key: str, text: str, value: bool) -> None:
    _accepts(key, text, value)


@pytest.mark.parametrize("key", ["enabled", "paused"])
@pytest.mark.parametrize("text", ["ture", "y", "n", "t", "2", "-1", "01", "enabled", "true true"])
def test_an_invalid_boolean_is_refused(key: str, text: str) -> None:
    _refuses(key, text, "write true or false")


COUNTS = [setting.key for setting in ALL if re.fullmatch("keep-(?!within|archives).*", setting.key)]


@pytest.mark.parametrize("key", COUNTS)
@pytest.mark.parametrize(("text", "value"), [("0", 0), ("5", 5), ("007", 7), ("999999", 999999)])
def test_a_count_is_read(key: str, text: str, value: int) -> None:
    assert len(COUNTS) == 6
    _accepts(key, text, value)


@pytest.mark.parametrize("key", COUNTS)
@pytest.mark.parametrize(
    "text", ["-1", "+1", "1.5", "1e3", "1,000", "1_000", "all", "1000000", "5d", "\u0665"]
)
def test_an_invalid_count_is_refused(key: str, text: str) -> None:
    _refuses(key, text, "write a whole number, 0 or more")


@pytest.mark.parametrize(("text", "value"), [("7d", 7), ("0d", 0), (" 99999d\n", 99999)])
def test_a_number_of_days_is_read(text: str, value: int) -> None:
    _accepts("keep-archives", text, value)


@pytest.mark.parametrize("text", ["7", "d", "-7d", "1w", "7 d", "1d12h", "100000d", "\u0665d"])
def test_an_invalid_number_of_days_is_refused(text: str) -> None:
    _refuses("keep-archives", text, "write days such as 7d; 0d means forever")


@pytest.mark.parametrize(("text", "value"), [("rclone", "rclone"), (" restic\n", "restic")])
def test_an_engine_is_read(text: str, value: str) -> None:
    _accepts("engine", text, value)


@pytest.mark.parametrize("text", ["Rclone", "borg", "rclone restic", "true"])
def test_an_unknown_engine_is_refused(text: str) -> None:
    _refuses("engine", text, "write restic or rclone")


@pytest.mark.parametrize("text", ["30d", "1y6m", "2y5m7d3h", "0h", "99999h"])
def test_a_duration_is_read(text: str) -> None:
    _accepts("keep-within", text, text)


@pytest.mark.parametrize("text", ["30", "d", "30 d", "30D", "1w", "-1d", "1.5d", "30d;", "forever"])
def test_an_invalid_duration_is_refused(text: str) -> None:
    _refuses("keep-within", text, "write a duration such as 30d or 1y6m")


@pytest.mark.parametrize("text", ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Etc/GMT+5"])
def test_a_time_zone_is_read(text: str) -> None:
    value, problems = _read("timezone", text)

    assert (str(value), problems) == (text, ())


@pytest.mark.parametrize(
    "text",
    ["Berlin", "Europe", "Europe/", "CET+1", "+01:00", "Mars/Base", "../../etc/passwd",
     "/etc/passwd", "Europe/Berlin/x", "Europe\\Berlin", "a\0b", "\udcff", "x" * 5000, "."],
    ids=lambda text: repr(text[:20]),
)  # fmt: skip
def test_an_unknown_time_zone_is_refused(text: str) -> None:
    _refuses("timezone", text, "write an IANA time zone such as Europe/Berlin")


@pytest.mark.parametrize("key", ["schedule", "forget"])
@pytest.mark.parametrize("text", ["off", "@daily", "H 4 * * *", "*/5 * * * *"])
def test_a_schedule_is_read(key: str, text: str) -> None:
    value, problems = _read(key, text)

    assert (value.text, problems) == (text, ())


@pytest.mark.parametrize("key", ["schedule", "forget"])
@pytest.mark.parametrize("text", ["hourly", "false", "60 * * * *", "0 0 30 2 *"])
def test_an_invalid_schedule_is_refused(key: str, text: str) -> None:
    _refuses(key, text, "cron fields")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("root", RunAs(0, None)),
        ("0", RunAs(0, None)),
        ("1000", RunAs(1000, None)),
        ("1000:100", RunAs(1000, 100)),
        ("0:0", RunAs(0, 0)),
        ("2147483647:2147483647", RunAs(2147483647, 2147483647)),
    ],
)
def test_a_user_is_read(text: str, value: RunAs) -> None:
    _accepts("run-as", text, value)


@pytest.mark.parametrize(
    "text",
    ["Root", "root:root", "www-data", "-1", "1000:", ":1000", "1000:1000:1000", "1000 1000", "1.5",
     "2147483648", "0:2147483648", "99999999999", "0x10", "$(UID)", "\u0661"],
)  # fmt: skip
def test_an_invalid_user_is_refused(text: str) -> None:
    _refuses("run-as", text, "write UID, UID:GID or root")


@pytest.mark.parametrize("text", ["a", "backup-env", "b2.offsite", "1", "a" * 253])
def test_the_name_of_a_secret_is_read(text: str) -> None:
    _accepts("secret", text, text)


@pytest.mark.parametrize(
    "text",
    [
        "Backup",
        "a/b",
        "kube-system/x",
        "../x",
        "-a",
        "a-",
        ".a",
        "a_b",
        "a b",
        "a..b",
        "a.-b",
        "a" * 254,
        "ä",
    ],
)
def test_an_invalid_secret_name_is_refused(text: str) -> None:
    _refuses("secret", text, "in the pod's own namespace")


@pytest.mark.parametrize("text", ["a", "wiki", "Wiki_2.old-x", "9", "a" * 202])
def test_a_host_is_read(text: str) -> None:
    _accepts("name", text, text)


@pytest.mark.parametrize(
    "text", ["-a", "a-", ".a", "_a", "a b", "a,b", "a/b", "a:b", "$(X)", "a\nb", "ä", "a" * 203]
)
def test_an_invalid_host_is_refused(text: str) -> None:
    _refuses("name", text, "write letters, digits, dots and dashes")


@pytest.mark.parametrize("key", ["cpu-request", "cpu-limit", "memory-request", "memory-limit"])
def test_a_quantity_is_kept_as_it_was_written(key: str) -> None:
    for text in ("1Gi", "1024Mi", "1e9", "1000000000", "1.5G"):
        _accepts(key, text, text)
    for text in ("lots", "-1Gi", "1GB", "1 Gi", "\u0661Gi"):
        _refuses(key, text, "write a Kubernetes quantity")


@pytest.mark.parametrize(
    ("key", "floor", "below"),
    [
        ("memory-limit", "64Mi", ["63Mi", "0", "64M", "256"]),
        ("cpu-limit", "10m", ["9m", "0", "1u"]),
    ],
)
def test_a_limit_below_the_floor_is_refused(key: str, floor: str, below: list[str]) -> None:
    _accepts(key, floor, floor)
    for text in below:
        _refuses(key, text, f"write at least {floor}")
