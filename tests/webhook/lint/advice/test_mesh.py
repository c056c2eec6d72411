"""`backup-webhook lint`: a restore before the proxy of a service mesh runs."""

import pytest

from tests.webhook.admitting import Json
from tests.webhook.commands import template_of
from tests.webhook.lint.lint_files import Lint, namespace

RESTORE = {"backup.restore": "if-empty"}
ISTIO = "sidecar.istio.io/inject"
SPARED = {"traffic.sidecar.istio.io/excludeOutboundPorts": "443"}


@pytest.mark.parametrize(
    ("annotations", "labels", "around", "said"),
    [
        ({**RESTORE, ISTIO: "true"}, {}, {}, "Istio"),
        (RESTORE, {ISTIO: "true"}, {}, "Istio"),
        (RESTORE, {}, {"istio-injection": "enabled"}, "Istio"),
        ({**RESTORE, "linkerd.io/inject": "enabled"}, {}, {}, "Linkerd"),
        ({**RESTORE, ISTIO: "true", **SPARED}, {}, {}, ""),
        ({**RESTORE, ISTIO: "false"}, {}, {}, ""),
        ({**RESTORE, "linkerd.io/inject": "disabled"}, {}, {"linkerd.io/inject": "enabled"}, ""),
        ({ISTIO: "true"}, {}, {}, ""),
        (RESTORE, {}, {}, ""),
    ],
)
def test_a_restore_has_no_network_before_the_proxy(
    lint: Lint, wiki: Json, annotations: Json, labels: Json, around: Json, said: str
) -> None:
    template_of(wiki)["metadata"]["annotations"] |= annotations
    template_of(wiki)["metadata"].setdefault("labels", {}).update(labels)
    where = namespace()
    where["metadata"]["labels"] |= around

    notes = [each for each in lint(wiki, where).told("note") if each["rule"] == "BW039"]

    assert len(notes) == bool(said)
    assert not said or notes[0]["message"].startswith(f"{said} injects its proxy: ")
