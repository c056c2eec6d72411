"""Workloads without a backup: which have a row, why they have none, and the next step."""

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

from contract.annotations import namespace as namespace_defaults
from contract.annotations.namespace import NOTHING, Policy
from contract.coverage import AS_WANTED, Cover
from contract.names import Reason
from kubectl_backup.commands.status import coverage, rows
from kubectl_backup.output import draw
from kubectl_backup.workload import injection
from kubectl_backup.workload.reasons import PASSING
from tests.kubectl_backup.api import Api, Ran
from tests.kubectl_backup.conftest import Backup
from tests.kubectl_backup.pods import NOW, Json, known, pod
from webhook.admission.model import Options
from webhook.coverage import classify as webhook_coverage

OPTIONS = Options(image="registry.example.com/sidecar:1")
LABELLED = {"prod": NOTHING}
STATED = sorted(set(Reason) - {"injected", "already_injected", "not_enabled", "not_a_pod_create"})
KINDS = [
    ("ReplicaSet", "wiki-5f8b9c", "deploy/wiki", "kubectl -n prod rollout restart deploy/wiki"),
    ("StatefulSet", "db", "sts/db", "kubectl -n prod rollout restart sts/db"),
    ("DaemonSet", "agent", "ds/agent", "kubectl -n prod rollout restart ds/agent"),
    ("Job", "once", "job/once", "delete job/once and recreate it"),
    ("Job", "nightly-29323200", "cronjob/nightly", "wait for its next job"),
    ("", "", "pod/bare-0", "delete pod/bare-0 and recreate it"),
    ("Cluster", "pg", "cluster/pg", "delete its pods; cluster/pg creates new ones"),
]


def bare(name: str = "wiki-5f8b9c-abcde", **of: Any) -> Json:  # noqa: ANN401 -- what pod() takes
    """Return a pod without a sidecar that asks for nothing."""
    made = pod(name, **{"reason": "", **of})
    if "annotations" not in of:
        del made["metadata"]["annotations"]["backup.enabled"]
    return made


def asking(value: str = "true", **of: Any) -> Json:  # noqa: ANN401 -- what pod() takes
    """Return a pod without a sidecar that asks for one."""
    return bare(**of, annotations={"backup.enabled": value})


def without_claims(made: Json) -> Json:
    """Return the pod with no claim mounted."""
    made["spec"]["containers"][0]["volumeMounts"] = []
    return made


def windows(made: Json) -> Json:
    """Return the pod for nodes of Windows."""
    made["metadata"]["annotations"]["backup.status"] = '{"reason": "windows"}'
    return made


def mirrored(made: Json) -> Json:
    """Return the pod as a static one."""
    made["metadata"]["annotations"]["kubernetes.io/config.mirror"] = "x"
    return made


def with_block_device(made: Json) -> Json:
    """Return the pod with its claim as a block device."""
    made["spec"]["containers"][0] = {"volumeDevices": [{"name": "data", "devicePath": "/dev/x"}]}
    return made


def of_init(made: Json) -> Json:
    """Return the pod in which only an init container mounts the claim."""
    made["spec"]["initContainers"] = made["spec"]["containers"]
    made["spec"]["containers"] = [{"name": "app"}]
    return made


def over(made: Json, phase: str) -> Json:
    """Return the pod at its end."""
    made["status"]["phase"] = phase
    return made


# What a pod is, the word for it where its namespace has opted in and where it has not, and what the
# row then says (of the former).
CASES: dict[str, tuple[Json, str, str, str, str]] = {
    "says nothing": (bare(), "not_annotated", "", "no backup",
                     'not annotated; set backup.enabled: "true" in spec.template.metadata'),
    "says nothing, a block device": (with_block_device(bare()), "not_annotated", "", "no backup",
                                         "not annotated"),
    "says nothing, claims of an init container": (of_init(bare()), "not_annotated", "",
                                                  "no backup", "not annotated"),
    "says nothing, has no claim": (without_claims(bare()), "", "", "", ""),
    "says nothing, has ended": (over(bare(), "Succeeded"), "", "", "", ""),
    "says no": (asking("false"), "opted_out", "", "", ""),
    "says off": (asking("off"), "opted_out", "", "", ""),
    "asks, never seen": (asking(), "missed", "not_opted_in", "not injected",
                         "the webhook never saw the pod"),
    "asks, in other words": (asking("Yes"), "missed", "not_opted_in", "not injected",
                             "kubectl -n prod rollout restart deploy/wiki"),
    "asks, has a typo": (asking("ture"), "invalid_value", "not_opted_in", "not injected",
                         'the value of backup.enabled is invalid: set it to "true"'),
    "asks, has no claim": (without_claims(asking()), "no_volumes", "not_opted_in", "not injected",
                           "see backup.volumes"),
    "asks, static": (mirrored(asking()), "mirror_pod", "not_opted_in", "not injected",
                     "use a Deployment"),
    "asks, has ended": (over(asking(), "Failed"), "", "", "", ""),
    "was refused for quota": (pod(reason="quota"), "quota", "not_opted_in", "not injected",
                              "quota: the sidecar did not fit in "),
    "was refused for an image": (pod(reason="image_unavailable"), "image_unavailable",
                                 "not_opted_in", "not injected", "kubectl backup reinject"),
    "was refused, on Windows": (windows(asking()), "windows", "not_opted_in", "not injected",
                                "Windows pods are not backed up"),
    "has its sidecar": (pod(), "protected", "protected", "", ""),
    "is excluded and asks": (asking(namespace="kube-system"), "excluded_namespace",
                             "excluded_namespace", "not injected", "move the app to its own"),
    "is excluded and says nothing": (bare(namespace="kube-system"), "excluded_namespace", "",
                                     "no backup", "excludes this namespace"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("opted_in", [True, False])
def test_plugin_and_webhook_agree_on_coverage(case: str, opted_in: bool) -> None:
    """But for the version of a sidecar, which only the webhook knows."""
    made, labelled, unlabelled, _, _ = CASES[case]
    namespaces = {made["metadata"]["namespace"]: NOTHING} if opted_in else {}

    word = coverage.judge(made, namespaces)

    assert word == (labelled if opted_in else unlabelled)
    theirs = webhook_coverage.judge(made, OPTIONS, NOTHING if opted_in else None)
    assert word == ("protected" if theirs == "outdated" else theirs)


# What a namespace says, what its pod is, and the word for it.
BY_DEFAULT: dict[str, tuple[Json, Json, str]] = {
    "asks": ({"backup.enabled": "true"}, bare(), "missed"),
    "refuses": ({"backup.enabled": "false"}, bare(), "opted_out"),
    "has a typo": ({"backup.enabled": "ture"}, bare(), "not_annotated"),
    "asks, of a Job": ({"backup.enabled": "true"}, bare(kind="Job", of="export"), "left_out"),
    "asks, without a claim": ({"backup.enabled": "true"}, without_claims(bare()), ""),
    "asks, a block device": ({"backup.enabled": "true"}, with_block_device(bare()),
                             "not_annotated"),
    "asks, the pod refuses": ({"backup.enabled": "true"}, asking("false"), "opted_out"),
    "refuses, the pod asks": ({"backup.enabled": "false"}, asking(), "missed"),
}  # fmt: skip


@pytest.mark.parametrize("case", BY_DEFAULT)
def test_plugin_and_webhook_agree_where_namespaces_decide(case: str) -> None:
    said, made, expected = BY_DEFAULT[case]
    options = replace(OPTIONS, enabled=Policy.NAMESPACES)

    assert coverage.judge(made, {"prod": namespace_defaults.read(said)}) == expected
    assert webhook_coverage.judge(made, options, namespace_defaults.read(said)) == expected


def test_a_pod_that_its_namespace_asks_for_has_a_row_with_the_next_step() -> None:
    (row,) = coverage.uncovered(
        [bare()], {"prod": namespace_defaults.read({"backup.enabled": "true"})}
    )

    assert (row.status, row.reason, row.protected) == ("no backup", "missed", False)
    assert row.problems[0].startswith(
        "its namespace asks for backups by backup.enabled, and it has"
    )
    assert row.remedy == "kubectl -n prod rollout restart deploy/wiki"


@pytest.mark.parametrize("case", CASES)
def test_a_row_has_a_reason_and_a_remedy(case: str) -> None:
    """In one line."""
    made, word, _, status, said = CASES[case]

    found = coverage.uncovered([made], {made["metadata"]["namespace"]: NOTHING})

    if not status:
        assert found == []
        return
    (row,) = found
    assert (row.status, row.reason, row.protected) == (status, word, False)
    assert said in row.problems[0]
    assert len(row.problems) == 1
    assert rows.colour(row) == ("yellow" if status == "no backup" else "red")


@pytest.mark.parametrize(("kind", "of", "workload", "remedy"), KINDS)
def test_one_row_per_workload_names_how_to_recreate_its_pods(
    kind: str, of: str, workload: str, remedy: str
) -> None:
    names = ["bare-0"] if not of else [f"{of}-{index}" for index in range(3)]

    (row,) = coverage.uncovered([asking(name=name, kind=kind, of=of) for name in names], LABELLED)

    assert (row.workload, row.pods, row.pod) == (workload, len(names), names[0])
    assert row.remedy == remedy
    assert row.problems[0].endswith(remedy if len(names) == 1 else f"{remedy} (3 pods)")


@pytest.mark.parametrize(
    ("kind", "of", "where"),
    [("ReplicaSet", "wiki-5f8b9c", "in spec.template.metadata.annotations of deploy/wiki"),
     ("Job", "nightly-29323200", "spec.jobTemplate.spec.template.metadata.annotations of cronjob/"),
     ("", "", "in metadata.annotations of pod/x")],
)  # fmt: skip
def test_a_workload_without_annotation_names_where_to_set_it(
    kind: str, of: str, where: str
) -> None:
    (row,) = coverage.uncovered([bare(name="x", kind=kind, of=of)], LABELLED)

    assert where in row.remedy


def test_two_reasons_of_one_workload_are_two_rows() -> None:
    found = coverage.uncovered([asking(name="a"), pod("b", reason="quota"), pod("c")], LABELLED)

    assert [(row.pod, row.reason) for row in found] == [("a", "missed"), ("b", "quota")]


@pytest.mark.parametrize("reason", STATED)
def test_every_reason_of_the_webhook_has_a_row(reason: str) -> None:
    (row,) = coverage.uncovered([pod(reason=reason)], LABELLED)

    assert (row.reason, row.status, bool(row.remedy)) == (reason, "not injected", True)
    healable = reason in set(map(str, PASSING))
    assert ("kubectl backup reinject" in row.problems[0]) is healable


def test_a_sidecar_whose_limits_were_lowered_has_a_row_with_a_remedy() -> None:
    """Whoever resized it: it is there, and backups will fail."""
    starved = pod()
    (ours,) = (each for each in starved["spec"]["initContainers"] if each["name"] == "backup")
    ours["resources"] = {"limits": {"memory": "32Mi"}}

    (row,) = coverage.uncovered([starved], LABELLED)

    assert (row.reason, row.status, row.protected) == (Cover.STARVED, "limits too low", False)
    assert rows.colour(row) == rows.colour(coverage.uncovered([pod(reason="quota")], LABELLED)[0])
    assert "raise backup.memory-limit" in row.remedy
    assert "README" not in row.problems[0]


def test_a_missing_label_is_named_with_its_command() -> None:
    (row,) = coverage.uncovered([asking()], {})

    assert row.reason == Cover.NOT_OPTED_IN
    assert row.remedy == (
        "kubectl label namespace prod --overwrite backup.enabled=true, then kubectl -n prod "
        "rollout restart deploy/wiki"
    )


def test_without_labels_only_certain_reasons_are_shown() -> None:
    found = coverage.uncovered([bare("a"), asking(name="b"), pod("c", reason="quota")], None)

    assert [(row.pod, row.reason) for row in found] == [("b", injection.UNSEEN), ("c", "quota")]
    assert "kubectl backup doctor" in found[0].problems[0]


def test_reasons_of_coverage_are_those_of_the_webhook() -> None:
    """One list, for metrics and JSON."""
    assert webhook_coverage.Cover is Cover
    assert webhook_coverage.AS_WANTED is AS_WANTED


# Through the front door

PODS, NAMESPACES = "/api/v1/pods", "/api/v1/namespaces"


def namespace(name: str, label: str | None = "true") -> Json:
    """Return a namespace."""
    labels = {} if label is None else {"backup.enabled": label}
    return {"metadata": {"name": name, "labels": labels}}


def cluster(api: Api, *pods: Json, unlabelled: tuple[str, ...] = ()) -> None:
    """Let the API server have these pods, and their namespaces."""
    names = sorted({each["metadata"]["namespace"] for each in pods} | {"prod"})
    found = [namespace(name, None if name in unlabelled else "true") for name in names]
    api.objects |= {PODS: {"items": list(pods)}, NAMESPACES: {"items": found}}
    for each in found:
        name = each["metadata"]["name"]
        here = [pod for pod in pods if pod["metadata"]["namespace"] == name]
        api.objects |= {f"{NAMESPACES}/{name}": each, f"{NAMESPACES}/{name}/pods": {"items": here}}
    api.by_word["cat"] = Ran(json.dumps(known()).encode())


MIXED = (
    pod(),
    pod("db-0", kind="StatefulSet", of="db"),
    *(bare(f"cms-7d-{i}", of="cms-7d") for i in range(3)),
    *(asking(name=f"mq-{i}", kind="StatefulSet", of="mq") for i in range(3)),
    asking(name="blog-x", of="blog", kind="StatefulSet", namespace="other"),
    asking("no", name="cache-x", of="cache", kind="StatefulSet"),
    bare("proxy", of="proxy", kind="DaemonSet", namespace="kube-system"),
    over(bare("done", kind="Job", of="done"), "Succeeded"),
)
EXPECTED = [
    ("other", "sts/blog", "not injected", "not_opted_in", False, 1),
    ("prod", "sts/mq", "not injected", "missed", False, 3),
    ("prod", "ds/cms-7d", "no backup", "not_annotated", False, 3),
    ("prod", "deploy/wiki", "success", "", True, 1),
    ("prod", "sts/db", "success", "", True, 1),
]


def keys(found: list[Json]) -> list[tuple[object, ...]]:
    """Return what is compared of rows."""
    names = ("namespace", "workload", "status", "reason", "protected", "pods")
    return [tuple(each[name] for name in names) for each in found]


def mixed(api: Api) -> None:
    """Let the API server have a bit of everything."""
    pods = [replace_kind(each) for each in MIXED]
    cluster(api, *pods, unlabelled=("other", "kube-system"))


def replace_kind(each: Json) -> Json:
    """Return the pod; of `cms` they are a DaemonSet's."""
    if each["metadata"]["name"].startswith("cms"):
        each["metadata"]["ownerReferences"][0]["kind"] = "DaemonSet"
    return each


def test_status_of_all_namespaces_lists_unprotected_workloads(api: Api, backup: Backup) -> None:
    """The worst first; the same in JSON and YAML, and in the table."""
    mixed(api)

    said = backup("status", "-A", "-o", "json")
    found = json.loads(said.out)

    assert (said.code, said.err) == (1, "")
    assert keys(found) == EXPECTED
    assert yaml.safe_load(backup("status", "-A", "-o", "yaml").out) == found
    text = backup("status", "-A").out
    assert [line.split()[1] for line in text.splitlines()[1:]] == [row[1] for row in EXPECTED]
    assert 'set backup.enabled: "true"' in text
    assert "kube-system" not in text
    assert "cache" not in text


def test_status_of_one_namespace_lists_unprotected_workloads(api: Api, backup: Backup) -> None:
    mixed(api)

    found = json.loads(backup("status", "-o", "json").out)

    assert keys(found) == [row for row in EXPECTED if row[0] == "prod"]
    other = json.loads(backup("status", "-n", "other", "-o", "json").out)
    assert keys(other) == EXPECTED[:1]


def test_only_enabled_workloads_are_listed_on_request(api: Api, backup: Backup) -> None:
    mixed(api)

    found = json.loads(backup("status", "-A", "--protected-only", "-o", "json").out)

    assert keys(found) == [row for row in EXPECTED if row[3] != "not_annotated"]


@pytest.mark.parametrize(
    ("pods", "words", "code"),
    [
        ([pod(), bare("x", of="x")], (), 0),
        ([bare("x", of="x")], (), 0),
        ([bare("x", of="x")], ("-A",), 0),
        ([bare("x", of="x", kind="StatefulSet")], ("sts/x",), 1),
        ([asking("no", name="x", of="x", kind="StatefulSet")], ("sts/x",), 1),
        ([asking("no", name="x", of="x", kind="StatefulSet")], (), 0),
        ([pod(), asking(name="x", of="x")], (), 1),
        ([pod(), pod("x", of="x", reason="quota")], ("-A",), 1),
        ([pod()], ("deploy/wiki",), 0),
    ],
)
def test_only_enabled_or_named_workloads_fail_the_command(
    api: Api, backup: Backup, pods: list[Json], words: tuple[str, ...], code: int
) -> None:
    cluster(api, *pods)

    assert backup("status", *words).code == code


@pytest.mark.parametrize(
    ("value", "status"), [(None, "no backup"), ("no", "opted out"), ("true", "not injected")]
)
def test_a_named_workload_always_has_a_row(
    api: Api, backup: Backup, value: str | None, status: str
) -> None:
    made = bare("x", kind="StatefulSet", of="x") if value is None else asking(
        value, name="x", kind="StatefulSet", of="x"
    )  # fmt: skip
    cluster(api, without_claims(made))

    (row,) = json.loads(backup("status", "sts/x", "-o", "json").out)

    assert (row["status"], row["protected"]) == (status, False)


def test_the_number_of_requests_does_not_grow(api: Api, backup: Backup) -> None:
    """200 pods of as many namespaces: two lists, and no more where nothing is stuck."""
    pods = [bare(f"x-{i}", kind="StatefulSet", of=f"x{i}", namespace=f"n{i}") for i in range(200)]
    cluster(api, *pods)

    found = json.loads(backup("status", "-A", "-o", "json").out)

    assert len(found) == 200
    assert sorted(api.read) == [NAMESPACES, PODS]
    assert api.ran == []


def test_without_list_permission_on_namespaces_enabled_pods_are_shown(
    api: Api, backup: Backup
) -> None:
    """And hears what is missing."""
    mixed(api)
    api.refused[NAMESPACES] = 403

    said = backup("status", "-A", "-o", "json")

    assert {each["workload"] for each in json.loads(said.out)} == {
        "deploy/wiki", "sts/db", "sts/mq", "sts/blog"
    }  # fmt: skip
    assert said.err.count("\n") == 1
    assert "workloads without the annotation backup.enabled are not shown" in said.err


def test_without_get_permission_on_the_namespace_enabled_pods_are_shown(
    api: Api, backup: Backup
) -> None:
    cluster(api, pod(), bare("x", of="x"))
    api.refused[f"{NAMESPACES}/prod"] = 403

    said = backup("status", "-o", "json")

    assert [each["workload"] for each in json.loads(said.out)] == ["deploy/wiki"]
    assert said.err.startswith("kubectl backup: namespace prod cannot be read (")


@pytest.mark.parametrize("labels", [True, False])
def test_without_cluster_wide_permission_the_users_namespaces_are_shown(
    api: Api, backup: Backup, labels: bool
) -> None:
    """And it is no success: nobody knows of the others."""
    cluster(api, pod(), pod("a", of="a", namespace="mine"), pod("b", of="b", namespace="theirs"))
    api.refused |= {PODS: 403, f"{NAMESPACES}/theirs/pods": 403}
    if not labels:
        api.refused[NAMESPACES] = 403

    said = backup("status", "-A", "-o", "json")

    found = {each["namespace"] for each in json.loads(said.out)}
    assert (said.code, found) == (1, {"prod", "mine"} if labels else {"prod"})
    shown = "prod, mine" if labels else "prod"
    assert f"showing only: {shown}\n" in said.err
    assert said.err.startswith("kubectl backup: pods of all namespaces cannot be listed (")


def test_without_any_permission_the_error_is_one_line(api: Api, backup: Backup) -> None:
    cluster(api, pod())
    api.refused |= {PODS: 403, NAMESPACES: 403, f"{NAMESPACES}/prod/pods": 403}

    said = backup("status", "-A")

    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert "ask your administrator" in said.err


@pytest.mark.parametrize("width", [None, 40, 80, 120])
def test_a_row_without_a_backup_at_every_width(width: int | None) -> None:
    found = coverage.uncovered([bare(), asking(name="mq-0", kind="StatefulSet", of="mq")], LABELLED)
    made = rows.table(found, NOW, namespaces=True, wide=False)

    shown = draw.table(made, width, paint=False)

    text = " ".join(" ".join(shown).split())
    assert "deploy/wiki" in text
    assert "sts/mq" in text
    for row in found:
        for word in row.problems[0].split():
            assert word in text


def test_json_of_a_row_keeps_its_fields() -> None:
    """What is new comes after them."""
    (row,) = rows.as_json(coverage.uncovered([bare()], LABELLED))

    assert list(row)[:5] == ["namespace", "workload", "pod", "status", "host"]
    assert row["last_success"] is None
    assert json.loads(json.dumps(row)) == row
