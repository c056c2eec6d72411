"""A sidecar that does not run in one workload: its next pod comes without, and the app starts."""

import json
import re
from collections.abc import Callable

import pytest

from tests.cluster.commands.backup_command import rows
from tests.cluster.conftest import Target
from tests.cluster.programs import images
from tests.cluster.programs.kubectl import Json, Kubectl
from tests.cluster.programs.release import DEPLOYMENT, Release
from tests.cluster.work import until
from tests.cluster.workloads import apps, sidecar

Break = Callable[[Kubectl, str], object]


def workload(image: str, name: str, **annotations: str) -> list[Json]:
    """Return an annotated Deployment with a claim of its own, whose pods end at once."""
    asked = {**apps.ENABLED, **{key.replace("_", "-"): text for key, text in annotations.items()}}
    volumes = [{**apps.claimed(name), "name": "data"}]
    template = apps.template([apps.container(image)], volumes, asked)
    template["metadata"]["labels"] = {"app": name}
    made = apps.workload("Deployment", name, template, strategy={"type": "Recreate"})
    made["spec"]["selector"] = {"matchLabels": {"app": name}}
    return [apps.claim(name), made]


def pods(kubectl: Kubectl, name: str) -> list[Json]:
    """Return the pods of a workload that are not going away."""
    found = kubectl.items("pods", f"--selector=app={name}")
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def broken(kubectl: Kubectl, release: Release, name: str, happens: Break) -> str:
    """Let it happen until the webhook's log says that the sidecar is broken; return its cause."""
    told: list[str] = []
    until(lambda: bool(pods(kubectl, name)), "there is a pod", 120)
    (pod,) = pods(kubectl, name)

    def logged() -> bool:
        uid = pod["metadata"]["ownerReferences"][0]["uid"]
        lines = release.kubectl("logs", DEPLOYMENT).splitlines()
        found = [json.loads(line) for line in lines if uid in line]
        told[:] = [each["problem"] for each in found if each["message"] == "circuit breaker"]
        if not told:
            happens(kubectl, pod["metadata"]["name"])
        return bool(told)

    until(logged, "the webhook says that the sidecar is broken", 240)
    return told[0]


def starts_without(kubectl: Kubectl, name: str, *, gated: bool = False) -> Json:
    """Delete the pod of a workload; return its next one, which is Ready and has no sidecar."""
    kubectl("delete", "pod", f"--selector=app={name}", "--grace-period=1")
    if gated:
        until(lambda: bool(pods(kubectl, name)), "there is another pod", 120)
        _let_go(kubectl, pods(kubectl, name)[0]["metadata"]["name"])
    kubectl.rollout(f"deployment/{name}")
    (pod,) = pods(kubectl, name)
    assert not sidecar.injected(pod)
    assert sidecar.reason(pod) == "sidecar_broken"
    return pod


def _kill(kubectl: Kubectl, pod: str) -> None:
    kubectl("exec", pod, "--container=backup", "--", "sh", "-c", "kill 1", check=False)


def _rewritten(image: str) -> Break:
    """Return what gives the sidecar another image before its pod starts, as policies do."""

    def rewrite(kubectl: Kubectl, pod: str) -> None:
        containers = [{"name": sidecar.CONTAINER, "image": image}]
        changed = json.dumps({"spec": {"initContainers": containers}})
        kubectl("patch", "pod", pod, "--patch", changed)
        _let_go(kubectl, pod)

    return rewrite


def _let_go(kubectl: Kubectl, pod: str) -> None:
    """Let a pod be scheduled."""
    kubectl("patch", "pod", pod, "--type=merge", "--patch", '{"spec": {"schedulingGates": []}}')


@pytest.mark.parametrize(
    ("happens", "cause"),
    [  # what of it is seen first depends on the moment
        (_rewritten(images.PAUSE), r"RunContainerError|\w+, exit status 128"),
        (_rewritten("localhost/absent:1"), "ImagePullBackOff"),
        (_kill, r"\w+, exit status 0"),
    ],
    ids=["no program", "no image", "crashes again and again"],
)
def test_sidecar_that_does_not_run_holds_no_second_pod(
    protected: Kubectl, release: Release, cluster: Target, happens: Break, cause: str
) -> None:
    """Its status says why and what to do; pods of another workload get their sidecar."""
    claim, app = workload(cluster.app_image, "app")
    gated = happens is not _kill
    if gated:
        app["spec"]["template"]["spec"]["schedulingGates"] = [{"name": "tests/wait"}]
    protected.apply(claim, app)

    told = broken(protected, release, "app", happens)
    assert re.fullmatch(cause, told), told
    if gated:
        (pod,) = pods(protected, "app")
        assert not any("running" in each["state"] for each in pod["status"]["containerStatuses"])
    pod = starts_without(protected, "app", gated=gated)

    assert re.search(cause, json.loads(pod["metadata"]["annotations"]["backup.status"])["why"])
    (row,) = rows(protected, "deployment/app")
    assert (row["reason"], row["protected"]) == ("sidecar_broken", False)
    assert "kubectl backup reinject" in row["remedy"]
    protected.apply(*workload(cluster.app_image, "other"))
    protected.rollout("deployment/other")
    (other,) = pods(protected, "other")
    assert sidecar.injected(other)


@pytest.mark.alone
def test_image_that_no_node_has_holds_no_second_pod(
    protected: Kubectl, changed: Release, cluster: Target
) -> None:
    """Without pre-pull pods, which would have told; when it is there again, so is the sidecar."""
    changed.upgrade(prePull__enabled="false", sidecar__image__tag="absent")
    protected.apply(*workload(cluster.app_image, "app"))

    assert broken(protected, changed, "app", lambda *_: None) == "ImagePullBackOff"
    starts_without(protected, "app")

    changed.upgrade()
    protected("delete", "pod", "--selector=app=app", "--grace-period=1")
    protected.rollout("deployment/app")
    (pod,) = pods(protected, "app")
    assert sidecar.injected(pod)
