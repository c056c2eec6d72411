"""A policy that forbids our container: its workloads come up without, others are not affected."""

from collections.abc import Iterator

import httpx
import pytest

from tests.apiserver.api import Api, Json
from tests.apiserver.conftest import Namespaces
from tests.apiserver.served import Served
from tests.cluster.work import until

ENABLED = {"backup.enabled": "true"}
_POLICY: list[Json] = [
    {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "no-backup"},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                     "resources": ["pods"]}
                ],
                "namespaceSelector": {"matchLabels": {"forbids": "backup"}},
            },
            "validations": [{
                "expression": "!has(object.spec.initContainers) || "
                "!object.spec.initContainers.exists(c, c.name == 'backup')",
                "message": "no container may be called backup",
            }],
        },
    },
    {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "no-backup"},
        "spec": {"policyName": "no-backup", "validationActions": ["Deny"]},
    },
]  # fmt: skip


@pytest.fixture(scope="module")
def policy(api: Api) -> Iterator[None]:
    """The policy, which holds in namespaces with a label."""
    for found in _POLICY:
        api.make(found)
    yield
    for found in _POLICY:
        api.delete(found["kind"], name=found["metadata"]["name"])


def _deployment() -> Json:
    pod: Json = {
        "metadata": {"labels": {"app": "web"}, "annotations": ENABLED},
        "spec": {
            "containers": [{
                "name": "web", "image": "web",
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            }],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        },
    }  # fmt: skip
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": pod},
    }  # fmt: skip


def _injected(api: Api, namespace: str) -> list[bool]:
    return [
        any(each["name"] == "backup" for each in pod["spec"].get("initContainers", []))
        for pod in api.get("Pod", namespace)["items"]
    ]


def test_a_deployment_whose_sidecars_are_refused_starts_without_and_is_counted(
    api: Api, webhook: Served, policy: None, namespaces: Namespaces
) -> None:
    del policy
    free = namespaces(labels=ENABLED)
    bound = namespaces(labels={**ENABLED, "forbids": "backup"})
    until(lambda: _is_forbidden(api, bound), "the policy holds", 60)

    for namespace in (bound, free):
        api.make(_deployment(), namespace)
    until(lambda: len(_injected(api, bound)) == 3, "all three pods are there", 60)
    until(lambda: len(_injected(api, free)) == 3, "and those of the other namespace", 60)

    assert _injected(api, bound) == [False, False, False]
    assert _injected(api, free) == [True, True, True]
    metrics = webhook.metrics()
    counted = f'admissions_total{{namespace="{bound}",reason="refused_elsewhere"}} 3.0'
    assert counted in metrics
    assert f'namespace="{free}",reason="refused_elsewhere"' not in metrics
    assert "backup_webhook_refused_owners 1.0" in metrics
    assert 'backup_webhook_breaker_decisions_total{evidence="confirmed"} 1.0' in metrics
    status = api.get("Pod", bound)["items"][0]["metadata"]["annotations"]["backup.status"]
    assert '"reason":"refused_elsewhere"' in status


def test_forged_reviews_remove_no_sidecar_of_a_healthy_workload(
    api: Api, webhook: Served, namespaces: Namespaces
) -> None:
    """Anybody in the cluster may reach the port and know a uid; events only controllers write."""
    well, other = namespaces(labels=ENABLED), namespaces(labels=ENABLED)
    made = _deployment()
    made["spec"]["replicas"] = 1
    api.make(made, well)
    until(lambda: len(_injected(api, well)) == 1, "its pod is there", 60)
    (pod,) = api.get("Pod", well)["items"]
    before = _unconfirmed(webhook)
    forged = (
        _forgery(pod, well), _forgery(pod, other), _forgery(pod, well, dry_run=True),
        _forgery(_renamed(pod, uid="7e57ab1e-0000-4000-8000-000000000001"), well),
        _forgery(_renamed(pod, kind="Thing", apiVersion="example.com/v1"), well),
    )  # fmt: skip
    with httpx.Client(base_url=webhook.url, verify=False) as stranger:  # noqa: S501 -- as one does
        for number in range(5):
            for each in forged:
                each["request"]["uid"] = f"forged {number}"
                answer = stranger.post("/mutate", json=each).raise_for_status().json()
                assert answer["response"]["auditAnnotations"] == {"reason": "injected"}

    # Longer than it takes for attempts to settle: by now the breaker would be open.
    until(lambda: _unconfirmed(webhook, stranger=forged[0]) > before, "it has been noticed", 60)
    api.delete("Pod", well, pod["metadata"]["name"])
    until(lambda: _names(api, well) not in ([], [pod["metadata"]["name"]]), "another comes", 60)

    assert _injected(api, well) == [True]
    metrics = webhook.metrics()
    assert 'backup_webhook_breaker_decisions_total{evidence="suspicious"} 0.0' in metrics
    assert f'namespace="{well}",reason="refused_elsewhere"' not in metrics
    assert '"evidence":"unconfirmed"' in webhook.log.read_text()


def _unconfirmed(webhook: Served, stranger: Json | None = None) -> float:
    """Return how often that was counted, after one more forged review."""
    if stranger:
        stranger["request"]["uid"] = "one more"
        httpx.post(f"{webhook.url}/mutate", json=stranger, verify=False)  # noqa: S501 -- see above
    mark = 'breaker_decisions_total{evidence="unconfirmed"} '
    return float(webhook.metrics().partition(mark)[2].split()[0])


def _names(api: Api, namespace: str) -> list[str]:
    return [pod["metadata"]["name"] for pod in api.get("Pod", namespace)["items"]]


def _renamed(pod: Json, **owner: str) -> Json:
    (reference,) = pod["metadata"]["ownerReferences"]
    return {**pod, "metadata": {**pod["metadata"], "ownerReferences": [{**reference, **owner}]}}


def _forgery(pod: Json, namespace: str, *, dry_run: bool = False) -> Json:
    """Return the review of a pod like ``pod``, as the API server would send it."""
    meta = {**pod["metadata"], "namespace": namespace, "annotations": ENABLED, "labels": {}}
    spec = {**pod["spec"], "initContainers": []}
    spec["volumes"] = _deployment()["spec"]["template"]["spec"]["volumes"]
    return {
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "kind": {"group": "", "version": "v1", "kind": "Pod"}, "operation": "CREATE",
            "namespace": namespace, "dryRun": dry_run,
            "object": {"metadata": meta, "spec": spec},
        },
    }  # fmt: skip


def _is_forbidden(api: Api, namespace: str) -> bool:
    pod = {"apiVersion": "v1", "kind": "Pod", **_deployment()["spec"]["template"]}
    pod["metadata"] = {**pod["metadata"], "name": "probe"}
    pod["spec"] = {**pod["spec"], "initContainers": [{"name": "backup", "image": "x"}]}
    return api.create(pod, namespace, dry_run=True).status_code == 422
