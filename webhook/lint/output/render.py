"""Reports of `lint`, for people and as JSON."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from contract.text import counted, printable
from webhook.lint.findings import Finding, Severity
from webhook.lint.report import Report

EPILOG = """\
example:
  helm template wiki | backup-webhook lint -f namespace.yaml -f -

  deployment/wiki in wiki: injected
    volumes  data
    schedule H * * * *, UTC
    host     wiki
    Secret   backup-env-configuration
    warning BW006: annotation backup.schedule 'hourly': write five cron fields …; using H * * * *
    note BW016: namespace wiki must have the label backup.enabled=true: kubectl label namespace …

docs/lint.md explains each rule; --ignore BW016,BW017 leaves some out.

severities:
  error    a pod asks for a backup and gets none
  warning  an ignored value, or a backup that does less than it seems
  note     something that these files do not show, or a hint

exit status: 0 no error and no warning, 1 errors or warnings, 2 invalid input

--output github: annotations of GitHub's workflows; sarif: SARIF 2.1.0
--output json: a list with one object for each pod or pod template:
  file line kind name template namespace reason injected volumes restore schedule timezone secret
  host
  findings: a list of objects with rule, severity, key (what to change), message and line
"""
"""Help text about the output."""

_HIDDEN = "set by the Secret"
_COLOURS = {Severity.ERROR: 31, Severity.WARNING: 33, Severity.NOTE: 36}


def masked(message: str) -> str:
    """Return a message about unreadable text without the parts of that text which it quotes."""
    return re.sub(r"([\'\"]).{2,}\1", "'…'", message)


def as_json(reports: list[Report]) -> str:
    """Return the reports as one JSON document."""
    return json.dumps([_flat(report) for report in reports], indent=2) + "\n"


def _flat(report: Report) -> dict[str, Any]:
    found = asdict(report)
    return {**found.pop("place"), **found}


def as_text(reports: list[Report], *, colour: bool = False) -> str:
    """Return a block for each report, and a summary; every line is safe for a terminal."""
    shown = list(_once(reports))
    blocks = ["\n".join(_block(report, colour=colour)) for report in shown]
    severities = [finding.severity for report in shown for finding in report.findings]
    numbers = [counted(severities.count(severity), severity) for severity in Severity]
    injected = sum(report.injected for report in reports)
    summary = f"{counted(len(reports), 'pod')}, {injected} injected; {', '.join(numbers)}"
    return "\n\n".join([*blocks, summary]) + "\n"


def _once(reports: list[Report]) -> Iterator[Report]:
    """Yield each report without the notes that an earlier one has."""
    noted: set[Finding] = set()
    for report in reports:
        yield replace(report, findings=tuple(f for f in report.findings if f not in noted))
        noted.update(each for each in report.findings if each.severity is Severity.NOTE)


def _block(report: Report, *, colour: bool) -> Iterator[str]:
    yield f"{report.title}: {report.reason}"
    if report.secret:
        for label, text in (
            ("volumes", " ".join(report.volumes)),
            *([("restore", report.restore)] if report.restore else []),
            ("schedule", f"{report.schedule or _HIDDEN}, {report.timezone or _HIDDEN}"),
            ("host", report.host or _HIDDEN),
            ("Secret", report.secret),
        ):
            yield _safe(f"  {label:9}{text}")
    for finding in report.findings:
        word = finding.severity.value
        shown = f"\x1b[{_COLOURS[finding.severity]}m{word}\x1b[0m" if colour else word
        yield f"  {shown} {finding.rule}: {_safe(finding.message)}"


def _safe(line: str) -> str:
    """Return the line without control characters and line breaks."""
    return printable(line)
