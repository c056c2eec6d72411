"""The API server over one connection: objects in and out, much faster than a kubectl each."""

import base64
import ssl
import tempfile
from pathlib import Path
from typing import Any

import httpx
import yaml

Json = dict[str, Any]

_PATHS = {
    "Namespace": "/api/v1/namespaces",
    "MutatingWebhookConfiguration": (
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    ),
    "ValidatingAdmissionPolicy": (
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    ),
    "ValidatingAdmissionPolicyBinding": (
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
    ),
}
_NAMESPACED = {
    "Pod": "/api/v1/namespaces/{}/pods",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "Service": "/api/v1/namespaces/{}/services",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
    "LimitRange": "/api/v1/namespaces/{}/limitranges",
    "ResourceQuota": "/api/v1/namespaces/{}/resourcequotas",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
}


class Api:
    """A client with the administrator's certificate."""

    def __init__(self, kubeconfig: Path) -> None:
        known = yaml.safe_load(kubeconfig.read_text())
        cluster, user = known["clusters"][0]["cluster"], known["users"][0]["user"]
        context = ssl.create_default_context(cadata=_text(cluster, "certificate-authority"))
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # as Go's clients verify
        with tempfile.NamedTemporaryFile("w") as both:
            both.write(_text(user, "client-certificate") + _text(user, "client-key"))
            both.flush()
            context.load_cert_chain(both.name)
        self.client = httpx.Client(base_url=cluster["server"], verify=context, timeout=60)

    def path(self, kind: str, namespace: str = "", name: str = "") -> str:
        """Return the path of a kind's objects, or of one of them."""
        path = _PATHS.get(kind) or _NAMESPACED[kind].format(namespace)
        return f"{path}/{name}" if name else path

    def create(self, found: Json, namespace: str = "", *, dry_run: bool = False) -> httpx.Response:
        """Create an object and return the answer, whatever it is."""
        return self.client.post(
            self.path(found["kind"], namespace),
            json=found,
            params={"dryRun": "All"} if dry_run else {},
        )

    def make(self, found: Json, namespace: str = "") -> Json:
        """Create an object that must be accepted; return it as it is then."""
        made: Json = self.create(found, namespace).raise_for_status().json()
        return made

    def get(self, kind: str, namespace: str = "", name: str = "", **query: str) -> Json:
        """Return an object, or the list of them."""
        answer = self.client.get(self.path(kind, namespace, name), params=query)
        found: Json = answer.raise_for_status().json()
        return found

    def delete(self, kind: str, namespace: str = "", name: str = "") -> None:
        """Delete an object, if it is there."""
        answer = self.client.request("DELETE", self.path(kind, namespace, name))
        if answer.status_code != httpx.codes.NOT_FOUND:
            answer.raise_for_status()


def _text(holder: Json, key: str) -> str:
    """Return what stands in a kubeconfig itself or in the file that it names."""
    inline = holder.get(f"{key}-data")
    return base64.b64decode(inline).decode() if inline else Path(holder[key]).read_text()
