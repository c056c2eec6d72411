"""What workloads say of their retention, and that it comes back as it was meant."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from runner import maintainer, policy, records, steps
from runner.records import Owner, Record
from runner.state import State
from tests.runner.workload import NOW, configured

CENTRAL = {"BACKUP_MAINTENANCE": "central"}
STATE = State(run_now="")
NOTHING = dict.fromkeys(
    ("KEEP_LAST", "KEEP_HOURLY", "KEEP_DAILY", "KEEP_WEEKLY", "KEEP_MONTHLY"), "0"
)


def _said(*tags: str) -> Record:
    return Record("/retention/-/prod/Deployment/wiki/wiki", NOW, (records.RETENTION, *tags))


@pytest.mark.parametrize(
    "keep",
    [
        {},
        {"KEEP_LAST": "3", "KEEP_YEARLY": "10"},
        {**NOTHING, "KEEP_WITHIN": "1y6m"},
        {**NOTHING, "KEEP_DAILY": "400"},
    ],
)
def test_the_job_forgets_by_what_the_sidecar_would_have(keep: dict[str, str]) -> None:
    own = configured(secret=keep)
    said = records.wanted(configured(secret={**CENTRAL, **keep}), STATE)
    (record,) = records.found(
        [{"hostname": records.HOST, "tags": list(said), "time": NOW.isoformat(),
          "paths": [records.owner(own).path]}],
        records.RETENTION,
    )  # fmt: skip
    job = configured({"BACKUP_NAMESPACE": "backup-webhook", "BACKUP_HOST": "maintenance"})
    owner = records.owner_said(record)
    assert owner

    told = policy.applied(job.settings, records.asked(record))
    theirs = steps.forget(replace(owner.as_config(job), settings=told))

    assert theirs
    assert theirs == steps.forget(own)


@pytest.mark.parametrize(
    ("secret", "state", "tags"),
    [
        ({}, STATE, ()),
        ({}, replace(STATE, recorded=["record=retention", "keep=all"]), ("keep=own",)),
        ({**CENTRAL, **NOTHING}, STATE, ("keep=all",)),
        ({**CENTRAL, "BACKUP_FORGET": "off"}, STATE, ("keep=all",)),
        ({**CENTRAL, "RESTIC_RETENTION_POLICIES_ENABLED": "false"}, STATE, ("keep=all",)),
        (
            {**CENTRAL, **NOTHING, "KEEP_LAST": "1", "COPY_RESTIC_REPOSITORY": "/copies"},
            replace(STATE, held=True),
            ("keep-last=1", "held=yes", "copy=yes"),
        ),
    ],
)
def test_what_is_said_is_what_is_set(
    secret: dict[str, str], state: State, tags: tuple[str, ...]
) -> None:
    assert records.wanted(configured(secret=secret), state)[1:] == tags


def test_a_mirror_says_nothing() -> None:
    mirror = configured({"BACKUP_ENGINE": "rclone"}, {**CENTRAL, "BUP_DST": "s3:bucket"})

    assert mirror.mirrors
    assert not mirror.central
    assert records.wanted(mirror, STATE) == ()


@pytest.mark.parametrize(
    "tags",
    [
        (),
        ("held=yes",),
        ("keep-last=x",),
        ("keep-last=-1",),
        ("keep-last=0",),
        ("keep-last",),
        ("keep-within=",),
        ("keep-within=7w",),
        ("keep-last=3", "keep-decades=1"),
        ("keep-last=3", "what-a-newer-version-says"),
    ],
)
def test_what_is_not_understood_is_no_rule(tags: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"it names nothing|not known|write|keeps nothing"):
        records.asked(_said(*tags))


@pytest.mark.parametrize("host", ["wiki", "a/b", "a,b", "..", "ü 1", "wiki.home", "100%"])
def test_paths_tell_workloads_apart(host: str) -> None:
    for cluster in ("", "home"):
        owner = Owner("prod", host, "StatefulSet", "wiki", cluster)
        record = replace(_said(), path=owner.path)

        assert records.owner_said(record) == owner
        assert "/../" not in f"{owner.path}/"
        assert "," not in owner.path


def test_a_record_is_nobodys_backup() -> None:
    config = configured(secret=CENTRAL)
    argv = records.write(config, records.wanted(config, STATE)).argv
    tags = [word for flag, word in pairwise(argv) if flag == "--tag"]
    host = argv[argv.index("--host") + 1]
    snapshot = {"hostname": host, "tags": tags, "time": datetime.now(UTC).isoformat()}

    assert host != config.host
    assert not set(tags) & set(config.tags)
    assert records.owner_of(snapshot) is None
    assert maintainer.elected(config, [snapshot], datetime.now(UTC)) == ""
    assert "correct-horse" not in " ".join(argv)


def test_of_each_path_the_newest_record_stays_and_no_old_state() -> None:
    def record(name: str, tag: str, path: str, hours: int) -> dict[str, Any]:
        made = NOW + timedelta(hours=hours)
        return {"id": name, "hostname": records.HOST, "tags": [tag], "paths": [path],
                "time": made.isoformat()}  # fmt: skip

    found = [
        record("old", records.RETENTION, "/retention/a", -2),
        record("newest", records.RETENTION, "/retention/a", -1),
        record("ahead", records.RETENTION, "/retention/a", 50),
        record("alone", records.RETENTION, "/retention/b", -99),
        record("state", records.MAINTENANCE, records.STATE_PATH, -1),
        record("other state", records.MAINTENANCE, records.STATE_PATH, 99),
        {**record("backup", records.RETENTION, "/retention/a", -9), "hostname": "wiki"},
    ]

    assert set(records.replaced(found, NOW)) == {"old", "state", "other state"}
    argv = records.forget(configured(), ("old",)).argv
    assert argv[argv.index("--host") + 1] == records.HOST
    assert argv[argv.index("--") + 1 :] == ("old",)
