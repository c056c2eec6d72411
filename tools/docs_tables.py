"""Writes the tables of docs/ from the code: `python -m tools.docs_tables`.

A table stands between two marks in a page. Annotations come from contract/settings.py, variables
from contract/variables.py too, metrics from what runner and webhook show.
"""

import ast
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from certs.keeper import Status
from contract import settings, variables
from runner import config, report
from runner.state import Chore, Last, State
from webhook.cluster import Cluster
from webhook.inject import Options
from webhook.metrics import Metrics

DOCS = Path(__file__).parents[1] / "docs"
_MARKS = re.compile(r"(<!-- table: (.+?) -->\n).*?(<!-- end of table -->)", re.DOTALL)
_CHORES = ("forget", "prune", "check", "copy", "verify")


def pages() -> Mapping[Path, str]:
    """Return every page that has tables, with the tables made anew."""
    made = {}
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text("utf-8")
        if _MARKS.search(text):
            made[page] = _MARKS.sub(lambda found: found[1] + table(found[2]) + found[3], text)
    return made


def table(name: str) -> str:
    """Return one table, by the name in its mark."""
    if name == "annotations":
        return _written(("annotation", "default", "live", "meaning"), _annotations())
    if name == "live settings":
        return _written(("variable", "annotation", "default"), _live())
    if name == "metrics of sidecars":
        return _written(("metric", "labels", "meaning"), _metrics(_of_a_sidecar()))
    if name == "metrics of the maintenance job":
        return _written(("metric", "labels", "meaning"), _metrics(_of_the_job()))
    if name == "metrics of the webhook":
        rows = ((name, meaning) for name, _, meaning in _metrics(_of_the_webhook()))
        return _written(("metric", "meaning"), rows)
    group = [each for each in variables.ALL if each.group == name]
    if not group:
        raise KeyError(name)
    rows = ((f"`{each.name}`", each.default, each.meaning) for each in group)
    return _written(("variable", "default", "meaning"), rows)


def _written(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heading, ("---",) * len(heading), *rows]
    return "".join(f"| {' | '.join(each)} |\n" for each in lines)


def meanings() -> Mapping[str, str]:
    """Return what is written below each constant of contract/settings.py, by its name."""
    body = ast.parse(inspect.getsource(settings)).body
    found = {}
    for constant, text in pairwise(body):
        match constant, text:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(ast.Constant(str(meaning))):
                found[name] = " ".join(meaning.split()).replace("``", "`").replace("|", "\\|")
    return found


def _annotations() -> Iterator[tuple[str, ...]]:
    told = meanings()
    constants = {id(value): name for name, value in vars(settings).items()}
    for each in settings.ALL:
        default, live = f"`{each.default}`" * bool(each.default), "yes" * each.live
        yield f"`{each.annotation}`", default, live, told[constants[id(each)]]


def _live() -> Iterator[tuple[str, ...]]:
    for each in settings.ALL:
        if each.variable:
            default = f"`{each.default}`" * bool(each.default)
            yield f"`{each.variable}`", f"`{each.annotation}`", default


def _metrics(found: dict[str, tuple[set[str], str]]) -> Iterator[tuple[str, ...]]:
    for name, (labels, meaning) in found.items():
        yield f"`{name}`", ", ".join(f"`{label}`" for label in sorted(labels)), meaning


def _of_a_sidecar() -> dict[str, tuple[set[str], str]]:
    chores = {name: Chore(success=1) for name in _CHORES}
    last = Last(started=1, ended=2, status="success", message="")
    state = replace(State("", last=last, last_success=1), snapshots=1, stale_locks=0, chores=chores)
    text = report.metrics(config.read({}, {}, {}), state)
    return _described(text_string_to_metric_families(text))


def _of_the_job() -> dict[str, tuple[set[str], str]]:
    chores = {name: Chore(success=1) for name in _CHORES if name != "verify"}
    last = Last(started=1, ended=2, status="success", message="")
    state = State("", began=1, last=last, chores=chores, workloads={"held": 1})
    text = report.of_maintenance(config.read({}, {}, {}), state)
    return _described(text_string_to_metric_families(text))


def _of_the_webhook() -> dict[str, tuple[set[str], str]]:
    metrics = Metrics()
    metrics.certificates(lambda: Status(None, None, None, ""))
    metrics.cluster(Cluster("ns", "prepull", Options("image:1"), follow=True))
    return _described(metrics.registry.collect())


def _described(families: Iterable[Metric]) -> dict[str, tuple[set[str], str]]:
    found = {}
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels}
        found[name] = (labels - {"le"}, family.documentation)
    return found


def main() -> None:
    """Write all tables."""
    for page, text in pages().items():
        page.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
