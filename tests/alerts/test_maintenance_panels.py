"""What the dashboard says of shared repositories: right, and nothing where there is no job."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from runner.maintenance.central.ruling import Verdict
from runner.notify import metrics
from runner.state.model import Last, Task
from runner.steps.outcome import Status
from tests.alerts import dashboard, rules
from tests.alerts.picture import drawing
from tests.integration.maintenance.job import CENTRAL
from tests.runner.config.workload import changed, configured, remembered
from tests.runner.notify.test_metrics import STATE
from tests.services.programs import need

NOT_MAINTAINED, HELD_BACK, TABLE = (
    "Not maintained", "Retention held back", "Maintenance jobs",
)  # fmt: skip

DAY = 48  # in steps of half an hour, which all times of the cases are
STATES = dashboard.override(TABLE, "State")["mappings"][0]["options"]


def job(
    status: Status, *, forgot: float = 1, prune: str = "off", copied: float = 0, **workloads: int
) -> str:
    """Return what a job pushes that ran when promtool's time began; none: it opened nothing."""
    cadences = {"backup.check": "off", "backup.prune": prune}
    last = Last(started=0, ended=1, status=status, message="")
    tasks = {"forget": Task(success=forgot), "prune": Task(success=1)}
    if copied:
        tasks["copy"] = Task(success=copied, status=Status.SUCCESS)
    told = {**dict.fromkeys(map(str, Verdict), 0), **workloads} if workloads else {}
    state = remembered(began=1, last=last, tasks=tasks, workloads=told)
    return metrics.of_maintenance(configured(annotations=cadences), state)


def sidecar(*, central: bool, failed: bool = False) -> str:
    """Return what one pushes; ``failed``: it has looked for a job, and there is none."""
    looked = Task(attempted=1, status=Status.FAILURE if failed else Status.SKIPPED)
    secret = CENTRAL if central else {}
    return metrics.metrics(configured(secret=secret), changed(STATE, tasks={"forget": looked}))


@dataclass(frozen=True)
class Case:
    """``pushed`` by group; then what is to be seen ``at`` a time: None is gray."""

    why: str
    pushed: Mapping[str, str]
    at: int = 1
    not_maintained: int | None = None
    held_back: int | None = None
    states: Mapping[str, str] = field(default_factory=dict)

    def group(self) -> dict[str, object]:
        """Return it as promtool wants it."""
        numbers = {NOT_MAINTAINED: self.not_maintained, HELD_BACK: self.held_back}
        expected = {title: [] if n is None else [("{}", n)] for title, n in numbers.items()}
        known = {each["text"]: int(value) for value, each in STATES.items()}
        expected[TABLE] = [
            (f'{{namespace="{name}"}}', known[state]) for name, state in self.states.items()
        ]
        return {
            "name": self.why,
            "interval": "30m",
            "input_series": [
                {"series": name, "values": f"{value!r}x{5 * DAY}"}
                for group, text in self.pushed.items()
                for name, value in _series(group, text)
            ],
            "promql_expr_test": [
                {
                    "expr": _filled(dashboard.queries(title)[0]),
                    "eval_time": f"{30 * self.at}m",
                    "exp_samples": [{"labels": labels, "value": n} for labels, n in found],
                }
                for title, found in expected.items()
            ],
        }


def _series(group: str, text: str) -> list[tuple[str, float]]:
    namespace, _, instance = group.partition("/")
    return [
        (f'{sample.name}{{namespace="{namespace}",instance="{instance}"{more}}}', sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        for more in ["".join(f',{key}="{value}"' for key, value in sample.labels.items())]
    ]


def _filled(query: str) -> str:
    for variable in ("$cluster", "$namespace", "$workload"):
        query = query.replace(variable, ".*")
    return query


JOB, GOOD = "backup-webhook/maintenance", {"backup-webhook": "good"}
FAILS, OVERDUE = {"backup-webhook": "fails"}, {"backup-webhook": "overdue"}
CASES = [
    Case("nobody has a job", {"prod/wiki": sidecar(central=False)}, 4 * DAY),
    Case("a job that does not report was there", {"prod/wiki": sidecar(central=True)}, 4 * DAY),
    Case("no job is there", {"prod/wiki": sidecar(central=True, failed=True)}, 1, 1, None,
         {"prod": "no job"}),
    Case("a sidecar's own retention failed", {"prod/wiki": sidecar(central=False, failed=True)}),
    Case("a workload of that name", {"prod/maintenance": sidecar(central=False)}, 4 * DAY),
    Case("well", {JOB: job(Status.SUCCESS, applied=3, kept=1)}, 1, 0, 0, GOOD),
    Case("a day later", {JOB: job(Status.SUCCESS, applied=3)}, DAY, 0, 0, GOOD),
    Case("it came no more", {JOB: job(Status.SUCCESS, applied=3)}, 4 * DAY, 1, 0, OVERDUE),
    Case("prune is not done", {
        JOB: job(Status.SUCCESS, forgot=3 * 86400, prune="@daily", applied=3)},
         4 * DAY, 1, 0, OVERDUE),
    Case("copies come later than a day ago", {JOB: job(Status.SUCCESS, copied=1, held=0)},
         DAY + 12, 0, 0, GOOD),
    Case("copies did not come", {
        JOB: job(Status.SUCCESS, forgot=3 * 86400, copied=1, applied=3)},
         3 * DAY, 1, 0, OVERDUE),
    Case("it may not delete", {JOB: job(Status.WARNING, held=1)}, 1, 0, 1,
         {"backup-webhook": "warning"}),
    Case("it fails", {JOB: job(Status.FAILURE, held=2, failed=1, applied=4)}, 1, 1, 3, FAILS),
    Case("it opened nothing", {JOB: job(Status.SKIPPED)}, 1, 1, None, FAILS),
    Case("one of two", {
        JOB: job(Status.SUCCESS, held=1), "b/maintenance": job(Status.FAILURE, held=2),
        "prod/wiki": sidecar(central=True)}, 1, 1, 3, {**GOOD, "b": "fails"}),
]  # fmt: skip


def test_panels_show_the_state_of_shared_repositories(tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    cases = {
        "rule_files": [str(rules.FILE.resolve())],
        "evaluation_interval": "30m",
        "tests": [case.group() for case in CASES],
    }
    file.write_text(yaml.safe_dump(cases, sort_keys=False))

    done = subprocess.run(
        (need("promtool"), "test", "rules", file), capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("title", [NOT_MAINTAINED, HELD_BACK])
def test_number_is_gray_where_there_is_no_job(title: str) -> None:
    text = drawing.stat(dashboard.panels()[title], [])

    assert "no job" in text
    assert "#6e7079" in text
    assert "#e02f44" not in text
    assert "#56a64b" not in text


def test_each_state_occurred() -> None:
    assert {state for case in CASES for state in case.states.values()} == {
        each["text"] for each in STATES.values()
    }
