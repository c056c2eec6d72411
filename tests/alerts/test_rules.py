"""Each alert fires when it should and never else, as Prometheus' own `promtool test rules` says."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.alerts import rules
from tests.alerts.rules import COVERAGE
from tests.services.programs import need

HOUR, DAY = 12, 288  # in steps, as all times of the cases are
_STEP, _LONG_STEP = 5, 30  # minutes between evaluations: of cases within a day, and of longer ones
_LONG = 8 * DAY  # longer than anything waits
WIKI = '{namespace="prod",instance="wiki"}'
NAME = 'name="sidecar.backup-webhook.io"'
OPEN = f'apiserver_admission_webhook_fail_open_count{{{NAME},type="admit"}}'
REFUSED = (
    f'apiserver_admission_webhook_rejection_count{{{NAME},error_type="calling_webhook_error"}}'
)
BUCKET = "apiserver_admission_webhook_admission_duration_seconds_bucket"
EXPIRY = "backup_webhook_certificate_expiry_timestamp_seconds"
LIFE = "backup_webhook_certificate_lifetime_seconds"
WATCH = 'backup_webhook_watch_up{watch="sidecars"}'
UP = 'up{job="apiserver"}'
SYNC = "backup_webhook_ca_bundle_in_sync"
Series = dict[str, str | float]


def of(metric: str, **labels: str) -> str:
    """Return a series of prod/wiki."""
    more = "".join(f',{key}="{value}"' for key, value in labels.items())
    return f'{metric}{{namespace="prod",instance="wiki"{more}}}'


def gone(instance: str = "wiki") -> Series:
    """Return what is seen of a workload that reported and of which no pod is there."""
    return {
        f'backup_host_info{{namespace="prod",instance="{instance}",host="{instance}"}}': 1,
        WATCH: 1,
        'backup_webhook_sidecars{namespace="prod",host="another"}': 1,
        'backup_host_info{namespace="prod",instance="another",host="another"}': 1,
    }


@dataclass(frozen=True)
class Case:
    """``series`` hold a value each, or what it becomes; ``at`` is when ``fires`` is looked at."""

    why: str
    series: Series
    at: int
    fires: str = ""
    more: Series = field(default_factory=dict)

    @property
    def step(self) -> int:
        """Minutes between evaluations."""
        return _STEP if self.at < DAY else _LONG_STEP

    def group(self) -> dict[str, object]:
        """Return it as promtool wants it."""
        series = {**self.series, **self.more}
        labels = f'ALERTS{{alertname="{self.fires}"}}' if self.fires else ""
        return {
            "name": self.why,
            "interval": f"{_STEP}m",
            "input_series": [
                {"series": name, "values": f"{value}x{_LONG}" if _is_number(value) else value}
                for name, value in series.items()
            ],
            "promql_expr_test": [{
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{self.at * _STEP}m",
                "exp_samples": [{"labels": labels.replace("ALERTS", ""), "value": 1}]
                if self.fires else [],
            }],
        }  # fmt: skip


def _is_number(value: str | float) -> bool:
    return not isinstance(value, str)


# Times in seconds since promtool's beginning of time; the runs below were due at 01:00.
DUE = of("backup_next_due_timestamp_seconds")
EVERY = of("backup_interval_seconds")
HOURLY: Series = {DUE: 3600, EVERY: 3600}
OVERDUE_AND_THERE: Series = HOURLY | {
    'backup_host_info{namespace="prod",instance="wiki",host="wiki"}': 1,
    'backup_webhook_sidecars{namespace="prod",host="wiki"}': 1,
}


def within(cluster: str, series: Series) -> Series:
    """Return what a Prometheus of several clusters has of one."""
    named = f'cluster="{cluster}"'
    return {
        name.replace("{", f"{{{named},") if "{" in name else f"{name}{{{named}}}": value
        for name, value in series.items()
    }


def status(is_now: str) -> Series:
    """Return the state set of the last run."""
    every = ("success", "warning", "failure", "interrupted", "skipped")
    return {of("backup_status", status=each): float(each == is_now) for each in every}


def task(name: str, due: float = 3600, failed: float = 0) -> Series:
    """Return what is said of a task."""
    return {
        of("backup_task_due_timestamp_seconds", task=name): due,
        of("backup_task_failed", task=name): failed,
    }


def job_status(status: str) -> str:
    """Return a series of the maintenance job's."""
    where = 'namespace="backup-webhook",instance="maintenance"'
    return f'backup_maintenance_status{{{where},status="{status}"}}'


def job_workloads(retention: str) -> str:
    """Return how many workloads the maintenance job met of that kind."""
    where = 'namespace="backup-webhook",instance="maintenance"'
    return f'backup_maintenance_workloads{{{where},retention="{retention}"}}'


def job(is_now: str) -> Series:
    """Return how the maintenance job ended last."""
    every = ("success", "warning", "failure", "interrupted", "skipped")
    return {job_status(each): float(each == is_now) for each in every}


CASES = [
    Case("hourly, two hours late", HOURLY, 3 * HOUR + 4, "BackupOverdue"),
    Case("hourly, not yet late enough", HOURLY, 3 * HOUR + 3),
    Case("weekly, a day late", {DUE: 3600, EVERY: 604800}, 27 * HOUR, "BackupOverdue"),
    Case("weekly, not yet", {DUE: 3600, EVERY: 604800}, 25 * HOUR),
    Case("every five minutes, an hour late", {DUE: 3600, EVERY: 300}, 2 * HOUR),
    Case("off or paused", {DUE: 0, EVERY: 0}, 2 * DAY),
    Case("overdue, and gone for good", HOURLY, 2 * DAY, more=gone()),
    Case("gone, says a webhook that does not see pods", HOURLY, DAY, "BackupOverdue",
         {**gone(), 'backup_webhook_watch_up{watch="sidecars"}': 0}),
    Case("there, says the webhook", HOURLY, DAY, "BackupOverdue",
         {**gone(), 'backup_webhook_sidecars{namespace="prod",host="wiki"}': 1}),
    Case("the Secret names it otherwise", HOURLY, DAY, "BackupOverdue",
         {'backup_host_info{namespace="prod",instance="wiki",host="pages"}': 1,
          'backup_webhook_sidecars{namespace="prod",host="pages"}': 2,
          'backup_webhook_watch_up{watch="sidecars"}': 1}),
    Case("a pod of that name elsewhere", HOURLY, DAY, "",
         {**gone(), 'backup_webhook_sidecars{namespace="dev",host="wiki"}': 1,
          'backup_host_info{namespace="dev",instance="wiki",host="wiki"}': 1}),
    Case("scaled up again after a day", HOURLY, DAY + 2 * HOUR, "BackupOverdue",
         {**gone(), 'backup_webhook_sidecars{namespace="prod",host="wiki"}':
          f"_x{DAY} 1x60"}),

    Case("overdue, and there in another cluster only", {
        **within("east", HOURLY | gone()), **within("west", OVERDUE_AND_THERE)}, DAY,
        "BackupOverdue"),
    Case("gone here, says a webhook of another cluster", {
        **within("east", HOURLY | gone() | {WATCH: 0}),
        **within("west", {WATCH: 1, 'backup_webhook_sidecars{namespace="prod",host="app"}': 1,
                          'backup_host_info{namespace="prod",instance="app",host="app"}': 1})},
        DAY, "BackupOverdue"),
    Case("fails in one of two clusters", {
        **within("east", status("failure")), **within("west", status("success"))}, 3 * HOUR,
        "BackupFailing"),
    Case("never reported, but of that name in another cluster", {
        **within("east", {'backup_webhook_sidecars{namespace="prod",host="wiki"}': 1}),
        **within("west", OVERDUE_AND_THERE | {DUE: 0})}, 3 * HOUR, "BackupNeverReported"),
    Case("one of two clusters does not trust it", {
        **within("east", {SYNC: 0}), **within("west", {SYNC: 1})}, 3,
        "BackupWebhookCaBundleOutOfSync"),
    Case("a leaf of one of two clusters", {
        **within("east", {f'{EXPIRY}{{kind="leaf"}}': 86400, LIFE: 86400}),
        **within("west", {f'{EXPIRY}{{kind="leaf"}}': 864000, LIFE: 86400})}, 20 * HOUR,
        "BackupWebhookCertificateExpiring"),

    Case("never reported", {'backup_webhook_sidecars{namespace="prod",host="wiki"}': 1},
         2 * HOUR + 1, "BackupNeverReported"),
    Case("not yet reported", {'backup_webhook_sidecars{namespace="prod",host="wiki"}': 1},
         2 * HOUR - 1),
    Case("reported under another name",
         {'backup_webhook_sidecars{namespace="prod",host="wiki"}': 1,
          'backup_host_info{namespace="prod",instance="pages",host="wiki"}': 1}, DAY),
    Case("the Pushgateway was emptied",
         {'backup_webhook_sidecars{namespace="prod",host="wiki"}': 1,
          'backup_host_info{namespace="prod",instance="wiki",host="wiki"}': f"1x{10 * HOUR} stale"},
         12 * HOUR + 2, "BackupNeverReported"),

    Case("failing", status("failure"), 2 * HOUR + 1, "BackupFailing"),
    Case("locked out", status("skipped"), 2 * HOUR + 1, "BackupFailing"),
    Case("fails, then is locked out", {
        **status("failure"), of("backup_status", status="failure"): f"1x{HOUR} 0x{DAY}",
        of("backup_status", status="skipped"): f"0x{HOUR} 1x{DAY}"}, 2 * HOUR + 1, "BackupFailing"),
    Case("failed, and a retry succeeded", {
        **status("failure"), of("backup_status", status="failure"): f"1x{HOUR} 0x{DAY}",
        of("backup_status", status="success"): f"0x{HOUR} 1x{DAY}"}, 2 * HOUR + 1),
    Case("well", status("success"), 2 * DAY),
    Case("failed last, and gone for good", status("failure"), DAY - 1, more=gone()),
    Case("failed, and was paused", status("failure"), 3 * HOUR, more={of("backup_paused"): 1}),
    Case("interrupted, as its pod was scaled to zero", status("interrupted"), DAY, more=gone()),

    Case("a warning for a day", status("warning"), DAY + 1, "BackupWarning"),
    Case("a warning of today", status("warning"), DAY - 1),

    Case("prune is overdue", task("prune"), 3 * DAY + 3 * HOUR, "BackupMaintenanceOverdue"),
    Case("prune is late", task("prune"), 3 * DAY),
    Case("prune is left to another", task("prune", 0), 4 * DAY),
    Case("check is overdue, and gone", task("check"), 4 * DAY, more=gone()),
    Case("the maintenance job's prune is overdue, which is of no sidecar", {
        'backup_task_due_timestamp_seconds{namespace="backup-webhook",instance="maintenance",'
        'task="prune"}': 3600}, 3 * DAY + 3 * HOUR, "BackupMaintenanceOverdue", gone("wiki")),
    Case("nobody maintains a repository", {
        **task("forget", 0, 1), of("backup_central_maintenance"): 1}, HOUR + 1,
        "BackupMaintenanceMissing"),
    Case("somebody maintains it", {
        **task("forget", 0), of("backup_central_maintenance"): 1}, 4 * DAY),
    Case("a sidecar's own retention failed", {
        **task("forget", 0, 1), of("backup_central_maintenance"): 0}, DAY),
    Case("nobody maintains it, and they are gone", {
        **task("forget", 0, 1), of("backup_central_maintenance"): 1}, DAY, more=gone()),
    Case("the job failed twice", job("failure"), 26 * HOUR + 1, "BackupMaintenanceFailing"),
    Case("the job failed, then was locked out", {
        **job("failure"), job_status("failure"): f"1x{DAY} 0x{DAY}",
        job_status("skipped"): f"0x{DAY} 1x{DAY}"}, 26 * HOUR + 1, "BackupMaintenanceFailing"),
    Case("the job failed once", job("failure"), 26 * HOUR - 1),
    Case("the job is well", job("success"), 4 * DAY),
    Case("the job warns", job("warning"), 4 * DAY),
    Case("some are kept whole", {job_workloads("held"): 2}, 7 * DAY + 1, "BackupRetentionHeld"),
    Case("some were kept whole", {job_workloads("held"): f"2x{6 * DAY} 0x{DAY * 2}"}, 7 * DAY + 1),
    Case("all are known", {job_workloads("held"): 0, job_workloads("applied"): 9}, 8 * DAY - 1),
    Case("the drill is overdue", task("verify"), 2 * DAY + 3 * HOUR, "BackupDrillOverdue"),
    Case("the drill is late", task("verify"), 2 * DAY),
    Case("drills are off", task("verify", 0), 4 * DAY),
    Case("the drill failed", task("verify", 0, 1), 1, "BackupDrillFailed"),
    Case("prune failed once", task("prune", 0, 1), DAY),

    Case("locked by old locks", {of("backup_stale_locks"): 2, **status("failure")}, HOUR,
         "BackupStaleLocks"),
    Case("old locks were removed", {of("backup_stale_locks"): f"1x{DAY} 0x{_LONG}",
                                    **status("success")}, DAY + HOUR),
    Case("old locks again and again", {of("backup_stale_locks"): 1}, 3 * DAY, "BackupStaleLocks"),
    Case("old locks of one that is gone", {of("backup_stale_locks"): 1}, 3 * DAY, more=gone()),

    Case("messages are lost", {of("backup_notify_failures_total"): "0x11 1x11 2x11 4x600"},
         4 * HOUR, "BackupReportsFailing"),
    Case("a message was lost", {of("backup_notify_failures_total"): "0x11 1x600"}, 4 * HOUR),
    Case("messages were lost long ago", {of("backup_notify_failures_total"): "0x11 5x1000"},
         2 * DAY),

    Case("paused for a week", {of("backup_paused"): 1}, 7 * DAY + 1, "BackupPausedForAWeek"),
    Case("paused", {of("backup_paused"): 1}, 7 * DAY - 1),

    Case("unprotected", {f'{COVERAGE}{{namespace="prod",reason="missed"}}': 2},
         HOUR, "BackupPodsUnprotected"),
    Case("as wanted", {f'{COVERAGE}{{namespace="prod",reason="{reason}"}}': 2
                       for reason in ("protected", "outdated", "opted_out", "left_out")}, DAY),

    Case("failing open", {OPEN: "0x11 1x5"}, 14, "BackupWebhookFailingOpen"),
    Case("failing open for the first time", {OPEN: "_x12 1x5", UP: 1}, 14,
         "BackupWebhookFailingOpen"),
    Case("failed open long before Prometheus began", {OPEN: 3, UP: 1}, 2),
    Case("failed open long ago", {OPEN: "0x11 3x600"}, 2 * HOUR),
    Case("another webhook fails open", {OPEN.replace("sidecar.", "mesh."): "0x11 3x60"}, 14),
    Case("pods are refused", {REFUSED: "0x11 1x5"}, 14, "BackupWebhookFailingOpen"),
    Case("pods are refused for the first time", {REFUSED: "_x12 1x5", UP: 1}, 14,
         "BackupWebhookFailingOpen"),

    Case("slow", {f'{BUCKET}{{{NAME},le="1"}}': "0+5x60", f'{BUCKET}{{{NAME},le="2.5"}}': "0+10x60",
                  f'{BUCKET}{{{NAME},le="+Inf"}}': "0+10x60"}, 10, "BackupWebhookSlow"),
    Case("quick", {f'{BUCKET}{{{NAME},le="0.025"}}': "0+10x60",
                   f'{BUCKET}{{{NAME},le="+Inf"}}': "0+10x60"}, 10),

    Case("a leaf that is not renewed", {f'{EXPIRY}{{kind="leaf"}}': 86400, LIFE: 86400}, 20 * HOUR,
         "BackupWebhookCertificateExpiring"),
    Case("a leaf that has ended", {f'{EXPIRY}{{kind="leaf"}}': 86400, LIFE: 86400}, 26 * HOUR,
         "BackupWebhookCertificateExpiring"),
    Case("a leaf about to be renewed", {f'{EXPIRY}{{kind="leaf"}}': 86400, LIFE: 86400}, 19 * HOUR),
    Case("a leaf of cert-manager's, not renewed",
         {f'{EXPIRY}{{kind="leaf"}}': 20 * 86400, LIFE: 90 * 86400}, 3 * DAY,
         "BackupWebhookCertificateExpiring"),
    Case("a CA that ends", {f'{EXPIRY}{{kind="ca"}}': 10 * 86400}, 4 * DAY,
         "BackupWebhookCertificateExpiring"),
    Case("nobody knows of a CA", {f'{EXPIRY}{{kind="ca"}}': 0}, 4 * DAY),

    Case("not trusted", {SYNC: 0}, 2,
         "BackupWebhookCaBundleOutOfSync"),
    Case("trusted", {SYNC: 1}, DAY),
    Case("the CA bundle is managed elsewhere", {SYNC: -1}, DAY),
]  # fmt: skip


@pytest.mark.parametrize("step", [_STEP, _LONG_STEP])
def test_each_alert_fires_when_it_should_and_no_other_does(tmp_path: Path, step: int) -> None:
    file = tmp_path / "cases.yaml"
    cases = {
        "rule_files": [str(rules.FILE.resolve())],
        "evaluation_interval": f"{step}m",
        "tests": [case.group() for case in CASES if case.step == step],
    }
    file.write_text(yaml.safe_dump(cases, sort_keys=False))

    done = subprocess.run(
        (need("promtool"), "test", "rules", file), capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fired() -> None:
    assert {case.fires for case in CASES} - {""} == rules.alerts().keys()
