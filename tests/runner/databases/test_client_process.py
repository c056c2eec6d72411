"""What the clients of databases get of the Secret."""

import pytest

from runner.databases import client_process
from runner.databases.clients import Client


def test_a_client_gets_its_variables_and_those_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the repository's password, nor what steers a process, whoever asks for it."""
    given = {
        "RESTIC_PASSWORD": "x", "AWS_SECRET_ACCESS_KEY": "x", "LD_PRELOAD": "x", "KRB5CCNAME": "x",
        "APP": "x", "MYSQL_PWD": "x", "BACKUP_ENV_PASS": "KRB5CCNAME LD_PRELOAD PYTHONPATH ABSENT",
        "PYTHONPATH": "/x", "PATH": "/usr/bin", "HOME": "/h", "TMPDIR": "/t",
    }  # fmt: skip
    for key, text in given.items():
        monkeypatch.setenv(key, text)

    made = client_process.environment(Client(dump=(), environment={"PGPASSWORD": "p"}))

    assert made == {
        "PATH": "/usr/bin", "HOME": "/h", "TMPDIR": "/t", "KRB5CCNAME": "x", "LC_ALL": "C.UTF-8",
        "PGPASSWORD": "p",
    }  # fmt: skip
