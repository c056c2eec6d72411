"""The cluster as the certificates need it: one Secret and one webhook configuration.

Objects are read as plain JSON: the client's models refuse
what they do not know, and quote it. Errors name what was tried and the status, never a body:
those of the Secret would show a key.
"""

import base64
import binascii
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import urllib3
from kubernetes import client

from kube.connection import connection
from kube.errors import ERRORS, problem
from kube.reader import Reader, Source

_MANAGER = "backup-webhook-certs"
_TIMEOUT = (3.0, 10.0)  # seconds, to connect and to read
_APPLY = "application/apply-patch+yaml"  # JSON is YAML
_MERGE = "application/merge-patch+json"


class StoreError(Exception):
    """The API server is unreachable or refused the request; its state is unknown."""


class ConflictError(StoreError):
    """Somebody else wrote first: read again and decide again."""


@dataclass(frozen=True, slots=True)
class Secret:
    """The Secret at one ``version``. ``data`` is decoded; what is not base64 is empty."""

    version: str
    data: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The webhook configuration at one ``version``: the CA bundle of each webhook by its name."""

    version: str
    bundles: Mapping[str, bytes]


class Store:
    """Reads and writes both objects. Every method raises StoreError."""

    def __init__(
        self, namespace: str, secret: str, configuration: str, api: client.ApiClient | None = None
    ) -> None:
        self._namespace = namespace
        self._secret = secret
        self._configuration = configuration
        self._api = api

    def secret(self) -> Secret | None:
        """Return the Secret as it is now, None if there is none."""
        with _telling(f"read Secret {self._secret}"):
            try:
                found = _json(
                    self._core().read_namespaced_secret(
                        self._secret, self._namespace,
                        _preload_content=False, _request_timeout=_TIMEOUT,
                    )
                )  # fmt: skip
            except client.ApiException as error:
                if error.status == 404:
                    return None
                raise
            data = {key: _decoded(value) for key, value in (found.get("data") or {}).items()}
            return Secret(found["metadata"]["resourceVersion"], data)

    def create(self, data: Mapping[str, bytes | None]) -> None:
        """Create the Secret; raise ConflictError where another replica did.

        By server-side apply, not POST: then RBAC can allow ``create`` for this one name only.
        Each attempt is a field manager of its own, so the second one conflicts.
        """
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": self._secret, "namespace": self._namespace},
            "type": "Opaque",
            "data": {key: value for key, value in _encoded(data).items() if value is not None},
        }
        manager = f"{_MANAGER}-{secrets.token_hex(4)}"
        self._patch_secret("create", body, _APPLY, field_manager=manager, force=False)

    def update(self, data: Mapping[str, bytes | None], version: str) -> None:
        """Set and (None) remove keys of the Secret as read at ``version``; or ConflictError."""
        body = {"metadata": {"resourceVersion": version}, "data": _encoded(data)}
        self._patch_secret("update", body, _MERGE, field_manager=_MANAGER)

    def webhooks(self) -> Webhooks | None:
        """Return the webhook configuration as it is now, None if there is none."""
        with _telling(f"read MutatingWebhookConfiguration {self._configuration}"):
            try:
                found = _json(
                    self._admission().read_mutating_webhook_configuration(
                        self._configuration, _preload_content=False, _request_timeout=_TIMEOUT
                    )
                )
            except client.ApiException as error:
                if error.status == 404:
                    return None
                raise
            bundles = {
                webhook["name"]: _decoded(webhook["clientConfig"].get("caBundle"))
                for webhook in found.get("webhooks") or ()
            }
            return Webhooks(found["metadata"]["resourceVersion"], bundles)

    def apply(self, bundle: bytes, seen: Webhooks) -> None:
        """Make ``bundle`` the CA bundle of every webhook that was ``seen``; or ConflictError.

        Applied by name and nothing else, so that whatever the chart owns stays the chart's. The
        version keeps a replica that was held up from putting an older bundle back.
        """
        text = base64.b64encode(bundle).decode()
        body = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": self._configuration, "resourceVersion": seen.version},
            "webhooks": [
                {"name": name, "clientConfig": {"caBundle": text}} for name in seen.bundles
            ],
        }
        with _telling(f"apply caBundle to MutatingWebhookConfiguration {self._configuration}"):
            answer = self._admission().patch_mutating_webhook_configuration(
                self._configuration, body, field_manager=_MANAGER, force=True,
                _content_type=_APPLY, _preload_content=False, _request_timeout=_TIMEOUT,
            )  # fmt: skip
            _json(answer)

    def readers(self) -> Mapping[str, Reader]:
        """Return, for each of both objects, what opens a stream of its changes.

        Of metadata alone, so that no key travels, and without a list, which would be one more
        right.
        """
        paths = {
            "secret": (f"/api/v1/namespaces/{self._namespace}/secrets", self._secret),
            "webhooks": (
                "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
                self._configuration,
            ),
        }
        return {
            what: Reader(
                Source(path, fields=f"metadata.name={name}", metadata=True, listed=False),
                self._connected,
            )
            for what, (path, name) in paths.items()
        }

    def _patch_secret(self, verb: str, body: object, content_type: str, **rest: object) -> None:
        with _telling(f"{verb} Secret {self._secret}"):
            answer = self._core().patch_namespaced_secret(
                self._secret, self._namespace, body, _content_type=content_type,
                _preload_content=False, _request_timeout=_TIMEOUT, **rest,
            )  # fmt: skip
            _json(answer)

    # Any: with _preload_content=False the client's methods return the response itself, which
    # their annotations deny.
    def _core(self) -> Any:  # noqa: ANN401 -- see above
        return client.CoreV1Api(self._connected())

    def _admission(self) -> Any:  # noqa: ANN401 -- see above
        return client.AdmissionregistrationV1Api(self._connected())

    def _connected(self) -> client.ApiClient:
        """Connect at first use, so that a missing token is retried like any other failure."""
        if self._api is None:
            self._api = connection()
        return self._api


@contextmanager
def _telling(what: str) -> Iterator[None]:
    """Turn any error of a request into a StoreError that shows no content."""
    try:
        yield
    except ERRORS as error:
        conflicts = isinstance(error, client.ApiException) and error.status == 409
        kind = ConflictError if conflicts else StoreError
        raise kind(f"{what}: {problem(error)}") from None


def _json(response: urllib3.HTTPResponse) -> dict[str, Any]:
    # Read to its end, wanted or not: the connection is used again.
    found: dict[str, Any] = json.loads(response.data)
    return found


def _decoded(value: str | None) -> bytes:
    try:
        return base64.b64decode(value or "", validate=True)
    except binascii.Error:
        return b""


def _encoded(data: Mapping[str, bytes | None]) -> dict[str, str | None]:
    return {
        key: None if value is None else base64.b64encode(value).decode()
        for key, value in data.items()
    }
