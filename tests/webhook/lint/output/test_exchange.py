"""`lint --output sarif` and `github`: what other programs read, and what no text can do to them."""

import json
from pathlib import Path

import pytest
import yaml

from tests.planted import TEXT, steering
from tests.webhook.admitting import Json
from tests.webhook.commands import run, workload
from webhook.lint.rules import ABOUT, Rule

Output = pytest.CaptureFixture[str]


def _written(path: Path, pod: Json, name: str = "wiki") -> Path:
    manifest = workload("Deployment", pod)
    manifest["metadata"]["name"] = name
    path.write_text(yaml.safe_dump(manifest))
    return path


@pytest.fixture
def file(tmp_path: Path, pod: Json, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file here with an error, a warning, and notes."""
    pod["metadata"]["annotations"] |= {"backup.scheduel": "@daily", "backup.volumes": "gone"}
    pod["spec"]["volumes"] = []
    monkeypatch.chdir(tmp_path)
    return _written(Path("a wiki.yaml"), pod)


def test_sarif_is_what_its_schema_asks_for(capsys: Output, file: Path) -> None:
    ran = run(capsys, "lint", str(file), "-o", "sarif")

    found = json.loads(ran.out)
    (only,) = found["runs"]
    rules = only["tool"]["driver"]["rules"]
    assert (ran.status, found["version"]) == (1, "2.1.0")
    assert [each["id"] for each in rules] == list(Rule)
    assert rules[0]["shortDescription"] == {"text": ABOUT[Rule.FIELD_TYPE].title}
    assert {each["level"] for each in only["results"]} == {"error", "warning", "note"}
    for each in only["results"]:
        assert rules[each["ruleIndex"]]["id"] == each["ruleId"]
        assert each["message"]["text"].startswith("deployment/wiki: ")
        (place,) = (where["physicalLocation"] for where in each["locations"])
        assert place["artifactLocation"] == {"uri": "a%20wiki.yaml"}
        assert place["region"]["startLine"] >= 1


def test_a_file_elsewhere_has_a_whole_address(capsys: Output, file: Path) -> None:
    ran = run(capsys, "lint", str(file.absolute()), "-o", "sarif")

    first = json.loads(ran.out)["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert first["artifactLocation"]["uri"].startswith("file:///")


def test_github_shows_each_finding_beside_its_line(capsys: Output, file: Path) -> None:
    ran = run(capsys, "lint", str(file), "-o", "github")

    told = json.loads(run(capsys, "lint", str(file), "-o", "json").out)[0]["findings"]
    commands = {"error": "error", "warning": "warning", "note": "notice"}
    assert ran.out.splitlines() == [
        f"::{commands[each['severity']]} file=a wiki.yaml,line={each['line']},"
        f"title={each['rule']}::deployment/wiki: {each['message']}"
        for each in told
    ]


@pytest.mark.parametrize("form", ["github", "sarif", "json", "text"])
def test_no_text_of_a_manifest_commands_a_runner(
    capsys: Output, tmp_path: Path, pod: Json, form: str
) -> None:
    """GitHub takes each line that begins with two colons for a command."""
    planted = f"x\n::set-env name=PATH::/evil\r\n::error::100%25 {TEXT}".replace("\udcff", "")
    pod["metadata"]["annotations"] |= {"backup.scheduel": planted, "backup.timezone": planted}
    file = tmp_path / "wiki.json"
    manifest = workload("Deployment", pod)
    manifest["metadata"]["name"] = planted
    file.write_text(json.dumps(manifest))

    ran = run(capsys, "lint", str(file), "-o", form)

    assert ran.status == 1
    assert steering(ran.out) == []
    commands = [line for line in ran.out.splitlines() if line.lstrip().startswith("::")]
    assert [x for x in commands if not x.startswith(("::warning file=", "::notice file="))] == []
    assert bool(commands) == (form == "github")
    assert ("100%2525 " in ran.out) == (form == "github")


@pytest.mark.parametrize(
    "name", ["a,title=x::y.yaml", "a:b.yaml", "100%.yaml", "a\n::error::.yaml"]
)
def test_no_name_of_a_file_commands_a_runner(
    capsys: Output, tmp_path: Path, pod: Json, name: str
) -> None:
    file = _written(tmp_path / name, pod)

    ran = run(capsys, "lint", str(file), "-o", "github")

    for line in ran.out.splitlines():
        properties, _, _ = line.removeprefix("::notice ").partition("::")
        assert line.startswith("::notice file=")
        assert [each.partition("=")[0] for each in properties.split(",")] == [
            "file", "line", "title",
        ]  # fmt: skip
        assert ":" not in properties


def test_standard_input_has_no_place(
    capsys: Output, pod: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Given:
        """Standard input."""

        def read(self) -> str:
            """Return a manifest."""
            return yaml.safe_dump(workload("Deployment", pod))

    for form in ("github", "sarif"):
        monkeypatch.setattr("sys.stdin", Given())
        ran = run(capsys, "lint", "-", "-o", form)

        assert ran.status == 0
        assert "file=" not in ran.out
        assert "locations" not in ran.out
        assert "BW017" in ran.out
