"""`kubectl backup doctor`: what is broken between the API server and the last report."""

import argparse
import textwrap

from kubectl_backup.cluster.api import Cluster
from kubectl_backup.doctor import collect, workload_checks
from kubectl_backup.doctor.findings import Finding, Level
from kubectl_backup.output.terminal import Terminal

_NARROWEST = 40  # columns of a text beside its subject
_COLOURS = {Level.OK: "green", Level.PROBLEM: "red", Level.HINT: "yellow", Level.UNKNOWN: "yellow"}


def run(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Check every link of the chain; return 1 if one is broken or could not be checked."""
    with terminal.progress("checking") as progress:
        progress.show()
        facts = collect.facts(cluster, parsed.workload)
    findings = list(workload_checks.examine(facts))
    for finding in findings:
        _print(terminal, finding)
    return int(any(each.level in {Level.PROBLEM, Level.UNKNOWN} for each in findings))


def _print(terminal: Terminal, finding: Finding) -> None:
    start, colour = f"{finding.level:<8} {finding.subject:<13} ", _COLOURS[finding.level]
    for line in _lines(terminal, finding.text, start):
        terminal.say(line, colour)
    for line in _lines(terminal, finding.remedy, f"{'':<{len(start)}}-> "):
        terminal.say(line)


def _lines(terminal: Terminal, text: str, start: str) -> list[str]:
    """Return a text wrapped below its own beginning; on one line if there is no terminal."""
    if not text or terminal.width is None:
        return [start + text] if text else []
    width = max(terminal.width, len(start) + _NARROWEST)
    return textwrap.wrap(
        text, width, initial_indent=start, subsequent_indent=" " * len(start),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
