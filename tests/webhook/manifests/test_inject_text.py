"""What `inject` prints is read back as what was given, by PyYAML and by kubectl."""

import json
import random
import re
from pathlib import Path

import pytest
import yaml

from tests.webhook.admitting import Json
from tests.webhook.commands import Ran, inject, template_of, workload
from webhook.manifests import documents

Output = pytest.CaptureFixture[str]

# What kubectl's YAML library (sigs.k8s.io/yaml, goyaml.v2) takes for something else than text.
_NOT_TEXT = re.compile(
    r"""(?x) y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF|true|True|TRUE|false|False|FALSE
    |~|null|Null|NULL| | [-+]?\.(?:inf|Inf|INF) | \.(?:nan|NaN|NAN) | <<
    | [-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?
    | [-+]?0[xX][0-9a-fA-F_]+ | [-+]?0[oO]?[0-7_]+ | [-+]?0[bB][01_]+"""
)

TEXTS = [
    "1e3", "1E3", "-1e3", "012", "08", "0o14", "-0o14", "0O14", "0x1f", "0X1F", "0b11", "0B11",
    "1_000", "1.", ".5", "+.5e3", "-.5e3", "+1", "12:30", "1:2:3", "190:20:30", "1.2.3", "10.0.0.1",
    "true", "True", "yes", "No", "on", "OFF", "y", "Y", "n", "N", "null", "~", "", " ", ".inf",
    "-.INF", ".NaN", "<<", "=", "2026-01-02", "2026-1-2", "2026-01-02T03:04:05Z",
    "2026-01-02 03:04:05", "a: b", "a #b", "#", "- a", "-", "---", "...", "?", "? a", ":", "a:",
    "*a", "&a", "!a", "%a", "@daily", "`a`", "{}", "[]", "{a", "a]", "'", '"', "'a'", '"a"', "\\n",
    "two\nlines", "two\nlines\n", "\nlead", "end\n\n", "  indented\nlines", "tab\tinside",
    "\ttab", "trailing ", "line \nwith blank", "windows\r\nlines", "\r", "\x85", "\u2028", "\ufeff",
    "ünï", "😀", "\x07", "#!/bin/sh\nset -eu\n\techo hi # no comment\n", "x" * 500,
    "word " * 60, "$(VAR) $$", "|", ">", "| a", "a\n  b\n c",
]  # fmt: skip


def _printed(ran: Ran) -> Json:
    assert ran.status == 0
    (document,) = ran.documents()
    assert isinstance(document, dict)
    return document


def _deployment(pod: Json, texts: list[str]) -> Json:
    manifest = workload("Deployment", pod)
    variables = [{"name": f"V{number}", "value": text} for number, text in enumerate(texts)]
    template_of(manifest)["spec"]["containers"][0]["env"] = variables
    return manifest


def _given(tmp_path: Path, manifest: Json) -> Path:
    file = tmp_path / "wiki.yaml"
    file.write_text(documents.dump([manifest]), "utf-8")
    return file


@pytest.mark.parametrize("text", TEXTS, ids=[repr(text[:20]) for text in TEXTS])
def test_a_text_stays_the_same_text(tmp_path: Path, capsys: Output, pod: Json, text: str) -> None:
    ran = inject(capsys, _given(tmp_path, _deployment(pod, [text])))

    container = template_of(_printed(ran))["spec"]["containers"][0]
    assert container["env"] == [{"name": "V0", "value": text}]
    assert _plain_texts_that_kubectl_misreads(ran.out) == []


def test_random_texts_stay_the_same(tmp_path: Path, capsys: Output, pod: Json) -> None:
    chance = random.Random(20261123)  # noqa: S311 -- repeatable on purpose
    alphabet = "ab01eExX._-+:#&*!|>'\"%@`{}[],?\\~=$ \n\tynÜ😀"
    texts = ["".join(chance.choices(alphabet, k=chance.randint(0, 8))) for _ in range(1500)]

    ran = inject(capsys, _given(tmp_path, _deployment(pod, texts)))

    container = template_of(_printed(ran))["spec"]["containers"][0]
    assert [variable["value"] for variable in container["env"]] == texts
    assert _plain_texts_that_kubectl_misreads(ran.out) == []


def _plain_texts_that_kubectl_misreads(text: str) -> list[str]:
    """Return the unquoted scalars that PyYAML reads as text and kubectl does not."""
    found: list[str] = []
    nodes = [yaml.compose(text, yaml.SafeLoader)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, yaml.MappingNode):
            nodes += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            nodes += node.value
        elif isinstance(node, yaml.ScalarNode) and node.tag.endswith(":str"):
            found += [node.value] if node.style is None and _NOT_TEXT.fullmatch(node.value) else []
    return found


def test_values_that_are_not_text_keep_their_type(
    tmp_path: Path, capsys: Output, pod: Json
) -> None:
    manifest = workload("Deployment", pod)
    manifest["spec"]["odd"] = [0, -7, 2**63, 1.5, 1e300, True, False, None, [], {}, [[]], {"a": {}}]

    assert (
        _printed(inject(capsys, _given(tmp_path, manifest)))["spec"]["odd"]
        == (manifest["spec"]["odd"])
    )


def test_timestamps_stay_text(tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "wiki.yaml"
    file.write_text("kind: Pod\nmetadata: {name: wiki, when: 2026-01-02, at: 2026-01-02T03:04:05Z}")

    (found,) = documents.load(inject(capsys, file).out)

    assert found["metadata"] == {"name": "wiki", "when": "2026-01-02", "at": "2026-01-02T03:04:05Z"}


def test_an_equals_sign_is_text(tmp_path: Path, capsys: Output) -> None:
    """It stands without quotes in well-known manifests (`matchType: =`)."""
    file = tmp_path / "wiki.yaml"
    file.write_text("kind: Pod\nmetadata: {name: wiki}\nspec: {matchType: =}\n")

    (found,) = documents.load(inject(capsys, file).out)

    assert found["spec"] == {"matchType": "="}


def test_the_order_of_keys_stays(tmp_path: Path, capsys: Output, pod: Json) -> None:
    manifest = workload("Deployment", pod)
    manifest["metadata"] = {"z": 1, "name": "wiki", "a": 2}

    printed = _printed(inject(capsys, _given(tmp_path, manifest)))

    assert list(printed) == ["apiVersion", "kind", "metadata", "spec"]
    assert list(printed["metadata"]) == ["z", "name", "a"]


def test_long_lines_stay_readable(tmp_path: Path, capsys: Output, pod: Json) -> None:
    script = "set -eu\nfor page in *; do\n  echo $page\ndone\n"

    ran = inject(capsys, _given(tmp_path, _deployment(pod, [script])))

    assert "value: |\n" in ran.out
    assert "  echo $page\n" in ran.out


def test_anchors_do_not_carry_our_label_into_the_selector(tmp_path: Path, capsys: Output) -> None:
    """A selector cannot be changed: the API server would refuse the whole Deployment."""
    file = tmp_path / "wiki.yaml"
    file.write_text(
        "kind: Deployment\n"
        "metadata: {name: wiki, labels: &labels {app: wiki}}\n"
        "spec:\n"
        "  selector: {matchLabels: *labels}\n"
        "  template:\n"
        "    metadata: {labels: *labels, annotations: {backup.enabled: 'true'}}\n"
        "    spec:\n"
        "      containers: [{name: w, volumeMounts: [{name: p, mountPath: /p}]}]\n"
        "      volumes: [{name: p, persistentVolumeClaim: {claimName: p}}]\n"
    )

    printed = _printed(inject(capsys, file))

    assert template_of(printed)["metadata"]["labels"] == {"app": "wiki", "backup.injected": "true"}
    assert printed["spec"]["selector"] == {"matchLabels": {"app": "wiki"}}
    assert printed["metadata"]["labels"] == {"app": "wiki"}


@pytest.mark.parametrize(
    "written",
    [
        lambda manifest: json.dumps(manifest, separators=(",", ":")),
        lambda manifest: json.dumps(manifest, indent=2, ensure_ascii=False),
        lambda manifest: json.dumps(manifest, indent="\t", ensure_ascii=False),
        lambda manifest: json.dumps(manifest).replace("/", "\\/"),
        lambda manifest: "\ufeff" + json.dumps(manifest, ensure_ascii=False),
        lambda manifest: json.dumps(manifest, indent=2).replace("\n", "\r\n"),
    ],
    ids=["compact-ascii", "indented", "tabs", "escaped-slashes", "byte-order-mark", "crlf"],
)
def test_json_in_any_layout_is_read(
    tmp_path: Path, capsys: Output, pod: Json, written: object
) -> None:
    manifest = _deployment(pod, ["😀 ü", "\x07", "a/b"])
    assert callable(written)
    file = tmp_path / "wiki.json"
    file.write_bytes(written(manifest).encode())

    ran = inject(capsys, file)

    assert ran.err == "deployment/wiki: injected\n"
    container = template_of(_printed(ran))["spec"]["containers"][0]
    assert [variable["value"] for variable in container["env"]] == ["😀 ü", "\x07", "a/b"]
