"""A sidecar that does not run: reason, since when and next step, in every output and width."""

import json
from copy import deepcopy
from dataclasses import replace

import pytest
import yaml

from kubectl_backup.commands.status import rows
from kubectl_backup.doctor import workload_checks
from kubectl_backup.doctor.findings import Level
from kubectl_backup.output import draw
from kubectl_backup.workload import restoring, stalls
from tests.kubectl_backup.api import Api
from tests.kubectl_backup.conftest import Backup
from tests.kubectl_backup.doctor.test_workload_checks import GOOD
from tests.kubectl_backup.pods import NOW, Json, pod
from tests.kubectl_backup.workload.stuck import (
    AGAIN,
    BACK_OFF,
    ENDED,
    INITIALIZING,
    RUNS,
    STUCK,
    WRONG,
    Stuck,
    ended,
    evicted,
    of,
)

LIST = "/api/v1/namespaces/prod/pods"
NAME = "wiki-5f8b9c-abcde"


def stall(case: Stuck) -> stalls.Stall:
    """Return what is found."""
    lines = None if case.log is None else [json.dumps(line).encode() for line in case.log]
    said = None if lines is None else restoring.heard(lines)
    found = stalls.find(case.pod, said, case.events[0] if case.events else "")
    assert found is not None
    return found


@pytest.mark.parametrize("name", STUCK)
def test_a_stall_has_reason_duration_and_next_step(name: str) -> None:
    case = STUCK[name]

    found = stall(case)

    line = found.line(NOW)
    assert (found.subject, found.reason, found.status) == (case.subject, case.reason, case.status)
    assert case.text in line
    assert case.remedy in found.remedy
    assert case.span in line
    assert case.next_try in line
    assert bool(case.next_try) is (found.next_try is not None)
    assert "PodInitializing" not in line
    assert "tried again in" not in line


@pytest.mark.parametrize("name", STUCK)
@pytest.mark.parametrize("width", [None, 40, 80, 200])
def test_the_table_shows_the_stall_at_every_width(name: str, width: int | None) -> None:
    case = STUCK[name]
    row = rows.row(case.pod, None, "", NOW, stall(case))

    made = rows.table([row], NOW, namespaces=True, wide=False)
    shown = draw.table(made, width, paint=False)

    text = " ".join(" ".join(shown).split())
    for each in (case.status, *case.text.split(), *case.remedy.split(), *case.span.split()):
        assert each in text
    if width is None:
        assert len(shown) == 2
    assert rows.colour(row) == ("" if case.status == "restoring" else "red")


@pytest.mark.parametrize("name", STUCK)
def test_the_doctor_shows_the_same_stall(name: str) -> None:
    """As a problem, or as a hint where a restore is at work."""
    case = STUCK[name]
    lines = [json.dumps(line).encode() for line in case.log or ()]
    said = restoring.heard(lines)
    meta = case.pod["metadata"]
    facts = replace(
        GOOD, pods=(case.pod,), known=None, repository=None,
        said={meta["name"]: said} if said else {},
        warnings={meta["uid"]: case.events[0]} if case.events else {},
    )  # fmt: skip

    found = [each for each in workload_checks.examine(facts) if case.text in each.text]

    level = Level.HINT if case.status == "restoring" else Level.PROBLEM
    assert [(each.subject, each.level) for each in found] == [(case.subject, level)]
    assert case.remedy in found[0].remedy
    assert case.span in found[0].text


def placed(api: Api) -> dict[str, Stuck]:
    """Put every stuck pod into one namespace, each of its own workload; return them by pod."""
    events: list[Json] = []
    found = {}
    for index, case in enumerate(STUCK.values()):
        made, name = deepcopy(case.pod), f"app{index}-5f8b9c-abcde"
        meta = made["metadata"]
        meta |= {"name": name, "uid": name}
        if meta["ownerReferences"]:
            meta["ownerReferences"][0]["name"] = f"app{index}-5f8b9c"
        for message in case.events:
            ref = {"kind": "Pod", "uid": name}
            old = {"involvedObject": ref, "reason": "FailedMount", "message": "an older one",
                   "lastTimestamp": "2026-09-21T13:00:00Z"}  # fmt: skip
            new = {**old, "message": message, "lastTimestamp": ENDED}
            events += [new, old, {**new, "reason": "BackOff", "message": "another reason"}]
        if case.log is None:
            api.refused[f"{LIST}/{name}/log"] = 403
        else:
            api.logs[f"{name}/backup-restore"] = case.log
        found[name] = replace(case, pod=made, remedy=case.remedy.replace(NAME, name))
    api.objects[LIST] = {"items": [case.pod for case in found.values()]}
    api.objects["/api/v1/namespaces/prod/events"] = {"items": events}
    return found


def test_status_of_all_of_them_at_once(api: Api, backup: Backup) -> None:
    """By one list of pods and one of events; in JSON, YAML and the table."""
    cases = placed(api)

    said = backup("status", "-o", "json")
    as_yaml = yaml.safe_load(backup("status", "-o", "yaml").out)
    text = backup("status").out

    found = {each["pod"]: each for each in json.loads(said.out)}
    assert (said.code, set(found)) == (1, set(cases))
    assert sum(path == LIST for path in api.read) == 3
    assert sum(path.endswith("/events") for path in api.read) == 3
    assert [each["problems"][0].split(" (")[0] for each in as_yaml] == [
        each["problems"][0].split(" (")[0] for each in found.values()
    ]
    for name, case in cases.items():
        row = found[name]
        assert (row["status"], row["reason"]) == (case.status, case.reason), name
        assert row["protected"] is True
        assert case.text in row["problems"][0]
        assert case.remedy in row["remedy"]
        assert case.remedy in row["problems"][0]
        assert row["since"].startswith("2026-09-21T13:")
        assert bool(row["next_try"]) is bool(case.next_try)
        assert case.text in text
    assert "PodInitializing" not in text
    assert "an older one" not in text
    assert "another reason" not in text
    assert list(found)[-1] in {name for name, case in cases.items() if case.status == "restoring"}


def test_without_permission_for_events_the_rest_is_shown(api: Api, backup: Backup) -> None:
    cases = placed(api)
    api.refused["/api/v1/namespaces/prod/events"] = 403

    said = backup("status", "-o", "json")

    assert (said.code, len(json.loads(said.out)), said.err.count("forbidden")) == (1, len(cases), 0)


def test_commands_on_a_stalled_pod_show_the_same(api: Api, backup: Backup) -> None:
    placed(api)

    for command in (("snapshots",), ("now",), ("logs",)):
        said = backup(*command, "app0")
        assert (said.code, WRONG in said.err, said.err.count("\n")) == (1, True, 1)


def test_a_restore_in_progress_is_no_failure(api: Api, backup: Backup) -> None:
    made = of(("backup-restore", RUNS))
    api.objects[LIST] = {"items": [made]}
    api.refused[f"{LIST}/{NAME}/log"] = 403

    said = backup("status", "-o", "json")

    (row,) = json.loads(said.out)
    assert (said.code, row["status"], row["reason"]) == (0, "restoring", "restoring")


@pytest.mark.parametrize("may_read", [True, False])
def test_the_doctor_reads_the_log_of_the_restore(api: Api, backup: Backup, may_read: bool) -> None:
    """Where it may; else the last end tells."""
    made = of(("backup-restore", RUNS, ended(message=WRONG)))
    api.objects |= {
        LIST: {"items": [made]},
        "/version": {"major": "1", "minor": "37"},
        "/api/v1/namespaces/prod": {"metadata": {"name": "prod"}},
    }
    path = f"{LIST}/{NAME}/log"
    api.logs[f"{NAME}/backup-restore"] = [{"level": "error", "message": "no route to host"}]
    api.refused |= {} if may_read else {path: 403}

    said = backup("doctor", "wiki")

    told = "(network): no route to host" if may_read else f"(auth): {WRONG}"
    assert (said.code, f"waiting for backup-restore {told}" in said.out) == (1, True), said.out
    assert "PodInitializing" not in said.out


def test_the_doctor_names_the_pod_of_a_rollout_that_waits() -> None:
    """The old one runs on."""
    new = of(("backup-restore", BACK_OFF, ended(message=WRONG)))
    new["metadata"]["name"] = "wiki-new"

    found = [each for each in workload_checks.examine(replace(GOOD, pods=(pod(), new)))
             if each.level == Level.PROBLEM]  # fmt: skip

    assert [(each.subject, each.text.split(" (")[0]) for each in found] == [
        ("restore", "pod wiki-new: waiting for backup-restore")
    ]


def test_a_running_sidecar_has_no_stall() -> None:
    assert stalls.find(pod()) is None
    assert not stalls.waits_for_restore(pod())
    assert not stalls.waits_for_node(pod())


@pytest.mark.parametrize(
    ("message", "seconds"),
    [("back-off 10s restarting", 10), ("back-off 1m20s restarting", 80),
     ("back-off 5m0s restarting", 300), ("back-off 1h0m0s restarting", 3600), ("what", None)],
)  # fmt: skip
def test_the_next_retry_of_the_kubelet_is_shown(message: str, seconds: int | None) -> None:
    state = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}

    found = stalls.find(of(("backup-restore", state, ended(message=WRONG))))

    assert found is not None
    expected = None if seconds is None else NOW - 120 + seconds
    assert found.next_try == expected


@pytest.mark.parametrize(("status", "why"), [({}, "Unknown"), ({"phase": "Pending"}, "Pending")])
def test_a_pod_without_a_status_of_the_kubelet_is_shown(status: Json, why: str) -> None:
    made = pod()
    made["status"] = status

    found = stalls.find(made)

    assert found is not None
    assert f"the pod is {why}" in found.text


def test_a_terminating_pod_is_shown_as_such() -> None:
    made = pod()
    made["metadata"]["deletionTimestamp"] = ENDED

    found = stalls.find(made)

    assert found is not None
    assert (found.reason, found.text) == ("Terminating", "the pod is being deleted")


def test_an_evicted_pod_is_shown_until_its_replacement_runs(api: Api, backup: Backup) -> None:
    """Once a workload, and not where its Job has failed or a rollout ended it."""
    gone, again = evicted("ReplicaSet", "wiki-5f8b9c"), evicted("ReplicaSet", "wiki-5f8b9c")
    gone["metadata"]["name"] = "wiki-old"
    job = pod("job-x", kind="Job", of="job")
    job["status"] = {"phase": "Failed"}
    api.objects[LIST] = {"items": [gone, again, job]}

    (row,) = json.loads(backup("status", "-o", "json").out)
    assert (row["workload"], row["reason"]) == ("deploy/wiki", "Evicted")

    api.objects[LIST] = {"items": [gone, again, of(("backup-restore", INITIALIZING)), job]}
    (row,) = json.loads(backup("status", "-o", "json").out)
    assert row["reason"] == "ContainerCreating"


@pytest.mark.parametrize(
    ("line", "failure", "message", "next_try"),
    [
        (f"{ENDED} error {WRONG}{AGAIN} failure=auth next=2026-09-21T13:34:00Z", "auth", WRONG,
         NOW + 40),
        (f"{ENDED} error {WRONG}{AGAIN}", "auth", WRONG, NOW - 80),
        (f"{ENDED} error {WRONG} failure=None", "auth", WRONG, None),
        (f"{ENDED} info /backup/data: restoring from snapshot 1", "",
         "/backup/data: restoring from snapshot 1", None),
    ],
)  # fmt: skip
def test_a_log_of_text_is_read_too(
    line: str, failure: str, message: str, next_try: float | None
) -> None:
    """BACKUP_LOG_FORMAT and the like choose it."""
    said = restoring.heard([line.encode()])

    assert said is not None
    assert (said.failure, said.message, said.next_try) == (failure, message, next_try)


@pytest.mark.parametrize("line", [b"", b"\xff\xfe", b"[1]", b"{", b"Traceback", b'{"level": 5}'])
def test_other_lines_of_the_log_are_ignored(line: bytes) -> None:
    said = restoring.heard([line])

    assert said is None or not said.failure
