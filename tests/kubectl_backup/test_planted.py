"""Whatever a sidecar, restic, a pod or the API server says, the terminal stays the person's own.

Each source is planted, then each command that could show it is read: both outputs, to the last
letter.
"""

import json
import shlex
from pathlib import Path

import pytest

from kubectl_backup.commands.status import coverage
from kubectl_backup.doctor import cluster_checks, workload_checks
from kubectl_backup.doctor.findings import Facts
from kubectl_backup.workload import stalls
from kubectl_backup.workload.target import Owner
from tests.kubectl_backup.api import Api, Ran
from tests.kubectl_backup.conftest import Backup
from tests.kubectl_backup.doctor import test_workload_checks as chain
from tests.kubectl_backup.pods import Json, known, last, pod, task
from tests.planted import TEXT, steering

PODS = "/api/v1/namespaces/prod/pods"
NAME = pod()["metadata"]["name"]
# JSON cannot hold half of a pair, and none comes through UTF-8.
PLANTED = TEXT.replace("\udcff", "") + "[red]marked[/red]"


def said() -> Json:
    """Return a status whose every text is planted."""
    return known(
        host=PLANTED, tags=[PLANTED], schedule=PLANTED, timezone=PLANTED, task=PLANTED,
        damage=PLANTED, missing=PLANTED, problems=[PLANTED], running_since=PLANTED, next=PLANTED,
        last=last(status=PLANTED, failure=PLANTED, message=PLANTED, unreadable=[PLANTED]),
        tasks={"check": task(PLANTED, message=PLANTED), PLANTED: task("failure")},
    )  # fmt: skip


def snapshot() -> Json:
    """Return a snapshot whose every text is planted, but for its id and its time."""
    return {
        "id": "4f8a1c2e9b" * 4, "short_id": PLANTED, "time": "2026-09-21T13:03:20Z",
        "hostname": PLANTED, "username": PLANTED, "tags": [PLANTED], "summary": {},
        "paths": ["/backup/data", f"/backup/{PLANTED}"], "program_version": PLANTED,
    }  # fmt: skip


@pytest.fixture
def planted(api: Api) -> Api:
    """A cluster in which everything that others say is planted."""
    file = TEXT.replace("\udcff", "")
    node = {"name": file, "type": "file", "path": f"/backup/data/{file}", "size": 1,
            "permissions": PLANTED, "mtime": PLANTED, "uid": PLANTED, "gid": 1,
            "struct_type": "node"}  # fmt: skip
    folder = {"name": "data", "type": "dir", "path": "/backup/data", "struct_type": "node"}
    lines = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in (folder, node))
    change = {"message_type": "change", "path": PLANTED, "modifier": "+"}
    said_alone = PLANTED.replace("\n", " ")
    waiting = {"waiting": {"reason": PLANTED, "message": PLANTED}}
    annotated = {"backup.schedule": PLANTED, "backup.secret": PLANTED, "backup.name": PLANTED}
    other = pod("other-1", of="other-5f8b9c", state=waiting, annotations=annotated, restarts=5)
    other["status"]["conditions"] = [
        {"type": "PodScheduled", "status": "False", "reason": PLANTED, "message": PLANTED}
    ]
    skipped = pod("third-1", of="third-5f8b9c", reason=PLANTED)
    again = pod("fourth-1", of="fourth-5f8b9c", reason="quota")
    api.objects[PODS] = {"items": [pod(), other, skipped, again]}
    api.commands[NAME] = Ran(json.dumps(said()).encode())
    line = {"time": PLANTED, "level": PLANTED, "message": PLANTED, PLANTED: PLANTED}
    as_it_is = f"{json.dumps(line, ensure_ascii=False)}\n{said_alone}\n"
    api.logs = {each: [line, as_it_is] for each in (NAME, f"{NAME}/backup")}
    api.by_word = {
        "restic snapshots": Ran(json.dumps([snapshot()]).encode()),
        "restic ls": Ran(lines.encode()),
        "restic diff": Ran(f"{json.dumps(change, ensure_ascii=False)}\nM {said_alone}".encode()),
        "restic dump": Ran(PLANTED.encode(), err=f"Fatal: {PLANTED}\n".encode(), code=1),
        "verify": Ran(err=PLANTED.encode(), code=1),
        "sh": Ran(f"+{said_alone}\n+RESTIC_REPOSITORY\n".encode(), err=PLANTED.encode(), code=1),
        "timeout": Ran(err=PLANTED.encode(), code=1),
    }
    return _chain(api)


def _chain(api: Api) -> Api:
    """Plant what the doctor and `reinject` read besides pods."""
    labels = {"backup.enabled": "true", PLANTED: PLANTED}
    api.objects |= {
        "/version": {"major": "1", "minor": "37"},
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations": {
            "items": [chain.configuration(failurePolicy=PLANTED)]
        },
        "/apis/apps/v1/namespaces/bw/deployments/bw": chain.deployment(2, 0),
        "/apis/apps/v1/namespaces/prod/deployments/wiki": chain.template({PLANTED: PLANTED}),
        "/api/v1/namespaces/bw/pods": {"items": [chain.prepull(PLANTED)]},
        "/api/v1/namespaces/prod": {"metadata": {"name": "prod", "labels": labels}},
    }
    api.answers[PODS] = pod(reason=PLANTED)
    return api


COMMANDS = {
    "status": ("status",), "status of one": ("status", "wiki"), "wide": ("status", "-o", "wide"),
    "json": ("status", "-o", "json"), "yaml": ("status", "-o", "yaml"),
    "logs": ("logs", "wiki"), "logs for programs": ("logs", "wiki", "--json"),
    "follow": ("logs", "wiki", "--follow"),
    "snapshots": ("snapshots", "wiki"), "ls": ("ls", "wiki", "latest", "data"),
    "diff": ("diff", "wiki", "4f8a1c2e", "4f8a1c2e"), "doctor": ("doctor", "wiki"),
    "doctor of one that waits": ("doctor", "other"), "now": ("now", "wiki"),
    "reinject": ("reinject",),
    "one that waits": ("now", "other"), "one without": ("snapshots", "third"),
    "a volume that is not there": ("restore", "wiki", "--volume", "other", "--to-local", "{tmp}"),
    "restore": ("restore", "wiki", "--volume", "data", "--to-local", "{tmp}"),
    "restore by id": ("restore", "wiki", "--volume", "data", "--snapshot", "4f", "--to-local",
                      "{tmp}"),
    "no such file": ("restore", "wiki", "--volume", "data", "--path", PLANTED, "--to-local",
                     "{tmp}"),
    "drill": ("drill", "wiki"), "pause": ("pause", "wiki"),
    "no such workload": ("snapshots", PLANTED), "no such command": (PLANTED,),
    "no such option": ("status", f"--{PLANTED.replace(' ', '_')}"),
    "no such word": ("logs", "wiki", PLANTED),
    "no such number": ("logs", "wiki", "--tail", PLANTED),
    "no such format": ("status", "-o", PLANTED),
    "no such kubeconfig": ("--kubeconfig", PLANTED.replace("\0", ""), "status"),
    "no such context": ("--context", PLANTED, "status"),
    "no such time": ("restore", "wiki", "--volume", "data", "--at", PLANTED, "--to-local", "{tmp}"),
}  # fmt: skip
USAGE = {"no such command", "no such option", "no such word", "no such number", "no such format"}
SILENT = {"pause"}  # it says nothing that others say


@pytest.mark.parametrize("command", COMMANDS)
def test_no_foreign_text_controls_the_terminal(
    planted: Api,
    backup: Backup,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    command: str,
) -> None:
    del planted
    words = [word.replace("{tmp}", str(tmp_path / "x")) for word in COMMANDS[command]]

    try:
        shown = backup(*words)
        out, err, is_usage = shown.out, shown.err, False
    except SystemExit:
        (out, err), is_usage = capfd.readouterr(), True

    assert is_usage == (command in USAGE)
    assert ("marked" in out + err) == (command not in SILENT)
    assert out + err
    assert (steering(out), steering(err)) == ([], [])
    assert (out + err).count("marked") == (out + err).count("[red]marked[/red]")


@pytest.mark.parametrize("status", [401, 403, 404, 409, 500])
def test_text_of_the_api_server_does_not_control_the_terminal(
    planted: Api, backup: Backup, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr("tests.kubectl_backup.api._json", _hostile)
    planted.refused[PODS] = status

    shown = backup("status")

    assert shown.code == 1
    assert "owned" in shown.err
    assert steering(shown.out + shown.err) == []


def _hostile(_body: Json, status: int = 200) -> object:
    from fastapi import Response  # noqa: PLC0415 -- as the stand-in does

    return Response(json.dumps({"message": PLANTED}), status, media_type="application/json")


NAMES = ("$(touch planted)", "`id`", "a; id", "a'b", 'a"b', "a b", "-x\n--all", TEXT)


@pytest.mark.parametrize("name", NAMES)
def test_commands_to_paste_quote_names(name: str) -> None:
    """Also one that no API server lets be: who answers may be none."""
    for owner in (Owner("Deployment", name), Owner("StatefulSet", name), Owner("Rollout", name)):
        words = shlex.split(coverage.restart(name, owner))
        assert name in words
        assert any((word.endswith(name) and word != name) or word == name for word in words[-1:])
    label = coverage.explain("not_opted_in", name, Owner("Deployment", name))[1]
    assert name in shlex.split(label.rpartition(", then ")[0])
    stuck = pod(name, namespace=name)
    stuck["status"]["conditions"] = [
        {"type": "PodScheduled", "status": "False", "message": "unbound PersistentVolumeClaims"}
    ]
    described = stalls._describe(stuck)
    assert shlex.split(described) == ["kubectl", "-n", name, "describe", "pod", name]
    facts = Facts(0, name, workload="wiki", pods=(pod(name, restarts=9),), secret="s", keys={})
    remedies = [
        each.remedy
        for found in (
            workload_checks._sidecar(facts, facts.pods[0]), workload_checks._secret(facts),
            [workload_checks._password(facts)], cluster_checks._namespace(facts),
        )
        for each in found
        if each.remedy.startswith(("kubectl", "this shows"))
    ]  # fmt: skip
    assert len(remedies) == 4
    for remedy in remedies:
        command = remedy.partition(": kubectl")[2] or remedy
        assert name in shlex.split(command.rpartition(", then ")[0] or command)


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\u2029", "\x1c", "\x0b", "\x0c"])
def test_a_file_name_with_an_unusual_line_break_is_listed(
    planted: Api, backup: Backup, end: str
) -> None:
    """Python takes more for an end of a line than restic writes as a number."""
    name = f"a{end}b"
    node = {"name": name, "type": "file", "path": f"/backup/data/{name}", "size": 1,
            "struct_type": "node"}  # fmt: skip
    listed = json.dumps(node, ensure_ascii=False)
    planted.by_word["restic ls"] = Ran(f"{listed}\n".encode())

    shown = backup("ls", "wiki", "latest", "data")

    assert (shown.code, shown.err) == (0, "")
    assert "a?b" in shown.out


@pytest.mark.parametrize("said", ["[{}]", "[[]]", '[{"id": 1, "time": {}}]', '["\x1b[2J"]'])
@pytest.mark.parametrize("command", ["snapshots", "ls"])
def test_unexpected_output_of_restic_is_one_line_at_most(
    planted: Api, backup: Backup, said: str, command: str
) -> None:
    """And no trace of ours, which would quote it as it is."""
    planted.by_word |= {"restic snapshots": Ran(said.encode()), "restic ls": Ran(said.encode())}

    shown = backup(command, "wiki", *(("latest", "data") if command == "ls" else ()))

    assert shown.err.count("\n") == shown.code
    assert steering(shown.out + shown.err) == []
