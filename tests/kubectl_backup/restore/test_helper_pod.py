"""In-place restores: who objects, and the pod that does it."""

import json
from collections.abc import Sequence
from copy import deepcopy

import pytest

from contract import names
from kubectl_backup.restore import helper_pod, preflight
from kubectl_backup.restore.preflight import RefusedError
from kubectl_backup.workload.target import Owner
from tests.kubectl_backup.pods import Json, pod

WIKI = Owner("Deployment", "wiki")


def deployment(*, spec: Json | None = None, **marks: Json) -> Json:
    """Return the workload."""
    return {"kind": "Deployment", "metadata": {"name": "wiki", **marks}, "spec": spec or {}}


def scaler(kind: str = "Deployment", name: str = "wiki") -> Json:
    """Return an autoscaler of a workload."""
    return {"metadata": {"name": "hpa"}, "spec": {"scaleTargetRef": {"kind": kind, "name": name}}}


@pytest.mark.parametrize(
    ("workload", "scalers", "who"),
    [
        (deployment(annotations={"argocd.argoproj.io/tracking-id": "x"}), [], "Argo CD"),
        (deployment(labels={"argocd.argoproj.io/instance": "x"}), [], "Argo CD"),
        (deployment(labels={"kustomize.toolkit.fluxcd.io/name": "x"}), [], "Flux"),
        (deployment(labels={"helm.toolkit.fluxcd.io/name": "x"}), [], "Flux"),
        (deployment(), [scaler()], "HorizontalPodAutoscaler hpa"),
    ],
)
def test_a_controller_that_would_scale_it_back_is_named(
    workload: Json, scalers: list[Json], who: str
) -> None:
    """Until somebody says that it is suspended."""
    said = preflight.objection(workload, scalers, suspended=False)

    assert said.startswith(f"{who} may scale it up during the restore")
    assert "--suspended" in said
    assert preflight.objection(workload, scalers, suspended=True) == ""


@pytest.mark.parametrize(
    ("workload", "scalers"),
    [
        (deployment(), []),
        (deployment(), [scaler("StatefulSet"), scaler(name="other")]),
        (deployment(labels={"kustomize.toolkit.fluxcd.io/name": "x"},
                    annotations={"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}), []),
    ],
)  # fmt: skip
def test_unrelated_controllers_are_no_objection(workload: Json, scalers: list[Json]) -> None:
    assert preflight.objection(workload, scalers, suspended=False) == ""


def test_claims_deleted_with_their_pods_are_never_risked() -> None:
    """Scaling down would delete what is to be restored."""
    policy = {"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"}}

    for suspended in (True, False):
        said = preflight.objection(deployment(spec=policy), [], suspended=suspended)
        assert "deletes the claims" in said


def test_other_pods_that_mount_the_claim_are_named() -> None:
    other = pod("job-x", kind="Job", of="job")
    over = pod("job-y", kind="Job", of="job")
    over["status"]["phase"] = "Succeeded"

    assert preflight.users([pod(), other, over], "wiki-data", WIKI) == ["job-x"]
    assert preflight.users([pod(), other], "another", WIKI) == []
    assert preflight.users([pod()], "wiki-data", None) == ["wiki-5f8b9c-abcde"]


def test_the_claim_of_a_backed_up_volume_is_found() -> None:
    assert preflight.claim(pod(), "data") == "wiki-data"
    with pytest.raises(RefusedError, match=r"backed up: data$"):
        preflight.claim(pod(), "other")  # it is mounted by the app alone
    scratch = pod()
    scratch["spec"]["volumes"][0] = {"name": "data", "emptyDir": {}}
    scratch["spec"]["volumes"] = scratch["spec"]["volumes"][:1]
    with pytest.raises(RefusedError, match="--to-local"):
        preflight.claim(scratch, "data")


def test_a_new_claim_copies_the_old_one_without_its_binding() -> None:
    old: Json = {
        "metadata": {"name": "data", "namespace": "prod", "uid": "u"},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": "fast", "volumeName": "pv-1",
            "resources": {"requests": {"storage": "5Gi"}}, "volumeMode": "Filesystem",
        },
    }  # fmt: skip

    made = helper_pod.twin(old, "again")

    assert made["metadata"] == {"name": "again", "namespace": "prod"}
    assert made["spec"] == {key: old["spec"][key] for key in old["spec"] if key != "volumeName"}


ENVIRONMENT = [
    {"name": "BACKUP_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
    {"name": "BACKUP_POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    {"name": "BACKUP_POD_INDEX", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels"}}},
    {"name": "BACKUP_HOST", "value": "$(BACKUP_POD)"},
    {"name": "BACKUP_KIND", "value": "StatefulSet"},
]


def helper(
    *, root: bool = False, volume: str = "data", argv: Sequence[str] = ("restore", "it")
) -> Json:
    """Return the pod that restores."""
    given = pod("db-1", kind="StatefulSet", of="db")
    given["spec"]["initContainers"] = [
        {**given["spec"]["initContainers"][0], "env": ENVIRONMENT,
         "securityContext": {"runAsUser": 1000, "capabilities": {"drop": ["ALL"]}}}
    ]  # fmt: skip
    before = json.dumps(given)
    made = helper_pod.helper(given, volume, "new-claim", "db-1", argv, root=root)
    assert json.dumps(given) == before  # the pod is as it was
    return made


def test_it_has_no_owner_and_is_not_enabled() -> None:
    """No Service sends it anything; the webhook leaves it alone."""
    meta = helper()["metadata"]

    assert meta["labels"] == {"app.kubernetes.io/managed-by": "kubectl-backup"}
    assert meta["annotations"] == {"backup.enabled": "false"}, "where all pods are backed up"
    assert "ownerReferences" not in meta


def test_it_mounts_one_volume_writable() -> None:
    spec = helper()["spec"]
    (container,) = spec["containers"]

    assert container["volumeMounts"][0] == {"name": "data", "mountPath": "/backup/data"}
    assert {each["name"] for each in container["volumeMounts"]} <= {"data", *names.OWN_VOLUMES}
    claims = [each for each in spec["volumes"] if "persistentVolumeClaim" in each]
    assert claims == [{"name": "data", "persistentVolumeClaim": {"claimName": "new-claim"}}]


def test_it_has_the_identity_of_the_sidecar() -> None:
    """Not who its own name says: the snapshots are those of db-1."""
    (container,) = helper()["spec"]["containers"]

    assert container["command"] == ["restore", "it"]
    assert "restartPolicy" not in container
    assert container["envFrom"][0]["secretRef"]["name"] == "backup-env-configuration"
    assert container["env"] == [
        {"name": "PATH", "value": names.PATH},
        {"name": "BACKUP_RESTORE_COMMANDS", "value": ""},
        ENVIRONMENT[0],
        {"name": "BACKUP_POD", "value": "db-1"},
        {"name": "BACKUP_HOST", "value": "db-1"},
        ENVIRONMENT[4],
    ]


def test_the_secret_does_not_control_a_pod_made_of_an_older_sidecar() -> None:
    """It may have its Secret's keys as plain variables, and a program without a path."""
    (container,) = helper(argv=("backup-runner", "restore"))["spec"]["containers"]

    assert container["command"] == ["/opt/backup/bin/backup-runner", "restore"]
    assert container["envFrom"] == [
        {
            "prefix": "BACKUP_SECRET_",
            "secretRef": {"name": "backup-env-configuration", "optional": True},
        }
    ]
    assert [each["value"] for each in container["env"] if each["name"] == "PATH"] == [names.PATH]


@pytest.mark.parametrize("admitted", [None, "", "RESTIC_PASSWORD_COMMAND"])
def test_its_commands_are_those_fixed_at_admission(admitted: str | None) -> None:
    """Who may patch the pod could write the annotation, and the Secret a variable."""
    own = deepcopy(pod(annotations={"backup.restore-commands": "PRE_HOOK"}))
    sidecar = own["spec"]["initContainers"][-1]
    if admitted is not None:
        added = {"name": "BACKUP_RESTORE_COMMANDS", "value": admitted}
        sidecar["env"] = [*(sidecar.get("env") or ()), added]
    body = helper_pod.helper(own, "data", "wiki-data", "wiki", ["restore"], root=True)
    (container,) = body["spec"]["containers"]
    given = [
        each["value"] for each in container["env"] if each["name"] == "BACKUP_RESTORE_COMMANDS"
    ]

    assert given == [admitted or ""]


def test_it_has_no_token_and_keeps_the_pods_user() -> None:
    spec = helper()["spec"]

    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"] == {"fsGroup": 1000}
    assert spec["restartPolicy"] == "Never"
    assert spec["containers"][0]["securityContext"]["runAsUser"] == 1000


def test_as_root_it_may_change_owners_and_nothing_else() -> None:
    context = helper(root=True)["spec"]["containers"][0]["securityContext"]

    assert context["runAsUser"] == 0
    assert context["capabilities"] == {
        "drop": ["ALL"], "add": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID"]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("level", "strict", "root"),
    [("privileged", False, True), ("baseline", False, True), ("restricted", False, False),
     ("baseline", True, False)],
)  # fmt: skip
def test_it_runs_as_root_only_where_allowed(level: str, strict: bool, root: bool) -> None:
    given = pod()
    given["spec"]["securityContext"] = {"runAsNonRoot": strict}
    labels = {"pod-security.kubernetes.io/enforce": level}

    assert helper_pod.may_be_root(given, labels) is root


def test_a_file_name_is_not_a_pattern() -> None:
    assert helper_pod.literal("a*[b]?\\c") == r"a\*\[b]\?\\c"
