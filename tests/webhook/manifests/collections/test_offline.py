"""More than 1,500 pods, as ten public collections write them, through `inject` and `lint`."""

import json
from pathlib import Path

import pytest

from tests.webhook.manifests.collections.findings import Findings, templates
from tests.webhook.manifests.collections.known import COLLECTIONS, files
from tests.webhook.manifests.collections.parts import Json

_ENOUGH = 1500


@pytest.mark.parametrize("name", COLLECTIONS)
def test_no_promise_is_broken_in_a_collection(name: str, tmp_path: Path) -> None:
    """Each pod is named with a reason that both commands give; what changes is added."""
    found = Findings()

    for file in COLLECTIONS[name]():
        found.add(file, tmp_path)

    assert found.broken == []
    assert found.reasons["injected"] > found.pods // 8
    assert found.reasons["not_enabled"] > 0
    assert found.said["warning backup.enable"] > 0 or found.said["error backup.enable"] > 0


def test_the_pods_differ_in_more_than_their_names() -> None:
    shapes = {
        json.dumps([made["kind"], _nameless(each)], sort_keys=True)
        for _, file in files()
        for made in file.objects
        for each in templates(made)
    }

    assert len(shapes) >= _ENOUGH


def _nameless(value: object) -> object:
    """Return a template without names of containers, images and labels."""
    if isinstance(value, dict):
        left: Json = {k: v for k, v in value.items() if k not in {"image", "labels"}}
        if "image" in value:
            left.pop("name", None)
        return {key: _nameless(each) for key, each in left.items()}
    return [_nameless(each) for each in value] if isinstance(value, list) else value
