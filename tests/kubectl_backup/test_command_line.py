"""`kubectl backup` as it is typed: exit status, one line of error, what it asks of the cluster."""

import json
import time
from pathlib import Path

import pytest
import yaml

from kubectl_backup import cli
from kubectl_backup.__main__ import main
from tests.kubectl_backup.api import Api, Ran
from tests.kubectl_backup.conftest import Backup
from tests.kubectl_backup.pods import NOW, Json, known, last, pod

PODS = "/api/v1/namespaces/prod/pods"


def answering(**changed: object) -> Ran:
    """Return the command `cat status.json`."""
    return Ran(json.dumps(known(**changed)).encode())


def protect(api: Api, *pods: Json, said: Ran | None = None) -> None:
    """Let the API server have these pods, which all say the same."""
    api.objects[PODS] = api.objects["/api/v1/pods"] = {"items": list(pods)}
    for each in pods:
        api.commands[each["metadata"]["name"]] = said or answering()


def test_status_reads_one_file_per_pod(api: Api, backup: Backup) -> None:
    """And starts no program of ours there."""
    protect(api, pod(), pod("db-0", kind="StatefulSet", of="db"))

    said = backup("status")

    assert (said.code, said.err) == (0, "")
    assert [line.split("   ")[0] for line in said.out.splitlines()] == [
        "WORKLOAD", "deploy/wiki", "sts/db",
    ]  # fmt: skip
    assert {tuple(words) for _, words in api.ran} == {("cat", "/var/lib/backup/status.json")}


def told(**changed: object) -> Json:
    """Return the line of a log that shows the status."""
    return {"time": "2026-09-21T13:03:20Z", "level": "debug", "message": "status",
            "known": known(**changed)}  # fmt: skip


def test_status_of_200_pods_takes_less_than_3_seconds(api: Api, backup: Backup) -> None:
    """Of a processor, the stand-in's share included; and nodes that take 200 ms to answer do so
    at the same time. Nothing is run in any pod. Pages of a list are followed."""
    many = [pod(f"wiki-{i}", of=f"wiki-{i}", namespace=f"n{i}") for i in range(200)]
    silent = {"backup.enabled": "no"}
    others = [pod(f"other-{i}", reason="", annotations=silent) for i in range(900)]
    protect(api, *many, *others)
    api.logs = {each["metadata"]["name"]: [told()] for each in many}
    api.delay = 0.2
    began, spent = time.monotonic(), time.process_time()

    said = backup("status", "-A", "-o", "json")

    assert time.process_time() - spent < 3
    assert time.monotonic() - began < 200 * api.delay / 2
    assert {each["status"] for each in json.loads(said.out)} == {"success"}
    assert (len(json.loads(said.out)), api.ran, said.code) == (200, [], 0)


def test_logs_are_formatted_or_raw(api: Api, backup: Backup) -> None:
    """The status in them is for programs."""
    protect(api, pod())
    line = {"time": "T", "level": "info", "message": "backup success: 10 files", "exit_code": 0}
    api.logs[pod()["metadata"]["name"]] = [line, told()]

    assert backup("logs", "wiki").out == "T info backup success: 10 files exit_code=0\n"
    assert [json.loads(each) for each in backup("logs", "wiki", "--json").out.splitlines()] == [
        line, told()
    ]  # fmt: skip


def test_pods_without_a_status_in_their_log_are_queried(api: Api, backup: Backup) -> None:
    """It was rotated, or the sidecar is an older one; or nobody may read logs."""
    many = [pod(f"wiki-{i}", of=f"wiki-{i}") for i in range(12)]
    protect(api, *many)
    api.logs = {each["metadata"]["name"]: [told()] for each in many[2:]}
    api.refused[f"{PODS}/wiki-5/log"] = 403

    said = backup("status", "-o", "json")

    assert (said.code, len(json.loads(said.out))) == (0, 12)
    assert sorted(name for name, _ in api.ran) == ["wiki-0", "wiki-1", "wiki-5"]


def test_an_unresponsive_pod_does_not_hide_others(api: Api, backup: Backup) -> None:
    protect(api, pod(), pod("db-0", kind="StatefulSet", of="db"))
    api.commands["db-0"] = Ran(b'{"half', code=None)

    said = backup("status", "-o", "json")

    found = {each["pod"]: each for each in json.loads(said.out)}
    assert found["wiki-5f8b9c-abcde"]["status"] == "success"
    assert found["db-0"]["status"] == "unknown"
    assert "the connection ended before the command did" in found["db-0"]["problems"][0]
    assert said.code == 1


def test_an_old_sidecar_is_queried_by_its_command(api: Api, backup: Backup) -> None:
    """It keeps no file."""
    protect(api, pod(), said=Ran(err=b"cat: no such file\n", code=1))

    said = backup("status", "-o", "json")

    assert [words[:2] for _, words in api.ran] == [["cat", "/var/lib/backup/status.json"],
                                                   ["sh", "-c"]]  # fmt: skip
    assert json.loads(said.out)[0]["status"] == "unknown"


def test_status_has_json_and_exit_codes_for_scripts(api: Api, backup: Backup) -> None:
    protect(api, pod())

    as_json = json.loads(backup("status", "-o", "json").out)
    as_yaml = yaml.safe_load(backup("status", "-o", "yaml").out)

    assert as_json == as_yaml
    assert as_json[0]["last_success"] == "2026-09-21T13:03:20Z"


def test_status_without_workloads_names_the_first_step(api: Api, backup: Backup) -> None:
    protect(api, pod(reason="", annotations={"backup.enabled": "no"}))

    said = backup("status")

    assert (said.code, said.out) == (0, "")
    assert "backup.enabled" in said.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--context", "away"), "is the API server reachable?"),
        (("--context", "nowhere"), "--context"),
        (("--kubeconfig", "/nowhere"), "--kubeconfig"),
    ],
)
def test_an_unreachable_api_server_is_reported_in_one_line(
    backup: Backup, words: tuple[str, ...], told: str
) -> None:
    """With the next step, without a trace, and without the token."""
    said = backup("status", *words)

    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert said.err.startswith("kubectl backup: ")
    assert told in said.err
    assert "secret-token" not in said.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("clusters: [", "invalid YAML: "),
        ("", "is empty"),
        ("- a\n- list\n", "not a kubeconfig"),
        ("clusters: 5\nusers: 5\ncontexts: 5\n", "not a kubeconfig"),
        ("kind: Config\ncurrent-context: x\n", "contexts"),
        (None, "Is a directory"),
    ],
)
def test_an_unreadable_kubeconfig_is_reported_in_one_line(
    backup: Backup, tmp_path: Path, text: str | None, told: str
) -> None:
    """That names it."""
    file = tmp_path / "mine"
    if text is None:
        file.mkdir()
    else:
        file.write_text(text)

    said = backup("status", "--kubeconfig", str(file))

    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert said.err.startswith(f"kubectl backup: kubeconfig {file}: ")
    assert told in said.err
    assert "--context" in said.err


def test_a_workload_is_searched_in_the_namespace_that_the_error_names(
    api: Api, backup: Backup
) -> None:
    protect(api, pod())
    api.objects["/api/v1/namespaces/other/pods"] = {"items": []}

    said = backup("snapshots", "wiki", "-n", "other")
    everywhere = backup("status", "wikki", "-A")

    line = "kubectl backup: no pod of wiki in namespace other (-n selects another)\n"
    assert (said.code, said.out, said.err) == (1, "", line)
    assert "no pod of wikki in any namespace; workloads with backups: deploy/wiki" in everywhere.err


def test_kubeconfig_options_may_precede_the_command(
    api: Api, backup: Backup, kubeconfig: Path
) -> None:
    """As kubectl has it. What comes last counts."""
    protect(api, pod())
    file = ("--kubeconfig", str(kubeconfig))

    before = (*file, "--context", "away", "status", "--context", "here")
    for words in (("-n", "prod", "status"), before, ("-n", "x", "status", "-n", "prod")):
        assert "deploy/wiki" in backup(*words).out
    api.objects["/api/v1/namespaces/other/pods"] = {"items": []}
    assert "namespace other (" in backup("-n", "other", "logs", "wiki").err


def test_a_forbidden_request_is_reported_in_one_line(api: Api, backup: Backup) -> None:
    api.refused[PODS] = 403

    said = backup("status")

    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "forbidden; ask your administrator" in said.err


@pytest.mark.parametrize(
    ("status", "code"), [("success", 0), ("warning", 0), ("failure", 1), ("skipped", 75)]
)
def test_now_signals_the_supervisor_and_exits_as_the_run_did(
    api: Api, backup: Backup, status: str, code: int
) -> None:
    """The pod's own clock tells which run was asked for."""
    ended = last(started="2026-09-21T13:33:20Z", status=status, message="so it was")
    protect(api, pod(), said=answering(last=ended))
    api.by_word["sh"] = Ran(f"{NOW:.0f}\n".encode())

    said = backup("now", "wiki", "--wait")

    asked = [words[-1] for _, words in api.ran if words[0] == "sh"]
    assert len(asked) == 1
    assert "kill -USR1" in asked[0]
    assert (said.code, said.out) == (code, f"pod wiki-5f8b9c-abcde: {status}: so it was\n")


def test_a_kept_snapshot_is_tagged(api: Api, backup: Backup) -> None:
    protect(api, pod(), said=answering(last=last(started="2026-09-21T13:33:20Z")))
    api.by_word |= {"sh": Ran(f"{NOW:.0f}\n".encode()), "backup-runner": Ran()}

    assert backup("now", "wiki", "--keep").code == 0

    tag = ["tag", "--retry-lock", "5m", "--add", "keep", "4f8a1c2e9b"]
    assert api.ran[-1][1] == ["backup-runner", "restic", *tag]


def test_a_pod_without_exec_is_reported_in_one_line(api: Api, backup: Backup) -> None:
    protect(api, pod())
    api.by_word["sh"] = Ran(err=b"sh: kill: no such process\n", code=1)

    said = backup("now", "wiki")

    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "no such process" in said.err


def test_now_reports_paused_backups(api: Api, backup: Backup) -> None:
    protect(api, pod(), said=answering(paused=True))

    said = backup("now", "wiki", "--wait")

    assert (said.code, "kubectl backup resume" in said.err) == (1, True)
    assert not any("kill" in " ".join(words) for _, words in api.ran)


def test_pause_annotates_only_the_running_pod(api: Api, backup: Backup) -> None:
    """The template would start it anew."""
    protect(api, pod())

    backup("pause", "deploy/wiki")
    said = backup("resume", "deploy/wiki")

    path = f"{PODS}/wiki-5f8b9c-abcde"
    assert api.asked == [
        ("PATCH", path, {"metadata": {"annotations": {"backup.paused": value}}})
        for value in ("true", None)
    ]
    assert said.code == 0


@pytest.mark.parametrize(("code", "status"), [(0, 0), (1, 1), (75, 75)])
@pytest.mark.parametrize(
    ("word", "runner"),
    [
        ("accept", "accept"), ("accept --retention", "accept --retention"), ("drill", "verify"),
        ("unlock", "unlock"),
    ],
)  # fmt: skip
def test_commands_of_the_runner_keep_their_exit_status(
    api: Api, backup: Backup, word: str, runner: str, code: int, status: int
) -> None:
    line = {"time": "T", "level": "info", "message": "done \x1b[2J", "why": "asked"}
    protect(api, pod(), said=Ran(json.dumps(line).encode() + b"\n", code=code))

    said = backup(*word.split(), "wiki")

    assert (said.code, api.ran[-1][1]) == (status, ["backup-runner", *runner.split()])
    assert said.out == "T info done ?[2J why=asked\n"


def test_a_dump_is_loaded_after_its_confirmation(api: Api, backup: Backup) -> None:
    api.objects[PODS] = {"items": [pod()]}
    line = json.dumps({"level": "info", "message": "the dump of postgres, 4f8a1c2e"}).encode()
    api.by_word |= {"load --snapshot": Ran(line + b"\n")}
    words = ("load", "--snapshot", "4f8a1c2e", "--replace")

    asked = backup("load", "wiki", *words[1:])
    assert (asked.code, "4f8a1c2e" in asked.out) == (1, True)
    assert [run for _, run in api.ran] == [["backup-runner", *words, "--dry-run"]]

    done = backup("load", "wiki", *words[1:], "--yes")
    assert done.code == 0
    assert api.ran[-1][1] == ["backup-runner", *words]


def test_without_a_snapshot_the_sidecar_loads_the_latest_dump(api: Api, backup: Backup) -> None:
    """Which knows no such word."""
    api.objects[PODS] = {"items": [pod()]}
    api.by_word |= {"load --dry-run": Ran(), "backup-runner": Ran()}

    assert backup("load", "wiki", "--snapshot", "latest", "--yes").code == 0

    words = ["backup-runner", "load"]
    assert [run for _, run in api.ran] == [[*words, "--dry-run"], words]


def test_an_unloadable_dump_needs_no_confirmation(api: Api, backup: Backup) -> None:
    api.objects[PODS] = {"items": [pod()]}
    api.by_word |= {"load postgres": Ran(b"load failure: not empty\n", b"", 1)}

    done = backup("load", "wiki", "postgres", "--at", "2026-11-25", "--yes")

    assert (done.code, "not empty" in done.out) == (1, True)
    (run,) = [run for _, run in api.ran]
    assert run[-3:] == ["--at", "2026-11-26T00:00:00Z", "--dry-run"]


def test_pods_without_their_sidecar_are_evicted_only_on_request(api: Api, backup: Backup) -> None:
    """And only those for which a new one would be better; a budget may forbid it."""
    protect(api, pod(reason="quota"))
    label = {"backup.enabled": "true"}
    prod = {"metadata": {"name": "prod", "labels": label}}
    api.objects |= {"/api/v1/namespaces": {"items": [prod]}, "/api/v1/namespaces/prod": prod}
    eviction = f"{PODS}/wiki-5f8b9c-abcde/eviction"

    api.answers[PODS] = pod(reason="quota")
    assert "its replacement would have no sidecar either: quota" in backup("reinject", "--yes").out
    assert eviction not in [path for _, path, _ in api.asked]

    api.answers[PODS] = pod()
    said = backup("reinject", "--yes")
    assert (said.code, said.out.splitlines()[-1]) == (0, "wiki-5f8b9c-abcde: evicted")
    assert api.asked[-1][:2] == ("POST", eviction)

    assert "evicted" in backup("heal", "--yes", "-A").out
    api.refused["/api/v1/namespaces/prod"] = 403
    assert "evicted" in backup("reinject", "--yes").out  # who may not ask tries
    api.refused.clear()

    api.objects["/api/v1/namespaces/prod"] = {"metadata": {"name": "prod"}}
    assert "no pod lacks" in backup("reinject", "--yes").out
    api.objects["/api/v1/namespaces/prod"] = prod

    api.refused[eviction] = 429
    assert "not evicted" in backup("reinject", "--yes").out


def test_a_former_command_name_works_and_help_does_not_list_it(api: Api, backup: Backup) -> None:
    protect(api, pod())
    api.objects["/api/v1/namespaces/prod"] = {"metadata": {"name": "prod"}}

    assert backup("heal") == backup("reinject")
    assert "heal" not in cli.parser().format_help().split()


def test_restore_refuses_before_it_changes_anything(
    api: Api, backup: Backup, tmp_path: Path
) -> None:
    protect(api, pod())
    words = ("restore", "wiki", "--volume", "nothing")

    for where in (("--in-place",), ("--to-pvc", "new")):
        said = backup(*words, *where)
        assert (said.code, "backed up: data" in said.err) == (1, True)
    out = backup("restore", "wiki", "--volume", "data", "--path", "../x", "--to-local",
                 str(tmp_path))  # fmt: skip
    assert (out.code, "leads out of the volume" in out.err) == (1, True)
    assert api.asked == []


@pytest.mark.parametrize(
    "words",
    [[], ["status"], ["now"], ["accept"], ["snapshots"], ["ls"], ["cat"], ["diff"], ["drill"],
     ["load"], ["pause"], ["resume"], ["logs"], ["unlock"], ["reinject"], ["doctor"], ["restore"]],
)  # fmt: skip
def test_help_has_examples_and_fits_the_terminal(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])

    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"  kubectl backup {' '.join(words)}" in said
    assert max(map(len, said.splitlines())) <= 80


def test_a_failed_run_is_shown_in_the_table(api: Api, backup: Backup) -> None:
    bad = last(status="failure", failure="auth", message="wrong password")
    protect(api, pod(), said=answering(last=bad))

    said = backup("status")

    assert said.code == 1
    assert "last run failure (auth): wrong password" in said.out
    assert "\x1b" not in said.out


def test_a_check_that_the_doctor_cannot_make_is_no_success(api: Api, backup: Backup) -> None:
    api.objects["/version"] = {"major": "1", "minor": "37"}
    api.refused["/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"] = 403
    api.objects["/api/v1/namespaces/prod"] = {"metadata": {"labels": {"backup.enabled": "true"}}}
    api.answers[PODS] = pod()

    said = backup("doctor")

    assert "problem " not in said.out
    assert (said.code, "unknown  chart" in said.out) == (1, True)
