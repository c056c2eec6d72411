"""Which Secrets an annotation may name."""

from dataclasses import replace

import pytest

from demo import app
from tests.webhook.admitting import OPTIONS, Json
from webhook.admission.admit import Admission, admit

ALLOWED = replace(OPTIONS, secrets=frozenset({"team"}))


def _named(name: str) -> Admission:
    pod: Json = app.pod()
    pod["metadata"]["annotations"]["backup.secret"] = name
    return admit(pod, "prod", ALLOWED)


@pytest.mark.parametrize("name", ["team", "backup-env-configuration"])
def test_an_allow_listed_secret_and_the_default_one_are_used(name: str) -> None:
    admission = _named(name)

    assert admission.additions.containers[0]["envFrom"][0]["secretRef"]["name"] == name
    assert admission.warnings == ()


def test_any_other_secret_is_not_used_and_named_in_the_warning() -> None:
    admission = _named("other")

    assert "other" not in str(admission.additions.containers)
    assert "other" not in str(admission.additions.volumes)
    assert any("does not allow this Secret" in line for line in admission.warnings)
    assert admission.defaulted == ("backup.secret",)
