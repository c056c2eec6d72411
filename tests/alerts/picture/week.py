"""A week of some workloads: real runs by a clock that is set back, and what each of them reported.

Held from one report to the next, as a Pushgateway does it, this is the history that a dashboard
shows. Nothing in it is made up but the data of the volumes and what goes wrong.
"""

import json
import math
import os
import shutil
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import time

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from kube.watch import DELETED
from tests.alerts.world import Cluster
from tests.faults.repository import sealing
from tests.integration.maintenance.job import CENTRAL, Job, Shared
from tests.integration.sidecars import PASSWORD, Sidecar
from tests.services import programs

HOURS = 7 * 24
_HOUR = 3600.0
_HOLD = 900.0  # seconds between two samples of a value that does not change
_AT_ONCE = 3
_SHARED, _MAINTENANCE = "shared", "backup/maintenance"
_JOB = 3  # hours after the workloads of a repository, the job that maintains it

Labels = tuple[tuple[str, str], ...]
Samples = dict[tuple[str, Labels], float]
Event = Callable[[Sidecar], object]


@dataclass(frozen=True, slots=True)
class Workload:
    """``every`` and all other times in hours; ``events`` happen so long before now.

    From ``until`` on there are no runs; a workload that is ``gone`` then has no pod either.
    """

    name: str
    every: int
    size: int  # of its files, in KiB
    new: int  # of them at each run
    until: int = 0
    gone: bool = False
    events: dict[int, Event] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    shares: bool = False  # a repository with others, which a job maintains

    @property
    def namespace(self) -> str:
        """The one that it lives in."""
        return self.name.partition("/")[0]

    @property
    def runs(self) -> range:
        """When it runs, in hours before now."""
        return range(HOURS, self.until - 1, -self.every)


def _loses_its_key(sidecar: Sidecar) -> None:
    sidecar.change_secret(RESTIC_PASSWORD="not the one")


def _loses_its_files(sidecar: Sidecar) -> None:
    for file in sidecar.volume.iterdir():
        file.unlink()


def _is_paused(sidecar: Sidecar) -> None:
    sidecar.annotate({"backup.paused": "true"})


def _pings_nobody(sidecar: Sidecar) -> None:
    sidecar.change_secret(PING_URL="http://127.0.0.1:9/")


WORKLOADS = (
    Workload("media/photos", 6, 24_000, 700),
    Workload("media/music", 24, 16_000, 40),
    Workload("prod/wiki", 6, 4_000, 300),
    Workload("prod/shop", 6, 9_000, 8_000),
    Workload("prod/git", 6, 7_000, 60, events={30: _loses_its_key}),
    Workload("prod/mail", 6, 12_000, 500, until=20),
    Workload("home/notes", 24, 2_000, 30, events={24: _loses_its_files}, shares=True),
    Workload("home/calendar", 24, 500, 10, events={72: _is_paused}, shares=True),
    Workload(
        "home/recipes", 24, 3_000, 20, annotations={"backup.keep-daily": "seven"}, shares=True
    ),
    Workload("home/chat", 6, 5_000, 200, events={60: _pings_nobody}),
    Workload("old/blog", 24, 6_000, 10, until=48, gone=True),
)


@dataclass(slots=True)
class History:
    """What was known from when on, Unix times; by what reported it."""

    known: dict[str, list[tuple[float, Samples]]] = field(default_factory=dict)

    def add(self, source: str, at: float, samples: Samples) -> None:
        """Remember what a source says from now on."""
        self.known.setdefault(source, []).append((at, samples))

    def openmetrics(self, end: float) -> Iterator[str]:
        """Yield the lines of it all, each value held until there is another."""
        for reports in self.known.values():
            ends = [*(at for at, _ in reports[1:]), end]
            for (at, samples), until in zip(reports, ends, strict=True):
                moments = [at + n * _HOLD for n in range(math.ceil((until - at) / _HOLD))]
                for (name, labels), value in samples.items():
                    inside = ",".join(f'{key}="{text}"' for key, text in labels)
                    yield from (f"{name}{{{inside}}} {value} {each:.3f}\n" for each in moments)
        yield "# EOF\n"


def live(folder: Path, push: str) -> History:
    """Let the week pass, in minutes; ``push`` is the address of a Pushgateway."""
    now, history = time(), History()
    template = folder / "template"
    sealing.make_quick(template, PASSWORD)
    made = [(each, _made(each, folder, template, push)) for each in WORKLOADS]
    alone = [[each] for each in made if not each[0].shares]
    shares = [each for each in made if each[0].shares]
    job = Job(folder / _SHARED, _reports(push))
    cadences = json.dumps({"prune": "@daily", "check": "@daily"})
    job.environment |= {"BACKUP_NAMESPACE": "backup", "BACKUP_DEFAULTS": cadences}
    shared = Shared(folder / _SHARED, job)

    def lives(some: Sequence[tuple[Workload, Sidecar]]) -> None:
        for ago in some[0][0].runs:
            for workload, sidecar in some:
                _run(workload, sidecar, ago)
                history.add(workload.name, now - ago * _HOUR, _report(push, workload.name))
            if some is shares and ago:
                _date(shared, now, ago)
                later = ago - _JOB
                job.environment |= _clock(later)
                job.run()
                history.add(_MAINTENANCE, now - later * _HOUR, _report(push, _MAINTENANCE))
                _date(shared, now, later)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lives, [shares, *alone]))
    new = _made(Workload("prod/new", 6, 1, 0), folder, template, push)
    _cluster(history, now, [sidecar for _, sidecar in made], new)
    return history


def _made(workload: Workload, folder: Path, template: Path, push: str) -> Sidecar:
    annotations = {
        "backup.schedule": f"H */{workload.every} * * *" if workload.every < 24 else "@daily",
        "backup.keep-last": "20",  # restic has no other clock: for it all are of the same hour
        **workload.annotations,
    }
    namespace, _, name = workload.name.partition("/")
    secret = _reports(push) | (CENTRAL if workload.shares else {})
    root = folder / (_SHARED if workload.shares else name)
    made = Sidecar(root, name=name, namespace=namespace, annotations=annotations, secret=secret)
    if not made.repository.exists():
        shutil.copytree(template, made.repository)
    for number in range(10):
        (made.volume / f"file-{number}").write_bytes(os.urandom(workload.size * 1024 // 10))
    return made


def _reports(push: str) -> dict[str, str]:
    return {"PUSHGATEWAY_ENABLED": "true", "PUSHGATEWAY_URL": push}


def _clock(ago: int) -> dict[str, str]:
    return {"LD_PRELOAD": str(programs.need("faketime")), "FAKETIME": f"-{ago}h"}


def _date(shared: Shared, now: float, ago: int) -> None:
    """Let today's snapshots be of then: the job judges them, and restic's clock is not set back."""
    times = {each["id"]: datetime.fromisoformat(each["time"]) for each in shared.snapshots()}
    made = [name for name, time in times.items() if time.timestamp() >= now]
    then = datetime.fromtimestamp(now - ago * _HOUR, UTC).astimezone()
    shared.restic("rewrite", "--forget", "--new-time", f"{then:%Y-%m-%d %H:%M:%S}", *made)


def _run(workload: Workload, sidecar: Sidecar, ago: int) -> None:
    """Change the files, let happen what happens, back up, and do the tasks that are due."""
    changed = sidecar.volume / f"new-{ago % 5}"
    changed.write_bytes(os.urandom(workload.new * 1024))
    if ago in workload.events:
        workload.events[ago](sidecar)
    usual = sidecar._extra
    sidecar._extra = {**usual, **_clock(ago)}
    if "backup.paused" not in sidecar.pod["metadata"]["annotations"]:
        sidecar.run("backup-runner", "run")
    sidecar.run("backup-runner", "tick")
    sidecar._extra = usual


def _cluster(history: History, now: float, sidecars: list[Sidecar], new: Sidecar) -> None:
    """Let webhook and API server see it all: quiet days, then a node that goes away."""
    cluster = Cluster()
    for sidecar in sidecars:
        cluster.comes(sidecar)
    for ago in range(HOURS, -1, -2):
        cluster.admits()
        cluster.answers(seconds=0.004, times=3)
        for workload, sidecar in zip(WORKLOADS, sidecars, strict=True):
            if workload.gone and ago == workload.until:
                cluster.seen._sidecars.change(sidecar.pod, DELETED)
        if ago == 20:
            cluster.open_count(2)
            cluster.answers(seconds=4, times=2)
        if ago == 4:
            cluster.comes(new)
        cluster.covers(protected=11 if ago > 48 else 10, opted_out=2, missed=2 * (ago <= 20))
        at = now - ago * _HOUR
        for job, registry in (("webhook", cluster.metrics.registry), ("apiserver", cluster.server)):
            history.add(job, at, _of(registry, {"job": job, "instance": f"{job}:8443"}))


def _report(push: str, name: str) -> Samples:
    """Return what the Pushgateway has of one."""
    namespace, _, instance = name.partition("/")
    own = {("namespace", namespace), ("instance", instance)}
    return {key: value for key, value in _shown(push).items() if own <= set(key[1])}


def _shown(push: str) -> Samples:
    with urllib.request.urlopen(f"{push}/metrics", timeout=60) as answer:  # noqa: S310 -- loopback
        return _samples(answer.read().decode(), {})


def _of(registry: CollectorRegistry, labels: dict[str, str]) -> Samples:
    return _samples(generate_latest(registry).decode(), labels)


def _samples(text: str, more: dict[str, str]) -> Samples:
    return {
        (sample.name, tuple(sorted({**sample.labels, **more}.items()))): float(sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }
