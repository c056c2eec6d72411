"""Namespaces that ask for their pods: what the API server sends, and what comes of it."""

import json
from collections.abc import Iterator

import pytest

from tests.apiserver.api import Api, Json
from tests.apiserver.conftest import Namespaces
from tests.apiserver.served import FULL, NAME, Served, serving
from tests.chart import rendering
from tests.cluster.node.cluster import KUBECONFIG
from tests.cluster.work import until

LABEL = {"backup.enabled": "true"}
_OWNER = {
    "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "controller": True,
    "uid": "2b2d1b5e-7f7c-4b3a-9d0e-2f7a5f7a1c11",
}  # fmt: skip


@pytest.fixture(scope="module", params=["namespaces", "all"])
def policy(
    request: pytest.FixtureRequest,
    api: Api,
    namespaces: Namespaces,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, Served]]:
    """The webhook with this value of the chart, and its policies."""
    word, folder = str(request.param), tmp_path_factory.mktemp("webhook")
    value = f"enabled={word}"
    made = [
        each
        for each in rendering.objects(value, "coverage.policy=warn", name=NAME)
        if "ValidatingAdmissionPolicy" in each["kind"]
    ]
    for each in made:
        api.delete(each["kind"], name=each["metadata"]["name"])
        api.make(each)
    with serving(api, KUBECONFIG, folder, "--enabled", word, values=(value,)) as running:
        yield word, running
    for each in made:
        api.delete(each["kind"], name=each["metadata"]["name"])
    # They count for a moment after they were deleted.
    name = namespaces(labels=LABEL, annotations={**LABEL, "backup.restore": "if-empty"})
    until(lambda: _denied(api, name, pod()) == "", "no policy counts any more", 60)


def pod(annotations: Json | None = None, owner: Json | None = None, *, claim: bool = True) -> Json:
    """Return a pod of a Deployment, or of another owner."""
    volume: Json = {"persistentVolumeClaim": {"claimName": "data"}} if claim else {"emptyDir": {}}
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "web", "annotations": annotations or {}, "labels": {"app": "web"},
            "ownerReferences": [_OWNER | (owner or {})],
        },
        "spec": {
            "containers": [{
                "name": "web", "image": "web",
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            }],
            "volumes": [{"name": "data", **volume}],
        },
    }  # fmt: skip


def created(api: Api, namespace: str, made: Json) -> Json:
    """Return the pod as it would be created."""
    answer = api.create(made, namespace, dry_run=True)
    assert answer.is_success, answer.text
    found: Json = answer.json()
    return found


def has_sidecar(found: Json) -> bool:
    return "backup" in [each["name"] for each in found["spec"].get("initContainers", ())]


def gets_one(api: Api, namespace: str) -> bool:
    """Tell whether a pod is created with a sidecar; it may be denied without a restore."""
    answer = api.create(pod(), namespace, dry_run=True)
    return bool(answer.is_success) and has_sidecar(answer.json())


def sent(served: Served, namespace: str) -> float:
    """Return how many pods of a namespace the webhook was asked about."""
    return sum(
        float(line.split()[-1])
        for line in served.metrics().splitlines()
        if line.startswith("backup_webhook_admissions_total") and f'"{namespace}"' in line
    )


def test_pods_with_a_claim_are_backed_up_where_their_namespace_is(
    api: Api, policy: tuple[str, Served], namespaces: Namespaces
) -> None:
    word, _ = policy
    # Made and used at once, as a restored cluster does: no watch has told of it yet.
    asking = namespaces(labels=LABEL, annotations={"backup.enabled": "true"})
    found = created(api, asking, pod())
    assert has_sidecar(found)
    assert found["metadata"]["annotations"]["backup.enabled"] == "true"
    assert json.loads(found["metadata"]["annotations"]["backup.status"])["injected"] is True

    silent = namespaces(labels=LABEL)
    assert has_sidecar(created(api, silent, pod())) == (word == "all")
    refusing = namespaces(labels=LABEL, annotations={"backup.enabled": "false"})
    assert not has_sidecar(created(api, refusing, pod()))
    assert has_sidecar(created(api, refusing, pod(LABEL))), "a pod may ask"
    assert not has_sidecar(created(api, asking, pod({"backup.enabled": "false"})))
    assert not has_sidecar(created(api, namespaces(), pod())), "without the label nothing counts"


_JOB = {"apiVersion": "batch/v1", "kind": "Job", "name": "x"}
_WORKFLOW = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "x"}
_UNSENT: dict[str, Json] = {
    "a Job without a claim": pod(None, _JOB, claim=False),
    "a Job with a claim": pod(None, _JOB),
    "a Workflow with a claim": pod(None, _WORKFLOW),
    "a Deployment without a claim": pod(claim=False),
}


@pytest.mark.parametrize("case", _UNSENT)
def test_the_webhook_is_not_asked_about_what_it_leaves_alone(
    api: Api, policy: tuple[str, Served], namespaces: Namespaces, case: str
) -> None:
    _, served = policy
    name = namespaces(labels=LABEL, annotations={"backup.enabled": "true"})

    for _ in range(5):
        assert not has_sidecar(created(api, name, _UNSENT[case]))

    assert sent(served, name) == 0
    assert has_sidecar(created(api, name, pod()))
    assert sent(served, name) > 0


@pytest.mark.parametrize("owner", [_JOB, _WORKFLOW])
def test_pods_of_a_controller_that_is_left_out_may_ask(
    api: Api, policy: tuple[str, Served], namespaces: Namespaces, owner: Json
) -> None:
    del policy
    name = namespaces(labels=LABEL, annotations={"backup.enabled": "true"})

    assert has_sidecar(created(api, name, pod(LABEL, owner)))


def test_a_change_of_the_namespace_holds_for_the_next_pod(
    api: Api, policy: tuple[str, Served], namespaces: Namespaces
) -> None:
    del policy
    name = namespaces(labels=LABEL, annotations={"backup.enabled": "false"})
    assert not has_sidecar(created(api, name, pod()))

    path = f"/api/v1/namespaces/{name}"
    change = {"metadata": {"annotations": {"backup.enabled": "true", "backup.schedule": "@daily"}}}
    kind = {"Content-Type": "application/merge-patch+json"}
    api.client.patch(path, json=change, headers=kind).raise_for_status()

    until(lambda: gets_one(api, name), "the next pod has a sidecar", 60)
    (sidecar,) = created(api, name, pod())["spec"]["initContainers"]
    defaults = next(each for each in sidecar["env"] if each["name"] == "BACKUP_DEFAULTS")
    assert json.loads(defaults["value"]) == {"schedule": "@daily"}


# Policies


def _denied(api: Api, namespace: str, made: Json) -> str:
    answer = api.create(made, namespace, dry_run=True)
    if answer.is_success:
        return ""
    assert answer.status_code == 403, answer.text
    return str(answer.json()["message"])


def test_no_pod_starts_without_the_restore_that_its_namespace_asks_for(
    api: Api, namespaces: Namespaces, policy: tuple[str, Served]
) -> None:
    """While the webhook cannot be asked, as after the loss of a whole cluster."""
    _, served = policy
    restoring = {"backup.enabled": "true", "backup.restore": "if-empty"}
    name = namespaces(labels=LABEL, annotations=restoring)
    never = namespaces(labels=LABEL, annotations=restoring | {"backup.restore": "Never"})
    until(lambda: gets_one(api, name), "the webhook answers", 60)
    path = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{FULL}"
    kept = api.client.get(path).raise_for_status().json()
    away = [{"op": "replace", "path": "/webhooks/0/clientConfig/service/port", "value": 1}]
    kind = {"Content-Type": "application/json-patch+json"}
    api.client.patch(path, json=away, headers=kind).raise_for_status()
    try:
        until(lambda: bool(_denied(api, name, pod())), "the policy denies", 60)
        assert f"'{FULL}-restore'" in _denied(api, name, pod())
        assert "did not answer" in _denied(api, name, pod())
        for made in (
            pod({"backup.enabled": "false"}), pod({"backup.restore": "never"}), pod(claim=False),
            pod(None, _JOB), pod(None, _WORKFLOW),
        ):  # fmt: skip
            assert _denied(api, name, made) == ""
        assert _denied(api, name, pod(LABEL, _JOB)), "it asks, and its namespace wants a restore"
        assert _denied(api, never, pod()) == ""
    finally:
        back = [{**away[0], "value": kept["webhooks"][0]["clientConfig"]["service"]["port"]}]
        api.client.patch(path, json=back, headers=kind).raise_for_status()
        until(lambda: gets_one(api, name), "the webhook answers again", 60)
    assert served.process.poll() is None


_TOLD = {
    "backup.keep-dayly": ("3", "no such setting: backup.keep-dayly"),
    "backup.schedule": ("hourly", 'backup.schedule "hourly": write five cron fields'),
    "backup.enabled": ("ture", 'backup.enabled "ture": write true or false'),
    "backup.name": ("wiki", "backup.name on a Namespace has no effect, it is of one workload"),
    "backup.restore-from": ("a/b", "backup.restore-from on a Namespace has no effect"),
    "backup.image-pull-secrets": ("registry", ""),
    "backup.keep-daily": ("3", ""),
}


@pytest.mark.parametrize("key", _TOLD)
def test_who_annotates_a_namespace_is_told_of_what_has_no_effect(
    api: Api, policy: tuple[str, Served], namespaces: Namespaces, key: str
) -> None:
    del policy
    value, said = _TOLD[key]
    path = f"/api/v1/namespaces/{namespaces(labels=LABEL)}"
    change = {"metadata": {"annotations": {key: value}}}
    kind = {"Content-Type": "application/merge-patch+json"}
    typo = {"metadata": {"annotations": {"backup.xyz": "1"}}}
    dry = {"dryRun": "All"}
    until(lambda: "no such setting" in api.client.patch(
        path, json=typo, headers=kind, params=dry).headers.get("Warning", ""),
        "the policy counts", 60)  # fmt: skip

    answer = api.client.patch(path, json=change, headers=kind, params=dry).raise_for_status()

    warning = answer.headers.get("Warning", "").replace('\\"', '"')
    assert (said in warning) if said else warning == ""


def test_a_workload_that_is_backed_up_by_default_needs_no_annotation(
    api: Api, policy: tuple[str, Served], namespaces: Namespaces
) -> None:
    """The policy of coverage warns of those that are not."""
    word, _ = policy
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod()["spec"]}
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": template}
    made = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": spec}

    def told(namespace: str) -> str:
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        answer = api.client.post(path, json=made, params={"dryRun": "All"}).raise_for_status()
        return str(answer.headers.get("Warning", ""))

    refusing = namespaces(labels=LABEL, annotations={"backup.enabled": "off"})
    until(lambda: "has no annotation backup.enabled" in told(refusing), "the policy counts", 60)
    silent = told(namespaces(labels=LABEL))
    assert ("has no annotation" in silent) == (word == "namespaces")
    assert told(namespaces(labels=LABEL, annotations={"backup.enabled": "yes"})) == ""
