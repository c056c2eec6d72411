"""What `inject` and `lint` make of a file, and whether the two hold what they promise."""

import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from contract.names import STATUS_ANNOTATION as STATUS
from tests.webhook.admitting import IMAGE
from tests.webhook.manifests.collections import styles
from tests.webhook.manifests.collections.parts import Json, Written
from webhook.__main__ import main

_VERDICT = re.compile(r"^(?P<pod>[a-z]+/\S*(?: \(\S+\))?): (?P<reason>[a-z_]+)$", re.MULTILINE)
_OURS = ("internal_error", "proof_failed")


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


@dataclass
class Findings:
    """What was found in files: pods, reasons, kinds of what lint says, and broken promises."""

    files: int = 0
    pods: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def add(self, file: Written, folder: Path) -> None:
        """Send a file through both commands."""
        path = folder / "manifest.yaml"
        text = styles.text(file)
        path.write_bytes(text.encode())
        injected = _run("inject", path)
        path.write_bytes(injected.out.encode())
        again = _run("inject", path)
        path.write_bytes(text.encode())
        linted = _run("lint", path, "--output", "json")
        reports: list[Json] = json.loads(linted.out)
        reasons = [each["reason"] for each in _VERDICT.finditer(injected.err)]
        self.files += 1
        self.pods += len(reasons)
        self.reasons.update(reasons)
        for report in reports:
            self.said.update(f"{each['severity']} {each['key']}" for each in report["findings"])
        for broken in _broken(file, text, injected, again, linted, reports):
            self.broken.append(f"{file.name}: {broken}\n{text}\n{injected.err}")


def _run(command: str, path: Path, *options: str) -> Ran:
    out, err = io.StringIO(newline=""), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main([command, "-f", str(path), "--image", IMAGE, *options])
    return Ran(status, out.getvalue(), err.getvalue())


def _broken(
    file: Written, text: str, injected: Ran, again: Ran, linted: Ran, reports: Sequence[Json]
) -> Iterator[str]:
    """Yield each promise that does not hold."""
    reasons = [each["reason"] for each in _VERDICT.finditer(injected.err)]
    if injected.status or linted.status not in {0, 1} or linted.err:
        yield f"ends with {injected.status} and {linted.status}: {linted.err}"
    if len(reasons) < len(list(templates(list(file.objects)))):
        yield "a template of pods is not named"
    if set(reasons) & set(_OURS):
        yield "an error of ours"
    if [each["reason"] for each in reports] != reasons:
        yield f"lint says {[each['reason'] for each in reports]}"
    if again.out != injected.out:
        yield "a second inject changes it"
    before, after = list(_parsed(text)), list(_parsed(injected.out))
    if "injected" not in reasons and before != [_without_status(each) for each in after]:
        yield "changed without a sidecar"
    if not grows(before, after):
        yield "more than additions"
    if gone := [each for each in _comments(text) if each not in injected.out]:
        yield f"comments are gone: {gone[:3]}"
    errors = any(each["severity"] in {"error", "warning"}
                 for report in reports for each in report["findings"])  # fmt: skip
    if linted.status != int(errors):
        yield f"lint ends with {linted.status}"


def templates(value: object) -> Iterator[Json]:
    """Yield all pods and templates of pods, at any depth."""
    if isinstance(value, dict):
        spec = value.get("spec")
        if isinstance(spec, dict) and isinstance(spec.get("containers"), list):
            yield value
        else:
            for each in value.values():
                yield from templates(each)
    elif isinstance(value, list):
        for each in value:
            yield from templates(each)


def grows(before: object, after: object) -> bool:
    """Whether ``after`` has all of ``before``, in its order."""
    if isinstance(before, dict):
        return isinstance(after, dict) and all(
            key in after and grows(value, after[key]) for key, value in before.items()
        )
    if isinstance(before, list):
        rest: Iterator[object] = iter(after if isinstance(after, list) else ())
        return all(any(grows(value, other) for other in rest) for value in before)
    return before == after


def _without_status(value: Any) -> Any:  # noqa: ANN401 -- any YAML
    """Return a document without the annotation that says why a pod has no sidecar."""
    if isinstance(value, dict):
        return {key: _without_status(each) for key, each in value.items() if key != STATUS}
    return [_without_status(each) for each in value] if isinstance(value, list) else value


def _parsed(text: str) -> Iterator[Any]:
    yield from yaml.load_all(text, yaml.CSafeLoader)


def _comments(text: str) -> list[str]:
    return [line for line in text.splitlines() if "# " in line and line.lstrip().startswith("#")]
