"""An older restic says some of it in other words."""

import os
from pathlib import Path

import pytest

from tests.cluster.work import until
from tests.faults.network import line
from tests.faults.network.line import WORKS, Fault, always
from tests.faults.night import Night, is_outcome, last_line
from tests.faults.repository.locks import Holder, leave
from tests.services import rest
from tests.services.programs import need


@pytest.fixture(autouse=True)
def restic_0_18(monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's restic comes first on PATH."""
    monkeypatch.setenv("PATH", str(need("restic-0.18").parent), prepend=os.pathsep)


def test_an_older_restic(tmp_path: Path) -> None:
    night = Night(tmp_path)
    assert "restic 0.18" in night.sidecar.restic("version")
    right = night.sidecar.secret["RESTIC_PASSWORD"]
    night.sidecar.change_secret(RESTIC_PASSWORD="wrong")
    night.back_up("failure", "auth")
    night.sidecar.change_secret(RESTIC_PASSWORD=right)
    fresh = leave(night.sidecar, Holder("of-another-node"))
    night.back_up("skipped", "locked")
    fresh.unlink()
    leave(night.sidecar, Holder("of-another-node", minutes=31))
    night.back_up()
    night.make_tasks_due()
    night.back_up()

    tasks = night.sidecar.status()["tasks"]
    assert {tasks[name]["status"] for name in ("forget", "prune", "check")} == {"success"}
    aside = night.sidecar.repository.rename(tmp_path / "aside")
    night.back_up("failure", "config")
    assert not night.sidecar.repository.exists()
    aside.rename(night.sidecar.repository)
    assert night.ends()["status"] == "success"


def test_an_older_restic_and_a_server_that_breaks(tmp_path: Path) -> None:
    with rest.serve(tmp_path) as url, line.to(url) as way:
        night = Night(tmp_path, RESTIC_REPOSITORY=f"rest:{way.url}/repository/")
        for fault, failure in ((Fault(500), "network"), (Fault(403), "auth")):
            way.rule = always(fault)
            night.back_up("failure", failure)
        way.rule = always(Fault(hangs=True))
        way.seen.clear()
        with night.running() as run:
            until(lambda: bool(way.seen), "the server is asked", 120)
            run.terminate()
            night.ended(last_line(run, is_outcome), "interrupted")
        way.rule = always(WORKS)

        assert night.ends()["status"] == "success"
