"""matchConditions, as the API server reads them: what it does not send asks for nothing."""

from copy import deepcopy

import pytest

from contract.annotations import settings
from tests.apiserver.api import Api, Json
from tests.apiserver.conftest import Namespaces
from tests.apiserver.served import Served
from tests.webhook.admission.corpus.corpus import EXPECTED, PODS
from webhook.admission import pod_spec

# What names objects that are not there; the API server refuses that before it asks webhooks.
_REFUSED_EARLIER = ("priorityClassName", "priority", "runtimeClassName", "serviceAccountName",
                    "serviceAccount")  # fmt: skip
ENABLED = {"backup.enabled": "true"}


@pytest.fixture(scope="module")
def namespace(webhook: Served, namespaces: Namespaces) -> str:
    """A namespace that has opted in."""
    del webhook
    return namespaces(labels=ENABLED)


@pytest.mark.parametrize("name", PODS)
def test_the_api_server_sends_every_enabled_pod(
    api: Api, webhook: Served, namespace: str, name: str
) -> None:
    pod: Json = deepcopy(PODS[name])
    pod["metadata"].pop("namespace", None)
    for key in _REFUSED_EARLIER:
        pod["spec"].pop(key, None)
    annotations = pod_spec.annotations(pod)
    asks = settings.ENABLED.annotation in annotations and "kubernetes.io/config.mirror" not in (
        annotations
    )
    before = _counted(webhook, namespace)

    answer = api.create(pod, namespace, dry_run=True)

    was_sent = _counted(webhook, namespace) > before
    assert answer.status_code in {201, 422}, answer.text
    assert was_sent == asks
    assert was_sent or EXPECTED[name]["reason"] in {"not_enabled", "mirror_pod"}


def _counted(webhook: Served, namespace: str) -> float:
    return sum(
        float(line.split()[-1])
        for line in webhook.metrics().splitlines()
        if line.startswith("backup_webhook_admissions_total") and f'"{namespace}"' in line
    )
