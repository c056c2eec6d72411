"""What a Namespace says about its pods: what counts, and what is named as of no use."""

import pytest

from contract.annotations import namespace
from contract.annotations.namespace import NOTHING, OF_ONE_WORKLOAD, NamespaceDefaults, Policy


@pytest.mark.parametrize(
    ("text", "enabled"),
    [("true", True), (" Yes ", True), ("1", True), ("false", False), ("off", False), ("", None)],
)
def test_its_pods_are_enabled_as_a_pod_would_be(text: str, enabled: bool | None) -> None:
    assert namespace.read({"backup.enabled": text}) == NamespaceDefaults(enabled)


def test_a_namespace_without_annotations_of_ours_says_nothing() -> None:
    given = {"backup.image-pull-secrets": "registry", "backup.velero.io/x": "y", "team": "wiki"}

    assert namespace.read(given) == namespace.read({}) == NOTHING


_ENABLES = {
    (Policy.ANNOTATED, True): False, (Policy.ANNOTATED, False): False,
    (Policy.ANNOTATED, None): False,
    (Policy.NAMESPACES, True): True, (Policy.NAMESPACES, False): False,
    (Policy.NAMESPACES, None): False,
    (Policy.ALL, True): True, (Policy.ALL, False): False, (Policy.ALL, None): True,
}  # fmt: skip


@pytest.mark.parametrize(("policy", "enabled"), _ENABLES)
def test_the_policy_says_whether_a_namespace_decides(policy: Policy, enabled: bool | None) -> None:
    assert NamespaceDefaults(enabled).enables(policy) is _ENABLES[policy, enabled]


def test_valid_settings_are_kept_as_they_were_written() -> None:
    given = {"backup.schedule": " @daily ", "backup.keep-daily": "14", "backup.exclude": "a\nb"}

    found = namespace.read(given)

    assert found == NamespaceDefaults(
        None, {"schedule": "@daily", "keep-daily": "14", "exclude": "a\nb"}
    )


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("backup.enabled", "ture", "namespace annotation backup.enabled 'ture': write true or"),
        ("backup.keep-daily", "many", "namespace annotation backup.keep-daily 'many': "),
        ("backup.schedule", "x", "namespace annotation backup.schedule 'x': "),
        ("backup.keep-dayly", "3",
         "no such setting, did you mean backup.keep-daily?"),
        ("backup.keep-daily", 3, "namespace annotation backup.keep-daily '3': is not text"),
        *((setting.annotation, "wiki",
           "'wiki': is of one workload: annotate its pod template") for setting in OF_ONE_WORKLOAD),
        ("backup.exclude", "x" * 8193, "is longer than a namespace's may be (8192 characters, "),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named_and_changes_nothing(
    key: str, value: object, said: str
) -> None:
    found = namespace.read({key: value, "backup.keep-last": "5"})

    assert (found.enabled, found.values) == (None, {"keep-last": "5"})
    (problem,) = map(str, found.problems)
    assert said in problem


def test_all_together_fit_into_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ("exclude", "pre", "post")
    monkeypatch.setattr(namespace, "_TOGETHER", 20_000)

    found = namespace.read({f"backup.{key}": "\n".join(4000 * "x") for key in texts})

    assert sum(map(len, found.values.values())) == 2 * 7999
    (problem,) = found.problems
    assert "is longer than a namespace's may be" in str(problem)
