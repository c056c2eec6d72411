"""`inject` leaves every line of a manifest as it was written, and adds lines of its own.

What it prints is read by PyYAML's own reader, which knows nothing of ours, as what the patch makes
of what that reader finds in the input.
"""

import difflib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.webhook.commands import inject, template_of
from tests.webhook.manifests.written import ADDED_ONLY, HEAD, POD
from webhook.manifests import documents

Output = pytest.CaptureFixture[str]


ALIASED = {
    "an alias of the labels in the selector": """\
kind: Deployment
metadata: {name: web, labels: &labels {app: web}}  # kept
spec:
  selector: {matchLabels: *labels}  # must not change
  template:
    metadata:
      labels: *labels  # the pods'
      annotations: {backup.enabled: 'true'}
    spec:
      containers: [{name: web, volumeMounts: [{name: data, mountPath: /d}]}]
      volumes: [{name: data, persistentVolumeClaim: {claimName: d}}]  # one
""",
    "an anchor where ours is added": """\
kind: Deployment
metadata: {name: web}  # kept
spec:
  template:
    metadata: &meta
      labels: &labels
        app: web  # kept
      annotations: &annotations
        backup.enabled: 'true'
    spec:
      containers: [{name: web, volumeMounts: [{name: data, mountPath: /d}]}]
      volumes: [{name: data, persistentVolumeClaim: {claimName: d}}]
  selector:
    matchLabels: *labels  # kept
  copy: {a: *meta, b: [*annotations, x]}
  merged:
    <<: *labels
    other: x
""",
    "a template from a merge": """\
x-meta: &meta
  annotations:  # kept
    backup.enabled: 'true'
kind: Deployment
metadata: {name: web}
spec:
  template:
    metadata:
      <<: *meta  # kept
    spec:
      containers: [{name: web, volumeMounts: [{name: data, mountPath: /d}]}]
      volumes:
      - name: data
        persistentVolumeClaim: {claimName: d}
""",
    "a whole pod by its alias": f"""\
x-template: &template  # kept
{POD}
kind: Deployment
metadata: {{name: web}}  # kept
spec:
  template: *template  # kept
""",
    "a key after a question mark": f"""\
? kind
: Deployment
metadata: {{name: web}}
spec:
  template:
{POD}""",
    "json between lines": """\
---
{"kind": "Pod",   "metadata": {"name": "web", "annotations": {"backup.enabled": "true"}},
 "spec": {"containers": [{"name": "web", "volumeMounts": [{"name": "data", "mountPath": "/d"}]}],
  "volumes": [
     {"name": "data", "persistentVolumeClaim": {"claimName": "d"}}  # kept
  ]}}
""",
    "everything in one line": "{kind: Pod, metadata: {name: web, annotations: {backup.enabled: "
    "'true'}}, spec: {volumes: [{name: data, persistentVolumeClaim: {claimName: d}},], containers: "
    "[{name: web, volumeMounts: [{name: data, mountPath: /d}]}]}} # kept\n",
}


JSON_POD = {
    "kind": "Pod",
    "metadata": {"name": "web", "annotations": {"backup.enabled": "true"}, "labels": None},
    "spec": {
        "containers": [{"name": "web", "volumeMounts": [{"name": "data", "mountPath": "/d"}]}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "d"}}],
        "initContainers": [],
    },
}


class Strings(yaml.CSafeLoader):
    """Reads every scalar as its text, aliases and merge keys as what they stand for."""

    yaml_implicit_resolvers = {  # noqa: RUF012 -- the base class declares it so
        "<": [("tag:yaml.org,2002:merge", re.compile("<<"))]
    }


def _expected(text: str) -> list[Any]:
    """Return what the texts of ``text`` are with PyYAML, empty documents left out."""
    return [each for each in yaml.load_all(text, Strings) if each]


def _gone(before: str, after: str) -> list[str]:
    """Return the lines that are not there any more."""
    left = iter(after.splitlines())
    if all(line in left for line in before.splitlines()):
        return []
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line[2:] for line in lines if line.startswith("-")]


def _without_ours(value: Any) -> Any:  # noqa: ANN401 -- any YAML value
    """Return a value as it was before: without what is named as ours, and what is empty then."""
    if isinstance(value, dict):
        kept = {key: _without_ours(part) for key, part in value.items() if not _ours(key)}
        return {key: part for key, part in kept.items() if part or part is value[key]}
    if isinstance(value, list):
        return [_without_ours(part) for part in value
                if not (isinstance(part, dict) and _ours(part.get("name")))]  # fmt: skip
    return value


def _ours(name: object) -> bool:
    return name in {
        "backup", "backup-restore", "backup-state", "backup-secret", "backup-pod",
        "backup-no-token", "backup.status", "backup.injected", "backup.restored",
        "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes",
    }  # fmt: skip


def _emptied(value: Any) -> Any:  # noqa: ANN401 -- any YAML value
    """Return a value without what is empty: an addition may have filled it."""
    if isinstance(value, dict):
        kept = {key: _emptied(part) for key, part in value.items()}
        return {key: part for key, part in kept.items() if part not in ({}, [], "", None)}
    return [_emptied(part) for part in value] if isinstance(value, list) else value


def _injected(capsys: Output, folder: Path, text: str) -> str:
    file = folder / "wiki.yaml"
    file.write_bytes(text.encode())
    ran = inject(capsys, file)
    assert ran.status == 0
    assert re.search(r"(?m)^[a-z]+/web: injected$", ran.err)
    return ran.out


def _check_values(before: str, after: str) -> None:
    left = [_emptied(_without_ours(each)) for each in _expected(after)]
    assert left == [_emptied(each) for each in _expected(before)]


@pytest.mark.parametrize("text", ADDED_ONLY.values(), ids=ADDED_ONLY)
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_lines_are_only_added(tmp_path: Path, capsys: Output, text: str, newline: str) -> None:
    text = text.replace("\n", newline)

    printed = _injected(capsys, tmp_path, text)

    assert _gone(text, printed) == []
    assert len(printed) > len(text) + 1000
    assert printed.count(newline) == printed.count("\n")
    _check_values(text, printed)
    assert _injected_again(capsys, tmp_path, printed) == printed


def _injected_again(capsys: Output, folder: Path, text: str) -> str:
    file = folder / "again.yaml"
    file.write_bytes(text.encode())
    ran = inject(capsys, file)
    assert ": injected" not in ran.err
    return ran.out


def test_a_byte_order_mark_stays_first(tmp_path: Path, capsys: Output) -> None:
    text = f"\ufeff{HEAD}{POD}"

    printed = _injected(capsys, tmp_path, text)

    assert printed.startswith(text[:100])
    assert "\ufeff" not in printed[1:]


@pytest.mark.parametrize("text", ALIASED.values(), ids=ALIASED)
def test_comments_stay_on_changed_lines(tmp_path: Path, capsys: Output, text: str) -> None:
    printed = _injected(capsys, tmp_path, text)

    assert printed.count("# ") == text.count("# ")
    _check_values(text, printed)
    assert len(_gone(text, printed)) <= 6
    assert _injected_again(capsys, tmp_path, printed) == printed


@pytest.mark.parametrize("indent", [None, 1, 2, 4, "\t"])
def test_json_stays_json_with_its_line_breaks(
    tmp_path: Path, capsys: Output, indent: int | str | None
) -> None:
    text = json.dumps(JSON_POD, indent=indent)

    printed = _injected(capsys, tmp_path, text)

    assert _emptied(_without_ours(json.loads(printed))) == _emptied(JSON_POD)
    changed = [line.strip() for line in _gone(text, printed)]
    assert indent is None or set(changed) <= {"}", '"labels": null', '"initContainers": []',
                                              '"backup.enabled": "true"'}  # fmt: skip
    assert printed.count("\n") >= text.count("\n")


def test_a_stream_of_json_objects_is_read(tmp_path: Path, capsys: Output) -> None:
    """As `kubectl get -o json` prints them one after the other."""
    text = f'{json.dumps(JSON_POD)}\n\n{{"kind": "ConfigMap",  "data": {{}}}}{json.dumps(JSON_POD)}'

    printed = _injected(capsys, tmp_path, text)

    assert '\n\n{"kind": "ConfigMap",  "data": {}}{' in printed
    assert [each["kind"] for each in documents.load(printed)] == ["Pod", "ConfigMap", "Pod"]


def test_files_are_joined_as_yaml_documents(tmp_path: Path, capsys: Output) -> None:
    texts = [json.dumps(JSON_POD), "kind: ReplicaSet\nspec: {template: {}}  # x",
             "---\nkind: Pod\n", "# first\nkind: Pod\n"]  # fmt: skip
    files = [tmp_path / f"{number}" for number, _ in enumerate(texts)]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)

    printed = inject(capsys, *files).out

    assert printed.startswith('---\n{"kind": "Pod"')
    replica_set = "\n---\nkind: ReplicaSet\nspec: {template: {}}  # x"
    assert printed.endswith(f"{replica_set}\n---\nkind: Pod\n---\n# first\nkind: Pod\n")
    assert len(list(yaml.safe_load_all(printed))) == 4


@pytest.mark.parametrize("text", ["\u202e", "\u200b", "a\u2066b"])
def test_control_characters_are_escaped(tmp_path: Path, capsys: Output, text: str) -> None:
    given = f"{HEAD}{POD}  note: '{text}'  # {text}\n---\nkind: Secret  # {text}\n"

    printed = _injected(capsys, tmp_path, given)

    assert text not in printed
    found, _ = documents.load(printed)
    assert found["spec"]["note"] == text
    assert template_of(found)["spec"]["initContainers"]


def test_comments_above_an_item_stay_above_it(tmp_path: Path, capsys: Output) -> None:
    printed = _injected(capsys, tmp_path, ADDED_ONLY["restored before other init containers"])

    assert "      # prepares\n      # the data\n      - name: prepare   # first\n" in printed
