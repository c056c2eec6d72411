"""Doubtful snapshots end as good ones do, and never at the cost of one."""

import json
import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contract.snapshots import read
from demo import app
from runner.maintenance.retention import thinning
from tests.integration.restore.restores import with_repository
from tests.integration.sidecars import Json, Sidecar
from tests.runner.config.workload import configured

_NONE = {f"KEEP_{each}": "0" for each in ("LAST", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")}
_TAGS = "ns=prod,kind=Deployment,workload=wiki"


def _made(sidecar: Sidecar, when: datetime, *tags: str) -> None:
    sidecar.restic(
        "backup", "-q", "--host", "wiki", "--tag", ",".join((_TAGS, *tags)),
        "--time", when.strftime("%Y-%m-%d %H:%M:%S"), "--", str(sidecar.volume),
    )  # fmt: skip


@pytest.fixture
def wiki(tmp_path: Path) -> Sidecar:
    """A sidecar with a repository that is empty."""
    made = Sidecar(tmp_path)
    app.write_files(made.volume)
    return with_repository(made)


def test_accepted_snapshots_expire_and_replace_no_complete_one(wiki: Sidecar) -> None:
    """Three good days, then the volume is empty for two until somebody accepts that."""
    wiki.change_secret(**_NONE | {"KEEP_DAILY": "3"}, BACKUP_FORGET="* * * * *")
    now = datetime.now(UTC)
    for days in (6, 5, 4):
        _made(wiki, now - timedelta(days=days))
    for days in (3, 2):
        _made(wiki, now - timedelta(days=days), "doubtful")
    state = wiki.path("/var/lib/backup") / "state.json"

    def left(*, forget: bool = True) -> list[str]:
        if forget:
            state.write_text(re.sub(r'"tasks": \{.*?\}\}', '"tasks": {}', state.read_text()))
            wiki.back_up()
        return [
            f"{abs(now - datetime.fromisoformat(each['time'])).days}"
            f"{'?' if 'doubtful' in each['tags'] else ''}"
            for each in wiki.snapshots()
        ]

    assert left(forget=False) == ["6", "5", "4", "3?", "2?"]
    wiki.run("backup-runner", "accept")
    assert left() == ["5", "4", "3?", "2?", "0"]
    _made(wiki, now - timedelta(days=1))
    assert left() == ["4", "2?", "1", "0"]


@pytest.mark.parametrize("seed", range(2))
def test_the_selection_is_that_of_restic(wiki: Sidecar, seed: int) -> None:
    """Of snapshots at any times: what goes is what restic would let go, were all good."""
    chance = random.Random(seed)  # noqa: S311 -- no secret
    now = datetime.now(UTC).replace(microsecond=0)
    for _ in range(12):
        age = timedelta(hours=chance.choice((0.3, 5, 40, 400, 4000)) * chance.random())
        _made(wiki, now - age)
    keep = {
        f"KEEP_{each}": str(chance.choice((0, 1, 2, 4)))
        for each in ("LAST", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")
    } | {"KEEP_DAILY": "2", "KEEP_WITHIN": chance.choice(("", "2h", "3d"))}
    found: list[Json] = wiki.snapshots()
    flags = [w for key, count in keep.items() if count not in {"0", ""}
             for w in (f"--{key.lower().replace('_', '-')}", count)]  # fmt: skip
    (group,) = json.loads(
        wiki.restic("forget", "--dry-run", "--json", "--group-by", "host", *flags)
    )
    expected = {each["id"] for each in group["remove"] or ()}

    doubtful = [read({**each, "tags": [*each["tags"], "doubtful"]}) for each in found]

    superfluous = thinning.superfluous(configured(secret=keep), doubtful)
    assert {each.id for each in superfluous} == expected
    assert thinning.superfluous(configured(secret=keep), map(read, found)) == ()
