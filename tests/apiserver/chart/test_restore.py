"""A pod that asks for a restore starts with one or not at all, as the API server decides."""

import json
from collections.abc import Iterator

import pytest

from tests.apiserver import other
from tests.apiserver.api import Api, Json
from tests.apiserver.conftest import Namespaces
from tests.apiserver.other import Other
from tests.apiserver.served import FULL, NAME, Served
from tests.chart import rendering
from tests.cluster.work import until

ENABLED = {"backup.enabled": "true"}
RESTORED = {**ENABLED, "backup.restore": "if-empty"}
LABEL = "meddling"
NAMES = ("backup-restore", "backup")


@pytest.fixture(scope="module")
def policy(api: Api) -> Iterator[None]:
    """The chart's policy."""
    made = [
        each
        for each in rendering.objects(name=NAME)
        if "ValidatingAdmissionPolicy" in each["kind"]
        and each["metadata"]["name"] == f"{FULL}-restore"
    ]
    assert len(made) == 2
    for each in made:
        api.delete(each["kind"], name=each["metadata"]["name"])
        api.make(each)
    yield
    for each in made:
        api.delete(each["kind"], name=each["metadata"]["name"])


@pytest.fixture(scope="module")
def away(api: Api, policy: None, namespaces: Namespaces) -> str:
    """A namespace that has opted in, while no webhook is there to be asked."""
    del policy
    name = namespaces(labels=ENABLED)
    # One of another test may count for a moment after it was deleted.
    until(lambda: f"'{FULL}-restore'" in _created(api, name, _pod(RESTORED))[1], "it counts", 60)
    return name


def _pod(annotations: Json, init: list[Json] | None = None) -> Json:
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "annotations": annotations},
        "spec": {
            "initContainers": init or [],
            "containers": [{
                "name": "web", "image": "web",
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            }],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        },
    }  # fmt: skip


def _created(api: Api, namespace: str, pod: Json) -> tuple[Json, str]:
    """Return the pod as it would be made, or the message with which it is refused."""
    answer = api.create(pod, namespace, dry_run=True)
    if answer.is_success:
        return answer.json(), ""
    assert answer.status_code == 403, answer.text
    return {}, answer.json()["message"]


def _init(pod: Json) -> list[str]:
    return [each["name"] for each in pod["spec"].get("initContainers", [])]


# No webhook answers


@pytest.mark.parametrize("mode", ["if-empty", "required", " Required ", "if-emtpy"])
@pytest.mark.parametrize("enabled", ["true", "YES", "ture"])
def test_a_pod_that_requests_a_restore_is_denied_while_the_webhook_is_unreachable(
    api: Api, away: str, mode: str, enabled: str
) -> None:
    _, message = _created(api, away, _pod({"backup.enabled": enabled, "backup.restore": mode}))

    assert f"'{FULL}-restore'" in message
    assert "requests a restore (backup.restore), and without the init container" in message
    assert "the backup webhook did not answer (kubectl -n backup-webhook get pods)" in message
    assert message.endswith("or without a restore with backup.restore: never")


@pytest.mark.parametrize(
    "annotations",
    [
        {},
        ENABLED,
        {**ENABLED, "backup.restore": ""},
        {**ENABLED, "backup.restore": " Never "},
        {"backup.restore": "if-empty"},
        {**RESTORED, "backup.enabled": "false"},
        {**RESTORED, "backup.enabled": ""},
        {**RESTORED, "kubernetes.io/config.mirror": "x"},
    ],
)
def test_a_pod_that_requests_no_restore_is_admitted(api: Api, away: str, annotations: Json) -> None:
    if "kubernetes.io/config.mirror" in annotations:
        answer = api.create(_pod(annotations), away, dry_run=True)
        assert "requests a restore" not in answer.text, "only kubelets may make these"
        return

    assert _init(_created(api, away, _pod(annotations))[0]) == []


def test_other_namespaces_are_not_matched(api: Api, away: str, namespaces: Namespaces) -> None:
    assert _created(api, away, _pod(RESTORED))[1], "the policy counts"

    for name in ("default", namespaces(), namespaces(labels={"backup.enabled": "false"})):
        assert _init(_created(api, name, _pod(RESTORED))[0]) == []


@pytest.mark.parametrize(
    "container",
    [
        {"name": "backup-restore", "image": "x"},
        {"name": "other", "image": "x", "env": [{"name": "BACKUP_RESTORE", "value": "if-empty"}]},
        {"name": "backup", "image": "x", "restartPolicy": "Always"},
    ],
    ids=["name", "variable", "sidecar"],
)
def test_a_container_that_only_resembles_ours_does_not_count(
    api: Api, away: str, container: Json
) -> None:
    assert _created(api, away, _pod(RESTORED, [container]))[1]


# The webhook answers


@pytest.fixture(scope="module")
def namespace(api: Api, webhook: Served, policy: None, namespaces: Namespaces) -> str:
    """A namespace that has opted in."""
    del webhook, policy
    name = namespaces(labels=ENABLED)
    until(lambda: bool(_init(_created(api, name, _pod(ENABLED))[0])), "the webhook is asked", 60)
    return name


def test_a_pod_with_the_init_container_is_admitted(api: Api, namespace: str) -> None:
    wait = {"name": "wait", "image": "x"}
    chown = {"name": "chown", "image": "x", "volumeMounts": [{"name": "data", "mountPath": "/d"}]}
    proxy = {"name": "proxy", "image": "x", "restartPolicy": "Always"}

    made, message = _created(api, namespace, _pod(RESTORED, [wait, proxy, chown]))

    assert message == ""
    assert _init(made) == ["wait", "proxy", "backup-restore", "chown", "backup"]
    restorer, sidecar = made["spec"]["initContainers"][2], made["spec"]["initContainers"][-1]
    data = {each["name"]: each for each in restorer["volumeMounts"]}["data"]
    assert data == {"name": "data", "mountPath": "/backup/data"}
    assert sidecar["volumeMounts"][0]["readOnly"] is True
    again, _ = _created(api, namespace, {**made, "metadata": {**_pod({})["metadata"],
                        "annotations": made["metadata"]["annotations"]}})  # fmt: skip
    assert again["spec"]["initContainers"] == made["spec"]["initContainers"]


@pytest.mark.parametrize("level", ["restricted", "baseline"])
def test_the_init_container_passes_every_pod_security_level(
    api: Api, webhook: Served, namespaces: Namespaces, policy: None, level: str
) -> None:
    del webhook, policy
    enforced = {"pod-security.kubernetes.io/enforce": level}
    name = namespaces(labels={**ENABLED, **enforced})
    pod = _pod(RESTORED)
    if level == "restricted":
        pod["spec"]["securityContext"] = {
            "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"},
        }  # fmt: skip
        pod["spec"]["containers"][0]["securityContext"] = {
            "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
    until(lambda: not _created(api, name, pod)[1], "the webhook knows the namespace", 60)

    made, _ = _created(api, name, pod)

    context = made["spec"]["initContainers"][0]["securityContext"]
    assert context["runAsUser"] == (65532 if level == "restricted" else 0)


@pytest.mark.parametrize(
    ("annotations", "why"),
    [
        ({"backup.engine": "rclone"}, "backup.engine rclone makes no snapshots"),
        ({"backup.enabled": "ture"}, "write true or false"),
    ],
)
def test_a_pod_without_it_is_denied_with_the_webhooks_reason(
    api: Api, namespace: str, annotations: Json, why: str
) -> None:
    _, message = _created(api, namespace, _pod({**RESTORED, **annotations}))

    assert 'the backup webhook says "' in message
    assert why in message
    assert "did not answer" not in message


def test_an_exhausted_quota_denies_it_with_a_message(
    api: Api, webhook: Served, policy: None, namespaces: Namespaces
) -> None:
    del webhook, policy
    quota: Json = {
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team"},
        "spec": {"hard": {"requests.memory": "100Mi"}},
    }  # fmt: skip
    name = namespaces(quota, labels=ENABLED)
    pod = _pod(RESTORED)
    pod["spec"]["containers"][0]["resources"] = {"requests": {"memory": "95Mi"}}
    until(
        lambda: "quota team has not enough left" in _created(api, name, pod)[1], "it is known", 60
    )

    assert "the backup webhook says" in _created(api, name, pod)[1]
    pod["spec"]["containers"][0]["resources"] = {"requests": {"memory": "84Mi"}}
    assert _init(_created(api, name, pod)[0]) == [*NAMES], "16 Mi count once, not twice"


# Others refuse or meddle


def _deployment() -> Json:
    pod = _pod(RESTORED)
    template = {"metadata": {"labels": {"app": "web"}, "annotations": RESTORED},
                "spec": pod["spec"]}  # fmt: skip
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    }  # fmt: skip


def test_a_workload_denied_elsewhere_shows_that_reason_and_starts_once_allowed(
    api: Api, webhook: Served, policy: None, namespaces: Namespaces
) -> None:
    """The breaker gives others of its kind a pod without us; here that could only be refused."""
    del policy
    bound = namespaces(labels={**ENABLED, "forbids": "restore"})
    theirs = _forbidding()
    for each in theirs:
        api.make(each)
    until(lambda: "called backup" in _created_by(api, bound), "their policy holds", 60)
    api.make(_deployment(), bound)
    until(
        lambda: "backup_webhook_refused_owners 1.0" in webhook.metrics(), "the breaker opens", 120
    )

    refused_before = _messages(api, bound)
    until(lambda: _messages(api, bound) != refused_before, "retrying", 300)

    assert all("called backup" in message for message in _messages(api, bound))
    assert api.get("Pod", bound)["items"] == []
    for each in theirs:
        api.delete(each["kind"], name=each["metadata"]["name"])
    until(lambda: bool(api.get("Pod", bound)["items"]), "the pod is there", 300)
    assert _init(api.get("Pod", bound)["items"][0]) == [*NAMES]
    until(lambda: "backup_webhook_refused_owners 0.0" in webhook.metrics(), "it closes", 120)


def _created_by(api: Api, namespace: str) -> str:
    answer = api.create(_pod(ENABLED), namespace, dry_run=True)
    return "" if answer.is_success else str(answer.json()["message"])


def _messages(api: Api, namespace: str) -> dict[str, int]:
    """Return what the workload's events say of refusals, and how often."""
    events = api.client.get(f"/api/v1/namespaces/{namespace}/events").raise_for_status().json()
    return {
        each["message"]: each.get("count") or 1
        for each in events["items"]
        if each["reason"] == "FailedCreate"
    }


def _forbidding() -> list[Json]:
    api_version = "admissionregistration.k8s.io/v1"
    rules = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
              "resources": ["pods"]}]  # fmt: skip
    selector = {"matchLabels": {"forbids": "restore"}}
    return [
        {
            "apiVersion": api_version, "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": "no-restore"},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": rules, "namespaceSelector": selector},
                "validations": [{
                    "expression": "!has(object.spec.initContainers) || "
                    "!object.spec.initContainers.exists(c, c.name == 'backup')",
                    "message": "no container may be called backup",
                }],
            },
        },
        {
            "apiVersion": api_version, "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": "no-restore"},
            "spec": {"policyName": "no-restore", "validationActions": ["Deny"]},
        },
    ]  # fmt: skip


@pytest.fixture(scope="module")
def meddling(
    api: Api, webhook: Served, policy: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Other]:
    """A webhook that is called after ours."""
    del webhook, policy
    with other.another(api, "meddling", tmp_path_factory.mktemp("meddling")) as running:
        api.make(other.registration("z-meddling", "meddling", running.bundle, LABEL))
        yield running
        api.delete("MutatingWebhookConfiguration", name="z-meddling")


@pytest.fixture(scope="module")
def meddled(api: Api, meddling: Other, namespaces: Namespaces) -> str:
    """A namespace in which both are called."""
    name = namespaces(labels={**ENABLED, LABEL: "true"})

    def called() -> bool:
        before = meddling.seen
        api.create(_pod(ENABLED), name, dry_run=True)
        return meddling.seen > before

    until(called, "the other webhook is called", 60)
    return name


def test_a_proxy_injected_later_precedes_it(api: Api, meddling: Other, meddled: str) -> None:
    def prepend(pod: Json) -> Json:
        proxy = {"name": "proxy", "image": "x", "restartPolicy": "Always"}
        pod["spec"]["initContainers"].insert(0, proxy)
        return pod

    meddling.answers(other.patching(prepend))

    assert _init(_created(api, meddled, _pod(RESTORED))[0]) == ["proxy", *NAMES]


def test_a_removed_init_container_is_restored(api: Api, meddling: Other, meddled: str) -> None:
    def strip(pod: Json) -> Json:
        init = pod["spec"]["initContainers"]
        pod["spec"]["initContainers"] = [c for c in init if c["name"] != "backup-restore"]
        return pod

    meddling.answers(other.patching(strip))

    assert _init(_created(api, meddled, _pod(RESTORED))[0]) == [*NAMES]


def test_a_volume_added_later_is_restored_too(api: Api, meddling: Other, meddled: str) -> None:
    def add(pod: Json) -> Json:
        volume = {"name": "late", "persistentVolumeClaim": {"claimName": "late"}}
        pod["spec"]["volumes"].append(volume)
        pod["spec"]["containers"][0]["volumeMounts"].append({"name": "late", "mountPath": "/l"})
        return pod

    meddling.answers(other.patching(add))
    made, _ = _created(api, meddled, _pod(RESTORED))

    restorer = made["spec"]["initContainers"][0]
    assert {"name": "late", "mountPath": "/backup/late"} in restorer["volumeMounts"]
    assert json.loads(made["metadata"]["annotations"]["backup.status"])["restore"] == "if-empty"


def test_a_pod_that_uses_a_volume_before_its_restore_is_denied(
    api: Api, meddling: Other, meddled: str
) -> None:
    """A file from there, and the volume would not be empty any more."""

    def prepend(pod: Json) -> Json:
        early = {"name": "early", "image": "x",
                 "volumeMounts": [{"name": "data", "mountPath": "/d"}]}  # fmt: skip
        pod["spec"]["initContainers"].insert(0, early)
        return pod

    meddling.answers(other.patching(prepend))

    message = _created(api, meddled, _pod(RESTORED))[1]
    assert "init container early would use its volumes before backup-restore" in message
    assert _init(_created(api, meddled, _pod(ENABLED))[0]) == ["early", "backup"]
