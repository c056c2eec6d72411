"""What README shows that needs no cluster."""

import sys
from pathlib import Path

import yaml

from tests.blocks import PROJECT, blocks, run


def test_the_inject_command_of_the_readme_runs(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/bin").symlink_to(Path(sys.executable).parent)
    example = (PROJECT / "manifests/examples/wiki.yaml").read_text()
    (tmp_path / "your-app.yaml").write_text(example)
    inject, lint = blocks("README.md", "### Check your own manifests")

    _, deployment = yaml.safe_load_all(run(inject, tmp_path))
    said = run(lint, tmp_path)

    inside = deployment["spec"]["template"]["spec"]["initContainers"]
    assert [each["name"] for each in inside] == ["backup"]
    assert "1 injected; 0 errors, 0 warnings" in said


def test_readme_is_short_and_names_its_audience_early() -> None:
    lines = (PROJECT / "README.md").read_text("utf-8").splitlines()

    assert len(lines) <= 200
    assert "This is for you" in "\n".join(lines[:20])
