"""A Secret of the system that this one replaces: it works unchanged, each variable as it did."""

import json
from pathlib import Path

import pytest

from demo import receiver
from tests.faults.night import Night, is_outcome
from tests.integration.sidecars import PASSWORD, Json

KEEPS = ("LAST", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """A night with one snapshot behind it."""
    return Night(tmp_path)


def _said(night: Night) -> list[Json]:
    done = night.sidecar.run("backup-runner", "run")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_secret_of_the_original_system(night: Night) -> None:
    """All of its variables at once: no complaint, and the message when a backup fails."""
    sidecar = night.sidecar
    with receiver.running() as web:
        sidecar.change_secret(
            RESTIC_SOURCE=str(sidecar.volume), RESTIC_HOSTNAME="emby",
            AWS_ACCESS_KEY_ID="AKIAEXAMPLE", AWS_SECRET_ACCESS_KEY="wJalrXUtnFEMI",
            KEEP_HOURLY="48", KEEP_DAILY="7", KEEP_WEEKLY="4", KEEP_LAST="1",
            RESTIC_RETENTION_POLICIES_ENABLED="true", RESTIC_CACHE_DIR="/proc/cache", DEBUG="false",
            RESTIC_ADDITIONAL_BACKUP_PARAMETERS="", RESTIC_BACKUP_COMMAND="", PRE_HOOK="true",
            NTFY_ENABLED="true", NTFY_TITLE="$(echo emby-1 | cut -d '-' -f1) - Backup failed",
            NTFY_CREDS="-u user:password", NTFY_PRIO="4", NTFY_TAG="bangbang", NTFY_SERVER=web.url,
            NTFY_TOPIC="kubernetes-at-home", PUSHGATEWAY_ENABLED="true", PUSHGATEWAY_URL=web.url,
        )  # fmt: skip
        night.make_tasks_due()
        night.back_up()
        known = sidecar.status()
        assert (known["problems"], known["host"], known["missing"]) == ([], "emby", "")
        assert known["tasks"]["forget"]["status"] == "success"
        # Whether it is this host's turn, or still that of the name before, is not said here.
        assert known["tasks"].keys() == {"forget", "prune", "check", "verify"}
        sidecar.change_secret(RESTIC_PASSWORD="wrong")
        sidecar.back_up(expected=1)

    messages = [each for each in web.all if not each.path.startswith("/metrics/")]
    (message,) = (json.loads(each.body) for each in messages)
    assert message["title"] == "emby - Backup failed"
    assert web.metrics()['backup_status{status="failure"}'] == 1
    assert sidecar.snapshots()[-1]["hostname"] == "emby"
    sidecar.change_secret(RESTIC_PASSWORD=PASSWORD, NTFY_ENABLED="no", PUSHGATEWAY_ENABLED="no")
    assert night.ends()["status"] == "success"


def test_several_folders_of_restic_source(night: Night) -> None:
    media = night.sidecar.path("/backup/media")
    media.mkdir()
    (media / "film").write_text("film")
    night.sidecar.change_secret(RESTIC_SOURCE=f"{night.sidecar.volume} {media}")

    night.back_up()

    assert night.sidecar.snapshots()[-1]["paths"] == sorted([str(night.sidecar.volume), str(media)])
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("code", [0, 3])
def test_a_custom_backup_command(night: Night, code: int) -> None:
    """It takes the place of our backup, and its exit status counts."""
    night.sidecar.change_secret(
        RESTIC_BACKUP_COMMAND=f"echo dumped | restic backup -q --stdin --host dump; exit {code}"
    )

    ended = [line for line in _said(night) if is_outcome(line)][-1]

    assert ended["status"] == ("failure" if code else "success")
    assert [each["hostname"] for each in night.sidecar.snapshots()] == ["wiki", "dump"]
    night.sidecar.change_secret(RESTIC_BACKUP_COMMAND="")
    assert night.ends()["status"] == "success"


def test_additional_parameters(night: Night) -> None:
    night.write("left out", 10)
    night.sidecar.change_secret(
        RESTIC_ADDITIONAL_BACKUP_PARAMETERS="--exclude 'left out' --tag extra"
    )

    night.back_up()

    assert "extra" in night.sidecar.snapshots()[-1]["tags"]
    assert "left out" not in night.sidecar.restic("ls", "latest")
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("given", ["--no-such-flag", "'never closed"])
def test_invalid_additional_parameters(night: Night, given: str) -> None:
    """What restic refuses fails the run; what is no list of words is left out and named."""
    night.sidecar.change_secret(RESTIC_ADDITIONAL_BACKUP_PARAMETERS=given)

    if given.startswith("--"):
        assert "unknown flag" in night.back_up("failure", "config")["message"]
    else:
        night.back_up()
        assert "RESTIC_ADDITIONAL_BACKUP_PARAMETERS" in str(night.sidecar.status()["problems"])
    night.sidecar.change_secret(RESTIC_ADDITIONAL_BACKUP_PARAMETERS="")
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("debug", ["true", "false"])
def test_debug_traces_each_command(night: Night, debug: str) -> None:
    night.sidecar.change_secret(DEBUG=debug, PRE_HOOK="echo $RESTIC_PASSWORD >&2")

    said = _said(night)

    traced = [line for line in said if line["level"] == "debug"]
    started = [line["argv"][:2] for line in traced if "argv" in line]
    assert (["restic", "backup"] in started) is (debug == "true")
    assert bool(traced) is (debug == "true")
    assert PASSWORD not in str(said)
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("keep", KEEPS)
def test_a_retention_rule_alone(night: Night, keep: str) -> None:
    """All of now are in one hour, day, week, month and year: each rule keeps one of them."""
    night.sidecar.change_secret(**{f"KEEP_{each}": "0" for each in KEEPS})
    night.back_up()
    night.make_tasks_due()
    night.back_up()
    assert len(night.sidecar.snapshots()) == 3  # all are 0: everything is kept
    night.sidecar.change_secret(**{f"KEEP_{keep}": "1"})
    night.make_tasks_due()

    night.back_up()

    assert len(night.sidecar.snapshots()) == 1


def test_a_disabled_retention(night: Night) -> None:
    """A central job does it: nothing is forgotten, pruned or checked here."""
    night.sidecar.change_secret(
        RESTIC_RETENTION_POLICIES_ENABLED="false", **{f"KEEP_{each}": "0" for each in KEEPS[1:]}
    )
    night.make_tasks_due()

    night.back_up()

    assert len(night.sidecar.snapshots()) == 2
    tasks = night.sidecar.status()["tasks"]
    done = {name for name, task in tasks.items() if task["status"]}
    assert done <= {"verify"}, "drills still run"
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("where", ["elsewhere", "kept/cache"])
def test_a_folder_for_the_cache(night: Night, where: str) -> None:
    """Where it cannot be made, the cache stays in the state volume, and nobody complains."""
    (night.root / "kept").write_text("a file, where the cache's folder cannot be")
    cache = night.root / where
    night.sidecar.change_secret(RESTIC_CACHE_DIR=str(cache))

    night.back_up()

    usable = where == "elsewhere"
    assert night.sidecar.status()["problems"] == []
    assert cache.is_dir() is usable
    made = cache if usable else night.sidecar.path("/var/lib/backup") / "cache"
    assert list(made.glob("*/snapshots"))
    assert night.ends()["status"] == "success"


def test_variables_in_files(night: Night) -> None:
    """Those of restic's own and ours; the password is shown nowhere."""
    sidecar = night.sidecar
    for name, text in (("password", PASSWORD), ("keep", "3\n"), ("hook", "echo freezing >&2")):
        (night.root / name).write_text(text)
    del sidecar.secret["RESTIC_PASSWORD"]
    sidecar.change_secret(
        RESTIC_PASSWORD_FILE=str(night.root / "password"),
        KEEP_LAST_FILE=str(night.root / "keep"), PRE_HOOK_FILE=str(night.root / "hook"),
        DEBUG="true", **{f"KEEP_{each}": "0" for each in KEEPS[1:]},
    )  # fmt: skip
    for _ in range(3):
        night.make_tasks_due()
        said = _said(night)

    assert len(sidecar.snapshots()) == 3
    assert "freezing" in str(said)
    assert sidecar.status()["problems"] == []
    sidecar.change_secret(KEEP_LAST_FILE=str(night.root / "gone"))
    night.back_up()
    (problem,) = sidecar.status()["problems"]
    assert "KEEP_LAST_FILE" in problem
    assert "No such file" in problem
    sidecar.change_secret(RESTIC_PASSWORD_FILE=str(night.root / "gone"))
    assert "Resolving password failed" in night.back_up("failure", "config")["message"]
