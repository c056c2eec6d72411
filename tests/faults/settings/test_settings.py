"""Settings that change, that nobody can use, that are taken away; and a state nobody can read."""

import json
from pathlib import Path

import pytest

from contract.annotations import settings
from demo import receiver
from runner.config import build
from tests.cluster.work import until
from tests.faults.night import Night
from tests.integration.sidecars import PASSWORD, SECRET
from tests.runner.config import workload

NASTY = {
    "unicode": "größer ☃", "lines": "a\nb\n", "huge": "x" * 200_000, "negative": "-1",
    "shell": "$(touch /x); `id` | & > <", "NUL": "a\0b", "brackets": "[" * 9000,
}  # fmt: skip
BEYOND = {"huge", "NUL"}  # what no process can be given
FREE = {"backup.exclude", "backup.run-now", "backup.sqlite"}  # where most texts mean something
LIVE = [setting for setting in settings.ALL if setting.live]
FLAGS = ("RESTIC_RETENTION_POLICIES_ENABLED", "NTFY_ENABLED", "PUSHGATEWAY_ENABLED", "DEBUG")
OTHERS = (
    "RESTIC_SOURCE", "RESTIC_HOSTNAME", "RESTIC_CACHE_DIR", "RESTIC_BACKUP_COMMAND", "PRE_HOOK",
    "RESTIC_ADDITIONAL_BACKUP_PARAMETERS", "NTFY_TITLE", "NTFY_CREDS", "NTFY_TAG", "NTFY_SERVER",
    "NTFY_TOPIC", "PUSHGATEWAY_URL",
)  # fmt: skip
OURS = ("BACKUP_GRACE_SECONDS", "BACKUP_DEFAULTS", "BACKUP_VOLUMES", "BACKUP_HOOK_SECONDS")
STATES = {
    "cut off": '{"run_now": "", "attem',
    "of other kinds": '{"run_now": "", "attempted": "yesterday"}',
    "of a time that never comes": '{"run_now": "", "last_success": 1e300}',
    "of a later version": '{"run_now": "", "tasks": {"forget": {"attempted": 1, "new": 2}}}',
    "nothing but brackets": "[" * 100_000,
}


def _named(
    environment: dict[str, str], secret: dict[str, str], annotations: dict[str, str]
) -> set[str]:
    """Return the keys of all problems; the defaults count in place of what they name."""
    read = build.config(
        {**workload.ENVIRONMENT, **environment}, {**workload.SECRET, **secret}, annotations
    )
    assert read.missing == ""
    return {problem.key for problem in read.problems}


@pytest.mark.parametrize("kind", NASTY)
@pytest.mark.parametrize("setting", LIVE, ids=lambda setting: setting.key)
def test_an_invalid_setting(setting: settings.Setting[object], kind: str) -> None:
    """It alone is named, and its default counts."""
    value, variable = NASTY[kind], setting.variable or ""
    in_secret, in_pod = {variable}, {setting.annotation}
    by_default = build.config(workload.ENVIRONMENT, workload.SECRET, {}).settings.get(setting)

    if kind in BEYOND or setting.annotation not in FREE:
        assert _named({}, {variable: value}, {}) == in_secret
    else:
        assert _named({}, {variable: value}, {}) <= in_secret
    if setting.annotation in FREE:
        assert _named({}, {}, {setting.annotation: value}) <= in_pod
        return
    assert _named({}, {}, {setting.annotation: value}) == in_pod
    read = build.config(workload.ENVIRONMENT, workload.SECRET, {setting.annotation: value})
    assert read.settings.get(setting) == by_default


@pytest.mark.parametrize("kind", NASTY)
def test_an_invalid_variable(kind: str) -> None:
    """It alone is named; what it is for has its default, and all else is as it was."""
    value = NASTY[kind]
    for flag in FLAGS:
        assert _named({}, {flag: value}, {}) == {flag}
    ntfy = {"NTFY_ENABLED": "true", "NTFY_SERVER": "http://127.0.0.1:9", "NTFY_TOPIC": "home"}
    assert _named({}, {**ntfy, "NTFY_PRIO": value}, {}) == {"NTFY_PRIO"}
    assert _named({}, {"PING_URL": value}, {}) == {"PING_URL"}
    for variable in OTHERS:
        named = _named({}, {variable: value}, {})
        assert named == {variable} if kind in BEYOND else named <= {variable}
    for variable in OURS:
        assert _named({variable: value}, {}, {}) == {variable}


@pytest.mark.parametrize("kind", ["unicode", "shell", "huge", "NUL"])
def test_a_run_with_invalid_values_everywhere(tmp_path: Path, kind: str) -> None:
    """All at once, by an edit of the Secret, and there is a backup by the defaults."""
    night = Night(tmp_path)
    sidecar = night.sidecar
    bad = [s.variable for s in LIVE if s.variable and s.annotation not in FREE]
    _take_away(night, *bad)
    night.back_up()
    default = sidecar.status()["schedule"]
    bad += [*FLAGS, "PING_URL"]
    sidecar.write_secrets({SECRET: {**sidecar.secret, **dict.fromkeys(bad, NASTY[kind])}})

    night.back_up()

    known = sidecar.status()
    assert len(sidecar.snapshots()) == 3
    assert (known["schedule"], known["timezone"], known["paused"]) == (default, "UTC", False)
    assert {line.split(" ")[2].rstrip(":") for line in known["problems"]} == set(bad)
    sidecar.change_secret()
    assert night.ends()["status"] == "success"
    assert sidecar.status()["problems"] == []


def _take_away(night: Night, *variables: str) -> None:
    """Let the Secret not set these: what it sets counts where the rest is bad."""
    for variable in variables:
        night.sidecar.secret.pop(variable, None)
    night.sidecar.change_secret()


def test_settings_that_change_while_the_container_runs(tmp_path: Path) -> None:
    """Excludes, retention and the password count from the next backup on, without a restart."""
    night = Night(tmp_path)
    sidecar = night.sidecar
    night.write("left-out.tmp", 10)
    (tmp_path / "new-password").write_text("a new one")
    with sidecar.running():
        sidecar.wait_for('"started"')
        sidecar.change_secret(BACKUP_EXCLUDE="*.tmp")
        sidecar.annotate({"backup.run-now": "1"})
        sidecar.wait_for("backup success")
        assert "left-out" not in sidecar.restic("ls", "latest")
        sidecar.restic("key", "passwd", "--new-password-file", str(tmp_path / "new-password"))
        sidecar.change_secret(RESTIC_PASSWORD="a new one")
        sidecar.annotate({"backup.run-now": "2"})
        sidecar.wait_for("backup success")
        sidecar.change_secret(RESTIC_PASSWORD="an old one")
        sidecar.annotate({"backup.run-now": "3"})
        assert '"auth"' in sidecar.wait_for("backup failure")

    (tmp_path / "new-password").write_text(PASSWORD)
    sidecar.change_secret(RESTIC_PASSWORD="a new one", BACKUP_EXCLUDE="")
    _back_to_the_old_password(night)
    assert len(sidecar.snapshots()) == 3
    assert night.ends()["status"] == "success"


def _back_to_the_old_password(night: Night) -> None:
    file = night.root / "new-password"
    done = night.sidecar.run(
        "env", f"RESTIC_REPOSITORY={night.sidecar.repository}", "RESTIC_PASSWORD=a new one",
        "restic", "--no-cache", "key", "passwd", "--new-password-file", str(file),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    night.sidecar.change_secret(RESTIC_PASSWORD=PASSWORD)


def test_a_pause_while_the_container_runs(tmp_path: Path) -> None:
    """Nothing is run before its end, and what was asked for meanwhile is."""
    night = Night(tmp_path)
    sidecar = night.sidecar
    sidecar.annotate({"backup.paused": "true", "backup.run-now": "1"})
    assert "backup started" not in sidecar.run("backup-runner", "tick").stdout
    assert sidecar.status()["paused"] is True

    with sidecar.running():
        sidecar.wait_for('"started"')
        sidecar.annotate({"backup.paused": "false"})
        assert '"run-now"' in sidecar.wait_for('"backup started"')
        sidecar.wait_for("backup success")

    assert night.ends()["status"] == "success"


def test_a_setting_that_becomes_invalid_while_the_container_runs(tmp_path: Path) -> None:
    """Its last good value counts; log, status and metrics name it."""
    night = Night(tmp_path)
    sidecar = night.sidecar
    _take_away(night, "BACKUP_SCHEDULE")
    sidecar.annotate({"backup.schedule": "@monthly"})
    with receiver.running() as web:
        sidecar.change_secret(PUSHGATEWAY_ENABLED="true", PUSHGATEWAY_URL=web.url, KEEP_LAST="3")
        with sidecar.running():
            sidecar.wait_for('"started"')
            sidecar.annotate({"backup.schedule": "monthly"})
            named = {sidecar.wait_for("; using @monthly")}
            sidecar.change_secret(KEEP_LAST="all")
            named.add(sidecar.wait_for("; using 3"))
            sidecar.annotate({"backup.run-now": "1"})
            sidecar.wait_for("backup success")
            known = sidecar.status()
            named_in = 'backup_defaulted_settings{keys="KEEP_LAST,backup.schedule"}'
            until(lambda: web.metrics().get(named_in) == 2, "the metrics name both", 120)

    said = {json.loads(line)["message"] for line in named}
    assert {line.rpartition(" using ")[2] for line in said} == {"@monthly", "3"}
    assert set(known["problems"]) == said
    assert known["schedule"] == "@monthly"
    sidecar.annotate({"backup.schedule": "@monthly"})
    sidecar.change_secret(KEEP_LAST="3", PUSHGATEWAY_ENABLED="false")
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("left", [[], ["RESTIC_PASSWORD"], ["RESTIC_REPOSITORY"]], ids=str)
def test_a_secret_that_is_deleted_or_lacks_a_key(tmp_path: Path, left: list[str]) -> None:
    """The key is named; the backup is made as soon as the Secret is back."""
    night = Night(tmp_path)
    sidecar = night.sidecar
    right = dict(sidecar.secret)
    lacks = "RESTIC_PASSWORD" if left == ["RESTIC_REPOSITORY"] else "RESTIC_REPOSITORY"
    # The variables of a deleted Secret are gone with the container that was started by them.
    sidecar.secret.clear()
    with sidecar.running():
        sidecar.wait_for('"started"')
        sidecar.write_secrets({SECRET: {key: right[key] for key in left}})
        sidecar.annotate({"backup.run-now": "1"})
        line = json.loads(sidecar.wait_for("backup failure"))
        assert (line["status"], line["class"]) == ("failure", "config")
        assert f"{lacks} is not set" in line["message"]
        sidecar.change_secret(**right)
        sidecar.wait_for("backup success")

    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("kind", STATES)
def test_an_invalid_state(tmp_path: Path, kind: str) -> None:
    """It is begun anew; what is known comes from the repository."""
    night = Night(tmp_path)
    (night.sidecar.path("/var/lib/backup") / "state.json").write_text(STATES[kind])

    assert night.sidecar.run("backup-runner", "tick").returncode == 0

    assert night.sidecar.status()["last_success"]
    assert night.ends()["status"] == "success"
