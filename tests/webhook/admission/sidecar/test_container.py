"""The sidecar of one ordinary pod, to the last field, and the texts that go into it."""

import json
from dataclasses import replace

import pytest

from tests.webhook.admission.patch.applier import apply
from tests.webhook.admitting import IMAGE, OPTIONS, OWN_VOLUMES, Json, answer_to

SIDECAR: Json = {
    "name": "backup",
    "image": IMAGE,
    "imagePullPolicy": "IfNotPresent",
    "command": ["/opt/backup/bin/backup-supervise"],
    "restartPolicy": "Always",
    "envFrom": [
        {
            "prefix": "BACKUP_SECRET_",
            "secretRef": {"name": "backup-env-configuration", "optional": True},
        }
    ],
    "env": [
        {"name": "PATH", "value": "/opt/backup/bin:/usr/bin:/bin"},
        {
            "name": "BACKUP_NAMESPACE",
            "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
        },
        {
            "name": "BACKUP_POD",
            "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}},
        },
        {"name": "BACKUP_HOST", "value": "wiki"},
        {"name": "BACKUP_KIND", "value": "Deployment"},
        {"name": "BACKUP_WORKLOAD", "value": "wiki"},
        {"name": "BACKUP_DEFAULTS", "value": "{}"},
        {"name": "BACKUP_VOLUMES_DIR", "value": "/backup"},
        {"name": "BACKUP_STATE_DIR", "value": "/var/lib/backup"},
        {"name": "BACKUP_SECRET_DIR", "value": "/etc/backup/secret"},
        {"name": "BACKUP_ANNOTATIONS_FILE", "value": "/etc/backup/pod/annotations"},
    ],
    "volumeMounts": [
        {"name": "pages", "mountPath": "/backup/pages", "readOnly": True},
        {"name": "backup-state", "mountPath": "/var/lib/backup"},
        {"name": "backup-secret", "mountPath": "/etc/backup/secret", "readOnly": True},
        {"name": "backup-pod", "mountPath": "/etc/backup/pod", "readOnly": True},
        {
            "name": "backup-no-token",
            "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
            "readOnly": True,
        },
    ],
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"], "add": ["DAC_OVERRIDE"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": False,
        "runAsUser": 0,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "resources": {
        "limits": {"memory": "256Mi"},
        "requests": {"cpu": "1m", "memory": "16Mi"},
    },
}

VOLUMES: list[Json] = [
    {"name": "backup-state", "emptyDir": {}},
    {
        "name": "backup-secret",
        "secret": {"secretName": "backup-env-configuration", "optional": True},
    },
    {
        "name": "backup-pod",
        "downwardAPI": {
            "items": [{"path": "annotations", "fieldRef": {"fieldPath": "metadata.annotations"}}]
        },
    },
    {"name": "backup-no-token", "projected": {"sources": []}},
]

STATUS = (
    '{"injected":true,"reason":"injected","version":"0.1.0","volumes":["pages"],"defaulted":[]}'
)


def test_an_ordinary_pod_gets_exactly_this_container(asked: Json) -> None:
    answer = answer_to(asked)

    assert answer.warnings == []
    assert answer.operations == [
        {"op": "add", "path": "/spec/initContainers", "value": [SIDECAR]},
        *[{"op": "add", "path": "/spec/volumes/-", "value": volume} for volume in VOLUMES],
        {"op": "add", "path": "/metadata/annotations/backup.status", "value": STATUS},
        {
            "op": "add",
            "path": "/metadata/annotations/"
            "cluster-autoscaler.kubernetes.io~1safe-to-evict-local-volumes",
            "value": "backup-state",
        },
        {"op": "add", "path": "/metadata/labels/backup.injected", "value": "true"},
    ]


def test_the_sidecar_comes_after_the_init_containers_of_the_app(asked: Json, pod: Json) -> None:
    pod["spec"]["initContainers"] = [{"name": "migrate", "image": "x"}]

    result = apply(pod, answer_to(asked).operations or [])

    assert [item["name"] for item in result["spec"]["initContainers"]] == ["migrate", "backup"]
    assert len(result["spec"]["containers"]) == 1


def test_image_and_pull_policy_are_chart_values(asked: Json) -> None:
    options = replace(OPTIONS, image="x/y:z", pull_policy="Always")

    sidecar = answer_to(asked, options).sidecar()

    assert sidecar == {**SIDECAR, "image": "x/y:z", "imagePullPolicy": "Always"}


def test_the_secret_of_the_annotation_is_named_in_both_places(asked: Json, pod: Json) -> None:
    pod["metadata"]["annotations"]["backup.secret"] = "offsite"

    answer = answer_to(asked)

    secret = {"name": "offsite", "optional": True}
    source = {"prefix": "BACKUP_SECRET_", "secretRef": secret}
    assert answer.sidecar() == {**SIDECAR, "envFrom": [source]}
    volume = {"name": "backup-secret", "secret": {"secretName": "offsite", "optional": True}}
    assert answer.volumes() == [VOLUMES[0], volume, *VOLUMES[2:]]


def test_backup_name_is_the_host_and_is_marked_as_set(asked: Json, pod: Json) -> None:
    pod["metadata"]["annotations"]["backup.name"] = "handbook"

    environment = answer_to(asked).environment()

    assert environment["BACKUP_HOST"] == "handbook"
    assert environment["BACKUP_HOST_GIVEN"] == "true"
    assert environment["BACKUP_WORKLOAD"] == "wiki"


@pytest.mark.parametrize(
    ("kind", "annotations", "host", "needed"),
    [
        ("StatefulSet", {}, "$(BACKUP_POD)", "BACKUP_POD"),
        ("StatefulSet", {"backup.name": "db"}, "db-$(BACKUP_POD_INDEX)", "BACKUP_POD_INDEX"),
        ("DaemonSet", {}, "wiki-$(BACKUP_NODE)", "BACKUP_NODE"),
        ("DaemonSet", {"backup.name": "log"}, "log-$(BACKUP_NODE)", "BACKUP_NODE"),
    ],
)
def test_a_variable_precedes_the_host_that_refers_to_it(
    asked: Json, pod: Json, kind: str, annotations: Json, host: str, needed: str
) -> None:
    """The kubelet expands only what it has already read; anything else stays as text."""
    pod["metadata"]["ownerReferences"][0] |= {"kind": kind, "name": "wiki"}
    pod["metadata"]["annotations"] |= annotations

    answer = answer_to(asked)
    order = list(answer.environment())

    assert answer.environment()["BACKUP_HOST"] == host
    assert order.index(needed) < order.index("BACKUP_HOST")
    others = {"BACKUP_NODE", "BACKUP_POD_INDEX"} - {needed}
    assert others.isdisjoint(order)


def test_the_ordinal_comes_from_the_label_that_statefulsets_set(asked: Json, pod: Json) -> None:
    pod["metadata"]["ownerReferences"][0] |= {"kind": "StatefulSet", "name": "wiki"}
    pod["metadata"]["annotations"]["backup.name"] = "db"

    field = answer_to(asked).environment()["BACKUP_POD_INDEX"]["fieldRef"]["fieldPath"]

    assert field == "metadata.labels['apps.kubernetes.io/pod-index']"


def test_the_cluster_is_named_where_the_chart_names_one(asked: Json) -> None:
    environment = answer_to(asked, replace(OPTIONS, cluster="berlin")).environment()

    assert environment["BACKUP_CLUSTER"] == "berlin"


def test_every_dollar_is_doubled_so_that_the_kubelet_expands_nothing(asked: Json) -> None:
    defaults = {"exclude": "$(BACKUP_POD) $HOME $$", "schedule": "@daily"}
    options = replace(OPTIONS, cluster="a$(BACKUP_POD)$b", defaults=defaults)

    environment = answer_to(asked, options).environment()

    assert environment["BACKUP_CLUSTER"] == "a$$(BACKUP_POD)$$b"
    assert "$" not in environment["BACKUP_DEFAULTS"].replace("$$", "")
    assert json.loads(environment["BACKUP_DEFAULTS"].replace("$$", "$")) == defaults


def test_the_order_of_chart_defaults_changes_no_byte(asked: Json) -> None:
    """Two replicas must not differ over what means the same."""
    one = replace(OPTIONS, defaults={"schedule": "@daily", "exclude": "*.tmp"})
    other = replace(OPTIONS, defaults={"exclude": "*.tmp", "schedule": "@daily"})

    assert answer_to(asked, one).raw == answer_to(asked, other).raw


def test_only_live_settings_are_passed_to_the_runner(asked: Json) -> None:
    """What is fixed at admission has taken effect already."""
    defaults = {
        "keep-daily": "3", "exclude": "*.tmp", "memory-limit": "1Gi",
        "run-as": "33", "secret": "s", "volumes": "pages", "name": "n", "cpu-request": "2m",
    }  # fmt: skip

    answer = answer_to(asked, replace(OPTIONS, defaults=defaults))

    travels = json.loads(answer.environment()["BACKUP_DEFAULTS"])
    assert travels == {"exclude": "*.tmp", "keep-daily": "3"}
    assert answer.sidecar()["resources"]["limits"] == {"memory": "1Gi"}
    assert answer.sidecar()["securityContext"]["runAsUser"] == 33
    assert answer.sidecar()["envFrom"][0]["secretRef"]["name"] == "s"


def test_the_runner_gets_the_floor_and_the_keep_policy_at_admission(asked: Json, pod: Json) -> None:
    """What is annotated later, it takes for somebody's who may only patch pods."""
    assert "BACKUP_ADMITTED" not in answer_to(asked).environment()
    pod["metadata"]["annotations"] |= {
        "backup.keep-daily": "3", "backup.keep-weekly": "x", "backup.forget": "$(X)",
        "backup.maintenance": "own", "backup.schedule": "@daily",
    }  # fmt: skip
    floor = {"floor-within": "14d", "floor-last": "5", "shrink-grace": "9d"}

    environment = answer_to(asked, replace(OPTIONS, defaults=floor)).environment()

    assert json.loads(environment["BACKUP_ADMITTED"]) == {
        "backup.keep-daily": "3", "backup.maintenance": "own",
    }  # fmt: skip
    assert json.loads(environment["BACKUP_DEFAULTS"]) == floor


def test_the_status_names_volumes_and_defaulted_settings(asked: Json, pod: Json) -> None:
    pod["metadata"]["annotations"] |= {"backup.volumes": "pages:notes", "backup.keep-daily": "x"}

    result = apply(pod, answer_to(asked).operations or [])

    status = json.loads(result["metadata"]["annotations"]["backup.status"])
    assert status["volumes"] == ["pages/notes"]
    assert status["defaulted"] == ["backup.keep-daily"]


def test_the_sidecar_has_no_probe_no_port_and_no_size_limit(asked: Json) -> None:
    sidecar = answer_to(asked).sidecar()

    held_back_by = {"livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "ports"}
    assert held_back_by.isdisjoint(sidecar)
    assert all("sizeLimit" not in json.dumps(volume) for volume in answer_to(asked).volumes())
    assert len(answer_to(asked).volumes()) == len(OWN_VOLUMES)


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        ("pg_dump > /tmp/dump", '["sh","-c","pg_dump > /tmp/dump"]'),
        ('["echo", "$(HOME)"]', '["echo","$$(HOME)"]'),
    ],
    ids=["a shell's", "words"],
)
@pytest.mark.parametrize("when", ["pre", "post"])
def test_commands_are_fixed_at_admission(
    asked: Json, pod: Json, when: str, given: str, passed: str
) -> None:
    pod["metadata"]["annotations"][f"backup.{when}"] = given

    environment = answer_to(asked).environment()

    assert environment[f"BACKUP_{when.upper()}"] == passed
    assert f"backup.{when}" not in environment["BACKUP_DEFAULTS"]


@pytest.mark.parametrize(("seconds", "passed"), [(None, None), (30, None), (0, "0"), (600, "600")])
def test_the_sidecar_gets_the_grace_period(
    asked: Json, pod: Json, seconds: int | None, passed: str | None
) -> None:
    pod["spec"]["terminationGracePeriodSeconds"] = seconds

    assert answer_to(asked).environment().get("BACKUP_GRACE_SECONDS") == passed


def test_a_sidecar_of_an_older_release_is_recognised_and_gets_a_path(
    asked: Json, pod: Json
) -> None:
    """Such as one in a pod that a backup of the cluster's objects brings back.

    Nothing of it can be changed; with PATH, at least no key of the Secret decides what is run.
    """
    whole = apply(pod, answer_to(asked).operations or [])
    old = whole["spec"]["initContainers"][0]
    old["command"] = ["backup-supervise"]
    del old["envFrom"][0]["prefix"]
    del old["restartPolicy"]  # what the API server of an older cluster dropped
    path = old["env"].pop(0)
    asked["request"]["object"] = whole

    answer = answer_to(asked)

    assert answer.operations == [
        {"op": "add", "path": "/spec/initContainers/0/restartPolicy", "value": "Always"},
        {"op": "add", "path": "/spec/initContainers/0/env/-", "value": path},
    ]
