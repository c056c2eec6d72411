"""What a container may ask for under a LimitRange, and when one refuses it."""

from typing import Any

import pytest

from tests.webhook.admitting import OPTIONS, Json
from webhook.admission.admit import admit
from webhook.admission.model import NamespaceContext
from webhook.admission.policies import limit_range
from webhook.admission.policies.limit_range import Limit
from webhook.admission.policies.pod_resources import of_container

MIB = 1 << 20


def _read(kind: str = "Container", **item: Any) -> tuple[Limit, ...]:  # noqa: ANN401 -- any JSON
    return limit_range.read({"spec": {"limits": [{"type": kind, **item}]}})


def _refusal(limits: tuple[Limit, ...], limit: str, request: str = "") -> str:
    resources = {"limits": {"memory": limit}} if limit else {}
    resources |= {"requests": {"memory": request}} if request else {}
    pod = {"spec": {"containers": [], "initContainers": [{"resources": resources}]}}
    return limit_range.refusal(pod, {"resources": resources}, limits)


@pytest.mark.parametrize(
    ("item", "limit", "asked", "refused"),
    [
        ({"min": {"memory": "64Mi"}}, "64Mi", "64Mi", False),
        ({"min": {"memory": "64Mi"}}, "128Mi", "63Mi", True),
        ({"min": {"memory": "64Mi"}}, "", "", True),
        ({"max": {"memory": "128Mi"}}, "128Mi", "128Mi", False),
        ({"max": {"memory": "128Mi"}}, "129Mi", "16Mi", True),
        ({"maxLimitRequestRatio": {"memory": "4"}}, "256Mi", "64Mi", False),
        ({"maxLimitRequestRatio": {"memory": "4"}}, "256Mi", "63Mi", True),
        ({"maxLimitRequestRatio": {"memory": "4"}}, "256Mi", "", False),
    ],
)
def test_a_value_at_the_bound_is_allowed_and_beyond_it_refused(
    item: Json, limit: str, asked: str, *, refused: bool
) -> None:
    assert bool(_refusal(_read(**item), limit, asked)) is refused


def test_a_bound_on_pods_does_not_bound_a_container() -> None:
    limits = _read("Pod", min={"memory": "512Mi"})
    wanted = of_container({"resources": {"limits": {"memory": "256Mi"}}})

    assert limit_range.fitted(wanted, limits, {}, equal=False) == wanted


def test_a_containers_value_outranks_the_default() -> None:
    limits = _read(default={"memory": "1Gi", "cpu": "1"})
    wanted = of_container({"resources": {"limits": {"memory": "256Mi"}}})

    given = limit_range.defaulted(wanted, limits)

    assert given.limits == {"memory": 256 * MIB, "cpu": 1}


@pytest.mark.parametrize(
    ("least", "ratio", "expected"),
    [("128Mi", "100", "128Mi"), ("8Mi", "100", "16Mi"), ("8Mi", "4", "64Mi")],
)
def test_a_large_ratio_does_not_lower_a_minimum(
    pod: Json, least: str, ratio: str, expected: str
) -> None:
    """The larger of both counts: 256Mi by 100 would be less than the minimum, and refused."""
    for container in pod["spec"]["containers"]:
        container["resources"] = {"requests": {"memory": "128Mi"}, "limits": {"memory": "128Mi"}}
    around = NamespaceContext(
        limits=_read(min={"memory": least}, maxLimitRequestRatio={"memory": ratio})
    )

    admission = admit(pod, "prod", OPTIONS, around)

    assert admission.reason == "injected", admission.warnings
    resources = admission.additions.containers[0]["resources"]
    assert (resources["requests"]["memory"], resources["limits"]["memory"]) == (expected, "256Mi")
