"""The dashboard's picture in docs/: of the dashboard that we ship, and true to what it is given."""

import math
import re

import pytest

from tests.alerts import dashboard
from tests.alerts.picture import draw, drawing, lines
from tests.alerts.picture.svg import Series
from tests.alerts.picture.units import written
from tests.alerts.picture.week import History

PLACE = {"x": 0, "y": 0, "w": 8, "h": 8}


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "text"),
    [
        (0, "s", None, "0 s"), (0.0042, "s", None, "4.2 ms"), (164, "s", None, "2.73 mins"),
        (86400, "s", None, "1 day"), (129600, "s", 1, "1.5 days"), (0, "bytes", None, "0 B"),
        (48 << 20, "bytes", None, "48 MiB"), (0.8333, "percentunit", 0, "83%"),
        (1234, "none", None, "1234"), (0, "bool_yes_no", None, "No"),
    ],
)  # fmt: skip
def test_number_is_written_with_its_unit(
    value: float, unit: str, decimals: int | None, text: str
) -> None:
    assert written(value, unit, decimals) == text


def test_picture_is_of_the_dashboard_that_we_ship() -> None:
    """Else: make dashboard-picture."""
    text = draw.TARGET.read_text()
    shown = set(re.findall(r">([^<>]+)</text>", text))

    assert [each for each in dashboard.panels() if each not in shown] == []
    assert "No data" not in shown
    assert re.findall(r">Alerts firing</text>.*?>(\d+)</text>", text) == ["6"]
    assert {"never reported", "fails", "too old", "warning", "good", "off or paused"} <= shown


def test_an_unknown_number_is_not_shown_as_good() -> None:
    text = drawing.stat(dashboard.panels()["Failing now"], [])

    assert "nothing reports" in text
    assert "#56a64b" not in text


def test_line_has_a_gap_where_data_is_missing() -> None:
    panel = {**dashboard.panels()["Size of the sources"], "gridPos": PLACE}
    hours = (0, 1, 2, 5, 6)
    whole = [Series("app", [(3600.0 * hour, 1.0) for hour in range(7)])]
    broken = [Series("app", [(3600.0 * hour, 1.0) for hour in hours])]

    drawn = [lines.timeseries(panel, each, 0, 6 * 3600.0).count('class="l"')
             for each in (whole, broken)]  # fmt: skip

    assert drawn == [1, 2]


def test_history_holds_a_value_until_there_is_another() -> None:
    history = History()
    history.add("prod/app", 0.0, {("backup_snapshots", (("instance", "app"),)): 1.0})
    history.add("prod/app", 3600.0, {("backup_snapshots", (("instance", "app"),)): 2.0})

    *held, end = history.openmetrics(5400.0)

    assert end == "# EOF\n"
    assert [line.split()[1] for line in held] == ["1.0"] * 4 + ["2.0"] * 2
    assert math.isclose(float(held[-1].split()[2]), 4500)
