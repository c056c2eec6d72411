"""What has become of some workloads, what should be told of it, and how each is mended."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import time

from tests.alerts.world import World, change_state
from tests.faults.repository import locks
from tests.faults.repository.locks import Holder
from tests.integration.maintenance.job import RECORDS, Job, Shared
from tests.integration.sidecars import Sidecar
from tests.services import programs

_DAY = 24 * 3600
_NOBODY = "http://127.0.0.1:9/"
_AT_ONCE = 3  # restic waits for the disk now and then

Mend = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Planted:
    """``alerts`` are what should fire by now; ``mends`` undo all that can be undone at once."""

    sidecars: dict[str, Sidecar]
    alerts: set[str]
    mends: list[Mend]


def plant(world: World) -> Planted:
    """Make it all; return when the last of it is so."""
    kinds = (
        _well, _stuck, _paused, _off, _failing, _locked, _warning, _drill_is_overdue,
        _drill_fails, _prune_is_overdue, _mute, _gone, _unmaintained, _maintenance_fails, _held,
        _maintenance_stopped,
    )  # fmt: skip
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(lambda kind: kind(world), kinds))
    found += [_never(world), _cluster(world)]
    return Planted(
        {name: each for name, each, _, _ in found if each},
        {alert for _, _, alerts, _ in found for alert in alerts},
        [mend for _, _, _, mend in found if mend],
    )


_Found = tuple[str, Sidecar | None, set[str], Mend | None]


def _well(world: World) -> _Found:
    return "wiki", world.backed_up("wiki"), set(), None


def _stuck(world: World) -> _Found:
    made = world.backed_up("stuck", hours_ago=5, schedule="@hourly")
    return "stuck", made, {"BackupOverdue stuck"}, made.back_up


def _paused(world: World) -> _Found:
    made = world.backed_up("paused", hours_ago=5, seen=False)
    made.annotate({"backup.paused": "true"})
    _look(made)
    world.await_value('backup_paused{instance="paused"}', 1)
    world.seen(made)

    def mend() -> None:
        made.annotate({"backup.paused": "false"})
        made.back_up()

    return "paused", made, {"BackupPausedForAWeek paused"}, mend


def _off(world: World) -> _Found:
    made = world.backed_up("off", hours_ago=5, seen=False)
    made.annotate({"backup.schedule": "off"})
    _look(made)
    world.await_value('backup_next_due_timestamp_seconds{instance="off"}', 0)
    world.seen(made)
    return "off", made, set(), None


def _failing(world: World) -> _Found:
    made = world.backed_up("failing")
    right = made.secret["RESTIC_PASSWORD"]
    made.change_secret(RESTIC_PASSWORD="wrong")
    made.back_up(expected=1)

    def mend() -> None:
        made.change_secret(RESTIC_PASSWORD=right)
        made.back_up()

    return "failing", made, {"BackupFailing failing"}, mend


def _locked(world: World) -> _Found:
    """One lock is old, another is not: whoever holds that may be at work."""
    made = world.backed_up("locked")
    found = [locks.leave(made, Holder(f"pod-{age}", minutes=age)) for age in (1, 90)]
    made.back_up(expected=75)

    def mend() -> None:
        for file in found:
            file.unlink()
        made.back_up()

    return "locked", made, {"BackupFailing locked", "BackupStaleLocks locked"}, mend


def _warning(world: World) -> _Found:
    made = world.sidecar("warning")
    (made.volume / "page").unlink()
    made.back_up()
    world.seen(made)

    def mend() -> None:
        (made.volume / "page").write_text("some")
        made.back_up()

    return "warning", made, {"BackupWarning warning"}, mend


def _drill_is_overdue(world: World) -> _Found:
    made = _tried_in_vain(world, "drill", "verify")
    return "drill", made, {"BackupDrillOverdue verify drill"}, lambda: _do(made, "verify")


def _prune_is_overdue(world: World) -> _Found:
    made = _tried_in_vain(world, "growing", "prune")
    alert = "BackupMaintenanceOverdue prune growing"
    return "growing", made, {alert}, lambda: _do(made, "prune")


def _tried_in_vain(world: World, name: str, task: str) -> Sidecar:
    """Return one whose task was done three weeks ago, and has been interrupted since."""
    made = world.backed_up(name)
    now = time()
    since = {"success": now - 21 * _DAY, "attempted": now, "status": "interrupted", "tries": 3}
    change_state(made, **{task: since})
    made.back_up()
    return made


def _drill_fails(world: World) -> _Found:
    """The last one was good, so that none is overdue, whatever day it is."""
    made = world.backed_up("broken")
    _do(made, "verify")
    packs = made.repository / "data"
    packs.rename(packs.with_name("away"))
    _do(made, "verify", expected=1)

    def mend() -> None:
        shutil.rmtree(packs, ignore_errors=True)
        packs.with_name("away").rename(packs)
        _do(made, "verify")

    return "broken", made, {"BackupDrillFailed broken"}, mend


def _mute(world: World) -> _Found:
    """Whoever waits for its pings hears nothing; not to be undone: a day is looked back on."""
    made = world.backed_up("mute")
    world.await_value('backup_notify_failures_total{instance="mute"}', 0)
    made.change_secret(PING_URL=_NOBODY)
    made.back_up()
    made.back_up()
    return "mute", made, {"BackupReportsFailing mute"}, None


def _gone(world: World) -> _Found:
    """Deleted for good, or scaled to zero, or a Job that is over: no pod of it is left."""
    return "gone", world.backed_up("gone", hours_ago=5, seen=False), set(), None


def _unmaintained(world: World) -> _Found:
    """It leaves to a job what no job has done for three days."""
    made = world.backed_up("alone", maintenance="central")
    then = f"{datetime.now() - timedelta(days=4):%Y-%m-%d %H:%M:%S}"  # noqa: DTZ005 -- as restic reads it
    made.restic("rewrite", "--forget", "--new-time", then, "--host", RECORDS)

    def look() -> None:
        change_state(made, forget={"attempted": 1})
        made.back_up()

    def mend() -> None:
        _job(world, made, "alone").run()
        look()

    look()

    return "alone", made, {"BackupMaintenanceMissing prod"}, mend


def _maintenance_fails(world: World) -> _Found:
    made = world.backed_up("shared", maintenance="central")
    job = _job(world, made, "failing")
    right = job.secret["RESTIC_PASSWORD"]
    job.secret["RESTIC_PASSWORD"] = "wrong"
    job.run(expected=1)

    def mend() -> None:
        job.secret["RESTIC_PASSWORD"] = right
        job.run()

    return "shared", made, {"BackupMaintenanceFailing maintenance"}, mend


def _held(world: World) -> _Found:
    """A job that was not told what to keep of one workload; else it has done all there is."""
    made = world.backed_up("silent")
    job = _job(world, made, "held")
    shared = Shared(made.repository.parent, job)
    job.run()
    shared.make_due("prune", "check")
    job.run()

    def mend() -> None:
        made.annotate({"backup.maintenance": "central"})
        made.back_up()
        shared.make_due("forget")
        job.run()

    return "silent", made, {"BackupRetentionHeld maintenance"}, mend


def _maintenance_stopped(world: World) -> _Found:
    """The job came to a good end six days ago, and never came again."""
    job = _job(world, world.sidecar("late"), "late")
    usual = job.environment
    cadences = json.dumps({"forget": "@daily", "prune": "off", "check": "off"})
    faked = {"LD_PRELOAD": str(programs.need("faketime")), "FAKETIME": "-6d"}
    job.environment = {**usual, "BACKUP_DEFAULTS": cadences, **faked}
    job.run()

    def mend() -> None:
        job.environment = {**usual, "BACKUP_DEFAULTS": cadences}
        job.run()

    return "late", None, {"BackupMaintenanceOverdue forget maintenance"}, mend


def _job(world: World, sidecar: Sidecar, namespace: str) -> Job:
    """Return the job that maintains a sidecar's repository."""
    reports = {"PUSHGATEWAY_ENABLED": "true", "PUSHGATEWAY_URL": world.push}
    made = Job(sidecar.repository.parent, reports)
    made.environment["BACKUP_NAMESPACE"] = namespace
    return made


def _never(world: World) -> _Found:
    made = world.sidecar("never")
    world.cluster.comes(made)
    return "", None, {"BackupNeverReported never"}, made.back_up


def _cluster(world: World) -> _Found:
    """What webhook and API server show. That it failed open is remembered for a while."""
    cluster = world.cluster
    # Rates are of two looks: one before.
    world.await_value("apiserver_admission_webhook_admission_duration_seconds_count", 1)
    cluster.covers(protected=12, missed=2)
    cluster.open_count(3)
    cluster.admits()
    cluster.answers(seconds=5, times=200)
    cluster.certificate, cluster.trusted = timedelta(days=5), False

    def mend() -> None:
        cluster.covers(protected=14)
        cluster.answers(seconds=0.003, times=50_000)
        cluster.open_count(4)  # again: it is to be remembered for as long as anybody looks
        cluster.certificate, cluster.trusted = timedelta(days=29), True

    alerts = {
        "BackupPodsUnprotected prod", "BackupWebhookFailingOpen", "BackupWebhookSlow",
        "BackupWebhookCertificateExpiring", "BackupWebhookCaBundleOutOfSync",
    }  # fmt: skip
    return "", None, alerts, mend


def _look(sidecar: Sidecar) -> None:
    assert sidecar.run("backup-runner", "tick").returncode == 0


def _do(sidecar: Sidecar, task: str, expected: int = 0) -> None:
    done = sidecar.run("backup-runner", task)
    assert done.returncode == expected, done.stdout + done.stderr
