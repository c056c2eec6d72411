"""`backup-webhook lint`: what it prints, and what it cannot work on."""

import json
from pathlib import Path

import pytest

from tests.webhook.admitting import Json
from tests.webhook.commands import run, template_of, workload
from tests.webhook.lint.lint_files import SECRET_VALUE, Lint, secret

Output = pytest.CaptureFixture[str]


@pytest.fixture
def bad(tmp_path: Path, pod: Json) -> Path:
    """A file with an error, a warning and a note."""
    pod["metadata"]["annotations"] |= {"backup.enabled": "ja", "backup.schedule": "hourly"}
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(workload("Deployment", pod)), "utf-8")
    return file


@pytest.mark.parametrize(
    ("terminal", "no_color", "coloured"),
    [(True, None, True), (True, "", True), (True, "1", False), (False, None, False)],
)
def test_colours_are_for_terminals_only(
    capsys: Output,
    bad: Path,
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
    no_color: str | None,
    coloured: bool,
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)

    ran = run(capsys, "lint", "-f", str(bad))

    assert ("\x1b[31merror\x1b[0m BW004: " in ran.out) == coloured
    assert ("\x1b" in ran.out) == coloured
    assert "\x1b" not in run(capsys, "lint", "-f", str(bad), "-o", "json").out


def test_errors_precede_notes_one_per_line(capsys: Output, bad: Path) -> None:
    lines = run(capsys, "lint", "-f", str(bad)).out.splitlines()

    assert lines[0] == "deployment/wiki: invalid_value"
    assert [line.partition(":")[0] for line in lines[1:3]] == ["  error BW004", "  note BW016"]
    assert lines[3:] == ["", "1 pod, 0 injected; 1 error, 0 warnings, 1 note"]


def test_text_of_a_manifest_does_not_control_the_terminal(lint: Lint, pod: Json) -> None:
    manifest = workload("Deployment", pod)
    manifest["metadata"] |= {
        "name": "wi\x1b[2Jki\nerror: x",
        "annotations": {"backup.x\ny": "\x07"},
    }

    linted = lint(manifest)

    assert [c for c in linted.text if not c.isprintable() and c != "\n"] == []
    assert "\nerror: x" not in linted.text
    assert len(linted.told("warning")) == 1


@pytest.mark.parametrize(
    ("content", "line"),
    [("", 1), ("kind: Secret\n", 1), ("no kind\n", 1), ("kind: Pod\nmetadata: {\n", 3)],
)
def test_input_without_pods_exits_with_2(
    tmp_path: Path, capsys: Output, content: str, line: int
) -> None:
    file = tmp_path / "wiki.yaml"
    file.write_text(content, "utf-8")

    ran = run(capsys, "lint", "-f", str(file))

    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(f"{file}:{line}: ")
    assert ran.err.count("\n") == 1


def test_a_missing_file_is_named(tmp_path: Path, capsys: Output) -> None:
    ran = run(capsys, "lint", "-f", str(tmp_path / "gone.yaml"))

    assert (ran.status, ran.out) == (2, "")
    assert ran.err == f"{tmp_path / 'gone.yaml'}: No such file or directory\n"


@pytest.mark.parametrize("first", ["*", "!", "%"])
def test_a_password_that_is_not_yaml_is_not_repeated(
    tmp_path: Path, capsys: Output, first: str
) -> None:
    file = tmp_path / "secret.yaml"
    file.write_text(
        f"kind: Secret\nstringData:\n  RESTIC_PASSWORD: {first}{SECRET_VALUE}\n", "utf-8"
    )

    ran = run(capsys, "lint", "-f", str(file))

    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(f"{file}:3: ")
    assert SECRET_VALUE not in ran.err


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("containers", "abc"),
        ("containers", [None]),
        ("volumes", [{}]),
        ("securityContext", "x"),
        ("containers", [{"name": "w", "volumeMounts": "x"}]),
    ],
)
@pytest.mark.parametrize("asks", ["true", "false"])
def test_an_invalid_pod_is_an_error_only_if_enabled(
    lint: Lint, pod: Json, key: str, value: object, asks: str
) -> None:
    manifest = workload("Deployment", pod)
    template_of(manifest)["spec"][key] = value
    template_of(manifest)["metadata"]["annotations"]["backup.enabled"] = asks

    linted = lint(manifest)

    refused = asks == "true" and not linted.report["injected"]
    assert len(linted.told("error")) == refused
    assert linted.report["reason"] not in ({"not_enabled"} if asks == "true" else {"injected"})


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "Secret", "metadata": "x"},
        {"kind": "Secret", "metadata": {"name": "backup-env-configuration"}, "data": "x"},
        {"kind": "ExternalSecret", "metadata": [], "spec": 7},
        {"kind": "Namespace", "metadata": {"name": "prod", "labels": "x"}},
        {"kind": "PersistentVolumeClaim", "metadata": {"name": "wiki-pages"}, "spec": [1]},
        {"kind": "Pod", "metadata": "wiki"},
        {"kind": "StatefulSet", "spec": {"template": {}, "volumeClaimTemplates": "x"}},
    ],
    ids=lambda other: other["kind"],
)
def test_an_invalid_object_does_not_prevent_the_report_of_a_pod(
    lint: Lint, pod: Json, other: Json
) -> None:
    manifest = workload("Deployment", pod)
    manifest["metadata"]["namespace"] = "prod"

    linted = lint(manifest, other)

    assert linted.reports[0]["kind"] == "Deployment"
    assert linted.reports[0]["reason"] in {"injected", "not_enabled"}


def test_help_has_an_example(capsys: Output) -> None:
    ran = run(capsys, "lint", "--help")

    assert ran.status == 0
    assert "helm template wiki | backup-webhook lint -f namespace.yaml -f -" in ran.out
    assert "exit status: 0 no error and no warning, 1 errors or warnings, 2" in ran.out


def test_the_help_names_every_field_of_the_json(capsys: Output, lint: Lint, pod: Json) -> None:
    told = run(capsys, "lint", "--help").out
    report = lint(workload("Deployment", pod), secret()).report

    words = told.partition("--output json: ")[2].replace(",", " ").replace(":", " ").split()
    assert [key for key in (*report, *report["findings"][0]) if key not in words] == []
