"""`backup-runner status`: for people and for scripts."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from runner.config.model import Config
from runner.session import status
from runner.state.model import Last, State, Task, new
from runner.state.store import Store
from tests.runner.config.workload import changed, configured, remembered
from tests.runner.notify.test_metrics import FAILED, LAST, STATE


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The workload, with a state folder of its own."""
    return configured({"BACKUP_STATE_DIR": str(tmp_path)})


def shown(config: Config, state: State | None, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what is printed for people."""
    if state:
        Store(Path(config.paths.state)).save(state)
    status.show(config, as_json=False)
    return capsys.readouterr().out


def test_status_for_people(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """Whole."""
    assert shown(config, STATE, capsys) == (
        "host       wiki  (ns=prod kind=Deployment workload=wiki)\n"
        "last run   2026-11-23T12:34:00Z  success: 10 files\n"
        "good since 2026-11-23T12:34:00Z\n"
        "next run   2026-11-23T13:34:00Z  (schedule H * * * *, UTC)\n"
    )


def test_status_before_the_first_run(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """Before the first tick has ended, nothing is claimed."""
    assert shown(config, None, capsys) == (
        "host       wiki  (ns=prod kind=Deployment workload=wiki)\n"
        "last run   unknown yet: the repository has not been read\n"
        "good since unknown yet\n"
        "next run   unknown yet  (schedule H * * * *, UTC)\n"
    )


@pytest.mark.parametrize(
    ("state", "last", "good"),
    [
        (remembered(), "unknown yet: the repository has not been read", "unknown yet"),
        (remembered(failures=1, last=FAILED), "failure (network)", "unknown yet"),
        (remembered(derived=True), "none yet", "never"),
        (remembered(derived=True, failures=1, last=FAILED), "failure (network)", "never"),
        (changed(STATE, last=None, derived=True, inherited=True), "none since this pod started",
         "2026-11-23T12:34:00Z"),
        (changed(STATE, last=None), "none since this pod started", "2026-11-23T12:34:00Z"),
    ],
    ids=["new", "new, failing", "first", "first, failing", "recovered", "of an older version"],
)  # fmt: skip
def test_status_of_a_pod_without_a_success(
    config: Config, capsys: pytest.CaptureFixture[str], state: State, last: str, good: str
) -> None:
    """It says never only where the repository has shown it."""
    out = shown(config, state, capsys)

    assert last in out.splitlines()[1]
    assert f"good since {good}\n" in out
    assert ("never" in out) is (good == "never")
    assert status.describe(config, state)["last_success_known"] is (good != "unknown yet")


@pytest.mark.parametrize(
    ("derived", "inherited", "success", "known"),
    [
        (False, False, 0, False),
        (True, True, 0, False),
        (True, False, 0, True),
        (True, True, 9, True),
    ],
)
def test_status_does_not_deny_backups_of_earlier_pods(
    config: Config, derived: bool, inherited: bool, success: float, known: bool
) -> None:
    """No drill is in the repository: only a workload's first pod knows that there was none."""
    tasks = {"verify": Task(success=success)}
    state = remembered(derived=derived, inherited=inherited, tasks=tasks)

    assert status.describe(config, state)["tasks"]["verify"]["last_success_known"] is known


def test_status_of_a_failure(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """With its class, and what holds."""
    state = changed(STATE, last=FAILED, held=True, running_since=LAST.ended)

    out = shown(config, state, capsys)

    assert "last run   2026-11-23T12:34:00Z  failure (network): no such host\n" in out
    assert "running    since 2026-11-23T12:34:00Z\n" in out
    assert "retention  suspended" in out


def test_status_names_missing_keys_and_problems(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that the next step is clear."""
    config = configured(
        {"BACKUP_STATE_DIR": str(tmp_path)},
        annotations={"backup.keep-daily": "many", "backup.paused": "true"},
    )
    bare = replace(config, repository=replace(config.repository, environment={}))

    out = shown(bare, STATE, capsys)

    assert "missing    RESTIC_REPOSITORY: put it into the Secret\n" in out
    assert "problem    annotation backup.keep-daily 'many': write a whole number" in out
    assert "next run   paused" in out


def test_status_for_scripts(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything that there is to know, times in RFC 3339."""
    Store(Path(config.paths.state)).save(STATE)

    assert status.show(config, as_json=True) == 0

    assert json.loads(capsys.readouterr().out) == {
        "host": "wiki",
        "tags": ["ns=prod", "kind=Deployment", "workload=wiki"],
        "schedule": "H * * * *",
        "timezone": "UTC",
        "paused": False,
        "running_since": None,
        "task": None,
        "last": {
            "started": "2026-11-23T12:33:39Z",
            "ended": "2026-11-23T12:34:00Z",
            "status": "success",
            "message": "10 files",
            "failure": None,
            "exit_code": 0,
            "snapshot": "4f8a1c2e9b",
            "new": 2,
            "changed": 1,
            "unmodified": 7,
            "source_bytes": 5000,
            "added_bytes": 2048,
            "read_errors": 0,
            "unreadable": [],
        },
        "last_success": "2026-11-23T12:34:00Z",
        "last_success_known": True,
        "next": "2026-11-23T13:34:00Z",
        "failures_in_a_row": 0,
        "held": False,
        "damage": "",
        "append_only": False,
        "tasks": {
            "forget": {
                "status": "",
                "message": "",
                "last_success": "2026-11-23T12:33:00Z",
                "last_success_known": True,
            },
            "prune": {
                "status": "",
                "message": "",
                "last_success": None,
                "last_success_known": False,
            },
        },
        "snapshots": 9,
        "receivers": [],
        "notify_failures": 3,
        "missing": "",
        "problems": [],
    }


def test_a_mirror_has_only_the_retention_task(tmp_path: Path) -> None:
    """A new state knows of restic's."""
    mirror = configured({"BACKUP_STATE_DIR": str(tmp_path), "BACKUP_ENGINE": "rclone"})
    fresh = new(0, "")
    assert fresh.repository.tasks

    assert list(status.describe(mirror, fresh)["tasks"]) == ["forget"]
    assert list(status.describe(mirror, STATE)["tasks"]) == ["forget"]


def test_json_has_the_same_keys_before_the_first_run(config: Config) -> None:
    """A script need not ask."""
    assert status.describe(config, None).keys() == status.describe(config, STATE).keys()
    assert status.describe(config, None)["last"] is None


@pytest.mark.parametrize(
    ("last", "code"),
    [
        (LAST, 0),
        (replace(LAST, status="warning"), 0),
        (FAILED, 1),
        (replace(LAST, status="interrupted"), 1),
        (replace(LAST, status="skipped"), 1),
        (None, 1),
    ],
)
def test_the_exit_status_is_that_of_the_last_run(
    config: Config, last: Last | None, code: int
) -> None:
    """For scripts without a JSON parser."""
    Store(Path(config.paths.state)).save(changed(STATE, last=last))

    assert status.show(config, as_json=False) == code


def test_without_state_the_exit_status_is_1(config: Config) -> None:
    """Never backed up."""
    assert status.show(config, as_json=False) == 1


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("secret", ["correct-horse", 'pa"ss-wörd-long'])
def test_no_secret_is_shown(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    secret: str,
    as_json: bool,
) -> None:
    """Not even one that was typed into a place of its own."""
    config = configured(
        {"BACKUP_STATE_DIR": str(tmp_path)},
        {"RESTIC_PASSWORD": secret},
        {"backup.schedule": secret},
    )

    status.show(config, as_json=as_json)

    out = capsys.readouterr().out
    assert secret not in out
    assert json.dumps(secret)[1:-1] not in out
    assert "***" in out


@pytest.mark.parametrize("secret", ["true", "false", "null", "last"])
def test_masking_keeps_json_valid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], secret: str
) -> None:
    """Nothing of it is foreign text."""
    config = configured({"BACKUP_STATE_DIR": str(tmp_path)}, {"RESTIC_PASSWORD": secret})

    status.show(config, as_json=True)

    known = json.loads(capsys.readouterr().out)
    assert (known["paused"], known["last"]) == (False, None)
