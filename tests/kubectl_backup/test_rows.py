"""One row a pod: what it says, and what is wrong with the next step."""

import json

import pytest

from contract.names import Reason
from kubectl_backup import rows, table
from tests.kubectl_backup.pods import NOW, Json, chore, known, last, pod


def row(said: Json | None = None, trouble: str = "", **of: object) -> rows.Row:
    """Return the row of a pod."""
    return rows.row(pod(**of), said, trouble, NOW)  # type: ignore[arg-type]


def test_a_good_one_has_no_problems() -> None:
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
        ({"held": True}, "success", "retention is held", "yellow"),
        ({"missing": "RESTIC_PASSWORD"}, "success", "RESTIC_PASSWORD is missing", "yellow"),
        ({"problems": ["annotation backup.schedule 'x': bad"]}, "success", "backup.schedule",
         "yellow"),
        ({"chores": {"prune": chore("failure", None, "no room")}}, "success",
         "prune failure: no room", "yellow"),
        ({"next": "2026-09-21T12:33:00Z"}, "success", "due 60m ago did not come", "yellow"),
    ],
)  # fmt: skip
def test_what_is_wrong(changed: Json, status: str, problem: str, colour: str) -> None:
    found = row(known(**changed))

    assert found.status == status
    assert problem in "; ".join(found.problems)
    assert bool(found.problems) is bool(problem)
    assert rows.colour(found) == colour


@pytest.mark.parametrize("changed", [{"paused": True}, {"running_since": "2026-09-21T13:33:00Z"}])
def test_a_run_that_cannot_come_is_not_late(changed: Json) -> None:
    assert row(known(next="2026-09-21T10:00:00Z", **changed)).problems == []


@pytest.mark.parametrize(
    ("chores", "drill"),
    [
        ({}, "never"),
        ({"verify": chore("success", "2026-09-18T13:33:20Z")}, "ok 3d"),
        ({"verify": chore("failure", "2026-09-18T13:33:20Z")}, "failed"),
        ({"verify": chore("skipped", None)}, "never"),
        ({"verify": {**chore("", None), "last_success_known": True}}, "never"),
        ({"verify": {**chore("", None), "last_success_known": False}}, "unknown"),
        ({"verify": {**chore("failure", None), "last_success_known": False}}, "failed"),
    ],
)
def test_drills(chores: Json, drill: str) -> None:
    assert row(known(chores=chores)).drill == drill


@pytest.mark.parametrize("reason", [each for each in Reason if each in rows.PASSING])
def test_a_passing_reason_can_be_healed(reason: Reason) -> None:
    found = row(reason=reason.value)

    assert (found.status, rows.colour(found)) == ("not injected", "red")
    assert found.problems[0].startswith(f"{reason}: ")
    assert "kubectl backup heal" in found.problems[0]


def test_a_lasting_reason_needs_somebody() -> None:
    assert "heal" not in row(reason="no_volumes").problems[0]
    assert "backup.volumes" in row(reason="no_volumes").problems[0]


def test_a_pod_that_the_webhook_never_saw_leads_to_the_doctor() -> None:
    assert "never seen by the webhook" in row(reason="").problems[0]
    assert "kubectl backup doctor" in row(reason="").problems[0]


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ({"waiting": {"reason": "ImagePullBackOff"}}, "ImagePullBackOff"),
        ({"terminated": {"reason": "OOMKilled"}}, "OOMKilled"),
    ],
)
def test_a_sidecar_that_does_not_run_says_why(state: Json, why: str) -> None:
    found = row(state=state)

    assert (found.status, rows.colour(found)) == ("not running", "red")
    assert f"does not run: {why}; see `kubectl describe pod" in found.problems[0]


def test_a_sidecar_that_does_not_answer_is_unknown() -> None:
    """Not good, and not called so."""
    found = row(None, "no answer in time")

    assert (found.status, found.problems) == ("unknown", ["no answer in time"])


def test_restarts_are_told_once_they_are_many() -> None:
    assert row(known(), restarts=2).problems == []
    assert "restarted 3 times" in row(known(), restarts=3).problems[0]


def test_a_message_cannot_write_on_the_terminal() -> None:
    found = row(known(last=last(status="failure", message="a\x1b[2Jb")))

    assert "\x1b" not in json.dumps([found.problems, found.message])


def test_replicas_are_told_apart_and_single_pods_are_not() -> None:
    one, two = row(known()), row(known(), name="wiki-5f8b9c-fffff")

    def titles(*found: rows.Row, wide: bool = False) -> list[str]:
        header, _ = rows.table(found, NOW, namespaces=False, wide=wide)
        return [column.title for column in header]

    assert "POD" not in titles(one)
    assert "POD" in titles(one, two)
    assert {"POD", "HOST", "SCHEDULE"} <= set(titles(one, wide=True))
    assert "NAMESPACE" not in titles(one)


def test_a_row_as_it_is_printed() -> None:
    header, lines = rows.table([row(known())], NOW, namespaces=True, wide=False)

    assert table.render(header, lines, "PROBLEMS", None, paint=False) == [
        "NAMESPACE   WORKLOAD      STATUS    LAST SUCCESS   NEXT RUN   SNAPSHOTS      SIZE   DRILL",
        "prod        deploy/wiki   success   30m ago        in 30m            31   5.0 MiB   ok 3d",
    ]


def test_json_has_times_that_scripts_read() -> None:
    (found,) = rows.as_json([row(known())])

    assert found["last_success"] == "2026-09-21T13:03:20Z"
    assert found["problems"] == []
    assert json.loads(json.dumps(found)) == found


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
    _, lines = rows.table([row(known(**changed))], NOW, namespaces=False, wide=False)

    assert shown in [cell.text for cell in lines[0].cells]
    assert ("never" in [cell.text for cell in lines[0].cells]) is (shown == "never")
