"""Findings for other programs: SARIF 2.1.0, and annotations of GitHub's workflows."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from contract import VERSION
from contract.text import printable
from webhook.lint.findings import Finding, Severity
from webhook.lint.report import Report
from webhook.lint.rules import ABOUT, Rule

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_DATA, ":": "%3A", ",": "%2C"}
_STDIN = "-"


def as_sarif(reports: list[Report]) -> str:
    """Return the findings as one run in SARIF 2.1.0; a line that is unknown is left out."""
    driver = {"name": "backup-webhook", "version": VERSION, "rules": [_rule(each) for each in Rule]}
    found = [_result(report, each) for report, each in _all(reports)]
    run = {"tool": {"driver": driver}, "results": found, "columnKind": "unicodeCodePoints"}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def as_github(reports: list[Report]) -> str:
    """Return a workflow command for each finding, which GitHub shows beside the line."""
    return "".join(f"{_command(report, each)}\n" for report, each in _all(reports))


def _all(reports: list[Report]) -> Iterator[tuple[Report, Finding]]:
    yield from ((report, each) for report in reports for each in report.findings)


def _rule(rule: Rule) -> dict[str, Any]:
    about = ABOUT[rule]
    return {
        "id": rule.value,
        "name": rule.name.title().replace("_", ""),
        "shortDescription": {"text": about.title},
        "fullDescription": {"text": about.why},
        "help": {"text": about.remedy},
    }


def _result(report: Report, finding: Finding) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ruleId": finding.rule.value,
        "ruleIndex": list(Rule).index(finding.rule),
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{report.title}: {printable(finding.message)}"},
    }
    if report.place.file and report.place.file != _STDIN:
        where: dict[str, Any] = {"artifactLocation": {"uri": _address(report.place.file)}}
        if line := finding.line or report.place.line:
            where["region"] = {"startLine": line}
        found["locations"] = [{"physicalLocation": where}]
    return found


def _address(file: str) -> str:
    """Return a file's name as the relative or absolute address that SARIF wants."""
    return quote(file) if not file.startswith("/") else f"file://{quote(file)}"


def _command(report: Report, finding: Finding) -> str:
    given = {"title": finding.rule.value}
    if report.place.file and report.place.file != _STDIN:
        given = {"file": report.place.file, "line": str(finding.line or report.place.line), **given}
    properties = ",".join(f"{key}={_escaped(text, _PROPERTY)}" for key, text in given.items())
    text = _escaped(f"{report.title}: {finding.message}", _DATA)
    return f"::{_COMMANDS[finding.severity]} {properties}::{text}"


def _escaped(text: str, signs: dict[str, str]) -> str:
    """Return a text whose signs a runner reads as text; its control characters are gone."""
    return printable("".join(signs.get(letter, letter) for letter in text))
