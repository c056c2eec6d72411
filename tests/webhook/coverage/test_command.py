"""`backup-webhook coverage` over HTTP: what it asks, what it prints, how it ends."""

import json
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
from kubernetes.config import kube_config

from contract.names import Reason
from tests.webhook.admitting import IMAGE, Json
from tests.webhook.cluster import lists
from tests.webhook.cluster.lists import Lists
from tests.webhook.commands import Ran, run
from tests.webhook.coverage.test_classify import admitted
from webhook.coverage.classify import AS_WANTED, Cover
from webhook.coverage.render import REMEDIES
from webhook.coverage.scan import PAGE

Output = pytest.CaptureFixture[str]
_CLAIMS = "/api/v1/persistentvolumeclaims"
_PODS = "/api/v1/pods"
_AWAY = """
current-context: away
clusters: [{name: away, cluster: {server: "http://127.0.0.1:9"}}]
contexts: [{name: away, context: {cluster: away, user: me}}]
users: [{name: me, user: {}}]
"""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lists]:
    """A cluster with the namespace prod, which has opted in, and nothing else."""
    with lists.serving() as served:
        connected(served, tmp_path, monkeypatch)
        served.put("/api/v1/namespaces", [_namespace("prod")])
        yield served


def connected(served: Lists, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command find this cluster."""
    file = str(lists.kubeconfig(folder, served.url))
    monkeypatch.setenv("KUBECONFIG", file)
    # The client reads the variable when it is imported, which it was before.
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", file)


def _namespace(name: str, label: str = "true") -> Json:
    return {"metadata": {"name": name, "labels": {"backup.enabled": label}}}


def _coverage(capsys: Output, *arguments: str) -> Ran:
    return run(capsys, "coverage", "--image", IMAGE, *arguments)


def _plain(pod: Json, name: str) -> Json:
    made = deepcopy(pod)
    made["metadata"] |= {"name": name, "annotations": {}}
    return made


def test_a_cluster_without_gaps_exits_with_0(cluster: Lists, capsys: Output, pod: Json) -> None:
    cluster.put(_PODS, [admitted(pod)])

    ran = _coverage(capsys)

    assert (ran.status, ran.err) == (0, "")
    assert ran.out == "1 pod: 1 protected, 0 without a backup\n"


def test_gaps_exit_with_1_and_remedies(cluster: Lists, capsys: Output, pod: Json) -> None:
    made = [_plain(pod, "a"), _plain(pod, "b"), {**pod, "metadata": {**pod["metadata"]}}]
    made[2]["metadata"] |= {"name": "c", "ownerReferences": None}
    cluster.put(_PODS, [*made, admitted(pod)])
    cluster.put(_CLAIMS, [{"metadata": {"name": "old", "namespace": "prod"}}])

    ran = _coverage(capsys)

    assert ran.status == 1
    blocks = ran.out.split("\n\n")
    assert blocks[0].splitlines() == [
        "NAMESPACE  WORKLOAD         PODS  REASON",
        "prod       deployment/wiki  2     not_annotated",
        "prod       pod/c            1     missed",
    ]
    assert blocks[1].splitlines() == [
        f"{reason}: {REMEDIES[reason]}" for reason in ("missed", "not_annotated")
    ]
    assert blocks[2].splitlines() == ["NAMESPACE  CLAIM THAT NO POD USES", "prod       old"]
    assert blocks[3] == "4 pods: 1 protected, 3 without a backup; 1 claim that no pod uses\n"


def test_json_contains_everything(cluster: Lists, capsys: Output, pod: Json) -> None:
    cluster.put(_PODS, [_plain(pod, "a"), admitted(pod)])
    cluster.put(_CLAIMS, [{"metadata": {"name": "old", "namespace": "prod"}}])

    ran = _coverage(capsys, "--output", "json")

    assert ran.status == 1
    assert json.loads(ran.out) == {
        "counts": [
            {"namespace": "prod", "reason": "not_annotated", "pods": 1},
            {"namespace": "prod", "reason": "protected", "pods": 1},
        ],
        "unused": [{"namespace": "prod", "claims": 1}],
        "findings": [
            {"namespace": "prod", "kind": "Deployment", "workload": "wiki",
             "reason": "not_annotated", "pods": 1, "pod": "a"},
        ],
        "unused_claims": [{"namespace": "prod", "claim": "old"}],
    }  # fmt: skip


def test_a_summary_names_no_workload(cluster: Lists, capsys: Output, pod: Json) -> None:
    cluster.put(_PODS, [_plain(pod, "a")])
    cluster.put(_CLAIMS, [{"metadata": {"name": "old", "namespace": "prod"}}])

    text = _coverage(capsys, "--summary")
    parsed = json.loads(_coverage(capsys, "--summary", "--output", "json").out)

    assert text.status == 1
    assert text.out.splitlines()[:2] == [
        "NAMESPACE  REASON         PODS",
        "prod       not_annotated  1",
    ]
    assert parsed.keys() == {"counts", "unused"}


def test_only_the_requested_namespace_is_listed(cluster: Lists, capsys: Output, pod: Json) -> None:
    within = "/api/v1/namespaces/prod"
    cluster.put(f"{within}/pods", [_plain(pod, "a")])
    cluster.put(f"{within}/persistentvolumeclaims", [])

    assert _coverage(capsys, "-n", "prod").status == 1

    assert [path for path, _ in cluster.asked] == [
        "/api/v1/namespaces", f"{within}/persistentvolumeclaims", f"{within}/pods"
    ]  # fmt: skip
    assert cluster.asked[0][1]["fieldSelector"] == "metadata.name=prod"
    assert "labelSelector" not in cluster.asked[0][1]


def test_a_namespace_that_has_not_opted_in_is_known_by_its_label(
    cluster: Lists, capsys: Output, pod: Json
) -> None:
    within = "/api/v1/namespaces/prod"
    cluster.put("/api/v1/namespaces", [_namespace("prod", "false")])
    cluster.put(f"{within}/pods", [_plain(pod, "a"), pod])
    cluster.put(f"{within}/persistentvolumeclaims", [])

    ran = _coverage(capsys, "-n", "prod", "--summary", "-o", "json")

    assert [each["reason"] for each in json.loads(ran.out)["counts"]] == ["not_opted_in"]


def test_claims_are_read_before_pods_one_page_at_a_time(
    cluster: Lists, capsys: Output, pod: Json
) -> None:
    cluster.put(_PODS, [_plain(pod, f"p{number}") for number in range(2 * PAGE + 1)])

    ran = _coverage(capsys, "--summary", "-o", "json")

    assert json.loads(ran.out)["counts"][0]["pods"] == 2 * PAGE + 1
    paths = [path for path, _ in cluster.asked]
    assert paths == ["/api/v1/namespaces", _CLAIMS, _PODS, _PODS, _PODS]
    queries = [query for path, query in cluster.asked if path == _PODS]
    assert [query.get("continue") for query in queries] == [None, "100", "200"]
    assert not [query for query in queries if "resourceVersion" in query]


@pytest.mark.parametrize("what", ["namespaces", "persistentvolumeclaims", "pods"])
@pytest.mark.parametrize(("status", "told"), [(403, "HTTP 403 Forbidden"), (410, "it took too")])
def test_a_forbidden_list_is_named_and_nothing_is_reported(
    cluster: Lists, capsys: Output, what: str, status: int, told: str
) -> None:
    cluster.refused[f"/api/v1/{what}"] = status

    ran = _coverage(capsys)

    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(f"backup-webhook: cannot list {what}: {told}")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "Invalid kube-config file. No configuration found"),
        ("clusters: [", "the kubeconfig is not YAML"),
        ("", "is empty"),
        (_AWAY, "NewConnectionError"),
    ],
)
def test_an_unreachable_api_server_is_one_line_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output, text: str | None, told: str
) -> None:
    file = tmp_path / "kubeconfig"
    if text is not None:
        file.write_text(text)
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(file))

    ran = _coverage(capsys)

    assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert ran.err.startswith("backup-webhook: cannot list namespaces: ")
    assert told in ran.err
    assert ran.err.endswith("; check KUBECONFIG and whether the API server is reachable\n")


def test_a_missing_namespace_is_not_reported_as_empty(cluster: Lists, capsys: Output) -> None:
    cluster.put("/api/v1/namespaces", [])

    ran = _coverage(capsys, "--namespace", "prdo")

    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "backup-webhook: there is no namespace prdo\n"


def test_an_unreachable_api_server_exits_with_2(
    capsys: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))

    ran = _coverage(capsys)

    assert (ran.status, ran.out) == (2, "")
    assert "configuration" in ran.err


def test_no_name_controls_the_terminal(cluster: Lists, capsys: Output, pod: Json) -> None:
    made = _plain(pod, "a")
    made["metadata"]["ownerReferences"][0] |= {"kind": "X\x1b[2J", "name": "y\nz"}
    cluster.put(_PODS, [made])

    out = _coverage(capsys).out

    assert [c for c in out if not c.isprintable() and c != "\n"] == []
    assert "x?[2j/y?z" in out


_QUIET = {Cover.PROTECTED, Cover.OPTED_OUT, Cover.LEFT_OUT}


def test_every_reason_has_a_remedy() -> None:
    never = {"injected", "already_injected", "not_enabled", "not_a_pod_create"}

    assert REMEDIES.keys() == ({*Cover, *Reason} - never) - _QUIET


def test_help_has_examples(capsys: Output) -> None:
    out = run(capsys, "coverage", "--help").out

    assert "exit status: 0 every pod that should have a backup has one, 1 some have none, 2" in out
    for word in ({*Cover} | AS_WANTED) | {"KUBECONFIG", "--namespace", "--summary"}:
        assert word in out


def test_the_help_names_every_field_of_the_json(cluster: Lists, capsys: Output, pod: Json) -> None:
    cluster.put(_PODS, [_plain(pod, "a")])
    cluster.put(_CLAIMS, [{"metadata": {"name": "old", "namespace": "prod"}}])
    found = json.loads(_coverage(capsys, "-o", "json").out)

    told = run(capsys, "coverage", "--help").out.partition("--output json: ")[2].split()
    keys = {*found, *(key for rows in found.values() for key in rows[0])}
    assert keys <= set(told)


# Of this program alone: what wait4 tells begins with the memory of whoever started it.
_PEAK = """
import sys
from webhook.__main__ import main
status = main(sys.argv[1:])
lines = open("/proc/self/status").read().splitlines()
print(*[line.split()[1] for line in lines if line.startswith("VmHWM")], file=sys.stderr)
sys.exit(status)
"""


def test_ten_thousand_pods_take_little_memory(cluster: Lists, pod: Json) -> None:
    """The whole command, over HTTP: 200 MB of JSON pass through it."""
    made = _plain(pod, "NAME")
    made["metadata"]["ownerReferences"] = None
    made["spec"]["containers"][0]["env"] = [
        {"name": f"VARIABLE_{number}", "value": "x" * 200} for number in range(80)
    ]
    text = json.dumps(made).encode()
    assert len(text) > 19_000
    cluster.crowd(_PODS, 10_000, lambda number: text.replace(b"NAME", b"app-%d" % number))

    done = subprocess.run(
        [sys.executable, "-c", _PEAK, "coverage", "--output", "json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert len(json.loads(done.stdout)["findings"]) == 10_000
    assert int(done.stderr) < 100 * 1024
