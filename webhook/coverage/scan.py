"""Scans all pods and claims of the cluster once, for `backup-webhook coverage`."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar
from urllib.parse import quote

from contract import names
from contract.annotations import namespace as annotated
from contract.annotations.namespace import NamespaceDefaults
from kube.errors import ERRORS, GoneError, problem, was_answered
from kube.reader import Json, Reader, Source
from webhook.admission.model import NamespaceContext, Options
from webhook.admission.policies import limit_range, resource_quota
from webhook.admission.policies import namespace as namespaces
from webhook.coverage.classify import Report, Survey
from webhook.coverage.preview import Preview, Previewing

T = TypeVar("T")

# Whole pods, specs and all: so many of them are in memory immediately.
PAGE = 100


class SurveyError(Exception):
    """The cluster cannot be read; the message names the failure."""


def look(options: Options, namespace: str = "") -> Report:
    """Return what is found in the cluster, or in one namespace; raise SurveyError."""
    within = f"/api/v1/namespaces/{quote(namespace, safe='')}" if namespace else "/api/v1"
    survey = Survey(options, _opted_in(namespace))
    claims = Source(f"{within}/persistentvolumeclaims", metadata=True)
    for each in _objects("persistentvolumeclaims", claims):
        survey.claim(each)
    for pod in _objects("pods", Source(f"{within}/pods", page=PAGE)):
        survey.pod(dict(pod))
    return survey.report()


def preview(options: Options, namespace: str = "") -> Preview:
    """Return what backups by default would do, in one namespace or all; raise SurveyError."""
    within = f"/api/v1/namespaces/{quote(namespace, safe='')}" if namespace else "/api/v1"
    seen = Previewing(options, _contexts(options, within, namespace))
    for pod in _objects("pods", Source(f"{within}/pods", page=PAGE)):
        seen.pod(dict(pod))
    return seen.preview()


def _contexts(options: Options, within: str, namespace: str) -> dict[str, NamespaceContext]:
    """Return the context of each namespace that the webhook may inject into."""
    ranges = _by_namespace("limitranges", within, limit_range.read)
    quotas = _by_namespace("resourcequotas", within, resource_quota.read)
    source = Source("/api/v1/namespaces", metadata=True,
                    fields=f"metadata.name={namespace}" if namespace else "")  # fmt: skip
    contexts = {}
    for each in _objects("namespaces", source):
        name, read = str(each["metadata"]["name"]), namespaces.read(each)
        contexts[name] = NamespaceContext(
            pod_security=read.level or options.pod_security,
            limits=tuple(limit for found in ranges.get(name, ()) for limit in found),
            quotas=tuple(quotas.get(name, ())),
            pull_secrets=read.pull_secrets,
            defaults=read.defaults,
        )
    if namespace and not contexts:
        raise SurveyError(f"there is no namespace {namespace}")
    return {
        name: each for name, each in contexts.items() if name not in options.excluded_namespaces
    }


def _by_namespace(what: str, within: str, read: Callable[[Json], T]) -> dict[str, list[T]]:
    """Return what is read of each object; one that cannot be understood is left out."""
    found: dict[str, list[T]] = {}
    for each in _objects(what, Source(f"{within}/{what}")):
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            found.setdefault(str(each["metadata"]["namespace"]), []).append(read(each))
    return found


def _opted_in(namespace: str) -> dict[str, NamespaceDefaults]:
    label = f"{names.ENABLED_LABEL}=true"
    source = Source("/api/v1/namespaces", "" if namespace else label, metadata=True,
                    fields=f"metadata.name={namespace}" if namespace else "")  # fmt: skip
    found = list(_objects("namespaces", source))
    if namespace and not found:
        raise SurveyError(f"there is no namespace {namespace}")
    return {
        str(each["metadata"]["name"]): annotated.read(each["metadata"].get("annotations") or {})
        for each in found
        if (each["metadata"].get("labels") or {}).get(names.ENABLED_LABEL) == "true"
    }


def _objects(what: str, source: Source) -> Iterator[Json]:
    try:
        yield from Reader(source).objects()
    except GoneError:
        raise SurveyError(f"cannot list {what}: it took too long; try again") from None
    except ERRORS as error:
        hint = "; check KUBECONFIG and whether the API server is reachable"
        line = f"cannot list {what}: {problem(error)}"
        raise SurveyError(line if was_answered(error) else line + hint) from None
