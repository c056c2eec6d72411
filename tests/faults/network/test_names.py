"""Name servers that fail, between restic and its repository."""

from pathlib import Path

import pytest

from tests import needs
from tests.faults.network import resolver
from tests.faults.night import Night, is_outcome, last_line
from tests.services import rest

SAYS = {"nothing": "i/o timeout", "failed": "server misbehaving"}


@needs.root.mark
@pytest.mark.parametrize("says", SAYS)
def test_a_name_server_that_fails(tmp_path: Path, says: str) -> None:
    with rest.serve(tmp_path) as url, resolver.serve(tmp_path) as names:
        night = Night(tmp_path, RESTIC_REPOSITORY=f"rest:{url}/repository/")
        named = url.replace("127.0.0.1", "backups.example.net")
        night.sidecar.change_secret(RESTIC_REPOSITORY=f"rest:{named}/repository/")
        names.says = says

        with night.running(*names.argv("backup-runner", "run")) as run:
            ended = last_line(run, is_outcome)

        night.ended(ended, "failure", "network")
        assert SAYS[says] in ended["message"]
        assert ended["seconds"] < 40
        assert names.asked
        names.says = "loopback"
        with night.running(*names.argv("backup-runner", "run")) as run:
            night.ended(last_line(run, is_outcome), "success")
        night.ends(recovers=False)
