"""Scans all pods and claims of the cluster once, for `backup-webhook coverage`."""

from collections.abc import Iterator
from urllib.parse import quote

from contract import names
from contract.annotations import namespace as annotated
from contract.annotations.namespace import NamespaceDefaults
from kube.errors import ERRORS, GoneError, problem, was_answered
from kube.reader import Json, Reader, Source
from webhook.admission.model import Options
from webhook.coverage.classify import Report, Survey

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
