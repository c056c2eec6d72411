"""What a pod says of itself may be a secret: none of it is ever logged or counted."""

import logging

import pytest

from contract.annotations import settings
from tests.webhook.admitting import Json
from tests.webhook.server.http_calls import application, review, scraped, verdict
from webhook import log
from webhook.server.metrics import Metrics

CANARY = "canary-8d1f"


@pytest.mark.parametrize("enabled", ["true", CANARY])
@pytest.mark.parametrize("volumes", [True, False])
def test_no_value_of_a_pod_reaches_the_log_or_the_metrics(
    asked: Json, pod: Json, enabled: str, volumes: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.handler.setFormatter(log.JsonFormatter())
    pod["metadata"]["annotations"] = {
        **{setting.annotation: f"{CANARY} !" for setting in settings.ALL},
        "backup.unknown": CANARY, f"backup.{CANARY}": "x", "other": CANARY,
        "backup.enabled": enabled,
    }  # fmt: skip
    pod["metadata"]["labels"]["label"] = CANARY
    pod["spec"]["containers"][0] |= {
        "env": [{"name": "PASSWORD", "value": CANARY}], "args": [CANARY], "command": [CANARY],
    }  # fmt: skip
    if not volumes:
        pod["spec"]["volumes"] = []
        pod["spec"]["containers"][0]["volumeMounts"] = []
    metrics = Metrics()
    target = application(metrics)

    answer = review(target, asked)

    warned = " ".join(verdict(answer)["warnings"])
    assert CANARY in warned, "whoever wrote it is told"
    assert caplog.text.count("admission") == 1
    assert CANARY not in caplog.text
    assert CANARY not in scraped(metrics)
