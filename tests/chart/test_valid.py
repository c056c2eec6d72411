"""Every object is one that every Kubernetes we support accepts, and nothing changes unseen."""

import json
import os
from functools import cache
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped] # ships no types
import pytest

from tests.chart import rendering
from tests.chart.rendering import EXAMPLES, EXISTING, NEWEST, Json, objects
from tests.cluster.programs.helm import RefusedError
from tests.cluster.programs.release import NAME

VERSIONS = [f"1.{minor}" for minor in range(29, 38)]
FOREIGN = ("cert-manager.io/", "monitoring.coreos.com/")  # whose schemas we do not have
VARIANTS: dict[str, tuple[str, ...]] = {
    "defaults": (),
    "home": (),
    "production": (),
    "cert-manager": ("certificates.mode=cert-manager",),
    "existing": (*EXISTING, "certificates.existing.caBundle=LS0t", "prePull.enabled=false"),
    "everything": (
        'affinity={"nodeAffinity":{}}',
        'extraEnv=[{"name":"HTTPS_PROXY","value":"http://proxy.example.com"}]',
        'imagePullSecrets=[{"name":"registry"}]',
        'podAnnotations={"a":"b"}',
        'podLabels={"a":"b"}',
        'prePull.nodeSelector={"a":"b"}',
        'serviceAccount.annotations={"a":"b"}',
        'tolerations=[{"operator":"Exists"}]',
        'webhook.annotations={"a":"b"}',
        "webhook.hostNetwork=true",
        "networkPolicy.enabled=true",
        "dashboard.enabled=true",
        "maintenance.enabled=true",
        "maintenance.timeZone=Europe/Berlin",
        'dashboard.annotations={"a":"b"}',
    ),
}  # fmt: skip


@cache
def _problem(version: str, document: str) -> str:
    each: dict[str, Any] = json.loads(document)
    try:
        kubernetes_validate.validate(each, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        where = ".".join(map(str, error.path))
        return f"{each['kind']} {each['metadata']['name']}: {where}: {error.message}"
    return ""


def _rendered(variant: str, version: str) -> list[Json]:
    example = variant if variant in EXAMPLES else ""
    kubernetes = "1.29.0" if version == "1.29" else NEWEST
    found = objects(*VARIANTS[variant], example=example, kubernetes=kubernetes)
    return [each for each in found if not each["apiVersion"].startswith(FOREIGN)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_is_valid(variant: str, version: str) -> None:
    found = _rendered(variant, version)

    assert len(found) >= 10
    documents = [json.dumps(each, sort_keys=True) for each in found]
    assert [text for text in (_problem(version, each) for each in documents) if text] == []


@pytest.mark.parametrize(("value", "name"), [("warn", NAME), ("restore", f"{NAME}-restore")])
def test_policies_are_rendered_where_the_cluster_has_them(value: str, name: str) -> None:
    kinds = {
        (kubernetes, switch): {
            each["kind"]
            for each in objects(f"policies.{value}={switch}", kubernetes=kubernetes)
            if "AdmissionPolicy" in each["kind"] and each["metadata"]["name"] == name
        }
        for kubernetes in ("1.29.14", "1.30.0", NEWEST)
        for switch in ("auto", "true", "false")
    }
    both = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}

    assert kinds == {
        (kubernetes, switch): both
        if switch == "true" or (switch == "auto" and kubernetes != "1.29.14")
        else set()
        for kubernetes, switch in kinds
    }


def test_older_kubernetes_is_refused() -> None:
    with pytest.raises(RefusedError, match="requires kubeVersion: >="):
        rendering.text(kubernetes="1.28.9")


@pytest.mark.parametrize("example", EXAMPLES)
def test_rendering_of_an_example_is_the_golden_one(example: str) -> None:
    """After a change that is meant: CHART_GOLDEN=write make test, and look at the difference."""
    rendered = rendering.text(example=example)
    if os.environ.get("CHART_GOLDEN") == "write":
        rendering.golden(example).write_text(rendered)

    assert rendered == rendering.golden(example).read_text()
