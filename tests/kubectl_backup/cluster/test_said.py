"""What a command in a pod says is shown without credentials: restic names addresses."""

import json

import pytest

from kubectl_backup.cluster import errors
from kubectl_backup.cluster.exec import Answer

LINES = [
    'Fatal: parse "http://bob:{}@127.0.0.1:9/x/": invalid port ":Hunter2" after host',
    "Fatal: unable to open repository at rest:http://bob:{}@127.0.0.1:9/x/: EOF",
    'Fatal: Get "http://bob:{}@127.0.0.1:9/x/config": dial tcp: connection refused',
]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("password", ["Hunter2", "Hunter2/x", "Hunter2@x", "Hunter2%x", "Hunter2:"])
@pytest.mark.parametrize("as_json", [True, False])
def test_no_password_of_an_address_is_shown(line: str, password: str, *, as_json: bool) -> None:
    said = line.format(password)
    if as_json:
        said = json.dumps({"message_type": "exit_error", "code": 1, "message": said})
    answer = Answer(1, err=f"some other line\n{said}\n".encode())

    assert "Hunter2" not in answer.said
    assert "bob:***@127.0.0.1:9/x/" in answer.said
    assert answer.said.startswith("Fatal: ")
    assert "restic ls: Fatal: " in errors.of_restic("ls", 1, answer.said)


@pytest.mark.parametrize("line", ["", "tar: Exiting with failure status", '{"x": 1}', '["a"]'])
def test_any_other_line_is_unchanged(line: str) -> None:
    assert Answer(1, err=line.encode()).said == line
