"""The API server shows the webhook a certificate, as docs/recipes/client-certificates.md has it."""

import ssl
from pathlib import Path

import httpx
import pytest

from tests.apiserver.api import Api
from tests.apiserver.conftest import Namespaces
from tests.apiserver.served import Served, serving
from tests.apiserver.test_following import created, sidecar
from tests.cluster import pki
from tests.cluster.control_plane import PKI
from tests.cluster.node import KUBECONFIG

ENABLED = {"backup.enabled": "true"}


@pytest.mark.parametrize(
    ("names", "answered"),
    [(f"other,{pki.CALLER}", True), ("kube-apiserver", False)],
    ids=["this one", "another one"],
)
def test_the_api_server_is_answered_by_its_certificate_and_strangers_are_not(
    api: Api, namespaces: Namespaces, tmp_path: Path, names: str, answered: bool
) -> None:
    flags = "--client-ca", str(PKI / pki.CALLERS), "--client-names", names
    with serving(api, KUBECONFIG, tmp_path, *flags) as webhook:
        pod = created(api, namespaces(labels=ENABLED))

        # Where it is not answered, the pod is admitted as it came: failurePolicy is Ignore.
        assert bool(sidecar(pod)) is answered
        assert not _answers(webhook)
        assert not _answers(webhook, "admin"), "of another CA"
        counted = 'closed_connections_total{reason="stranger"}'
        assert (counted in webhook.metrics()) is not answered


def _answers(webhook: Served, shown: str = "") -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if shown:
        context.load_cert_chain(PKI / f"{shown}.crt", PKI / f"{shown}.key")
    try:
        httpx.post(f"{webhook.url}/mutate", verify=context, json={}, timeout=60)
    except httpx.TransportError:
        return False
    return True
