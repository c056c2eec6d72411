"""The pods of tests/pods, what is expected of each, and the spellings of an empty list or map."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from tests.webhook.admitting import Json

_FOLDER = Path(__file__).parents[3] / "pods"
EXPECTED: dict[str, Json] = yaml.safe_load((_FOLDER / "expected.yaml").read_text("utf-8"))
PODS: dict[str, Json] = {
    path.stem: yaml.safe_load(path.read_text("utf-8"))
    for path in sorted(_FOLDER.glob("*.yaml"))
    if path.name != "expected.yaml"
}

# Whatever we append to may be missing, null or empty.
GROWING: tuple[tuple[str, str, object], ...] = (
    ("spec", "initContainers", []),
    ("spec", "volumes", []),
    ("metadata", "annotations", {}),
    ("metadata", "labels", {}),
)


def _variants(pod: Json) -> Iterator[tuple[str, Json]]:
    yield "as-written", pod
    for parent, key, empty in GROWING:
        if pod[parent].get(key):
            continue
        absent, null, emptied = deepcopy(pod), deepcopy(pod), deepcopy(pod)
        absent[parent].pop(key, None)
        null[parent][key] = None
        emptied[parent][key] = deepcopy(empty)
        yield f"{key}-absent", absent
        yield f"{key}-null", null
        yield f"{key}-empty", emptied


def _mark(wanted: Callable[[str], bool]) -> pytest.MarkDecorator:
    cases = [
        pytest.param(EXPECTED[name], variant, id=f"{name}-{how}")
        for name, pod in PODS.items()
        if wanted(EXPECTED[name]["reason"])
        for how, variant in _variants(pod)
    ]
    return pytest.mark.parametrize(("expected", "pod"), cases)


every_pod = _mark(lambda _: True)
injected_pods = _mark(lambda reason: reason == "injected")
skipped_pods = _mark(lambda reason: reason != "injected")
