"""What the sidecar asks of a node, and that it never changes the pod's quality of service."""

from typing import Any

import pytest

from tests.webhook.admitting import Json, answer_to

DEFAULT = {"limits": {"memory": "256Mi"}, "requests": {"cpu": "1m", "memory": "16Mi"}}
GUARANTEED = {
    "limits": {"cpu": "200m", "memory": "256Mi"},
    "requests": {"cpu": "200m", "memory": "256Mi"},
}
FULL = {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": "1024Mi"}}


def _resources(asked: Json) -> Any:  # noqa: ANN401 -- None where there are none
    return answer_to(asked).sidecar().get("resources")


@pytest.mark.parametrize(
    ("annotations", "limits", "requests"),
    [
        ({}, {"memory": "256Mi"}, {"cpu": "1m", "memory": "16Mi"}),
        ({"memory-limit": "1Gi"}, {"memory": "1Gi"}, {"cpu": "1m", "memory": "16Mi"}),
        ({"memory-limit": "64Mi"}, {"memory": "64Mi"}, {"cpu": "1m", "memory": "16Mi"}),
        ({"memory-limit": "67108864"}, {"memory": "67108864"}, {"cpu": "1m", "memory": "16Mi"}),
        ({"memory-request": "0"}, {"memory": "256Mi"}, {"cpu": "1m", "memory": "0"}),
        ({"cpu-request": "0.5"}, {"memory": "256Mi"}, {"cpu": "0.5", "memory": "16Mi"}),
        ({"cpu-limit": "2"}, {"memory": "256Mi", "cpu": "2"}, {"cpu": "1m", "memory": "16Mi"}),
        ({"cpu-limit": "10m"}, {"memory": "256Mi", "cpu": "10m"}, {"cpu": "1m", "memory": "16Mi"}),
    ],
)
def test_annotations_set_requests_and_limits(
    asked: Json, pod: Json, annotations: Json, limits: Json, requests: Json
) -> None:
    pod["metadata"]["annotations"] |= {f"backup.{key}": text for key, text in annotations.items()}

    assert _resources(asked) == {"limits": limits, "requests": requests}
    assert answer_to(asked).warnings == []


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("memory-limit", "63Mi"),
        ("memory-limit", "256"),  # bytes; somebody meant Mi
        ("memory-limit", "256m"),
        ("memory-limit", "0"),
        ("memory-limit", "-1Gi"),
        ("memory-limit", "256MB"),
        ("memory-limit", "256 Mi"),
        ("cpu-limit", "9m"),
        ("cpu-limit", "0"),
        ("cpu-limit", "half"),
        ("cpu-request", "-1m"),
        ("memory-request", "16Mib"),
    ],
)
def test_an_invalid_quantity_or_one_below_the_floor_is_not_used(
    asked: Json, pod: Json, key: str, text: str
) -> None:
    pod["metadata"]["annotations"][f"backup.{key}"] = text

    assert _resources(asked) == DEFAULT
    (warning,) = answer_to(asked).warnings
    assert f"backup.{key} {text!r}" in warning


@pytest.mark.parametrize(
    ("annotations", "expected", "named"),
    [
        (
            {"backup.memory-request": "1Gi"},
            {"limits": {"memory": "256Mi"}, "requests": {"cpu": "1m", "memory": "256Mi"}},
            "backup.memory-request '1Gi'",
        ),
        (
            {"backup.cpu-request": "1", "backup.cpu-limit": "500m"},
            {
                "limits": {"memory": "256Mi", "cpu": "500m"},
                "requests": {"cpu": "500m", "memory": "16Mi"},
            },
            "backup.cpu-request '1'",
        ),
    ],
)
def test_a_request_above_the_limit_is_lowered_with_a_warning(
    asked: Json, pod: Json, annotations: Json, expected: Json, named: str
) -> None:
    """The API server refuses such a pod, and the app would not start."""
    pod["metadata"]["annotations"] |= annotations

    assert _resources(asked) == expected
    (warning,) = answer_to(asked).warnings
    assert named in warning
    assert "more than the limit" in warning


@pytest.mark.parametrize(
    ("resources", "guaranteed"),
    [
        (FULL, True),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, True),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1"}}, True),
        ({"limits": {"cpu": 1, "memory": "1Gi"}, "requests": {"cpu": 1.0}}, True),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "999m"}}, False),
        ({"limits": {"cpu": "1"}}, False),
        ({"limits": {"memory": "1Gi"}}, False),
        ({"limits": {"cpu": "0", "memory": "1Gi"}}, False),
        ({"requests": {"cpu": "1", "memory": "1Gi"}}, False),
        ({"limits": None, "requests": None}, False),
        (None, False),
        ({}, False),
    ],
)
def test_a_guaranteed_pod_stays_guaranteed(
    asked: Json, pod: Json, resources: Json | None, guaranteed: bool
) -> None:
    pod["spec"]["containers"][0]["resources"] = resources

    assert _resources(asked) == (GUARANTEED if guaranteed else DEFAULT)


def test_a_pod_with_one_container_without_limits_is_not_guaranteed(asked: Json, pod: Json) -> None:
    pod["spec"]["containers"][0]["resources"] = FULL
    pod["spec"]["initContainers"] = [{"name": "migrate", "image": "x"}]

    assert _resources(asked) == DEFAULT


def test_in_a_guaranteed_pod_the_limits_are_the_requests(asked: Json, pod: Json) -> None:
    pod["spec"]["containers"][0]["resources"] = FULL
    pod["metadata"]["annotations"] |= {
        "backup.cpu-request": "5m",
        "backup.cpu-limit": "300m",
        "backup.memory-limit": "1Gi",
    }

    budget = {"cpu": "300m", "memory": "1Gi"}
    assert _resources(asked) == {"limits": budget, "requests": budget}


@pytest.mark.parametrize("where", ["containers", "initContainers"])
def test_a_limit_on_ephemeral_storage_bounds_ours_too(asked: Json, pod: Json, where: str) -> None:
    limited = {"name": "x", "image": "x", "resources": {"limits": {"ephemeral-storage": "2Gi"}}}
    pod["spec"].setdefault(where, []).append(limited)

    assert _resources(asked) == {
        "limits": {"memory": "256Mi", "ephemeral-storage": "1Gi"},
        "requests": {"cpu": "1m", "memory": "16Mi", "ephemeral-storage": "0"},
    }


def test_a_request_for_ephemeral_storage_sets_no_limit(asked: Json, pod: Json) -> None:
    pod["spec"]["containers"][0]["resources"] = {"requests": {"ephemeral-storage": "1Gi"}}

    assert _resources(asked) == DEFAULT


def test_with_pod_level_resources_the_sidecar_requests_nothing(asked: Json, pod: Json) -> None:
    pod["spec"]["resources"] = {"limits": {"memory": "2Gi"}}
    pod["metadata"]["annotations"]["backup.memory-limit"] = "1Gi"

    assert _resources(asked) is None


def test_pod_level_resources_without_memory_keep_the_sidecars_limit(asked: Json, pod: Json) -> None:
    """Else it might take all the node's memory."""
    pod["spec"]["resources"] = {"limits": {"cpu": "1"}}

    assert _resources(asked) == {
        "limits": {"memory": "256Mi"},
        "requests": {"cpu": "0m", "memory": "0"},
    }


@pytest.mark.parametrize("budget", [None, {}])
def test_empty_pod_level_resources_count_as_absent(asked: Json, pod: Json, budget: object) -> None:
    pod["spec"]["resources"] = budget

    assert _resources(asked) == DEFAULT
