"""What is decided for every pod of the corpus, in every spelling of its empty lists and maps."""

import json

from contract.names import Reason
from tests.webhook.admission.corpus.corpus import EXPECTED, PODS, every_pod, injected_pods
from tests.webhook.admitting import OWN_VOLUMES, Answer, Json, answer_to

_CHECKED = ("host", "kind", "workload", "mounts", "sources", "user", "group", "guaranteed")


def test_every_pod_has_an_expectation_and_every_expectation_a_pod() -> None:
    assert len(PODS) > 50
    assert PODS.keys() == EXPECTED.keys()


def test_the_corpus_covers_every_reason_that_depends_on_the_pod_alone() -> None:
    reasons = {expected["reason"] for expected in EXPECTED.values()}

    not_the_pods = {
        "excluded_namespace", "not_a_pod_create", "proof_failed", "internal_error", "invalid_pod",
        "image_unavailable", "quota", "refused_elsewhere", "sidecar_broken", "deadline",
        "too_complex",
    }  # fmt: skip
    assert reasons == {reason.value for reason in Reason} - not_the_pods


@every_pod
def test_the_reason_is_the_expected_one(expected: Json, pod: Json, asked: Json) -> None:
    asked["request"]["object"] = pod

    assert answer_to(asked).reason == expected["reason"]


@injected_pods
def test_the_sidecar_is_the_expected_one(expected: Json, pod: Json, asked: Json) -> None:
    asked["request"]["object"] = pod

    assert _seen(answer_to(asked)) == {key: expected.get(key) for key in _CHECKED}


@injected_pods
def test_the_warnings_are_the_expected_ones(expected: Json, pod: Json, asked: Json) -> None:
    asked["request"]["object"] = pod

    warnings = answer_to(asked).warnings

    assert bool(warnings) == bool(expected["warnings"])
    assert [part for part in expected["warnings"] if part not in "\n".join(warnings)] == []


def _seen(answer: Answer) -> Json:
    sidecar, environment = answer.sidecar(), answer.environment()
    sources = environment.get("BACKUP_VOLUMES")
    return {
        "host": environment["BACKUP_HOST"],
        "kind": environment["BACKUP_KIND"],
        "workload": environment["BACKUP_WORKLOAD"],
        "mounts": {
            mount["mountPath"]: _source(mount)
            for mount in sidecar["volumeMounts"]
            if mount["name"] not in OWN_VOLUMES
        },
        "sources": None if sources is None else json.loads(sources),
        "user": sidecar["securityContext"]["runAsUser"],
        "group": sidecar["securityContext"].get("runAsGroup"),
        "guaranteed": _is_guaranteed(sidecar["resources"]),
    }


def _source(mount: Json) -> Json:
    assert mount["readOnly"] is True
    source = {"volume": mount["name"], "subPath": mount.get("subPath")}
    return {key: value for key, value in source.items() if value is not None}


def _is_guaranteed(resources: Json) -> bool:
    limits, requests = resources["limits"], resources["requests"]
    return all(limits.get(name) == requests[name] for name in ("cpu", "memory"))
