"""Times are read as they are meant, wherever whoever reads them is."""

import time
from collections.abc import Iterator

import pytest

from kubectl_backup.output import formats


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nine hours ahead."""
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_tokyo")
@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("1970-01-02T00:00:00Z", 86400.0),
        ("1970-01-02T00:00:00", 86400.0),
        ("1970-01-02", 86400.0),
        ("1970-01-02T09:00:00+09:00", 86400.0),
    ],
)
def test_a_time_without_a_zone_is_utc(text: str, then: float) -> None:
    assert formats.moment(text) == then
