"""The objects of all given manifests, and their context besides pods."""

import base64
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from contract import names
from webhook.admission.model import NamespaceContext, Options
from webhook.admission.policies import limit_range, namespace, resource_quota
from webhook.manifests.documents import Document
from webhook.manifests.workloads import Workload, namespace_of, objects

T = TypeVar("T")
_LONGEST_VARIABLE = 128 << 10  # bytes with its name; with a longer one, no process is started


class Objects:
    """All objects of all files."""

    def __init__(self, documents: list[Document]) -> None:
        self._all = [item for document in documents for item in objects(document)]

    def of(self, kind: str) -> list[Document]:
        """Return the objects whose kind ends so: ``Secret`` finds SealedSecrets too."""
        return [item for item in self._all if item["kind"].endswith(kind)]

    def within(self, kind: str, namespace: str) -> list[Document]:
        """Return the objects of a kind that are in a namespace, or name none."""
        found = [item for item in self._all if item["kind"] == kind]
        return [item for item in found if _mapping(item, "metadata").get("namespace") in
                {namespace, "", None}]  # fmt: skip

    def targeting(self, workload: Workload, kind: str, key: str) -> Iterator[Document]:
        """Yield the objects of a kind whose spec names the workload under ``key``."""
        for each in self.within(kind, namespace_of(workload.item)):
            target = _mapping(_mapping(each, "spec"), key)
            if (target.get("kind"), target.get("name")) == (workload.kind, workload.name):
                yield each

    def find(self, kind: str, name: str, namespace: str = "") -> Document | None:
        """Return the object; without a namespace it may be in any, as `kubectl -n` says."""
        near: Document | None = None
        for item in self._all:
            meta = item.get("metadata")
            if item["kind"] != kind or not isinstance(meta, dict) or meta.get("name") != name:
                continue
            own = meta.get("namespace") or ""
            if own == namespace:
                return item
            if not own or not namespace:
                near = near or item
        return near


def rollout(workload: Workload, known: Objects) -> Document | None:
    """Return the Rollout that makes a workload's pods; None where the workload itself does."""
    here = namespace_of(workload.item)
    found = known.targeting(workload, "Rollout", "workloadRef")
    return next((each for each in found if namespace_of(each) == here), None)


def namespace_context(name: str, known: Objects, options: Options) -> NamespaceContext:
    """Return the context of the namespace ``name`` as the files describe it."""
    named = [known.find("Namespace", name)] if name else []
    own = next(_readable(namespace.read, named), namespace.Namespace())
    ranges = _readable(limit_range.read, known.within("LimitRange", name))
    return NamespaceContext(
        pod_security=own.level or options.pod_security,
        limits=tuple(limit for items in ranges for limit in items),
        quotas=tuple(_readable(resource_quota.read, known.within("ResourceQuota", name))),
        pull_secrets=own.pull_secrets,
        defaults=own.defaults,
    )


def _readable(read: Callable[[Document], T], items: Iterable[Document | None]) -> Iterator[T]:
    """Yield what is read of each; an unreadable one would be refused by the API server."""
    for item in items:
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            if item is not None:
                yield read(item)


@dataclass(frozen=True, slots=True)
class Contents:
    """The variables of a Secret, and why some cannot be used."""

    variables: dict[str, str]
    refused: dict[str, str]


def contents(secret: Document) -> Contents:
    """Return the content of a Secret, as an API server and a process would read it."""
    given: dict[str, str] = {}
    refused: dict[str, str] = {}
    for key, value in _mapping(secret, "data").items():
        try:
            encoded = "".join((value or "").split())  # line breaks are allowed
            given[key] = base64.b64decode(encoded, validate=True).decode("utf-8", "replace")
        except (ValueError, AttributeError):
            refused[key] = "is not base64; write the plain value under stringData"
    for key, value in _mapping(secret, "stringData").items():
        refused.pop(key, None)
        given.pop(key, None)
        if value is None or isinstance(value, str):
            given[key] = value or ""
        else:
            refused[key] = "is not text; write it in quotes"
    for key, text in given.items():
        if len(f"{names.SECRET_PREFIX}{key}={text}".encode()) >= _LONGEST_VARIABLE:
            refused[key] = (
                "is longer than 128 KiB, Linux's limit for a variable: neither the sidecar nor "
                "the app would start; store it elsewhere"
            )
    return Contents(given, refused)


def _mapping(item: Document, key: str) -> dict[str, Any]:
    value = item.get(key)
    return {str(name): value[name] for name in value} if isinstance(value, dict) else {}
