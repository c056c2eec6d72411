"""The API server as judge: what it accepts without us, it accepts with us, and more of nothing."""

import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.apiserver.admission.grammar import pods
from tests.apiserver.api import Api, Json
from tests.apiserver.conftest import Namespaces
from tests.apiserver.namespaces import room
from tests.apiserver.served import Served

ENABLED = {"backup.enabled": "true"}
# With more pods: ORACLE_PODS=2000 pytest --cluster tests/apiserver/admission/test_oracle.py
PODS = int(os.environ.get("ORACLE_PODS", "250"))
EXAMPLES = settings(
    max_examples=PODS,
    derandomize="ORACLE_PODS" not in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)
SPACES = {
    "plain": ((), {}),
    "restricted": ((), {"pod-security.kubernetes.io/enforce": "restricted"}),
    "baseline": ((), {"pod-security.kubernetes.io/enforce": "baseline"}),
    **{name: ((found,), {}) for name, found in room.OBJECTS.items()},
}


@pytest.fixture(scope="module", params=SPACES)
def spaces(
    request: pytest.FixtureRequest, webhook: Served, namespaces: Namespaces
) -> tuple[str, str, str]:
    """The name of a case, and two namespaces of it: without and with the webhook."""
    del webhook
    objects, labels = SPACES[request.param]
    without = namespaces(*objects, labels=labels)
    return request.param, without, namespaces(*objects, labels={**labels, **ENABLED})


def test_every_pod_that_is_accepted_without_us_is_accepted_with_us_and_only_grows(
    api: Api, spaces: tuple[str, str, str]
) -> None:
    case, without, within = spaces
    seen: Counter[str] = Counter()

    @EXAMPLES
    @given(pods())
    def every(pod: Json) -> None:
        bare = api.create(pod, without, dry_run=True)
        if not bare.is_success:
            seen["refused"] += 1
            return
        injected = api.create(pod, within, dry_run=True)
        assert injected.is_success, injected.text
        before, after = _settled(bare.json()), _settled(injected.json())
        added = [each for each in _init(after) if each not in _init(before)]
        seen["injected" if added else "uninjected"] += 1
        seen["restored"] += any(each["name"] == "backup-restore" for each in added)
        only_grows(before, after)
        only_grows(_budget(pod, bare.json()), injected.json()["spec"].get("resources", {}))
        _keeps_its_class(bare.json(), injected.json())
        again = api.create(_resubmitted(injected.json()), within, dry_run=True)
        assert again.is_success, again.text
        if added:
            assert _settled(again.json()) == after

    every()

    print(f"{case}: {dict(seen)}")
    assert seen["injected"] > 0 or case in room.NOTHING_FITS
    assert seen["restored"] > 0 or case != "plain"
    assert seen["injected"] + seen["uninjected"] >= PODS // 25


def only_grows(before: Any, after: Any, path: str = "") -> None:  # noqa: ANN401 -- any JSON
    """Fail where ``after`` lacks or changes something of ``before``; order counts."""
    if isinstance(before, dict):
        assert isinstance(after, dict), path
        for key, value in before.items():
            assert key in after, f"{path}/{key} is gone"
            if key not in {"resourceVersion", _EVICTABLE}:
                only_grows(value, after[key], f"{path}/{key}")
    elif isinstance(before, list):
        rest = iter(after)
        for number, value in enumerate(before):
            assert any(_is_same(value, other) for other in rest), f"{path}/{number} is gone"
    else:
        assert before == after, path


_EVICTABLE = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
# What the API server makes up anew for every request, or tells of its own doing.
_VOLATILE = ("uid", "creationTimestamp", "managedFields", "namespace", "name", "generateName")


def _is_same(value: object, other: object) -> bool:
    return value == other


def _settled(pod: Json) -> Json:
    """Return a pod without what differs between any two requests."""
    meta = {key: value for key, value in pod["metadata"].items() if key not in _VOLATILE}
    meta["annotations"] = {
        key: value
        for key, value in meta.get("annotations", {}).items()
        if key != "kubernetes.io/limit-ranger"
    }
    # What a pod's own budget lacks, the API server sums up from the containers.
    spec = {key: value for key, value in pod["spec"].items() if key != "resources"}
    spec = {**spec, "volumes": [_token(each) for each in pod["spec"].get("volumes", [])]}
    for kind in ("containers", "initContainers"):
        spec[kind] = [
            {**each, "volumeMounts": [_token(m) for m in each.get("volumeMounts", [])]}
            for each in spec.get(kind, [])
        ]
    return {"metadata": meta, "spec": spec}


def _budget(pod: Json, accepted: Json) -> Json:
    """Return what a pod says of its own resources, as the API server writes it."""
    said = pod["spec"].get("resources", {})
    shown = accepted["spec"].get("resources", {})
    return {
        kind: {name: shown[kind][name] for name in amounts}
        for kind, amounts in said.items()
        if amounts
    }


def _keeps_its_class(before: Json, after: Json) -> None:
    """What asks for nothing may come to ask for our little; no other class changes."""
    expected = before["status"]["qosClass"]
    assert after["status"]["qosClass"] in {expected, "Burstable"}
    assert expected == "BestEffort" or after["status"]["qosClass"] == expected


def _token(named: Json) -> Json:
    """Return a volume or mount whose random name is the same each time."""
    name = named["name"]
    return {**named, "name": "token" if name.startswith("kube-api-access-") else name}


def _init(pod: Json) -> list[Json]:
    found: list[Json] = pod["spec"]["initContainers"]
    return found


def _resubmitted(pod: Json) -> Json:
    """Return what an API server gave, as it would be sent to it again."""
    meta = {
        key: value
        for key, value in pod["metadata"].items()
        if key not in ("uid", "creationTimestamp", "managedFields", "namespace", "resourceVersion")
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": pod["spec"]}
