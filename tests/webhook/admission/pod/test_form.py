"""Fields of the wrong type are named with what to write, and nothing that is right is."""

import pytest

from tests.webhook.admission.corpus.corpus import PODS
from tests.webhook.admitting import Json
from webhook.admission.pod import form

WRONG: list[tuple[str, object, str]] = [
    ("resources", {"requests": {"cpu": "${CPU}"}},
     "spec.containers[0].resources.requests.cpu '${CPU}': write a Kubernetes quantity"),
    ("resources", {"limits": {"memory": "500 MB"}}, "resources.limits.memory '500 MB': write a"),
    ("resources", {"limits": {"example.net/gpu": "one"}}, "limits.example.net/gpu 'one': write a"),
    ("resources", "small", "spec.containers[0].resources 'small': write a mapping"),
    ("volumeMounts", {"name": "d"}, "spec.containers[0].volumeMounts \"{'name': 'd'}\": write"),
    ("volumeMounts", [None], "spec.containers[0].volumeMounts[0] is empty: remove it"),
    ("volumeMounts", [{"name": "d", "mountPath": 7}], "volumeMounts[0].mountPath '7': write text"),
    ("volumeMounts", [{"name": "d", "readOnly": "true"}], "readOnly 'true': write true or false"),
    ("securityContext", {"runAsUser": "1000"}, "runAsUser '1000': write a whole number"),
    ("securityContext", {"runAsUser": True}, "runAsUser 'True': write a whole number"),
    ("securityContext", {"runAsNonRoot": "yes"}, "runAsNonRoot 'yes': write true or false"),
    ("env", [{"name": "PORT", "value": 8080}], "env[0].value '8080': write text, in quotes"),
    ("args", ["--level", 3], "spec.containers[0].args[1] '3': write text, in quotes"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "said"), WRONG, ids=lambda each: str(each)[:40])
def test_an_invalid_field_is_named_with_a_remedy(key: str, value: object, said: str) -> None:
    found = form.fault({"spec": {"containers": [{"name": "a", key: value}]}})

    assert said in found
    assert found.startswith("spec.containers[0].")


def test_the_path_of_the_template_precedes_the_field() -> None:
    assert form.fault({"spec": "x"}, "spec.template") == "spec.template.spec 'x': write a mapping"


def test_a_long_value_is_cut() -> None:
    assert len(form.fault({"spec": "x" * 1000})) < 100


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS)
def test_real_pods_have_no_invalid_field(pod: Json) -> None:
    assert form.fault(pod) == ""


@pytest.mark.parametrize(
    "pod",
    [
        {},
        {"spec": None},
        {"spec": {"containers": None, "volumes": []}},
        {"spec": {"futureField": 7, "containers": [{"newer": [1]}]}},
    ],
)
def test_absent_and_unknown_fields_are_valid(pod: Json) -> None:
    assert form.fault(pod) == ""
