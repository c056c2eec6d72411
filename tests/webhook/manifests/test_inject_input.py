"""What `inject` cannot work on ends in exit 2 and one line that says where and what."""

import io
import re
from pathlib import Path

import pytest
import yaml

from tests.webhook.admitting import Json
from tests.webhook.commands import inject, run, template_of, workload

Output = pytest.CaptureFixture[str]

GOOD = "kind: Pod\nmetadata: {name: wiki}\n"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", 1),
        (b"\n\n# nothing\n", 1),
        (b"---\n---\n", 1),
        (b"just words\n", 1),
        (b"\n- kind: Pod\n", 2),
        (b"7\n", 1),
        (b"metadata: {name: wiki}\n", 1),
        (b"kind: [Pod]\n", 1),
        (b"kind: ConfigMap\n", 1),
        (b"kind: Deployment\nspec:\n", 1),
        (b"kind: Deployment\nspec: {template: x}\n", 1),
        (b"kind: CronJob\nspec: {jobTemplate: []}\n", 1),
        (b"kind: List\nitems: []\n", 1),
        (b"kind: List\nitems: [null, 7, {kind: null}]\n", 1),
        (b"kind: Pod\nmetadata:\n  name: a: b\n", 3),
        (b"kind: Pod\n\tmetadata: {}\n", 2),
        (b"kind: Pod\nspec: *missing\n", 2),
        (b"kind: Pod\nspec: !custom {}\n", 2),
        (b"kind: Pod\nspec: {\n", 3),
        (b'kind: Pod\nspec: "\n', 3),
        (b"kind: Pod\n? [a]\n: b\n", 2),
        (GOOD.encode() + b"---\nno kind\n", 4),
        (b"{{ if .Values.x }}\nkind: Pod\n{{ end }}\n", 1),
        (b"\xff\xfe\x00\x01", 1),
        (b"\x89PNG\r\n\x1a\n\x00\x00", 1),
        (b"\x7fELF\x02\x01\x01\x00", 1),
        (b"kind: Pod\nmetadata: {name: \x00}\n", 2),
        (b"kind: Pod\nmetadata: {name: \x1b[31m}\n", 2),
    ],
    ids=lambda value: repr(value[-30:]) if isinstance(value, bytes) else None,
)
def test_a_file_without_a_manifest_is_refused_with_its_line(
    tmp_path: Path, capsys: Output, content: bytes, line: int
) -> None:
    file = tmp_path / "wiki.yaml"
    file.write_bytes(content)

    ran = inject(capsys, file)

    assert (ran.status, ran.out) == (2, "")
    assert re.fullmatch(rf"{re.escape(str(file))}:(\d+): [^\n]+\n", ran.err)
    assert ran.err.startswith(f"{file}:{line}: ")


@pytest.mark.parametrize(
    "content",
    [
        "kind: Pod\nspec: " + "[" * 5000 + "]" * 5000 + "\n",
        "kind: Pod\nmetadata: wiki\n",
        "kind: Pod\nmetadata: [wiki]\n",
        "kind: Deployment\nmetadata: x\nspec: {template: {}}\n",
        "kind: Deployment\nspec: {template: {metadata: x}}\n",
        "kind: Pod\nmetadata: {name: w, annotations: {1: x, backup.enabled: 'true'}}\n",
        "kind: StatefulSet\nspec: {template: {}, volumeClaimTemplates: x}\n",
    ],
    ids=lambda content: repr(content[-40:]),
)
def test_a_malformed_manifest_is_refused_or_passes_through_without_a_trace(
    tmp_path: Path, capsys: Output, content: str
) -> None:
    file = tmp_path / "wiki.yaml"
    file.write_text(content)

    ran = inject(capsys, file)

    if ran.status == 0:
        (given,) = yaml.safe_load_all(content)
        assert [document.get("spec") for document in ran.documents()] == [given.get("spec")]
        assert re.match(
            r"[a-z]+/w?: (not_enabled|no_volumes|internal_error|invalid_pod)\n", ran.err
        )
    else:
        assert (ran.status, ran.out) == (2, "")
        assert re.fullmatch(rf"{re.escape(str(file))}:\d+: [^\n]+\n", ran.err)


def test_a_missing_file_is_named(tmp_path: Path, capsys: Output) -> None:
    ran = inject(capsys, tmp_path / "gone.yaml")

    assert (ran.status, ran.out) == (2, "")
    assert ran.err == f"{tmp_path / 'gone.yaml'}: No such file or directory\n"


def test_a_folder_is_refused_as_a_file(tmp_path: Path, capsys: Output) -> None:
    ran = inject(capsys, tmp_path)

    assert (ran.status, ran.out) == (2, "")
    assert ran.err == f"{tmp_path}: Is a directory\n"


@pytest.mark.parametrize("text", ["nothing", "\udcff\udcfe", "kind: Pod\nspec: {"])
def test_invalid_standard_input_is_named(
    capsys: Output, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))

    ran = inject(capsys, "-")

    assert (ran.status, ran.out) == (2, "")
    assert re.fullmatch(r"standard input:\d+: [^\n]+\n", ran.err)


def test_standard_input_that_is_not_utf_8_is_refused(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"kind: Pod\nname: \xff\n"), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", stdin)

    ran = inject(capsys, "-")

    assert (ran.status, ran.out) == (2, "")
    assert re.fullmatch(r"standard input:\d+: [^\n]+\n", ran.err)


def test_nothing_is_printed_when_a_later_file_is_invalid(
    tmp_path: Path, capsys: Output, pod: Json
) -> None:
    good = tmp_path / "good.yaml"
    good.write_text(yaml.safe_dump(workload("Pod", pod)))

    ran = inject(capsys, good, tmp_path / "gone.yaml")

    assert (ran.status, ran.out) == (2, "")


def test_a_file_must_be_named(capsys: Output) -> None:
    ran = run(capsys, "inject")

    assert (ran.status, ran.out) == (2, "")
    assert "-f/--filename" in ran.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("containers", "abc"),
        ("containers", [None]),
        ("volumes", "a"),
        ("volumes", [{}]),
        ("securityContext", "x"),
        ("containers", [{"name": "w", "resources": {"limits": {"cpu": "${CPU}"}}}]),
        ("containers", [{"name": "w", "volumeMounts": "x"}]),
    ],
)
def test_an_invalid_pod_passes_through_with_a_reason(
    tmp_path: Path, capsys: Output, pod: Json, key: str, value: object
) -> None:
    """The field is named where it has the wrong type; never a stack trace."""
    manifest = workload("Deployment", pod)
    template_of(manifest)["spec"][key] = value
    file = tmp_path / "wiki.yaml"
    file.write_text(yaml.safe_dump(manifest, sort_keys=False))

    ran = inject(capsys, file)

    assert ran.status == 0
    assert re.match(r"deployment/wiki: (internal_error|invalid_pod)\n", ran.err)
    (result,) = ran.documents()
    assert template_of(result)["spec"] == template_of(manifest)["spec"]


def test_a_placeholder_for_a_quantity_is_named_with_its_field(
    tmp_path: Path, capsys: Output, pod: Json
) -> None:
    pod["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "${CPU}", "memory": "1Gi"}}
    file = tmp_path / "wiki.yaml"
    file.write_text(yaml.safe_dump(workload("Deployment", pod)))

    ran = inject(capsys, file)

    assert ran.status == 0
    field = "spec.template.spec.containers[0].resources.limits.cpu '${CPU}'"
    remedy = "write a Kubernetes quantity such as 100m, 1 or 256Mi; printed unchanged"
    assert ran.err == f"deployment/wiki: invalid_pod\ndeployment/wiki: warning: {field}: {remedy}\n"


@pytest.mark.parametrize("key", ["labels", "annotations"])
@pytest.mark.parametrize(
    ("kind", "holder"),
    [
        ("Deployment", ()),
        ("Deployment", ("spec", "template")),
        ("CronJob", ("spec", "jobTemplate")),
    ],
    ids=str,
)
def test_a_label_that_is_a_number_is_named_wherever_it_is(
    tmp_path: Path, capsys: Output, pod: Json, kind: str, holder: tuple[str, ...], key: str
) -> None:
    """YAML takes version: 1.10 for a number, and the API server refuses the whole object."""
    manifest = workload(kind, pod)
    at: Json = manifest
    for word in holder:
        at = at[word]
    at.setdefault("metadata", {}).setdefault(key, {})["example.com/version"] = 1.1
    file = tmp_path / "wiki.yaml"
    file.write_text(yaml.safe_dump(manifest))

    ran = inject(capsys, file)

    path = ".".join((*holder, "metadata", key, "example.com/version"))
    assert f"{path} '1.1': write text, in quotes" in ran.err
    assert ran.documents() == [manifest]


@pytest.mark.parametrize("metadata", ["wiki", ["wiki"], 7])
def test_metadata_that_is_no_mapping_is_named(
    tmp_path: Path, capsys: Output, pod: Json, metadata: object
) -> None:
    manifest = workload("Deployment", pod) | {"metadata": metadata}
    file = tmp_path / "wiki.yaml"
    file.write_text(yaml.safe_dump(manifest))

    ran = inject(capsys, file)

    assert f"metadata {str(metadata)!r}: write a mapping" in ran.err
