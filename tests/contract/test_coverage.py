"""A pod has our sidecar by its structure: no mark, and no container of the same name, makes one."""

from typing import Any

import pytest

from contract import coverage, names

STATE = {"name": names.STATE_VOLUME, "mountPath": names.STATE_DIR}
OURS = {
    "name": names.CONTAINER, "command": [names.COMMAND], "restartPolicy": "Always",
    "volumeMounts": [STATE],
}  # fmt: skip


def _pod(container: dict[str, Any]) -> dict[str, Any]:
    labels = {names.INJECTED_LABEL: "true"}
    return {"metadata": {"labels": labels}, "spec": {"initContainers": [container]}}


@pytest.mark.parametrize(
    "changed",
    [
        {}, {"restartPolicy": None}, {"command": ["sleep"]},
        {"restartPolicy": None, "command": [names.OLD_COMMAND]},
    ],
    ids=str,
)  # fmt: skip
def test_a_sidecar_is_ours_though_somebody_took_something_from_it(changed: dict[str, Any]) -> None:
    assert coverage.has_sidecar(_pod({**OURS, **changed}))


@pytest.mark.parametrize(
    "changed",
    [
        {"volumeMounts": []}, {"volumeMounts": [{"name": "data"}]}, {"name": "backups"},
        {"restartPolicy": None, "command": ["sleep"]},
    ],
    ids=str,
)  # fmt: skip
def test_a_container_that_only_looks_like_it_is_none(changed: dict[str, Any]) -> None:
    assert not coverage.has_sidecar(_pod({**OURS, **changed}))
