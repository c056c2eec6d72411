"""`lint` says of each finding in which file and line what it is about stands."""

import json
from pathlib import Path

import pytest

from tests.webhook.commands import run

Output = pytest.CaptureFixture[str]
TEXT = """\
# An app.
apiVersion: v1
kind: List
items:
  - apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: wiki
      annotations:
        backup.timezone: UTC
    spec:
      replicas: 2
      template:
        metadata:
          annotations: &these
            backup.enabled: "true"
            backup.scheduel: "@daily"
            backup.scheduel: "@hourly"
        spec:
          containers:
            - name: wiki
              image: wiki
              volumeMounts: [{name: data, mountPath: /data}]
          volumes:
            - name: data
              persistentVolumeClaim: {claimName: wiki}
---
apiVersion: batch/v1
kind: Job
metadata: {name: import}
spec:
  template:
    metadata:
      annotations: {backup.enabled: "maybe"}
    spec: {restartPolicy: Never, containers: [{name: a, image: a}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: iis}
spec:
  template:
    metadata:
      annotations: {backup.enabled: "true"}
    spec:
      os: {name: windows}
      containers: [{name: a, image: a}]
"""
EXPECTED = {
    ("wiki", "backup.scheduel"): 18, ("wiki", "backup.timezone"): 10, ("wiki", "spec.replicas"): 12,
    ("wiki", "backup.secret"): 13, ("wiki", "backup.enabled"): 16, ("import", "backup.enabled"): 34,
    ("iis", "spec"): 44,
}  # fmt: skip


def _lines(capsys: Output, file: Path) -> dict[tuple[str, str], int]:
    reports = json.loads(run(capsys, "lint", str(file), "-o", "json").out)
    assert {each["file"] for each in reports} == {str(file)}
    return {
        (report["name"], each["key"]): each["line"]
        for report in reports
        for each in report["findings"]
    }


@pytest.mark.parametrize("start", ["", "\ufeff", "---\n", "\n\n# more\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_line_of_each_finding(capsys: Output, tmp_path: Path, start: str, end: str) -> None:
    file = tmp_path / "wiki.yaml"
    file.write_bytes((start + TEXT).replace("\n", end).encode())

    lines = _lines(capsys, file)

    before = start.count("\n")
    assert {key: line - before for key, line in lines.items() if key in EXPECTED} == EXPECTED


def test_json_has_lines_too(capsys: Output, tmp_path: Path) -> None:
    pods = {
        "metadata": {"annotations": {"backup.enabled": "maybe"}},
        "spec": {"containers": [{"name": "a"}]},
    }
    objects = [{"kind": "Deployment", "metadata": {"name": name}, "spec": {"template": pods}}
               for name in ("one", "two")]  # fmt: skip
    file = tmp_path / "both.json"
    file.write_text("\n".join(json.dumps(each, indent=1) for each in objects))

    lines = _lines(capsys, file)

    text = file.read_text().splitlines()
    found = [number for number, line in enumerate(text, 1) if "backup.enabled" in line]
    assert [lines["one", "backup.enabled"], lines["two", "backup.enabled"]] == found


def test_a_pod_of_the_second_file_is_in_that(capsys: Output, tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text(TEXT)
    two.write_text("\n\n" + TEXT)

    reports = json.loads(run(capsys, "lint", str(one), str(two), "-o", "json").out)

    assert [(each["file"], each["line"]) for each in reports] == [
        (str(one), 13), (str(one), 32), (str(one), 41), (str(two), 15), (str(two), 34),
        (str(two), 43),
    ]  # fmt: skip
