"""`backup-webhook lint` on manifests, and what it said of them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.webhook.admitting import IMAGE, Json
from tests.webhook.commands import run

SECRET_VALUE = "hunter2-never-printed"


@dataclass(frozen=True, slots=True)
class Linted:
    """The exit status, the reports of `--output json`, and everything printed in both forms."""

    status: int
    reports: list[Json]
    text: str
    printed: str

    @property
    def report(self) -> Json:
        """The report; there must be exactly one."""
        (only,) = self.reports
        return only

    def told(self, severity: str) -> list[Json]:
        """Return the findings of this severity of all reports."""
        found = [finding for report in self.reports for finding in report["findings"]]
        return [finding for finding in found if finding["severity"] == severity]

    def one(self, severity: str, key: str) -> str:
        """Return the message with this severity and key; there must be exactly one."""
        (only,) = [found["message"] for found in self.told(severity) if found["key"] == key]
        return str(only)


Lint = Callable[..., Linted]


def linter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Lint:
    """Return what lints manifests, each in a file of its own, with further arguments."""

    def lint(*manifests: Json, arguments: tuple[str, ...] = ()) -> Linted:
        named: list[str] = ["--image", IMAGE, *arguments]
        for number, manifest in enumerate(manifests):
            file = tmp_path / f"{number}.yaml"
            file.write_text(yaml.safe_dump(manifest), "utf-8")
            named += ["-f", str(file)]
        text = run(capsys, "lint", *named)
        read = run(capsys, "lint", *named, "--output", "json")
        assert text.status == read.status
        assert (text.err, read.err) == ("", "")
        return Linted(text.status, json.loads(read.out), text.out, text.out + read.out)

    return lint


def namespace(value: object = "true", name: str = "prod") -> Json:
    """Return a Namespace whose label backup.enabled has this value, or is missing for None."""
    labels = {} if value is None else {"backup.enabled": value}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def secret(**variables: object) -> Json:
    """Return the usual Secret with these variables as stringData."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "backup-env-configuration"},
        "stringData": variables,
    }


def complete(**more: str) -> Json:
    """Return a Secret with all that backups need, and more."""
    return secret(RESTIC_REPOSITORY=SECRET_VALUE, RESTIC_PASSWORD=SECRET_VALUE, **more)


def claim(name: str, *modes: str) -> Json:
    """Return a claim with these access modes."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": list(modes)},
    }
