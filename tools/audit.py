"""Looks for known vulnerabilities in what the locks name: `make audit`.

Python packages are asked of OSV, Go modules of Go's own database by govulncheck. What could not be
asked is named, and is no success: the exit status is 0 where all was checked and nothing is known,
1 where something is, and 2 where not all could be checked.

AUDIT_OSV and AUDIT_GO are other addresses of these databases, such as mirrors.
"""

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

_PROJECT = Path(__file__).parents[1]
_OSV = "https://api.osv.dev"
_AT_ONCE = 500  # packages in one question; OSV takes 1,000
_PATIENCE = 30.0  # seconds for an answer
_BUILD = 900.0  # seconds for govulncheck, which reads all modules
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==([^ ;\\]+)", re.MULTILINE)
_FOUND = 3  # govulncheck's status where a module is vulnerable

Package = tuple[str, str]


class Verdict(IntEnum):
    """What is known of one lock; the worst is the exit status."""

    CLEAN = 0
    VULNERABLE = 1
    NOT_CHECKED = 2


class UnansweredError(Exception):
    """The database gave no answer that can be relied on."""


def pinned(lock: str) -> list[Package]:
    """Return the packages of a lock of Python, with their versions."""
    return sorted({(match[1], match[2]) for match in _PINNED.finditer(lock)})


def ask(packages: Sequence[Package], database: str) -> Iterator[str]:
    """Yield a line about each package of which OSV knows a vulnerability.

    Raises UnansweredError, also where it answers for fewer packages than it was asked about.
    """
    for start in range(0, len(packages), _AT_ONCE):
        some = packages[start : start + _AT_ONCE]
        queries = [
            {"package": {"name": name, "ecosystem": "PyPI"}, "version": version}
            for name, version in some
        ]
        answers = _post(f"{database}/v1/querybatch", {"queries": queries}).get("results")
        if not isinstance(answers, list) or len(answers) != len(some):
            raise UnansweredError("it does not answer for every package")
        for (name, version), answer in zip(some, answers, strict=True):
            if not isinstance(answer, dict) or not isinstance(answer.get("vulns", []), list):
                raise UnansweredError(f"its answer about {name} cannot be read")
            if known := [str(each.get("id")) for each in answer.get("vulns", [])]:
                yield f"{name} {version}: {', '.join(known)}"


def _post(url: str, question: object) -> dict[str, Any]:
    body = json.dumps(question).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, body, headers)  # noqa: S310 -- the maintainer's choice
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310 -- as above
            read = json.load(answer)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise UnansweredError(f"{url}: {reason}") from error
    if not isinstance(read, dict):
        raise UnansweredError(f"{url}: not a valid OSV answer")
    return read


def python(lock: Path, database: str) -> Verdict:
    """Say what is known of a lock of Python."""
    name = lock.relative_to(_PROJECT) if lock.is_relative_to(_PROJECT) else lock
    packages = pinned(lock.read_text("utf-8"))
    if not packages:
        return _say(f"{name}: NOT CHECKED: it contains no packages", Verdict.NOT_CHECKED)
    try:
        known = list(ask(packages, database))
    except UnansweredError as error:
        return _say(f"{name}: NOT CHECKED: {error}", Verdict.NOT_CHECKED)
    for line in known:
        print(f"{name}: {line}")
    if known:
        return Verdict.VULNERABLE
    return _say(f"{name}: no known vulnerabilities in its {len(packages)} packages", Verdict.CLEAN)


def go(module: Path, database: str) -> Verdict:
    """Say what is known of the tools that a Go module names."""
    name = f"{module.name}/go.mod" if module.name == "tools" else f"tools/{module.name}/go.mod"
    where = ("-db", database) if database else ()
    try:
        done = subprocess.run(
            ("govulncheck", "-C", module, "-scan", "package", *where, "tool"),  # noqa: S607 -- ours
            check=False, capture_output=True, text=True, timeout=_BUILD,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return _say(f"{name}: NOT CHECKED: govulncheck: {error}", Verdict.NOT_CHECKED)
    if done.returncode == _FOUND:
        return _say(f"{name}:\n{done.stdout.rstrip()}", Verdict.VULNERABLE)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        last = last.removeprefix("govulncheck: ")
        why = last or f"status {done.returncode}"
        return _say(f"{name}: NOT CHECKED: govulncheck: {why}", Verdict.NOT_CHECKED)
    return _say(f"{name}: no known vulnerabilities in its modules", Verdict.CLEAN)


def _say(line: str, verdict: Verdict) -> Verdict:
    print(line, flush=True)
    return verdict


def main() -> int:
    """Check all locks; return the worst that is known."""
    osv, vulndb = os.environ.get("AUDIT_OSV", _OSV), os.environ.get("AUDIT_GO", "")
    found = [python(lock, osv) for lock in sorted((_PROJECT / "requirements").glob("*.txt"))]
    modules = sorted(path.parent for path in (_PROJECT / "tools").rglob("go.mod"))
    found += [go(module, vulndb) for module in modules]
    worst = max(found, default=Verdict.NOT_CHECKED)
    if worst is Verdict.NOT_CHECKED:
        print("Not everything was checked; exiting with an error.", file=sys.stderr)
    return worst


if __name__ == "__main__":
    sys.exit(main())
