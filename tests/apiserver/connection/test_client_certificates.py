"""The API server shows the webhook a certificate, as docs/recipes/client-certificates.md has it."""

import os
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml
from cryptography import x509

from tests.apiserver.api import Api
from tests.apiserver.conftest import Namespaces
from tests.apiserver.namespaces.test_following import created, sidecar
from tests.apiserver.served import Served, serving
from tests.blocks import PROJECT, blocks, fenced, run
from tests.cluster.node import pki
from tests.cluster.node.cluster import KUBECONFIG
from tests.cluster.node.control_plane import PKI
from tests.cluster.programs import build
from tests.cluster.programs.release import NAME

RECIPE = "docs/recipes/client-certificates.md"
ENABLED = {"backup.enabled": "true"}


@pytest.mark.parametrize(
    ("names", "answered"),
    [(f"other,{pki.CALLER}", True), ("kube-apiserver", False)],
    ids=["this one", "another one"],
)
def test_only_the_api_servers_client_certificate_is_accepted(
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


def test_the_recipe_makes_a_certificate_of_the_name_and_the_chart_requires_it(
    api: Api, namespaces: Namespaces, tmp_path: Path
) -> None:
    """With what the API server is configured by, see tests/cluster/node/pki.py."""
    namespace = namespaces()
    (tmp_path / "manifests").symlink_to(PROJECT / "manifests")
    (values,) = [each.text for each in fenced(RECIPE) if each.text.startswith("webhook:")]
    (tmp_path / "values.yaml").write_text(values)
    path = f"{build.helm().parent}:{build.kubernetes()}:{os.environ['PATH']}"
    environment = {"PATH": path, "KUBECONFIG": str(KUBECONFIG), "HOME": str(tmp_path)}
    first = {
        "--reset-then-reuse-values": "--install --set registry=localhost",
        "--wait": "--dry-run=server",
        f"--namespace {NAME}": f"--namespace {namespace}",
    }  # fmt: skip
    (certificates,) = blocks("docs/recipes/client-certificates.md", "## Make the certificates")
    (upgrade,) = blocks("docs/recipes/client-certificates.md", "## Require it")

    run(certificates, tmp_path, environment, {f"-n {NAME}": f"-n {namespace}"})
    rendered = run(upgrade, tmp_path, environment, first)

    verify = ["openssl", "verify", "-purpose", "sslclient", "-CAfile", "ca.crt", "caller.crt"]
    subprocess.run(verify, cwd=tmp_path, check=True, stdout=subprocess.PIPE)
    (name,) = yaml.safe_load(values)["webhook"]["clientCA"]["names"]
    subject = x509.load_pem_x509_certificate((tmp_path / "caller.crt").read_bytes()).subject
    assert subject.rfc4514_string() == f"CN={name}" == f"CN={pki.CALLER}"
    assert api.get("Secret", namespace, "backup-callers")["data"].keys() == {"ca.crt"}
    assert "secretName: backup-callers" in rendered


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
