"""The dashboard: each query gives something on a real Prometheus that real runs have filled."""

import math
import re
from itertools import combinations

import pytest

from tests.alerts import dashboard
from tests.alerts.dashboard import Json
from tests.alerts.situations import Planted
from tests.alerts.world import World

_ALL = {"$cluster": ".*", "$namespace": ".*", "$workload": ".*", "$__rate_interval": "1h"}
_DAY = 86400
_REMINDERS = {"BackupPausedForAWeek paused", "BackupRetentionHeld maintenance"}


def _filled(text: str, values: dict[str, str] = _ALL) -> str:
    for variable, value in values.items():
        text = text.replace(variable, value)
    assert "$" not in text, "a variable that nobody fills"
    return text


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("title", dashboard.panels())
def test_query_returns_data(title: str, watching: World) -> None:
    for query in dashboard.queries(title):
        found = watching.prometheus.query(_filled(query))

        assert found, query
        assert any(math.isfinite(float(each["value"][1])) for each in found), query


def test_first_screen_counts_problems(watching: World, planted: Planted) -> None:
    """Each number, as it was planted."""
    # What fires can be asked for as a series a moment later.
    watching.await_value('count(ALERTS{alertstate="firing"})', len(planted.alerts))
    counts = {
        title: [watching.prometheus.value(_filled(q)) for q in dashboard.queries(title)]
        for title, panel in dashboard.panels().items()
        if panel["type"] == "stat" and panel["gridPos"]["y"] < 5
    }

    assert counts == {
        "Backups too old": [1],  # stuck; not those that are paused, off or gone
        "Failing now": [2],  # failing, locked
        "Drills late or failed": [2],  # drill, broken
        "Never reported": [1],
        "Pods protected": [pytest.approx(12 / 14)],
        "Alerts firing": [len(planted.alerts - _REMINDERS)],
    }


@pytest.mark.usefixtures("planted")
def test_maintenance_panels_show_each_job_and_each_namespace_without_one(
    watching: World,
) -> None:
    mappings = dashboard.override("Maintenance jobs", "State")["mappings"][0]["options"]
    state, overdue, *_, held = (
        {
            each["metric"]["namespace"]: float(each["value"][1])
            for each in watching.prometheus.query(_filled(query))
        }
        for query in dashboard.queries("Maintenance jobs")
    )

    assert {name: mappings[f"{value:g}"]["text"] for name, value in state.items()} == {
        "failing": "fails", "prod": "no job", "late": "overdue", "held": "good",
    }  # fmt: skip
    assert overdue.keys() == {"late", "held"}  # a job that opened no repository knows of no task
    assert overdue["held"] == 0
    assert 4 * _DAY < overdue["late"] < 5 * _DAY
    assert held == {"late": 0, "held": 1}
    counts = {
        title: [watching.prometheus.value(_filled(q)) for q in dashboard.queries(title)]
        for title in ("Not maintained", "Retention held back")
    }
    assert counts == {"Not maintained": [3], "Retention held back": [1]}


def test_variables_choose_namespace_and_workload(watching: World, planted: Planted) -> None:
    chosen = {**_ALL, "$namespace": "prod", "$workload": "stuck|wiki"}
    (query,) = dashboard.queries("Snapshots")
    variables = {each["name"]: each for each in dashboard.load()["templating"]["list"]}
    offered = re.fullmatch(r"label_values\((.+), (\w+)\)", variables["workload"]["query"]["query"])

    found = watching.prometheus.query(_filled(query, chosen))

    assert {each["metric"]["instance"] for each in found} == {"stuck", "wiki"}
    assert variables.keys() == {"datasource", "cluster", "namespace", "workload"}
    assert offered
    names = watching.prometheus.query(f"count by ({offered[2]}) ({_filled(offered[1])})")
    assert {each["metric"]["instance"] for each in names} == planted.sidecars.keys()


@pytest.mark.parametrize("title", dashboard.panels())
def test_panel_has_a_description_and_a_unit(title: str) -> None:
    panel = dashboard.panels()[title]

    assert len(panel["description"]) > 20
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    every = [panel, *panel["targets"]]
    assert {each["datasource"]["uid"] for each in every} == {"${datasource}"}


def test_panels_have_unique_positions_and_titles() -> None:
    every = dashboard.load()["panels"]

    assert len({each["id"] for each in every}) == len(every)
    assert len({each["title"] for each in every}) == len(every)
    assert [each["gridPos"]["x"] + each["gridPos"]["w"] for each in every if not _fits(each)] == []
    overlapping = [
        (one["title"], other["title"])
        for one, other in combinations(every, 2)
        if _overlap(one["gridPos"], other["gridPos"])
    ]
    assert overlapping == []


def _fits(panel: Json) -> bool:
    place = panel["gridPos"]
    return bool(place["x"] + place["w"] <= 24)


def _overlap(one: Json, other: Json) -> bool:
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "w"), ("y", "h"))
    )


@pytest.mark.usefixtures("planted")
def test_failed_run_is_a_gap_and_no_loss_of_data(watching: World) -> None:
    """A line that falls to 0 would say that the files are gone."""
    (size,) = dashboard.queries("Size of the sources")
    found = watching.prometheus.query(_filled(size))
    shown = {each["metric"]["instance"]: float(each["value"][1]) for each in found}

    assert shown["wiki"] == 20_000
    assert not shown.keys() & {"failing", "locked"}


def test_table_shows_each_existing_workload(watching: World, planted: Planted) -> None:
    state, *_ = dashboard.queries("Workloads")

    found = watching.prometheus.query(_filled(state))

    shown = {each["metric"]["instance"] for each in found}
    # An empty volume's backup is a warning that counts; what is gone is left out.
    assert shown == planted.sidecars.keys() - {"gone"} | {"never"}


def test_table_shows_the_state_and_failure_class_of_each(watching: World, planted: Planted) -> None:
    state, about, *_ = dashboard.queries("Workloads")
    mappings = dashboard.override("Workloads", "State")["mappings"][0]["options"]

    shown = {
        each["metric"]["instance"]: mappings[each["value"][1]]["text"]
        for each in watching.prometheus.query(_filled(state))
    }
    classes = {
        each["metric"]["instance"]: each["metric"]["class"]
        for each in watching.prometheus.query(_filled(about))
    }

    assert shown == dict.fromkeys(planted.sidecars.keys() - {"gone"}, "good") | {
        "failing": "fails", "locked": "fails", "broken": "restore failed", "stuck": "too old",
        "warning": "warning", "paused": "off or paused", "off": "off or paused",
        "never": "never reported",
    }  # fmt: skip
    assert classes == {"failing": "auth", "locked": "locked", "warning": "source"}
