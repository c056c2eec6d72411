"""What others get to know: metrics that are complete, and news that are news."""

from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from contract import VERSION
from runner.config.model import Config
from runner.notify import metrics
from runner.schedule import deadlines
from runner.state.model import Last, State, Task
from runner.steps.outcome import Failure, Status
from tests.runner.config.workload import NOW as MOMENT
from tests.runner.config.workload import changed, configured, remembered

NOW = MOMENT.timestamp()
DAY = 24 * 3600.0
LAST = Last(
    started=NOW - 20.5,
    ended=NOW,
    status="success",
    message="10 files",
    snapshot="4f8a1c2e9b",
    new=2,
    changed=1,
    unmodified=7,
    source_bytes=5000,
    added_bytes=2048,
)
FAILED = replace(LAST, status="failure", failure="network", exit_code=1, message="no such host")
STATE = remembered(
    run_now="",
    last=LAST,
    last_success=NOW,
    tasks={"forget": Task(success=NOW - 60), "prune": Task(attempted=NOW)},
    snapshots=9,
    stale_locks=2,
    restic="0.19.1",
    next_due=NOW + 3600,
    notify_failures=3,
)
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(config: Config, state: State) -> Samples:
    """Return what an independent parser finds in the exposition, by name and labels."""
    found: Samples = {}
    for family in text_string_to_metric_families(metrics.metrics(config, state)):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, "the Pushgateway refuses duplicates"
            assert sample.timestamp is None, "the Pushgateway refuses timestamps"
            found[key] = sample.value
    return found


def test_metrics_are_the_last_run_and_the_state() -> None:
    """Every one of them."""
    statuses: Samples = {("backup_status", (("status", status),)): 0.0 for status in Status}
    classes: Samples = {("backup_failure", (("class", failure),)): 0.0 for failure in Failure}
    due = deadlines.tasks(configured(), STATE)
    tasks: Samples = {
        **{("backup_task_due_timestamp_seconds", (("task", c),)): due[c] for c in due},
        **{("backup_task_failed", (("task", c),)): 0.0 for c in due},
    }

    every: Samples = {
        **statuses,
        ("backup_status", (("status", "success"),)): 1,
        **classes,
        ("backup_start_timestamp", ()): NOW - 20.5,
        ("backup_duration_seconds", ()): 20.5,
        ("backup_exit_code", ()): 0,
        ("backup_last_run_timestamp_seconds", ()): NOW,
        ("backup_next_due_timestamp_seconds", ()): NOW + 3600,
        ("backup_interval_seconds", ()): deadlines.interval(configured(), STATE),
        **tasks,
        ("backup_files", (("state", "new"),)): 2,
        ("backup_files", (("state", "changed"),)): 1,
        ("backup_files", (("state", "unmodified"),)): 7,
        ("backup_source_bytes", ()): 5000,
        ("backup_added_bytes", ()): 2048,
        ("backup_read_errors", ()): 0,
        ("backup_retention_shrinks", ()): 0,
        ("backup_notify_failures_total", ()): 3,
        ("backup_paused", ()): 0,
        ("backup_central_maintenance", ()): 0,
        ("backup_defaulted_settings", (("keys", ""),)): 0,
        ("backup_info", (("restic", "0.19.1"), ("version", VERSION))): 1,
        ("backup_host_info", (("host", "wiki"),)): 1,
        ("backup_last_success_timestamp_seconds", ()): NOW,
        ("backup_forget_last_success_timestamp_seconds", ()): NOW - 60,
        ("backup_snapshots", ()): 9,
        ("backup_stale_locks", ()): 2,
    }
    assert samples(configured(), STATE) == every


def test_every_promised_metric_is_pushed() -> None:
    """Alerts and dashboards of others are made of these names and labels."""
    tasks = {name: Task(success=NOW) for name in ("forget", "prune", "check", "copy", "verify")}
    found = {
        (name, tuple(key for key, _ in labels))
        for name, labels in samples(configured(), changed(STATE, tasks=tasks))
    }

    assert {name + "".join(f"{{{','.join(keys)}}}" for _ in keys[:1]) for name, keys in found} == {
        "backup_start_timestamp", "backup_duration_seconds", "backup_status{status}",
        "backup_last_success_timestamp_seconds", "backup_last_run_timestamp_seconds",
        "backup_next_due_timestamp_seconds", "backup_exit_code", "backup_failure{class}",
        "backup_files{state}", "backup_source_bytes", "backup_added_bytes", "backup_read_errors",
        "backup_snapshots", "backup_stale_locks", "backup_forget_last_success_timestamp_seconds",
        "backup_prune_last_success_timestamp_seconds",
        "backup_check_last_success_timestamp_seconds",
        "backup_copy_last_success_timestamp_seconds",
        "backup_verify_last_success_timestamp_seconds", "backup_notify_failures_total",
        "backup_retention_shrinks",
        "backup_paused", "backup_central_maintenance", "backup_defaulted_settings{keys}",
        "backup_info{restic,version}",
        "backup_host_info{host}", "backup_interval_seconds", "backup_task_failed{task}",
        "backup_task_due_timestamp_seconds{task}",
    }  # fmt: skip


@pytest.mark.parametrize("status", list(Status))
def test_status_is_a_state_set(status: Status) -> None:
    """The old name; exactly one of all outcomes is 1, and none is missing."""
    found = samples(configured(), changed(STATE, last=replace(LAST, status=status.value)))

    values = {key[1][0][1]: value for key, value in found.items() if key[0] == "backup_status"}
    assert values == {other.value: float(other == status) for other in Status}


@pytest.mark.parametrize("failure", list(Failure))
def test_failure_is_a_state_set(failure: Failure) -> None:
    """All 0 after a success."""
    found = samples(configured(), changed(STATE, last=replace(FAILED, failure=failure.value)))

    values = {key[1][0][1]: value for key, value in found.items() if key[0] == "backup_failure"}
    assert values == {other.value: float(other == failure) for other in Failure}


@pytest.mark.parametrize(
    ("state", "absent"),
    [
        (changed(STATE, last_success=0), "backup_last_success_timestamp_seconds"),
        (changed(STATE, tasks={}), "backup_forget_last_success_timestamp_seconds"),
        (changed(STATE, snapshots=None), "backup_snapshots"),
        (changed(STATE, stale_locks=None), "backup_stale_locks"),
    ],
)
def test_an_event_that_never_happened_has_no_value(state: State, absent: str) -> None:
    """0 would be 1970; everything else is still pushed."""
    names = {name for name, _ in samples(configured(), STATE)}

    assert {name for name, _ in samples(configured(), state)} == names - {absent}


def test_zero_snapshots_is_a_value() -> None:
    """Not the same as unknown."""
    assert samples(configured(), changed(STATE, snapshots=0))[("backup_snapshots", ())] == 0


def test_a_failure_keeps_the_last_success() -> None:
    """So that an emptied Pushgateway heals at the next run, whatever its result."""
    found = samples(configured(), changed(STATE, last=FAILED, last_success=NOW - DAY))

    assert found[("backup_last_success_timestamp_seconds", ())] == NOW - DAY
    assert found[("backup_exit_code", ())] == 1


def test_before_the_first_run_nothing_is_claimed() -> None:
    """What the Pushgateway keeps of an earlier pod's last run stays."""
    names = {name for name, _ in samples(configured(), remembered(next_due=NOW))}

    assert {"backup_next_due_timestamp_seconds", "backup_info"} <= names
    assert not names & {
        "backup_status", "backup_failure", "backup_last_success_timestamp_seconds",
        "backup_last_run_timestamp_seconds", "backup_source_bytes",
    }  # fmt: skip


def test_paused_and_defaulted_settings_are_visible() -> None:
    """By key, never by value."""
    config = configured(
        secret={"DEBUG": "s3cret?"},
        annotations={"backup.paused": "true", "backup.keep-daily": "many"},
    )

    found = samples(config, STATE)

    assert found[("backup_paused", ())] == 1
    assert found[("backup_defaulted_settings", (("keys", "DEBUG,backup.keep-daily"),))] == 2
    assert "s3cret" not in metrics.metrics(config, STATE)


def test_special_characters_in_a_label_are_escaped() -> None:
    """Whatever a key holds."""
    config = configured(annotations={'backup.a"b\\c\nd': "x"})

    assert ("backup_defaulted_settings", (("keys", 'backup.a"b\\c\nd'),)) in samples(config, STATE)


def test_no_pod_name_no_snapshot_and_no_path_is_pushed() -> None:
    """Each would be a new series for ever."""
    state = changed(STATE, last=replace(FAILED, unreadable=["/backup/pages/x"], read_errors=1))
    pushed = metrics.metrics(configured(), state) + metrics.group(configured())

    for text in ("6d4cf56db6", "4f8a1c2e", "/backup/pages", "node-1", "no such host"):
        assert text not in pushed


def test_every_metric_has_one_help_and_one_type() -> None:
    """The Pushgateway refuses a type that differs, and text without a final newline."""
    text = metrics.metrics(configured(), STATE)
    lines = text.splitlines()
    names = {line.split("{")[0].split(" ")[0] for line in lines if not line.startswith("#")}

    assert sorted(line.split()[2] for line in lines if line.startswith("# HELP")) == sorted(names)
    assert sorted(line.split()[2] for line in lines if line.startswith("# TYPE")) == sorted(names)
    assert text.endswith("\n")
    assert "\r" not in text
    assert "# TYPE backup_notify_failures_total counter" in lines


@pytest.mark.parametrize(
    ("host", "segment"),
    [
        ("wiki", "instance/wiki"),
        ("a.b-c_d~e", "instance/a.b-c_d~e"),
        ("a/b", "instance@base64/YS9i"),
        ("Bü ro", "instance@base64/QsO8IHJv"),
        ("?>?", "instance@base64/Pz4_"),
        ("", "instance@base64/="),
    ],
)
def test_the_group_is_job_namespace_and_host(host: str, segment: str) -> None:
    """As the Pushgateway wants values that are no plain path segment."""
    config = configured()
    config = replace(config, identity=replace(config.identity, host=host))

    assert metrics.group(config) == f"/metrics/job/backup/namespace/prod/{segment}"


@pytest.mark.parametrize(
    ("status", "level"),
    [("success", "info"), ("warning", "warning"), ("failure", "error"),
     ("skipped", "warning"), ("interrupted", "warning")],
)  # fmt: skip
def test_a_log_line_has_the_level_of_its_outcome(status: str, level: str) -> None:
    """Only a failure is an error."""
    assert metrics.level(status) == level


def test_empty_log_fields_are_left_out() -> None:
    """But keep zeros, which say something."""
    assert metrics.fields(replace(LAST, new=0)) == {
        "status": "success",
        "seconds": 20.5,
        "snapshot": "4f8a1c2e",
        "files_new": 0,
        "files_changed": 1,
        "files_unmodified": 7,
        "source_bytes": 5000,
        "added_bytes": 2048,
        "exit_code": 0,
    }
    assert metrics.fields(FAILED)["class"] == "network"
