"""What the cluster tells the webhook, by watches. The only importer of kubernetes here.

Nothing is asked while a pod waits to be admitted: a decision reads what a watch left in memory.
"""

import json
import logging
import time
from collections.abc import Mapping
from threading import Event, Thread
from typing import Any

import urllib3
from kubernetes import client, config, watch

from certs.store import connection

_LOG = logging.getLogger("cluster")
_TIMEOUT = (3.0, 10.0)  # seconds, to connect and to read
_WATCH_SECONDS = 290
_SHORTEST, _LONGEST = 0.5, 30.0  # seconds between attempts
_CANNOT_PULL = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
)
_ERRORS = (
    client.ApiException, config.ConfigException, urllib3.exceptions.HTTPError,
    OSError, ValueError, KeyError, TypeError,
)  # fmt: skip

Json = Mapping[str, Any]


class Prepull:
    """Watches the pods of the pre-pull DaemonSet: one of them that cannot pull is evidence.

    One that does not run for any other reason says nothing: a node may be down, full, or new.
    """

    def __init__(self, namespace: str, daemonset: str, image: str) -> None:
        self._namespace = namespace
        self._daemonset = daemonset
        self._image = image
        self._api: client.ApiClient | None = None
        self._problems: dict[str, str] = {}  # pod name: why it cannot have the image
        self._synced = Event()

    def start(self) -> None:
        """Begin to watch, from a thread that ends with the process."""
        Thread(target=self._run, name="prepull", daemon=True).start()

    @property
    def synced(self) -> bool:
        """Whether the pods have been seen at least once."""
        return self._synced.is_set()

    @property
    def problem(self) -> str:
        """Why the image cannot be had; empty where nothing says so."""
        return next(iter(self._problems.values()), "")

    def _run(self) -> None:
        pause, said = _SHORTEST, ""
        while True:
            try:
                version = self._list()
                pause, said = _SHORTEST, ""
                self._follow(version)
            except _ERRORS as error:
                problem = f"{type(error).__name__} {getattr(error, 'status', '')}".strip()
                if problem != said and not _expired(error):
                    _LOG.warning(
                        "watch of the pre-pull pods", extra={"fields": {"problem": problem}}
                    )
                said = problem
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST)

    def _list(self) -> str:
        """Read all pods anew; return the version from which to follow."""
        answer = self._core().list_namespaced_pod(
            self._namespace, _preload_content=False, _request_timeout=_TIMEOUT
        )
        found = json.loads(answer.data)
        self._problems = {}
        for pod in found["items"]:
            self._note(pod, gone=False)
        self._synced.set()
        version: str = found["metadata"]["resourceVersion"]
        return version

    def _follow(self, version: str) -> None:
        following: Any = watch.Watch()  # type: ignore[no-untyped-call] # has no annotations
        stream = following.stream(
            self._core().list_namespaced_pod, self._namespace, resource_version=version,
            timeout_seconds=_WATCH_SECONDS, _request_timeout=(_TIMEOUT[0], _WATCH_SECONDS + 30),
        )  # fmt: skip
        for event in stream:
            self._note(event["raw_object"], gone=event["type"] == "DELETED")

    def _note(self, pod: Json, *, gone: bool) -> None:
        name = pod["metadata"]["name"]
        problem = "" if gone else problem_of(pod, self._daemonset, self._image)
        problems = {key: text for key, text in self._problems.items() if key != name}
        if problem:
            problems[name] = problem
        if problems != self._problems:
            _LOG.info("pre-pull", extra={"fields": {"pod": name, "problem": problem or None}})
            self._problems = problems

    # Any: with _preload_content=False the client's methods return the response itself, which
    # their annotations deny.
    def _core(self) -> Any:  # noqa: ANN401 -- see above
        if self._api is None:
            self._api = connection()
        return client.CoreV1Api(self._api)


def problem_of(pod: Json, daemonset: str, image: str) -> str:
    """Return why ``pod``, one of the DaemonSet's, cannot pull ``image``; empty if it can."""
    meta, status = pod["metadata"], pod.get("status") or {}
    owners = {owner.get("name") for owner in meta.get("ownerReferences") or ()}
    if daemonset not in owners or meta.get("deletionTimestamp"):
        return ""
    images = {each["name"]: each["image"] for each in pod["spec"]["containers"]}
    for each in status.get("containerStatuses") or ():
        reason = ((each.get("state") or {}).get("waiting") or {}).get("reason")
        if reason in _CANNOT_PULL and images.get(each["name"]) == image:
            return f"{reason} on node {pod['spec'].get('nodeName')}"
    return ""


def _expired(error: Exception) -> bool:
    return isinstance(error, client.ApiException) and error.status == 410
