"""A load of admissions: dry-run creations of an annotated pod, by several clients at once."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import client, config

from tests.cluster.programs.kubectl import Json
from tests.cluster.work import until
from tests.cluster.workloads import sidecar

CLIENTS = 8


class Load:
    """Counts what became of the admissions."""

    def __init__(self, kubeconfig: Path, namespace: str, pod: Json) -> None:
        load: Any = config  # its functions have no annotations
        self._api = load.new_client_from_config(str(kubeconfig))
        self._namespace = namespace
        self._pod = pod
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self.injected = 0
        self.failures: list[str] = []

    def await_admissions(self, count: int, timeout: float = 900) -> None:
        """Wait until so many more were answered, well or not."""
        wanted = self.total + count
        until(lambda: self.total >= wanted, f"{count} more admissions were answered", timeout)

    @property
    def total(self) -> int:
        """How many were answered."""
        return self.injected + len(self.failures)

    def run(self) -> None:
        """Send one after the other until stopped."""
        core: Any = client.CoreV1Api(self._api)
        while not self._stopped.is_set():
            problem = self._one(core)
            with self._lock:
                if problem:
                    self.failures.append(problem)
                else:
                    self.injected += 1

    def stop(self) -> None:
        """Let every client end after its present admission."""
        self._stopped.set()

    def _one(self, core: Any) -> str:  # noqa: ANN401 -- its answers are not what is annotated
        try:
            answer = core.create_namespaced_pod(
                self._namespace, self._pod, dry_run="All", _preload_content=False,
                _request_timeout=(60, 120),
            )  # fmt: skip
        except client.ApiException as error:
            return str(error.body)
        except urllib3.exceptions.HTTPError as error:
            return str(error)
        return "" if sidecar.injected(json.loads(answer.data)) else "not injected"


@contextmanager
def running(kubeconfig: Path, namespace: str, pod: Json) -> Iterator[Load]:
    """Admit from several threads until the end of the block."""
    load = Load(kubeconfig, namespace, pod)
    threads = [threading.Thread(target=load.run) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.stop()
        for thread in threads:
            thread.join()
