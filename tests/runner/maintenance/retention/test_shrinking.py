"""Which changes of a sidecar's retention count at once, and which wait for the grace period."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from contract.annotations import settings
from runner.config.model import Config
from runner.maintenance.retention import shrinking
from runner.policy import keep_policy
from runner.policy.grace import Known
from runner.process.log import Log
from runner.process.signals import Stop
from runner.session.session import Session
from runner.state.model import State
from runner.state.store import Store
from tests.runner.config.workload import configured, remembered

NONE = dict.fromkeys(("hourly", "daily", "weekly", "monthly", "last"), "0")
Given = Mapping[str, str]


def _config(
    secret: Given, patched: Given, admitted: Given, defaults: Given, engine: str = ""
) -> Config:
    def keys(given: Given) -> dict[str, str]:
        return {f"backup.{key}": text for key, text in given.items()}

    environment = {
        "BACKUP_DEFAULTS": json.dumps(dict(defaults)),
        "BACKUP_ADMITTED": json.dumps(keys(admitted)),
        **({"BACKUP_ENGINE": engine} if engine else {}),
    }
    return configured(environment, secret, keys({**admitted, **patched}))


def _kept(config: Config, state: State, root: Path) -> keep_policy.Policy:
    """Return by what it is forgotten."""
    session = Session(config, state, Store(root), Log(), Stop())
    values = shrinking.retained(session).settings
    return keep_policy.of_archives(values) if config.mirrors else keep_policy.of(values)


LESS = {"keep-daily": "1", "keep-monthly": "0"}
USUAL = {"keep-last": "1", "keep-hourly": "24", "keep-daily": "7", "keep-weekly": "4",
         "keep-monthly": "12"}  # fmt: skip
SMALL = {"keep-last": "1", "keep-hourly": "24", "keep-daily": "1", "keep-weekly": "4"}


@pytest.mark.parametrize(
    ("secret", "patched", "admitted", "defaults", "kept"),
    [
        ({}, LESS, {}, {}, USUAL),
        ({}, LESS, {}, {"shrink-grace": "0d"}, SMALL),
        ({"BACKUP_SHRINK_GRACE": "1d"}, LESS, {}, {"shrink-grace": "0d"}, USUAL),
        ({}, {}, LESS, {}, SMALL),
        ({"KEEP_DAILY": "1", "KEEP_MONTHLY": "0"}, {}, {}, {}, SMALL),
        ({}, {}, {}, {"keep-daily": "1", "keep-monthly": "0"}, SMALL),
        ({"KEEP_DAILY": "30"}, LESS, {}, {}, {**USUAL, "keep-daily": "30"}),
        ({}, LESS, {"keep-daily": "9"}, {}, {**USUAL, "keep-daily": "9"}),
        ({}, {"keep-daily": "8"}, {}, {}, {**USUAL, "keep-daily": "8"}),
        ({}, {"keep-daily": "8", "keep-last": "0"}, {}, {}, {**USUAL, "keep-daily": "8"}),
        ({"BACKUP_FORGET": "off"}, {"forget": "@hourly"}, {}, {}, {}),
        ({"BACKUP_MAINTENANCE": "central"}, {"maintenance": "own"}, {}, {}, {}),
        ({f"KEEP_{key.upper()}": "0" for key in NONE}, {"keep-last": "1"}, {}, {}, {}),
        ({}, LESS, {}, {"floor-last": "3"}, {**USUAL, "keep-last": "3"}),
        ({}, {}, LESS, {"floor-within": "30d"}, {**SMALL, "keep-within": "30d"}),
    ],
)
def test_only_a_later_annotation_waits(
    tmp_path: Path, secret: Given, patched: Given, admitted: Given, defaults: Given, kept: Given
) -> None:
    config = _config(secret, patched, admitted, defaults)
    state = remembered()

    assert _kept(config, state, tmp_path) == kept
    assert bool(state.policy.shrinks) == (keep_policy.of(config.settings) != kept)


def test_a_mirrors_archives_wait_too(tmp_path: Path) -> None:
    place = {"BUP_DST": "s3:bucket"}
    state = remembered()
    patched = _config(place, {"keep-archives": "1d"}, {}, {}, "rclone")

    assert _kept(patched, state, tmp_path) == {"keep-archives": "7d"}
    state.policy.retention = replace(
        state.policy.retention, since=state.policy.retention.since - 8 * 86400
    )
    assert _kept(patched, state, tmp_path) == {"keep-archives": "1d"}
    endless = _config(place, {"keep-archives": "1d"}, {"keep-archives": "0d"}, {}, "rclone")
    assert _kept(endless, remembered(), tmp_path) == {}
    low = _config(place, {}, {"keep-archives": "1d"}, {"floor-within": "1m"}, "rclone")
    assert low.settings[settings.KEEP_ARCHIVES] == 31
    assert "annotation backup.keep-archives" not in str(
        _config(place, {}, {}, {}, "rclone").problems
    )


def test_a_policy_raised_by_a_patch_shrinks_as_slowly(tmp_path: Path) -> None:
    """But with the Secret it counts at once."""
    state = remembered()
    raised = {**USUAL, "keep-daily": "60"}
    assert _kept(_config({}, {"keep-daily": "60"}, {}, {}), state, tmp_path) == raised
    assert state.policy.retention == Known(raised)

    assert _kept(_config({}, {}, {}, {}), state, tmp_path) == raised
    assert len(state.policy.shrinks) == 1
    weekly = {**USUAL, "keep-weekly": "3"}
    assert _kept(_config({"KEEP_WEEKLY": "3"}, {}, {}, {}), state, tmp_path) == weekly
    assert state.policy.shrinks == []


@pytest.mark.parametrize("text", ["x", "7w", "-1", "1.5"])
def test_an_invalid_floor_is_named_and_lowers_nothing(text: str) -> None:
    for key in ("floor-within", "floor-last", "shrink-grace"):
        variable = f"BACKUP_{key.replace('-', '_').upper()}"
        config = _config({variable: text}, {}, {}, {"floor-within": "9d", "floor-last": "5"})
        assert any(each.key == variable for each in config.problems)
        assert (config.maintenance.floor.within, config.maintenance.floor.last) == ("9d", 5)
        assert config.maintenance.floor.grace == 7 * 86400
        config = _config({variable: ""}, {}, {}, {key: text})
        assert any(each.where == "chart value" and each.key == key for each in config.problems)
    assert _config({}, {}, {}, {}).maintenance.floor.of_job().within == "7d"
    assert _config({}, {}, {}, {}).maintenance.floor.of_job().last == 3
    both = _config({"BACKUP_FLOOR_WITHIN": "1m", "BACKUP_FLOOR_LAST": "2"}, {}, {},
                   {"floor-within": "30d", "floor-last": "5"})  # fmt: skip
    assert (both.maintenance.floor.within, both.maintenance.floor.last) == ("31d", 5)
