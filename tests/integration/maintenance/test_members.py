"""What members of one repository can do to each other's history: nothing that nobody sees.

Whoever has the password can add any snapshot; the job alone has keys that delete.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from demo.receiver import Receiver
from runner.maintenance.retention import policy_records
from runner.policy import attestation
from tests.faults.repository import sealing
from tests.integration.maintenance.job import RECORDS, Job, Shared, days_ago, messages
from tests.integration.sidecars import PASSWORD, Json, Sidecar, later

KEY = {"BACKUP_MAINTENANCE_KEY": "of the job alone"}
OLD = tuple(range(20, 30))  # days
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Said = tuple[tuple[str, ...], timedelta]
FORGED: Mapping[str, tuple[Said, ...]] = {
    "less": ((("keep-last=1",), -HOUR),),
    "many": tuple(((f"keep-last={n + 1}",), -HOUR * (n + 1)) for n in range(60)),
    "past": ((("keep-last=1",), -30 * DAY),),
    "ahead": ((("keep-last=1",), 24 * HOUR),),
    "future": ((("keep-last=1",), 9999 * DAY),),
    "zero": ((("keep-within=0d",), -HOUR),),
    "short": ((("keep-within=1h",), -HOUR),),
    "replayed": ((("keep-daily=1",), -99 * DAY), (("keep-daily=1",), -HOUR)),
    "garbage": ((("keep-last=1\0", "keep-no=x", "ü\n\x1b[0m"), -HOUR),),
    "huge": ((("keep-last=1", *("x" * 999 for _ in range(999))), -HOUR),),
    "nothing": (((), -HOUR),),
    "own": ((("keep=own",), -2 * HOUR), (("keep-last=1",), -HOUR)),
    "held": ((("keep-last=1", "held=yes"), -2 * HOUR), (("keep-last=1",), -HOUR)),
    "copied": ((("keep-last=1", "copy=yes"), -HOUR),),
    "both": ((("keep=all", "keep-last=1"), -HOUR),),
    "twice": ((("keep-last=9", "keep-last=1"), -HOUR),),
}


@pytest.fixture
def shared(tmp_path: Path) -> Shared:
    """A repository with a snapshot that others are made like, and a job with a key of its own."""
    sealing.make_quick(tmp_path / "repository", PASSWORD)
    made = Shared(tmp_path, Job(tmp_path, KEY))
    made.job.environment["BACKUP_DEFAULTS"] = json.dumps({"prune": "@weekly"})
    made.restic(
        "backup", "--host", "seed", "--stdin-filename", "/seed", "--stdin-from-command", "--",
        "echo", "seed",
    )  # fmt: skip
    return made


def _has(shared: Shared, like: Json, *hosts: str) -> None:
    """Add backups of workloads, all older than the floor protects."""
    for host in hosts:
        tags = ["ns=prod", "kind=Deployment", f"workload={host}"]
        shared.add(like, *days_ago(*OLD), hostname=host, tags=tags, paths=["/backup/data"])


def _say(shared: Shared, like: Json, host: str, *said: Said) -> None:
    """Leave records in a workload's name, as anybody with the password can."""
    path = policy_records.Owner("prod", host, "Deployment", host).path
    for tags, when in said:
        shared.add(
            like, datetime.now(UTC) + when, hostname=RECORDS, tags=["record=retention", *tags],
            paths=[path],
        )  # fmt: skip


def _counts(shared: Shared) -> dict[str, int]:
    hosts = [each["hostname"] for each in shared.snapshots("--tag", "ns=prod")]
    return {host: hosts.count(host) for host in hosts}


def _state(shared: Shared) -> Json:
    """Return the newest of the job's states."""
    key = attestation.key(attestation.material(shared.job.secret))
    known = [each for each in shared.records("maintenance") if each["time"] > "2021"]
    newest = max(known, key=lambda each: attestation.number(key, tuple(each["tags"])))
    state: Json = json.loads(shared.restic("dump", newest["id"], newest["paths"][0]))
    return state


def _pass(shared: Shared, days: float, key: bytes | None = None) -> None:
    """Let all that the job has seen be as much longer ago."""
    state = _state(shared)
    for known in state["policies"].values():
        known["since"] = max(0, known["since"] - days * 86400)
    state["tasks"] = {}
    shared.write_state(state, key or attestation.key(attestation.material(shared.job.secret)))


def test_no_forged_record_deletes_anything_at_once(shared: Shared) -> None:
    """Neither where the job knows a policy, nor beside one that it has not seen, nor alone."""
    (like,) = shared.snapshots()
    hosts = [f"{before}-{name}" for before in ("known", "beside", "alone") for name in FORGED]
    _has(shared, like, *hosts, "daily", "gone")
    for host in hosts:
        if not host.startswith("alone"):
            _say(shared, like, host, (("keep=all",), -3 * HOUR))
    _say(shared, like, "daily", (("keep-daily=90",), -3 * HOUR))
    before = {f"known-{name}": 10 for name in FORGED} | {"daily": 10}
    kept = shared.job.run()[-1]["workloads"]["kept"]
    assert kept == 2 * len(FORGED) + 1, "what is not known yet is kept whole"
    state = _state(shared)
    state["policies"] = {
        path: {"keeps": known["asked"] or {}, "asked": None, "since": 0}
        for path, known in state["policies"].items()
        if "beside" not in path and "alone" not in path
    }
    state["tasks"] = {}
    shared.write_state(state, attestation.key(attestation.material(shared.job.secret)))

    for host in hosts:
        _say(shared, like, host, *FORGED[host.partition("-")[2]])
    _say(shared, like, "daily", (("keep-last=1",), -HOUR))
    _say(shared, like, "nobody", (("keep-last=1",), -HOUR))
    shared.add(like, *days_ago(0), hostname=RECORDS, tags=["record=retention"], paths=["/../x"])
    process = shared.job.start()
    output, errors = process.communicate()

    assert errors == ""
    assert "internal error" not in output
    assert _counts(shared) == before | dict.fromkeys([*hosts, "daily", "gone"], 10)
    told = messages([json.loads(line) for line in output.splitlines()])
    for host in ("known-less", "beside-less", "daily", "known-own", "known-many"):
        assert f"prod/{host}: retention shrinks from" in told
    assert "from keep-daily=90 to keep-last=1 on" in told


def test_a_shrink_is_announced_and_applies_after_the_grace_period_above_the_floor(
    shared: Shared, web: Receiver
) -> None:
    shared.job.secret |= {
        "NTFY_ENABLED": "true", "NTFY_SERVER": web.url, "NTFY_TOPIC": "home",
        "PUSHGATEWAY_ENABLED": "true", "PUSHGATEWAY_URL": web.url,
        "BACKUP_FLOOR_LAST": "4", "BACKUP_FLOOR_WITHIN": "24d",
    }  # fmt: skip
    (like,) = shared.snapshots()
    _has(shared, like, "wiki", "blog", "shop")
    for host in ("wiki", "blog", "shop"):
        _say(shared, like, host, (("keep=all",), -2 * DAY), (("keep-last=1",), -HOUR))

    assert "prod/wiki kept: all of it" in messages(shared.job.run())

    values = web.metrics()
    assert values["backup_retention_shrinks"] == 3
    (note,) = [json.loads(each.body) for each in web.all if each.path == "/"]
    assert note["title"] == "Maintenance warning: backup-webhook/maintenance"
    assert "prod/wiki: retention shrinks from everything to keep-last=1 on" in note["message"]
    assert "backup-runner maintain --accept prod/wiki" in note["message"]

    log = shared.job.run("--accept", "prod/blog", "--accept", "prod/none", expected=1)
    assert "--accept prod/none: no such workload has a shorter retention pending" in messages(log)
    assert _counts(shared) == {"wiki": 10, "blog": 10, "shop": 10}, "it is not due yet"

    # The rightful sidecar of one says again what it says every three days.
    _say(shared, like, "shop", (("keep=all",), timedelta()), (("keep-last=1",), timedelta()))
    _pass(shared, 7.01)
    log = shared.job.run()

    # Of keep-within, restic counts from the newest.
    assert _counts(shared) == {"wiki": 10, "blog": 10, "shop": 10}
    shared.job.secret["BACKUP_FLOOR_WITHIN"] = "0d"
    _pass(shared, 6)
    shared.job.run()
    assert _counts(shared) == {"wiki": 4, "blog": 4, "shop": 10}
    assert web.metrics()["backup_retention_shrinks"] == 1


def test_only_the_job_can_write_its_state(shared: Shared) -> None:
    """Forged states of it are ignored and removed, whichever is the newest."""
    (like,) = shared.snapshots()
    _has(shared, like, "wiki")
    _say(shared, like, "wiki", (("keep=all",), -2 * DAY), (("keep-last=1",), -HOUR))
    shared.job.run()
    (own,) = shared.records("maintenance")
    since = _state(shared)["policies"]
    long_ago = {path: {**known, "since": 1} for path, known in since.items()}
    (shared.root / "forged.json").write_text(json.dumps({**_state(shared), "policies": long_ago}))
    shared.restic(
        "backup", "--host", RECORDS, "--tag", ",".join(own["tags"]), "--time",
        "2020-01-01 00:00:00",
        "--stdin-filename", policy_records.STATE_PATH, "--stdin-from-command",
        "--", "cat", str(shared.root / "forged.json"),
    )  # fmt: skip
    for each in (
        {"time": "2099-01-01T00:00:00Z"},  # replayed
        {"time": "2099-01-01T00:00:00Z", "tags": ["record=maintenance"], "tree": like["tree"]},
        {"time": "2020-01-01T00:00:00Z", "tree": like["tree"]},  # without a state
        {"tags": ["record=maintenance", "seal=99999999999." + "0" * 64 + "." + "0" * 64]},
    ):
        shared.add(own, datetime.now(UTC), **each)
    other = {**shared.job.secret, "BACKUP_MAINTENANCE_KEY": "x"}
    _pass(shared, 99, attestation.key(attestation.material(other)))

    log = shared.job.run()

    assert _counts(shared) == {"wiki": 10}
    assert "using the newest authentic state" in messages(log)
    assert _state(shared)["policies"] == since
    assert len(shared.records("maintenance")) == 1
    shared.job.secret["BACKUP_MAINTENANCE_KEY"] = "another"
    assert "no earlier job's state is authentic" in messages(shared.job.run())


def _sidecar(root: Path, secret: Mapping[str, str], admitted: Mapping[str, str]) -> Sidecar:
    """Return a sidecar with a history of ten days; ``admitted`` are annotations of its template."""
    sealing.make_quick(root / "repository", PASSWORD)
    made = Sidecar(root, secret=secret, annotations=admitted)
    (made.volume / "index.md").write_text("x")
    made.back_up()
    Shared(root, Job(root)).add(made.snapshots()[0], *days_ago(*range(1, 11)))
    return made


def _applied(sidecar: Sidecar, days: float = 0) -> int:
    """Back up with retention due, as if that were days later; return how many snapshots stay."""
    file = sidecar.path("/var/lib/backup") / "state.json"
    state = json.loads(file.read_text()) | {"tasks": {}}
    if known := state.get("retention"):
        known["since"] = max(0, known["since"] - days * 86400)
    file.write_text(json.dumps(state))
    sidecar.back_up()
    assert sidecar.status()["tasks"]["forget"]["status"] in {"success", "skipped"}
    return len(sidecar.snapshots())


LESS = {f"backup.keep-{key}": "0" for key in ("hourly", "daily", "weekly", "monthly")}
LESS |= {"backup.keep-last": "1"}


@pytest.mark.parametrize("new", [True, False])
def test_patching_a_pod_shrinks_no_history_unnoticed(tmp_path: Path, new: bool) -> None:
    """Not even in the first minute of a pod."""
    sidecar = _sidecar(tmp_path, {"KEEP_DAILY": "30"}, {})
    if new:
        (sidecar.path("/var/lib/backup") / "state.json").write_text('{"run_now": ""}')
    sidecar.annotate({**LESS, "backup.forget": "* * * * *", "backup.keep-within": "1h"})

    assert _applied(sidecar) > 10
    (line,) = [each for each in sidecar.status()["problems"] if "shrinks" in each]
    assert "retention shrinks from keep-last=1 keep-hourly=24 keep-daily=30" in line
    assert "`backup-runner accept --retention`" in line
    if new:
        assert sidecar.run("backup-runner", "accept", "--retention").returncode == 0
        assert sidecar.run("backup-runner", "accept", "--retention").returncode == 1
        assert _applied(sidecar) < 6
    else:
        assert _applied(sidecar, 6.9) > 10
        assert _applied(sidecar, 0.2) < 6
    assert not [each for each in sidecar.status()["problems"] if "shrinks" in each]


def test_the_policy_of_the_template_applies_at_once(tmp_path: Path) -> None:
    sidecar = _sidecar(tmp_path, {}, {**LESS, "backup.keep-last": "5"})
    assert _applied(sidecar) == 5

    sidecar.annotate({"backup.keep-last": "6"})
    assert _applied(sidecar) == 6
    sidecar.annotate({"backup.keep-last": "5"})  # as it was admitted, and less than it is now
    assert _applied(sidecar) == 6


def test_no_annotation_and_no_secret_keeps_less_than_the_floor_of_the_chart(tmp_path: Path) -> None:
    sidecar = _sidecar(tmp_path, {"KEEP_WITHIN": "1d"}, LESS)
    floor = {"floor-last": "4", "floor-within": "5d", "shrink-grace": "0d"}
    next(each for each in sidecar.spec["env"] if each["name"] == "BACKUP_DEFAULTS")["value"] = (
        json.dumps({**later(), **floor})
    )

    assert _applied(sidecar) == 2 + 4
    problems = sidecar.status()["problems"]
    why = "keeps less than the cluster's minimum"
    assert f"annotation backup.keep-last '1': {why}; using 4" in problems
    assert f"Secret variable KEEP_WITHIN '1d': {why}; using 5d" in problems
    sidecar.annotate({"backup.keep-last": "0"})
    sidecar.change_secret(KEEP_WITHIN="")
    assert _applied(sidecar) == 7, "all zero keeps everything, and no floor less"
