"""The maintenance job beside real sidecars, with real restic: each keeps what it says, no less."""

import json
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from demo.receiver import Receiver
from tests.cluster.work import until
from tests.faults.night import argv, children
from tests.faults.repository import locks, sealing
from tests.faults.repository.locks import Holder
from tests.integration.maintenance.job import RECORDS, Job, Shared, days_ago, messages
from tests.integration.sidecars import PASSWORD, Json, Sidecar

_CANARY = "canary-7Qx2Lw9"
DAYS = tuple(range(1, 40))
NOT_ITS_OWN = {"forget", "prune", "check", "copy"}


@pytest.fixture
def shared(tmp_path: Path) -> Shared:
    """A repository that is there and empty."""
    sealing.make_quick(tmp_path / "repository", PASSWORD)
    return Shared(tmp_path, Job(tmp_path))


def _keep(**counts: int) -> dict[str, str]:
    usual = {"last": 0, "hourly": 0, "daily": 0, "weekly": 0, "monthly": 0}
    return {f"KEEP_{key.upper()}": str(count) for key, count in {**usual, **counts}.items()}


def _ids(found: list[Json]) -> set[str]:
    return {each["id"] for each in found}


def _own(shared: Shared, host: str) -> list[Json]:
    return shared.snapshots("--host", host)


def _backed_up(shared: Shared, name: str, **secret: str) -> Json:
    """Return the first snapshot of another workload, which has told the job what it keeps."""
    shared.sidecar(name, **secret).back_up()
    (made,) = _own(shared, name)
    return made


def _left_by(shared: Shared, host: str, *policy: str) -> set[str]:
    """Return what restic itself would keep of a workload by this policy."""
    tags = f"ns=prod,kind=Deployment,workload={host}"
    filters = ("--host", host, "--tag", tags, "--group-by", "host,tags")
    told = shared.restic(
        "forget", "--dry-run", "--json", "-q", *filters, "--keep-tag", "keep", *policy
    )
    return {each["id"] for group in json.loads(told) for each in group["keep"]}


def test_each_workload_keeps_exactly_what_its_policy_sets(shared: Shared) -> None:
    wiki = _backed_up(shared, "wiki", **_keep(last=2))
    blog = _backed_up(shared, "blog", **_keep(daily=3, weekly=2))
    shop = _backed_up(shared, "shop", KEEP_WITHIN="10d", **_keep())
    shared.add(wiki, *days_ago(*DAYS))
    shared.add(wiki, *days_ago(2, 3, 4), tags=[*wiki["tags"], "doubtful"])
    shared.add(wiki, *days_ago(2, 3, 4), tags=[*wiki["tags"], "dump=postgres"])
    shared.add(wiki, *days_ago(30), tags=[*wiki["tags"], "keep"])
    shared.add(blog, *days_ago(*DAYS))
    shared.add(shop, *days_ago(*DAYS))
    shared.add(shop, *days_ago(1, 2, 3), hostname="mute",
               tags=["ns=prod", "kind=Deployment", "workload=mute"])  # fmt: skip
    shared.add(shop, *days_ago(5), hostname="laptop", tags=["photos"])
    untouched = _ids(_own(shared, "mute")) | _ids(_own(shared, "laptop"))
    expected = {
        "wiki": _left_by(shared, "wiki", "--keep-last=2")
        - _ids(shared.snapshots("--tag", "doubtful")),
        "blog": _left_by(shared, "blog", "--keep-last=2", "--keep-daily=3", "--keep-weekly=2"),
        "shop": _left_by(shared, "shop", "--keep-last=2", "--keep-within=10d"),
    }

    log = shared.job.run()

    assert {host: _ids(_own(shared, host)) for host in expected} == expected
    assert len(expected["wiki"]) == 2 + 2 + 1, "dumps count by themselves, doubtful ones as if good"
    assert max(map(len, expected.values())) < 15 < len(DAYS)
    assert _ids(_own(shared, "mute")) | _ids(_own(shared, "laptop")) == untouched
    assert "prod/mute held: it has no retention record" in messages(log)
    assert log[-1]["workloads"] == {"applied": 3, "failed": 0, "held": 1, "kept": 0}
    assert len(shared.records()) == 3


def test_a_changed_keep_policy_applies_from_the_next_maintenance(shared: Shared) -> None:
    sidecar = shared.sidecar("wiki", **_keep(last=3))
    sidecar.back_up()
    (first,) = _own(shared, "wiki")
    shared.add(first, *days_ago(*DAYS))
    shared.job.run()
    assert len(_own(shared, "wiki")) == 3

    sidecar.change_secret(KEEP_LAST="2")
    sidecar.back_up()
    shared.make_due("forget")
    shared.job.run()

    assert len(_own(shared, "wiki")) == 2
    (record,) = shared.records()
    assert record["tags"] == ["record=retention", "keep-last=2"]


def test_an_unchanged_policy_is_not_published_again(shared: Shared) -> None:
    sidecar = shared.sidecar("wiki")
    sidecar.back_up()
    (said,) = shared.records()

    sidecar.back_up()
    (sidecar.path("/var/lib/backup") / "state.json").unlink()  # a new pod
    sidecar.back_up()

    assert shared.records() == [said]


def _commands(sidecar: Sidecar) -> set[str]:
    """Return which commands of restic a run starts, with all that is due."""
    file = sidecar.path("/var/lib/backup") / "state.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"tasks": {}}))
    done = sidecar.run("backup-runner", "run")
    assert done.returncode == 0, done.stdout
    words = [line["argv"] for line in map(json.loads, done.stdout.splitlines()) if "argv" in line]
    assert all(word[0] == "restic" for word in words)
    return {word[1] for word in words}


def test_a_sidecar_leaves_maintenance_to_the_job_until_configured_otherwise(shared: Shared) -> None:
    second = {"COPY_RESTIC_REPOSITORY": str(shared.root / "second")}
    sidecar = shared.sidecar("wiki", DEBUG="true", **second)
    sidecar.back_up()

    assert _commands(sidecar) & NOT_ITS_OWN == set()
    tasks = sidecar.status()["tasks"]
    assert {name: tasks[name]["status"] for name in tasks} == {
        **dict.fromkeys(("forget", "prune", "check", "copy", "copy_forget", "copy_prune"),
                        "skipped"),
        "verify": "success",
    }  # fmt: skip
    assert "the maintenance job does it for all" in tasks["prune"]["message"]
    assert not (shared.root / "second").exists()

    sidecar.change_secret(BACKUP_MAINTENANCE="own")

    assert _commands(sidecar) >= NOT_ITS_OWN
    assert sidecar.status()["tasks"]["forget"]["status"] == "success"
    assert shared.records()[-1]["tags"] == ["record=retention", "keep=own"]
    log = shared.job.run(expected=0)
    assert "prod/wiki kept: its sidecar applies it" in messages(log)


def test_a_new_pod_revokes_the_record_of_its_predecessor(shared: Shared) -> None:
    """Told otherwise and restarted at once, it has no state that knows of a record."""
    sidecar = shared.sidecar("wiki", **_keep(last=1))
    sidecar.back_up()
    (first,) = _own(shared, "wiki")
    shared.add(first, *days_ago(1, 2, 3))
    (sidecar.path("/var/lib/backup") / "state.json").unlink()
    sidecar.change_secret(BACKUP_MAINTENANCE="own", KEEP_LAST="90")
    sidecar.back_up()

    log = shared.job.run()

    assert len(_own(shared, "wiki")) == 5
    assert "prod/wiki kept: its sidecar applies it" in messages(log)
    other = shared.sidecar("blog", BACKUP_MAINTENANCE="own")
    other.back_up()
    assert len(shared.records()) == 1, "nothing is to be taken back"


def test_records_do_not_count_as_backups(shared: Shared) -> None:
    sidecar = shared.sidecar("wiki", **_keep(last=1))
    sidecar.back_up()
    shared.job.run()
    (backup,) = _own(shared, "wiki")
    assert shared.snapshots()[-1]["hostname"] == RECORDS
    (sidecar.path("/var/lib/backup") / "state.json").unlink()  # a new pod

    assert sidecar.run("backup-runner", "verify").returncode == 0
    done = sidecar.run("backup-runner", "restore", "--to", str(shared.root / "back"), "--json")
    assert json.loads(done.stdout)["snapshot"] == backup["id"], done.stdout
    sidecar.back_up()
    assert sidecar.status()["last"]["new"] == 0, "the parent was a backup"


def test_retention_of_volumes_that_lost_their_files_is_suspended(shared: Shared) -> None:
    sidecar = shared.sidecar("wiki", **_keep(last=1))
    sidecar.back_up()
    (first,) = _own(shared, "wiki")
    shared.add(first, *days_ago(1, 2, 3))
    before = _ids(_own(shared, "wiki"))
    for file in sorted(sidecar.volume.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() and not file.is_symlink() else file.unlink()
    sidecar.back_up(expected=1)

    log = shared.job.run()

    assert before < _ids(_own(shared, "wiki"))
    assert "prod/wiki held: a source lost its files" in messages(log)


def test_an_unreadable_record_does_not_affect_other_workloads(shared: Shared) -> None:
    wiki = _backed_up(shared, "wiki", **_keep(last=1))
    blog = _backed_up(shared, "blog", **_keep(last=1))
    shared.add(wiki, *days_ago(1, 2))
    shared.add(blog, *days_ago(1, 2))
    (bad,) = [each for each in shared.records() if "blog" in each["paths"][0]]
    shared.add(bad, datetime.now(UTC), tags=["record=retention", "keep-dayly=7"])

    log = shared.job.run(expected=1)

    assert len(_own(shared, "wiki")) == 2
    assert len(_own(shared, "blog")) == 3
    assert "prod/blog failed: its record cannot be read: 'keep-dayly=7'" in messages(log)
    assert log[-1]["workloads"] == {"applied": 1, "failed": 1, "held": 0, "kept": 0}


def test_a_damaged_list_forgets_nothing(shared: Shared) -> None:
    """restic lists what it can read, and calls it all: the newest record may not be among it."""
    sidecar = shared.sidecar("wiki", **_keep(last=2))
    sidecar.back_up()
    (first,) = _own(shared, "wiki")
    shared.add(first, *days_ago(1, 2, 3))
    sidecar.change_secret(KEEP_LAST="90")
    sidecar.back_up()
    newest = shared.root / "repository" / "snapshots" / shared.records()[-1]["id"]
    whole = newest.read_bytes()
    newest.chmod(0o600)
    newest.write_bytes(b"")

    log = shared.job.run(expected=1)

    assert len(_own(shared, "wiki")) == 5
    assert f'Ignoring "{newest.name}"' in messages(log)
    newest.write_bytes(whole)
    assert "prod/wiki: 0 removed" in messages(shared.job.run())


def test_the_job_creates_the_repository_once(tmp_path: Path) -> None:
    shared = Shared(tmp_path, Job(tmp_path))

    log = shared.job.run()

    (told,) = [line["message"] for line in log if "a new repository" in line["message"]]
    assert told.startswith("maintenance warning: a new repository was created")
    assert "if one existed before, check RESTIC_REPOSITORY" in told
    assert "a new repository" not in messages(shared.job.run())
    assert len(list((tmp_path / "repository" / "keys").iterdir())) == 1
    done = shared.sidecar("wiki").run("backup-runner", "run")
    assert done.returncode == 0
    assert "a new repository" not in done.stdout


def test_the_job_creates_no_repository_where_init_is_forbidden(tmp_path: Path) -> None:
    shared = Shared(tmp_path, Job(tmp_path, {"BACKUP_INIT": "never"}))

    log = shared.job.run(expected=1)

    assert "BACKUP_INIT=never forbids creating one" in messages(log)
    assert not (tmp_path / "repository").exists()


def _subsets(log: list[Json]) -> list[str]:
    started = [line["argv"] for line in log if "argv" in line]
    return [words[-1] for words in started if "--read-data-subset" in words]


def test_every_part_of_the_data_is_read_in_turn(shared: Shared) -> None:
    _backed_up(shared, "wiki")
    shared.job.secret["DEBUG"] = "true"
    shared.job.environment["BACKUP_CHECK_SUBSETS"] = "2"
    shared.job.run()

    read = []
    for _ in range(3):
        shared.make_due("check")
        read += _subsets(shared.job.run())

    assert read == ["1/2", "2/2", "1/2"]


def test_a_damaged_pack_is_found_and_checked_again(shared: Shared) -> None:
    _backed_up(shared, "wiki")
    shared.job.run()
    pack = max((shared.root / "repository").glob("data/*/*"), key=lambda p: p.stat().st_size)
    whole = pack.read_bytes()
    pack.chmod(0o600)
    pack.write_bytes(whole[:100] + bytes(100) + whole[200:])
    shared.job.environment["BACKUP_CHECK_SUBSETS"] = "1"
    shared.make_due("check")

    assert "check failed" in messages(shared.job.run(expected=1))
    assert "check failed" in messages(shared.job.run(expected=1))
    pack.write_bytes(whole)
    shared.job.run()


def test_stale_locks_are_removed_and_live_ones_awaited(shared: Shared) -> None:
    sidecar = shared.sidecar("wiki", **_keep(last=1))
    sidecar.back_up()
    shared.add(_own(shared, "wiki")[0], *days_ago(1, 2))
    young = locks.leave(sidecar, Holder("another", minutes=5))
    shared.job.environment["BACKUP_LOCK_PATIENCE_SECONDS"] = "0"

    log = shared.job.run(expected=75)

    assert "the repository is locked" in messages(log)
    young.unlink()
    assert len(_own(shared, "wiki")) == 3
    old = locks.leave(sidecar, Holder("another", minutes=31))
    shared.job.run()
    assert not old.exists()
    assert len(_own(shared, "wiki")) == 2


def test_the_next_job_completes_a_killed_one(shared: Shared) -> None:
    sidecar = shared.sidecar("wiki", **_keep(last=1))
    sidecar.back_up()
    shared.job.environment["BACKUP_CHECK_SUBSETS"] = "1"
    shared.job.run()
    shared.add(_own(shared, "wiki")[0], *days_ago(1, 2))
    shared.make_due("forget", "prune", "check")
    pack = max((shared.root / "repository").glob("data/*/*"), key=lambda p: p.stat().st_size)
    aside = pack.rename(shared.root / "pack")
    os.mkfifo(pack)  # whoever reads it waits for ever

    with shared.job.start() as killed:
        until(lambda: _checks(killed.pid) and any(_locks(shared)), "restic checks", 60)
        for pid in (*children(killed.pid), killed.pid):
            os.kill(pid, signal.SIGKILL)
        killed.communicate()
    aside.replace(pack)
    shared.job.environment["BACKUP_LOCK_PATIENCE_SECONDS"] = "0"
    for left in _locks(shared):
        left.unlink()
        locks.leave(sidecar, Holder("killed", minutes=31))
    log = shared.job.run()

    assert log[-1]["status"] == "success"
    assert {"forget", "prune", "check"} <= {
        line["message"].split()[0] for line in log if "success:" in line["message"]
    }
    assert len(_own(shared, "wiki")) == 2
    assert "no errors were found" in shared.restic("check", "--read-data")


def _locks(shared: Shared) -> list[Path]:
    return list((shared.root / "repository" / "locks").iterdir())


def _checks(pid: int) -> bool:
    return any("check" in argv(child) for child in children(pid))


def test_an_append_only_repository_is_still_checked(tmp_path: Path, append_only: str) -> None:
    sealing.make_quick(tmp_path / "served", PASSWORD)
    place = {"RESTIC_REPOSITORY": append_only}
    shared = Shared(tmp_path, Job(tmp_path, place))
    sidecar = shared.sidecar("wiki", **place, **_keep(last=1))
    for text in ("first", "second", "third"):
        (sidecar.volume / "index.md").write_text(text)
        sidecar.back_up()

    log = shared.job.run()

    assert log[-1]["status"] == "warning"
    assert "append-only" in log[-1]["message"]
    served = tmp_path / "served" / "snapshots"
    assert len([path for path in served.rglob("*") if path.is_file()]) == 3 + 1 + 1
    assert not [path for path in (tmp_path / "served" / "locks").rglob("*") if path.is_file()]


def test_all_workloads_are_copied_and_copies_follow_their_policy(shared: Shared) -> None:
    second = Shared(shared.root / "second", Job(shared.root))
    second.root.mkdir()
    sealing.make_quick(second.root / "repository", PASSWORD)
    shared.job.secret["COPY_RESTIC_REPOSITORY"] = str(second.root / "repository")
    wiki = _backed_up(shared, "wiki", **_keep(last=2))
    blog = _backed_up(shared, "blog", **_keep(last=1))
    second.add(wiki, *days_ago(3, 4, 5))

    log = shared.job.run()

    copied = second.snapshots()
    assert {each.get("original") for each in copied} >= {wiki["id"], blog["id"]}
    assert sorted(each["hostname"] for each in copied) == ["blog", "wiki", "wiki"]
    assert log[-1]["status"] == "success"


def test_a_workload_whose_requested_copies_nobody_makes_is_named(shared: Shared) -> None:
    sidecar = shared.sidecar("wiki", COPY_RESTIC_REPOSITORY="/elsewhere")
    sidecar.back_up()

    log = shared.job.run(expected=1)

    assert "COPY_RESTIC_REPOSITORY is not in this job's Secret, but prod/wiki" in messages(log)
    sidecar.change_secret(COPY_RESTIC_REPOSITORY="")
    sidecar.back_up()
    assert "copy" not in messages(shared.job.run())


def test_a_dry_run_names_what_would_be_done_and_changes_nothing(shared: Shared) -> None:
    wiki = _backed_up(shared, "wiki", **_keep(last=2))
    shared.add(wiki, *days_ago(1, 2, 3))
    before = _files(shared.root / "repository")

    said = messages(shared.job.run("--dry-run"))

    assert "prod/wiki would have 2 removed, 2 kept (keep-last=2)" in said
    assert "due now: forget" in said
    assert _files(shared.root / "repository") == before


def _files(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}


def test_metrics_are_of_a_group_of_their_own(shared: Shared, web: Receiver) -> None:
    shared.job.secret |= {"PUSHGATEWAY_ENABLED": "true", "PUSHGATEWAY_URL": web.url}
    _backed_up(shared, "wiki")

    shared.job.run()

    assert {received.path for received in web.all} == {
        "/metrics/job/backup/namespace/backup-webhook/instance/maintenance"
    }
    values = web.metrics()
    assert values['backup_maintenance_status{status="success"}'] == 1
    assert values['backup_maintenance_workloads{retention="applied"}'] == 1
    assert values["backup_forget_last_success_timestamp_seconds"] > 1.7e9
    due = {key: at for key, at in values.items() if key.startswith("backup_task_due")}
    assert {key.split('"')[1] for key in due} == {"forget", "prune", "check"}
    assert min(due.values()) > datetime.now(UTC).timestamp()
    names = {key.partition("{")[0] for key in values}
    assert not names & {"backup_status", "backup_host_info", "backup_next_due_timestamp_seconds"}


def test_metrics_keep_their_values_while_the_repository_is_unreachable(
    shared: Shared, web: Receiver
) -> None:
    shared.job.secret |= {"PUSHGATEWAY_ENABLED": "true", "PUSHGATEWAY_URL": web.url}
    shared.job.secret |= {"RESTIC_PASSWORD": "another"}

    shared.job.run(expected=1)

    values = web.metrics()
    assert values['backup_maintenance_status{status="failure"}'] == 1
    assert not [key for key in values if key.startswith(("backup_task", "backup_forget"))]


def test_a_problem_is_reported_once_a_day_and_its_recovery_once(
    shared: Shared, web: Receiver
) -> None:
    shared.job.secret |= {"NTFY_ENABLED": "true", "NTFY_SERVER": web.url, "NTFY_TOPIC": "home"}
    record = _backed_up(shared, "wiki") and shared.records()[0]
    shared.add(record, datetime.now(UTC), tags=["record=retention", "keep-last=x"])

    shared.job.run(expected=1)
    shared.job.run(expected=1)
    shared.add(record, datetime.now(UTC))
    shared.job.run()

    told: list[dict[str, Any]] = [json.loads(each.body) for each in web.all]
    assert [each["title"] for each in told] == [
        "Maintenance failure: backup-webhook/maintenance",
        "Maintenance recovered: backup-webhook/maintenance",
    ]
    assert "kubectl -n backup-webhook logs" in told[0]["message"]


def test_no_secret_is_logged_or_kept(shared: Shared) -> None:
    _backed_up(shared, "wiki")
    second = shared.root / "second"
    sealing.make_quick(second, _CANARY)
    shared.job.secret |= {
        "COPY_RESTIC_REPOSITORY": str(second),
        "COPY_RESTIC_PASSWORD": _CANARY, "NTFY_CREDS": _CANARY, "DEBUG": "true",
    }  # fmt: skip

    log = shared.job.run()

    assert _CANARY not in json.dumps(log)
    (state,) = shared.records("maintenance")
    assert _CANARY not in shared.restic("dump", state["id"], state["paths"][0])
    assert PASSWORD not in json.dumps(log)


def test_a_sidecar_reports_a_repository_without_maintenance(shared: Shared) -> None:
    sidecar = shared.sidecar("wiki")
    sidecar.back_up()
    assert sidecar.status()["tasks"]["forget"]["status"] == "skipped"
    shared.add(shared.records()[0], datetime.now(UTC) - timedelta(days=4))

    _commands(sidecar)

    forget = sidecar.status()["tasks"]["forget"]
    assert forget["status"] == "failure"
    assert "it has never run here" in forget["message"]
    shared.job.run()
    _commands(sidecar)
    assert sidecar.status()["tasks"]["forget"]["status"] == "skipped"
