"""The policy of coverage: who applies something without a backup is told, or refused."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy

import httpx
import pytest

from tests.apiserver.api import Api, Json
from tests.apiserver.conftest import Namespaces
from tests.apiserver.test_coverage import pod
from tests.chart import rendering
from tests.cluster.work import until

ENABLED = {"backup.enabled": "true"}
NAME = "backup-webhook-coverage"
_PATHS = {
    "Pod": "/api/v1/namespaces/{}/pods",
    "CronJob": "/apis/batch/v1/namespaces/{}/cronjobs",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    **{
        kind: f"/apis/apps/v1/namespaces/{{}}/{kind.lower()}s"
        for kind in ("DaemonSet", "Deployment", "StatefulSet")
    },
}
PLACES = {
    "Pod": "metadata.annotations",
    "CronJob": "spec.jobTemplate.spec.template.metadata.annotations",
    **dict.fromkeys(("DaemonSet", "Deployment", "Job", "StatefulSet"),
                    "spec.template.metadata.annotations"),
}  # fmt: skip


@contextmanager
def policy(api: Api, word: str, release: str = "backup-webhook") -> Iterator[None]:
    """Have the policy of a release of the chart to the end of the block."""
    found = [
        each
        for each in rendering.objects(f"coverage.policy={word}", name=release)
        if each["metadata"]["name"].endswith("-coverage")
    ]
    for each in found:
        api.make(each)
    try:
        yield
    finally:
        for each in found:
            api.delete(each["kind"], name=each["metadata"]["name"])


def workload(kind: str, annotations: Json | None = None, **changes: object) -> Json:
    """Return a workload whose pods mount a claim; ``changes`` are of the pod's spec."""
    made = pod("app", annotations)
    made["spec"] |= changes
    if kind == "Pod":
        return made
    template = {"metadata": {**made["metadata"], "labels": {"app": "app"}}, "spec": made["spec"]}
    del template["metadata"]["name"]
    spec: Json = {"template": template}
    if kind in {"CronJob", "Job"}:
        template["spec"]["restartPolicy"] = "Never"
    else:
        spec["selector"] = {"matchLabels": {"app": "app"}}
    if kind == "CronJob":
        spec = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": spec}}
    group = "batch/v1" if kind in {"CronJob", "Job"} else "apps/v1"
    return {"apiVersion": group, "kind": kind, "metadata": {"name": "app"}, "spec": spec}


def apply(api: Api, namespace: str, found: Json) -> httpx.Response:
    """Create an object as a dry run."""
    path = _PATHS[found["kind"]].format(namespace)
    return api.client.post(path, json=found, params={"dryRun": "All"})


def told(answer: httpx.Response) -> str:
    """Return what the policy said to somebody who was let through."""
    assert answer.is_success, answer.text
    said: str = answer.headers.get("Warning", "").replace('\\"', '"').removesuffix('"')
    return said.partition(f"binding '{NAME}': ")[2]


def _rule(kind: str) -> str:
    return (
        'has no annotation backup.enabled and uses data: write backup.enabled: "true" '
        f'(or "false" to opt out) to {PLACES[kind]}'
    )


@pytest.fixture(scope="module")
def namespace(namespaces: Namespaces) -> str:
    """A namespace that has opted in."""
    return namespaces(labels=ENABLED)


@pytest.fixture(scope="module")
def elsewhere(namespaces: Namespaces) -> str:
    """One that has not."""
    return namespaces()


@pytest.fixture(scope="module")
def warned(api: Api, namespace: str) -> Iterator[None]:
    """The policy that warns."""
    with policy(api, "warn"):
        until(lambda: bool(told(apply(api, namespace, workload("Job")))), "it counts", 60)
        yield


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.usefixtures("warned")
def test_applying_an_unprotected_workload_gives_a_warning_with_the_remedy(
    api: Api, namespace: str, elsewhere: str, kind: str
) -> None:
    assert told(apply(api, namespace, workload(kind))) == _rule(kind)
    for value in ("true", "false"):
        assert told(apply(api, namespace, workload(kind, {"backup.enabled": value}))) == ""
    assert told(apply(api, elsewhere, workload(kind))) == ""


@pytest.mark.usefixtures("warned")
def test_only_mounted_claims_count(api: Api, namespace: str) -> None:
    plain = {"containers": [{"name": "app", "image": "app"}]}
    device = [{"name": "data", "devicePath": "/dev/x"}]
    block = {"containers": [{"name": "app", "image": "app", "volumeDevices": device}]}
    mount = [{"name": "data", "mountPath": "/data"}]
    prepares = {**plain, "initContainers": [{"name": "i", "image": "i", "volumeMounts": mount}]}
    scratch = {"volumes": [{"name": "data", "emptyDir": {}}]}

    cases: list[tuple[Json, bool]] = [
        (plain, False), (block, True), (prepares, True), (scratch, False)
    ]  # fmt: skip
    for changes, says in cases:
        for kind in PLACES:
            answer = apply(api, namespace, workload(kind, None, **changes))
            assert bool(told(answer)) is says, (kind, changes)


@pytest.mark.usefixtures("warned")
def test_claims_of_a_stateful_set_are_in_its_templates(api: Api, namespace: str) -> None:
    made = workload("StatefulSet", None, volumes=[])
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    made["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "data"}, "spec": spec}]

    assert told(apply(api, namespace, made)) == _rule("StatefulSet")


@pytest.mark.usefixtures("warned")
def test_policy_is_valid_for_every_kind_that_it_matches(api: Api) -> None:
    """As the API server's own type checker finds."""

    def checked() -> Json:
        status: Json = api.get("ValidatingAdmissionPolicy", name=NAME).get("status", {})
        return status

    until(lambda: "observedGeneration" in checked(), "it is checked", 60)
    assert checked()["typeChecking"] == {}


def test_new_unprotected_workloads_are_denied_and_existing_ones_continue(
    api: Api, namespace: str, namespaces: Namespaces
) -> None:
    running = namespaces(labels=ENABLED)
    path = _PATHS["Deployment"].format(running)
    api.client.post(path, json=workload("Deployment")).raise_for_status()
    until(lambda: len(api.get("Pod", running)["items"]) == 1, "its pod is there", 60)
    with policy(api, "deny", "held"):
        until(lambda: apply(api, namespace, workload("Pod")).status_code == 422, "it counts", 60)

        for kind, place in PLACES.items():
            answer = apply(api, namespace, workload(kind))
            assert answer.status_code == 422
            assert f"to {place}" in answer.json()["message"]
            assert told(apply(api, namespace, workload(kind, ENABLED))) == ""

        _merge(api, f"{path}/app", {"spec": {"replicas": 2}}, 200)
        until(lambda: len(api.get("Pod", running)["items"]) == 2, "it can be scaled", 60)
        (first, *_) = api.get("Pod", running)["items"]
        api.delete("Pod", running, first["metadata"]["name"])
        until(_replaced(api, running, first), "a pod that is gone comes again", 60)
        image = [{"name": "app", "image": "app:2"}]
        template: Json = {"spec": {"containers": image}}
        _merge(api, f"{path}/app", {"spec": {"template": template}}, 200)  # mounts nothing any more
        template = deepcopy(workload("Deployment")["spec"]["template"])
        _merge(api, f"{path}/app", {"spec": {"template": template}}, 422)


def _merge(api: Api, path: str, change: Json, status: int) -> None:
    kind = {"Content-Type": "application/merge-patch+json"}
    answer = api.client.patch(path, json=change, headers=kind)
    assert answer.status_code == status, answer.text


def _replaced(api: Api, namespace: str, gone: Json) -> Callable[[], bool]:
    def holds() -> bool:
        found = [each["metadata"] for each in api.get("Pod", namespace)["items"]]
        there = [each["uid"] for each in found if not each.get("deletionTimestamp")]
        return len(there) == 2 and gone["metadata"]["uid"] not in there

    return holds
