"""The API server, and commands in pods: with `kubeconfig` the only importers of kubernetes.

Objects are plain JSON, because the client's models reject fields that they do not know.
"""

import json
import ssl
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes import client, config

from kubectl_backup.cluster import exec as cluster_exec
from kubectl_backup.cluster import kubeconfig, lines
from kubectl_backup.cluster.errors import ClusterError, refused
from kubectl_backup.cluster.exec import Answer, BrokenError, RefusedError, Running, SilentError
from kubectl_backup.cluster.kubeconfig import Where

Json = dict[str, Any]

_CONNECT, _READ = 5.0, 30.0  # seconds
_PAGE = 500  # objects
_OUTPUT = 256 << 20  # bytes of a command's output: a million snapshots have fewer
_MERGE = "application/merge-patch+json"


class Cluster:
    """One cluster, one namespace in it, as one user."""

    def __init__(self, where: Where) -> None:
        self._configuration = client.Configuration()
        self.context, self.namespace = kubeconfig.read(where, self._configuration)
        self._configuration.retries = False
        self._configuration.connection_pool_maxsize = 8
        self._api = client.ApiClient(self._configuration)

    def close(self) -> None:
        """Close its connections."""
        self._api.rest_client.pool_manager.clear()

    @property
    def place(self) -> str:
        """The namespace in words, for messages."""
        return f"namespace {self.namespace} (-n selects another)"

    @property
    def server(self) -> str:
        """The address of the API server."""
        return str(self._configuration.host)

    def get(self, path: str, **query: str) -> Json:
        """Return the object at an API path."""
        found: Json = json.loads(self._data("GET", path, query))
        return found

    def items(self, path: str, **query: str) -> list[Json]:
        """Return all objects of a list."""
        found: list[Json] = []
        going_on = ""
        while True:
            page = self.get(path, limit=str(_PAGE), **query, **({"continue": going_on} if going_on
                                                                 else {}))  # fmt: skip
            found += page.get("items") or []
            going_on = (page.get("metadata") or {}).get("continue") or ""
            if not going_on:
                return found

    def pods(self, namespace: str | None = None) -> list[Json]:
        """Return the pods of a namespace, by default of the user's; "" is all namespaces."""
        return self.items(below(self.namespace if namespace is None else namespace, "pods"))

    def create(self, path: str, body: Json, *, dry_run: bool = False) -> Json:
        """Create an object, or only test that; return it as admission would change it."""
        query = {"dryRun": "All"} if dry_run else {}
        made: Json = json.loads(self._data("POST", path, query, body))
        return made

    def patch(self, path: str, body: Json) -> None:
        """Merge ``body`` into an object; null removes a field."""
        self._data("PATCH", path, {}, body)

    def delete(self, path: str) -> None:
        """Delete an object."""
        self._data("DELETE", path, {})

    def text(self, path: str, **query: str) -> Iterator[bytes]:
        """Yield the lines of a log as they come."""
        answer = self._ask("GET", path, query, None, read=None)
        with _explained(f"read {path}"):
            yield from lines.split(answer.stream(amt=None, decode_content=False))

    def execute(
        self, namespace: str, pod: str, *argv: str, container: str = "backup", silence: float = 60
    ) -> Answer:
        """Run a command in a container to its end; fail after ``silence`` seconds of silence."""
        running = self.run(namespace, pod, *argv, container=container, silence=silence)
        taken = bytearray()
        for chunk in running.chunks:
            taken += chunk
            if len(taken) > _OUTPUT:
                raise ClusterError(f"{argv[0]} in pod {pod} writes more than {_OUTPUT >> 20} MiB")
        running.end.out = bytes(taken)
        return running.end

    def run(
        self,
        namespace: str,
        pod: str,
        *argv: str,
        container: str = "backup",
        silence: float | None = None,
    ) -> Running:
        """Start a command in a container; its output is read as it arrives."""
        running = Running(iter(()))
        running.chunks = self._output(running.end, namespace, pod, argv, container, silence)
        return running

    def _output(
        self,
        end: Answer,
        namespace: str,
        pod: str,
        argv: tuple[str, ...],
        container: str,
        silence: float | None,
    ) -> Generator[bytes, None, None]:
        path = f"{below(namespace, 'pods', pod)}/exec"
        query = [
            ("container", container), ("stdout", "true"), ("stderr", "true"),
            *(("command", word) for word in argv),
        ]  # fmt: skip
        with _explained(f"run {argv[0]} in pod {pod}"):
            _, url, headers, *_ = self._api.param_serialize(
                "GET", path, query_params=query, auth_settings=["BearerToken"]
            )
            address = f"{url.partition('?')[0]}?{urlencode(query)}"
            proxy = self._configuration.proxy or ""
            yield from cluster_exec.output(address, headers, self._tls, proxy, silence, end)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        known = self._configuration
        found = ssl.create_default_context(cafile=known.ssl_ca_cert)
        if known.cert_file:
            found.load_cert_chain(known.cert_file, known.key_file)
        if not known.verify_ssl:
            found.check_hostname, found.verify_mode = False, ssl.CERT_NONE
        return found

    def _data(
        self, method: str, path: str, query: Mapping[str, str], body: Json | None = None
    ) -> bytes:
        answer = self._ask(method, path, query, body, read=_READ)
        with _explained(f"read {path}"):
            return bytes(answer.data)

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Json | None,
        *,
        read: float | None,
    ) -> urllib3.BaseHTTPResponse:
        kind = _MERGE if method == "PATCH" else "application/json"
        with _explained(f"{method} {path}"):
            request = self._api.param_serialize(
                method, path, query_params=list(query.items()), body=body,
                header_params={"Accept": "application/json", "Content-Type": kind},
                auth_settings=["BearerToken"],
            )  # fmt: skip
            answer: urllib3.BaseHTTPResponse = self._api.call_api(
                *request, _request_timeout=(_CONNECT, read)
            ).response
            if answer.status < 300:
                return answer
            raise refused(method, path, answer.status, answer.data)


def below(namespace: str, kind: str, name: str = "", group: str = "") -> str:
    """Return the API path of a kind's objects, or of one object; ``group`` such as ``apps/v1``."""
    root = f"/apis/{group}" if group else "/api/v1"
    middle = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{middle}/{kind}" + (f"/{name}" if name else "")


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except RefusedError as error:
        raise refused("exec", what, error.status, error.body) from error
    except SilentError as error:
        raise ClusterError(f"cannot {what}: no answer in time; is its node reachable?") from error
    except (
        BrokenError,
        urllib3.exceptions.HTTPError,
        client.ApiException,
        config.ConfigException,
        OSError,
        ValueError,
    ) as error:
        reason = getattr(error, "reason", None) or error
        line = " ".join(str(reason).split())
        raise ClusterError(f"cannot {what}: {line}; is the API server reachable?") from error
