"""The API server as judge of what ten public collections write, at three Pod Security levels."""

import os
from collections import Counter
from copy import deepcopy

import pytest

from tests.apiserver.admission.test_oracle import ENABLED, only_grows
from tests.apiserver.api import Api, Json
from tests.apiserver.conftest import Namespaces
from tests.apiserver.served import Served
from tests.webhook.manifests.collections.findings import templates
from tests.webhook.manifests.collections.known import files
from tests.webhook.manifests.collections.parts import RESTRICTED

# All of them by hand: COLLECTIONS_EVERY=1 python -m pytest --cluster PATH
EVERY = int(os.environ.get("COLLECTIONS_EVERY", "16"))
LEVELS = ("privileged", "baseline", "restricted")


@pytest.fixture(scope="module", params=LEVELS)
def level(
    request: pytest.FixtureRequest, webhook: Served, namespaces: Namespaces
) -> tuple[str, str, str]:
    """A Pod Security level, and two namespaces that enforce it: without and with the webhook."""
    del webhook
    labels = {"pod-security.kubernetes.io/enforce": request.param}
    return request.param, namespaces(labels=labels), namespaces(labels={**labels, **ENABLED})


def test_what_is_accepted_without_us_is_accepted_with_us_and_only_grows(
    api: Api, level: tuple[str, str, str]
) -> None:
    name, without, within = level
    seen: Counter[str] = Counter()

    for written in _pods()[::EVERY]:
        pod = _hardened(written) if name == "restricted" else written
        bare = api.create(pod, without, dry_run=True)
        if not bare.is_success:
            seen["refused without us"] += 1
            continue
        ours = api.create(pod, within, dry_run=True)
        if not ours.is_success:
            assert "backup-webhook-restore' denied request: the pod requests a restore" in ours.text
            assert "backup.restore" in pod["metadata"]["annotations"]
            seen["refused, for nothing could restore it"] += 1
            continue
        before, after = bare.json()["spec"], ours.json()["spec"]
        only_grows(_settled(before), _settled(after))
        added = len(after.get("initContainers", [])) > len(before.get("initContainers", []))
        seen["injected" if added else "not injected"] += 1

    print(f"{name}: {dict(seen)}")
    assert seen["injected"] > 0
    assert seen["not injected"] > 0


def _pods() -> list[Json]:
    """Return the pods that controllers would make of all templates, for the default account."""
    made = []
    for _, file in files():
        for each in templates(list(file.objects)):
            pod = deepcopy({"metadata": each.get("metadata") or {}, "spec": each["spec"]})
            pod["metadata"].pop("name", None)
            # Of the namespace there is nothing else: owners, accounts, classes of nodes.
            for key in ("serviceAccountName", "priorityClassName", "runtimeClassName"):
                pod["spec"].pop(key, None)
            pod["metadata"] = {**pod["metadata"], "generateName": "pod-"}
            made.append({"apiVersion": "v1", "kind": "Pod", **pod})
    return made


def _hardened(pod: Json) -> Json:
    """Return a pod as its authors would write it for the strictest level."""
    hard = deepcopy(pod)
    for each in (*hard["spec"]["containers"], *hard["spec"].get("initContainers", ())):
        user = (each.get("securityContext") or {}).get("runAsUser")
        each["securityContext"] = {**RESTRICTED, **({"runAsUser": user} if user else {})}
    if (hard["spec"].get("securityContext") or {}).get("runAsUser") == 0:
        del hard["spec"]["securityContext"]
    return hard


def _settled(spec: Json) -> Json:
    """Return a spec without the volume of the account's token, whose name is random."""
    mounted = [
        {**each, "volumeMounts": [one for one in each.get("volumeMounts", []) if _is_theirs(one)]}
        for each in spec["containers"]
    ]
    left = [each for each in spec.get("volumes", []) if _is_theirs(each)]
    return {**spec, "containers": mounted, "volumes": left, "initContainers": [], "resources": {}}


def _is_theirs(named: Json) -> bool:
    return not named["name"].startswith("kube-api-access-")
