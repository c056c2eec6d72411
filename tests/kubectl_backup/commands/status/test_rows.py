"""One row a pod: what it says, and what is wrong with the next step."""

import json
from dataclasses import replace

import pytest

from kubectl_backup.commands.status import rows
from kubectl_backup.output import draw
from tests.kubectl_backup.pods import NOW, Json, known, last, pod, task


def row(said: Json | None = None, trouble: str = "", **of: object) -> rows.Row:
    """Return the row of a pod."""
    return rows.row(pod(**of), said, trouble, NOW)  # type: ignore[arg-type]


def test_a_successful_workload_has_no_problems() -> None:
    found = row(known())

    assert found == rows.Row(
        "prod", "deploy/wiki", "wiki-5f8b9c-abcde", "success", "wiki", NOW - 1800, NOW + 1800, 31,
        5 << 20, "ok 3d", "H * * * *", "10 files", [],
    )  # fmt: skip
    assert rows.colour(found) == "green"


@pytest.mark.parametrize(
    ("changed", "status", "problem", "colour"),
    [
        ({"last": None, "last_success": None}, "never run", "", "yellow"),
        ({"last": None, "last_success": None, "last_success_known": True}, "never run", "",
         "yellow"),
        ({"last": None, "last_success": None, "last_success_known": False}, "unknown yet", "",
         "yellow"),
        ({"last": None}, "no run yet", "", "green"),
        ({"last": None, "last_success_known": True}, "no run yet", "", "green"),
        ({"running_since": "2026-09-21T13:33:00Z"}, "running", "", ""),
        ({"paused": True}, "paused", "", "yellow"),
        ({"last": last(status="failure", failure="auth", message="wrong password")}, "failure",
         "last run failure (auth): wrong password", "red"),
        ({"last": last(status="warning", failure="source", message="2 unreadable")}, "warning",
         "last run warning (source): 2 unreadable", "yellow"),
        ({"last": last(status="skipped", failure="locked", message="x")}, "skipped",
         "last run skipped (locked): x", "yellow"),
        ({"held": True}, "success", "retention is suspended", "yellow"),
        ({"missing": "RESTIC_PASSWORD"}, "success", "RESTIC_PASSWORD is missing", "yellow"),
        ({"problems": ["annotation backup.schedule 'x': bad"]}, "success", "backup.schedule",
         "yellow"),
        ({"tasks": {"prune": task("failure", None, "no room")}}, "success",
         "prune failure: no room", "yellow"),
        ({"next": "2026-09-21T12:33:00Z"}, "success", "due 60m ago did not start", "yellow"),
    ],
)  # fmt: skip
def test_each_problem_has_its_status_and_colour(
    changed: Json, status: str, problem: str, colour: str
) -> None:
    found = row(known(**changed))

    assert found.status == status
    assert found.protected
    assert found.reason == ((changed.get("last") or {}).get("failure") or "")
    assert problem in "; ".join(found.problems)
    assert bool(found.problems) is bool(problem)
    assert rows.colour(found) == colour


@pytest.mark.parametrize("changed", [{"paused": True}, {"running_since": "2026-09-21T13:33:00Z"}])
def test_a_run_that_cannot_start_is_not_overdue(changed: Json) -> None:
    assert row(known(next="2026-09-21T10:00:00Z", **changed)).problems == []


@pytest.mark.parametrize(
    ("tasks", "drill"),
    [
        ({}, "never"),
        ({"verify": task("success", "2026-09-18T13:33:20Z")}, "ok 3d"),
        ({"verify": task("failure", "2026-09-18T13:33:20Z")}, "failed"),
        ({"verify": task("skipped", None)}, "never"),
        ({"verify": {**task("", None), "last_success_known": True}}, "never"),
        ({"verify": {**task("", None), "last_success_known": False}}, "unknown"),
        ({"verify": {**task("failure", None), "last_success_known": False}}, "failed"),
    ],
)
def test_the_drill_column_shows_the_last_result(tasks: Json, drill: str) -> None:
    assert row(known(tasks=tasks)).drill == drill


def test_a_sidecar_that_does_not_answer_is_unknown() -> None:
    """Not good, and not called so."""
    found = row(None, "no answer in time")

    assert (found.status, found.problems) == ("unknown", ["no answer in time"])
    assert rows.colour(found) == "red"


def test_many_restarts_are_reported() -> None:
    assert row(known(), restarts=2).problems == []
    assert "restarted 3 times" in row(known(), restarts=3).problems[0]


def test_a_message_cannot_control_the_terminal() -> None:
    found = row(known(last=last(status="failure", message="a\x1b[2Jb")))

    assert "\x1b" not in json.dumps([found.problems, found.message])


def test_replicas_are_named_and_single_pods_are_not() -> None:
    one, two = row(known()), row(known(), name="wiki-5f8b9c-fffff")

    def titles(*found: rows.Row, wide: bool = False) -> list[str]:
        header = rows.table(found, NOW, namespaces=False, wide=wide).header
        return [column.title for column in header]

    assert "POD" not in titles(one)
    assert "POD" in titles(one, two)
    assert {"POD", "HOST", "SCHEDULE"} <= set(titles(one, wide=True))
    assert "NAMESPACE" not in titles(one)


def test_a_row_is_printed_like_this() -> None:
    made = rows.table([row(known())], NOW, namespaces=True, wide=False)

    assert draw.table(made, None, paint=False) == [
        "NAMESPACE   WORKLOAD      STATUS    LAST SUCCESS   NEXT RUN   SNAPSHOTS      SIZE   DRILL",
        "prod        deploy/wiki   success   30m ago        in 30m            31   5.0 MiB   ok 3d",
    ]


def test_json_has_rfc_3339_times() -> None:
    (found,) = rows.as_json([row(known())])

    assert found["last_success"] == "2026-09-21T13:03:20Z"
    assert found["problems"] == []
    assert (found["protected"], found["reason"], found["since"], found["next_try"]) == (
        True, "", None, None
    )  # fmt: skip
    assert json.loads(json.dumps(found)) == found


def test_the_most_severe_rows_come_first() -> None:
    """Then what has no backup at all; equals by their names."""
    bad = row(known(last=last(status="failure")), name="z")
    bare = replace(row(known()), status="no backup", protected=False, workload="deploy/y")
    doubtful, busy = row(known(held=True)), row(known(running_since="2026-09-21T13:33:00Z"))
    good, other = row(known()), row(known(), name="a")

    assert sorted([good, other, busy, doubtful, bare, bad], key=rows.rank) == [
        bad, bare, doubtful, busy, other, good
    ]  # fmt: skip


def test_a_row_without_a_response_claims_no_success() -> None:
    """To say "never" would be a guess: the repository may hold many."""
    row_of = rows.row(pod(), None, "no answer in time", NOW)

    made = rows.table([row_of], NOW, namespaces=False, wide=False)

    shown = draw.table(made, None, paint=False)
    assert "never" not in shown[1]
    assert shown[1].split()[:3] == ["deploy/wiki", "unknown", "-"]


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ({}, "30m ago"),
        ({"last_success": None}, "never"),
        ({"last_success": None, "last_success_known": True}, "never"),
        ({"last_success": None, "last_success_known": False}, "unknown yet"),
    ],
)
def test_the_table_says_never_only_where_the_sidecar_knows(changed: Json, shown: str) -> None:
    (line,) = rows.table([row(known(**changed))], NOW, namespaces=False, wide=False).lines

    assert shown in [cell.text for cell in line.cells]
    assert ("never" in [cell.text for cell in line.cells]) is (shown == "never")
