"""What workloads say of their retention, and that it comes back as it was meant."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from contract.snapshots import Snapshot
from runner.maintenance.retention import policy_records
from runner.maintenance.retention.policy_records import Owner
from runner.policy import keep_policy
from runner.restic import commands, maintainer
from runner.state.model import State
from tests.runner.config.workload import NOW, changed, configured, remembered

CENTRAL = {"BACKUP_MAINTENANCE": "central"}
STATE = remembered()
NOTHING = dict.fromkeys(
    ("KEEP_LAST", "KEEP_HOURLY", "KEEP_DAILY", "KEEP_WEEKLY", "KEEP_MONTHLY"), "0"
)


def _said(*tags: str) -> Snapshot:
    return Snapshot(
        time=NOW,
        tags=(policy_records.RETENTION, *tags),
        paths=("/retention/-/prod/Deployment/wiki/wiki",),
    )


@pytest.mark.parametrize(
    "keep",
    [
        {},
        {"KEEP_LAST": "3", "KEEP_YEARLY": "10"},
        {**NOTHING, "KEEP_WITHIN": "1y6m"},
        {**NOTHING, "KEEP_DAILY": "400"},
    ],
)
def test_the_job_applies_the_sidecars_policy(keep: dict[str, str]) -> None:
    own = configured(secret=keep)
    said = policy_records.wanted(configured(secret={**CENTRAL, **keep}), STATE)
    (record,) = policy_records.found(
        [Snapshot(time=NOW, host=policy_records.HOST, tags=said,
                  paths=(policy_records.owner(own).path,))],
        policy_records.RETENTION,
    )  # fmt: skip
    job = configured({"BACKUP_NAMESPACE": "backup-webhook", "BACKUP_HOST": "maintenance"})
    owner = policy_records.owner_said(record)
    assert owner

    told = keep_policy.applied(job.settings, policy_records.asked(record))
    theirs = commands.forget(replace(owner.as_config(job), settings=told))

    assert theirs
    assert theirs == commands.forget(own)


@pytest.mark.parametrize(
    ("secret", "state", "tags"),
    [
        ({}, STATE, ()),
        ({}, changed(STATE, recorded=["record=retention", "keep=all"]), ("keep=own",)),
        ({**CENTRAL, **NOTHING}, STATE, ("keep=all",)),
        ({**CENTRAL, "BACKUP_FORGET": "off"}, STATE, ("keep=all",)),
        ({**CENTRAL, "RESTIC_RETENTION_POLICIES_ENABLED": "false"}, STATE, ("keep=all",)),
        (
            {**CENTRAL, **NOTHING, "KEEP_LAST": "1", "COPY_RESTIC_REPOSITORY": "/copies"},
            changed(STATE, held=True),
            ("keep-last=1", "held=yes", "copy=yes"),
        ),
    ],
)
def test_the_published_policy_is_the_configured_one(
    secret: dict[str, str], state: State, tags: tuple[str, ...]
) -> None:
    assert policy_records.wanted(configured(secret=secret), state)[1:] == tags


def test_a_mirror_publishes_no_policy() -> None:
    mirror = configured({"BACKUP_ENGINE": "rclone"}, {**CENTRAL, "BUP_DST": "s3:bucket"})

    assert mirror.mirrors
    assert not mirror.central
    assert policy_records.wanted(mirror, STATE) == ()


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
def test_an_invalid_record_is_no_policy(tags: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"it names nothing|unknown|write|keeps nothing"):
        policy_records.asked(_said(*tags))


@pytest.mark.parametrize("host", ["wiki", "a/b", "a,b", "..", "ü 1", "wiki.home", "100%"])
def test_paths_distinguish_workloads(host: str) -> None:
    for cluster in ("", "home"):
        owner = Owner("prod", host, "StatefulSet", "wiki", cluster)
        record = replace(_said(), paths=(owner.path,))

        assert policy_records.owner_said(record) == owner
        assert "/../" not in f"{owner.path}/"
        assert "," not in owner.path


def test_a_record_is_not_a_backup() -> None:
    config = configured(secret=CENTRAL)
    argv = policy_records.write(config, policy_records.wanted(config, STATE)).argv
    tags = [word for flag, word in pairwise(argv) if flag == "--tag"]
    host = argv[argv.index("--host") + 1]
    snapshot = Snapshot(time=datetime.now(UTC), host=host, tags=tuple(tags))

    assert host != config.identity.host
    assert not set(tags) & set(config.identity.tags)
    assert policy_records.owner_of(snapshot) is None
    assert maintainer.elected(config, [snapshot], datetime.now(UTC)) == ""
    assert "correct-horse" not in " ".join(argv)


def test_only_the_newest_record_of_each_path_stays() -> None:
    def record(name: str, tag: str, path: str, hours: int) -> Snapshot:
        made = NOW + timedelta(hours=hours)
        return Snapshot(name, made, policy_records.HOST, (tag,), (path,))

    found = [
        record("old", policy_records.RETENTION, "/retention/a", -2),
        record("newest", policy_records.RETENTION, "/retention/a", -1),
        record("ahead", policy_records.RETENTION, "/retention/a", 50),
        record("alone", policy_records.RETENTION, "/retention/b", -99),
        record("state", policy_records.MAINTENANCE, policy_records.STATE_PATH, -1),
        record("other state", policy_records.MAINTENANCE, policy_records.STATE_PATH, 99),
        replace(record("backup", policy_records.RETENTION, "/retention/a", -9), host="wiki"),
    ]

    assert set(policy_records.replaced(found, NOW)) == {"old", "state", "other state"}
    argv = policy_records.forget(configured(), ("old",)).argv
    assert argv[argv.index("--host") + 1] == policy_records.HOST
    assert argv[argv.index("--") + 1 :] == ("old",)
