"""The webhook with the rights of the chart on a real API server, and without the one to events."""

from pathlib import Path

import pytest

from tests.apiserver.accounts import account
from tests.apiserver.api import Api
from tests.apiserver.conftest import Namespaces
from tests.apiserver.namespaces.test_following import created, sidecar
from tests.apiserver.served import serving
from tests.chart import rendering
from tests.cluster.work import until

ENABLED = {"backup.enabled": "true"}
_VALUES = (
    "certificates.mode=existing",
    "certificates.existing.secretName=x",
    "prePull.enabled=false",
)


@pytest.mark.parametrize("events", [True, False])
def test_the_webhook_serves_with_the_charts_rights_and_without_events(
    api: Api, namespaces: Namespaces, tmp_path: Path, events: bool
) -> None:
    """An older role knows no events: the webhook is ready, injects and shows what it lacks."""
    (role,) = rendering.of_kind("ClusterRole", *_VALUES)
    kept = [rule for rule in role["rules"] if events or "events" not in rule["resources"]]
    assert len(role["rules"]) - len(kept) == (0 if events else 1)
    certificates = [  # as in mode self, by whose certificates the API server finds it here
        {"apiGroups": ["*"], "resources": ["secrets", "mutatingwebhookconfigurations"],
         "verbs": ["*"]},
    ]  # fmt: skip
    kubeconfig, _ = account(api, namespaces(), {**role, "rules": kept + certificates}, tmp_path)

    with serving(api, kubeconfig, tmp_path) as webhook:
        known = f'watch_up{{watch="refusals"}} {float(events)}'
        until(lambda: known in webhook.metrics(), "it follows what it may", 60)
        others = [line for line in webhook.metrics().splitlines() if "watch_up{" in line]
        assert sidecar(created(api, namespaces(labels=ENABLED)))

        assert [line for line in others if line.endswith(" 1.0") or "refusals" in line] == others
        log = webhook.log.read_text()
        assert ('"watch":"refusals","problem":"HTTP 403 Forbidden"' in log) is not events
