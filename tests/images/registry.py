"""A registry on this machine, for as long as a test: Debian's docker-registry."""

import http.client
import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cluster.settings import TOOLS
from tests.cluster.work import until

Json = dict[str, Any]
_INSTALLED = TOOLS / "docker-registry"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = (
    "application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json"
)


class Registry:
    """A running registry; `address` is what stands before the names of its images."""

    def __init__(self, port: int) -> None:
        self.address = f"127.0.0.1:{port}"

    def answers(self) -> bool:
        """Tell whether it takes requests yet."""
        try:
            return self._get("/v2/")[0] == 200
        except OSError:
            return False

    def manifest(self, name: str, tag: str) -> Json:
        """Return the manifest of an image that was pushed."""
        status, body = self._get(f"/v2/{name}/manifests/{tag}")
        assert status == 200, body
        found: Json = json.loads(body)
        return found

    def index(self, name: str, tag: str) -> Json:
        """Return the index of images for several machines that was pushed."""
        status, body = self._get(f"/v2/{name}/manifests/{tag}", _INDEX)
        assert status == 200, body
        found: Json = json.loads(body)
        return found

    def _get(self, path: str, accept: str = _MANIFEST) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.address, timeout=10)
        try:
            connection.request("GET", path, headers={"Accept": accept})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@contextmanager
def serve(folder: Path) -> Iterator[Registry]:
    """Run a registry that keeps its images below ``folder``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        registry = Registry(free.getsockname()[1])
    configuration = {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "images")}},
        "http": {"addr": registry.address},
    }
    (folder / "registry.yml").write_text(json.dumps(configuration))  # JSON is YAML
    program = _INSTALLED if _INSTALLED.exists() else "docker-registry"
    with (
        (folder / "registry.log").open("wb") as log,
        subprocess.Popen(
            [program, "serve", folder / "registry.yml"], stdout=log, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            until(registry.answers, "the registry answers", 60)
            yield registry
        finally:
            process.terminate()
