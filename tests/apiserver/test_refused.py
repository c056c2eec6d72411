"""A policy that forbids our container: its workloads come up without, others are not affected."""

from collections.abc import Iterator

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


def test_a_deployment_whose_sidecars_are_refused_comes_up_without_and_is_counted(
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
    status = api.get("Pod", bound)["items"][0]["metadata"]["annotations"]["backup.status"]
    assert '"reason":"refused_elsewhere"' in status


def _is_forbidden(api: Api, namespace: str) -> bool:
    pod = {"apiVersion": "v1", "kind": "Pod", **_deployment()["spec"]["template"]}
    pod["metadata"] = {**pod["metadata"], "name": "probe"}
    pod["spec"] = {**pod["spec"], "initContainers": [{"name": "backup", "image": "x"}]}
    return api.create(pod, namespace, dry_run=True).status_code == 422
