"""Write the tables of docs/ from the code: `make reference`.

A table stands between two marks in a page. Annotations come from contract/annotations/settings.py,
variables from contract/secret/variables.py too, metrics from what runner and webhook show, and the
rest from tools/reference/.
"""

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from certs.keeper import Status
from contract.annotations import settings
from contract.secret import variables
from runner.config import build
from runner.notify import metrics as notify_metrics
from runner.state.model import Job, Last, Repository, Runs, State, Task
from tools.reference import command_line, log_messages, words
from webhook.admission.model import Options
from webhook.cluster.view import Cluster
from webhook.lint import rules
from webhook.server.metrics import Metrics

DOCS = Path(__file__).parents[1] / "docs"
_MARKS = re.compile(r"(<!-- table: (.+?) -->\n).*?(<!-- end of table -->)", re.DOTALL)
_METRIC = ("metric", "labels", "meaning")
_TASKS = ("forget", "prune", "check", "copy", "verify")


def pages() -> Mapping[Path, str]:
    """Return every page that has tables, with the tables made again."""
    made = {}
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text("utf-8")
        if _MARKS.search(text):
            made[page] = _MARKS.sub(lambda found: found[1] + table(found[2]) + found[3], text)
    return made


def table(name: str) -> str:
    """Return one table, by the name in its mark."""
    if made := _MADE.get(name):
        return made()
    if name in words.GROUPS:
        return _written(("word", "meaning"), words.rows(name))
    kind, _, program = name.partition(" of ")
    if kind == "log messages":
        rows = log_messages.rows(program)
        return _written(("message", "level", "fields", "package"), rows)
    if kind == "commands":
        return command_line.section(program)
    group = [each for each in variables.ALL if each.group == name]
    if not group:
        raise KeyError(name)
    rows = ((f"`{each.name}`", each.default, each.meaning) for each in group)
    return _written(("variable", "default", "meaning"), rows)


_MADE: Mapping[str, Callable[[], str]] = {
    "annotations": lambda: _written(("annotation", "default", "live", "meaning"), _annotations()),
    "live settings": lambda: _written(("variable", "annotation", "default"), _live()),
    "rules of lint": lambda: "".join(map(_rule, rules.Rule)),
    "exit statuses": lambda: _written(("command", "exit statuses"), command_line.exit_statuses()),
    "metrics of sidecars": lambda: _written(_METRIC, _metrics(_of_a_sidecar())),
    "metrics of the maintenance job": lambda: _written(_METRIC, _metrics(_of_the_job())),
    "metrics of the webhook": lambda: _written(_METRIC, _metrics(_of_the_webhook())),
}


def _rule(rule: rules.Rule) -> str:
    about = rules.ABOUT[rule]
    return f"## {rule}: {about.title}\n\n{about.why}\n\n{about.remedy}\n\n"


def _written(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heading, ("---",) * len(heading), *rows]
    return "".join(f"| {' | '.join(each)} |\n" for each in lines)


def meanings() -> Mapping[str, str]:
    """Return what is written below each constant of `annotations.settings`, by its name."""
    return words.below(ast.parse(inspect.getsource(settings)).body)


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
    tasks = {name: Task(success=1) for name in _TASKS}
    last = Last(started=1, ended=2, status="success", message="")
    repository = Repository(snapshots=1, stale_locks=0, tasks=tasks)
    state = State(Runs("", last=last, last_success=1), repository=repository)
    text = notify_metrics.metrics(build.config({}, {}, {}), state)
    return _described(text_string_to_metric_families(text))


def _of_the_job() -> dict[str, tuple[set[str], str]]:
    tasks = {name: Task(success=1) for name in _TASKS if name != "verify"}
    last = Last(started=1, ended=2, status="success", message="")
    job = Job(began=1, workloads={"held": 1})
    state = State(Runs("", last=last), repository=Repository(tasks=tasks), job=job)
    text = notify_metrics.of_maintenance(build.config({}, {}, {}), state)
    return _described(text_string_to_metric_families(text))


def _of_the_webhook() -> dict[str, tuple[set[str], str]]:
    metrics = Metrics()
    metrics.certificates(lambda: Status(None, None, None, ""))
    metrics.cluster(Cluster("ns", "prepull", Options("image:1"), follow=True))
    # Before the first review nothing has a sample, from which its labels could be read.
    labels = {
        name: set(collector._labelnames)  # noqa: SLF001 -- prometheus_client offers nothing else
        for name, collector in metrics.registry._names_to_collectors.items()  # noqa: SLF001 -- as above
        if isinstance(collector, MetricWrapperBase)
    }
    found = _described(metrics.registry.collect())
    return {name: (known | labels.get(name, set()), text) for name, (known, text) in found.items()}


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
