"""What was not checked is never passed off as checked."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.blocks import PROJECT
from tools import audit
from tools.audit import Verdict

NOBODY = "http://127.0.0.1:9"  # nothing listens there
LOCK = """
a==1.0 \\
    --hash=sha256:0123
b.c-d[extra]==2.0.1 ; python_version < '3.14' \\
    --hash=sha256:4567
    # via a==3
"""


@pytest.fixture
def osv() -> Iterator[tuple[str, list[Any]]]:
    """A database's address, and what it answers: each time the next."""
    answers: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = answers.pop(0)
            body = answer(asked) if callable(answer) else answer
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode() if not isinstance(body, bytes) else body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", answers
        server.shutdown()
        thread.join()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock of two packages."""
    path = tmp_path / "lock.txt"
    path.write_text(LOCK)
    return path


def test_a_lock_names_packages_and_versions() -> None:
    assert audit.pinned(LOCK) == [("a", "1.0"), ("b.c-d", "2.0.1")]
    for path in (PROJECT / "requirements").glob("*.txt"):
        text = path.read_text("utf-8")
        assert sum("==" in line and line[0].isalnum() for line in text.splitlines()) == len(
            audit.pinned(text)
        )


@pytest.mark.parametrize(
    "answer",
    [(500, {}), (200, b"<html>"), (200, []), (200, {}), (200, {"results": []}),
     (200, {"results": [{}]}), (200, {"results": [{}, None]}),
     (200, {"results": [{}, {"vulns": "x"}]}), (403, {"results": [{}, {}]})],
)  # fmt: skip
def test_an_invalid_response_counts_as_not_checked(
    osv: tuple[str, list[Any]], lock: Path, capsys: pytest.CaptureFixture[str], answer: object
) -> None:
    address, answers = osv
    answers.append(answer)

    assert audit.python(lock, address) is Verdict.NOT_CHECKED
    assert "NOT CHECKED" in capsys.readouterr().out


def test_an_unreachable_database_counts_as_not_checked(
    lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.python(lock, NOBODY) is Verdict.NOT_CHECKED
    assert "Connection refused" in capsys.readouterr().out


def test_a_lock_without_packages_counts_as_not_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lock.txt").write_text("# moved elsewhere\n")

    assert audit.python(tmp_path / "lock.txt", NOBODY) is Verdict.NOT_CHECKED
    assert "no packages" in capsys.readouterr().out


def test_known_vulnerabilities_are_reported_and_other_packages_are_clean(
    osv: tuple[str, list[Any]], lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address, answers = osv

    def known(asked: Any) -> object:  # noqa: ANN401 -- any JSON
        of = [query["package"]["name"] for query in asked["queries"]]
        return {"results": [{"vulns": [{"id": "X-1"}]} if name == "a" else {} for name in of]}

    answers += [(200, known), (200, {"results": [{}, {}]})]

    assert audit.python(lock, address) is Verdict.VULNERABLE
    assert "a 1.0: X-1" in capsys.readouterr().out
    assert audit.python(lock, address) is Verdict.CLEAN


@pytest.mark.parametrize(
    ("script", "verdict"),
    [("exit 0", Verdict.CLEAN), ("echo 'Vulnerability #1'; exit 3", Verdict.VULNERABLE),
     ("echo 'no such host' >&2; exit 1", Verdict.NOT_CHECKED), ("exit 2", Verdict.NOT_CHECKED),
     ("kill -9 $$", Verdict.NOT_CHECKED), (None, Verdict.NOT_CHECKED)],
)  # fmt: skip
def test_a_failed_govulncheck_counts_as_not_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, verdict: Verdict
) -> None:
    """Also where it could not be built."""
    if script is not None:
        (tmp_path / "govulncheck").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "govulncheck").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert audit.go(PROJECT / "tools", "") is verdict


def test_unreachable_databases_are_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUDIT_OSV", NOBODY)
    monkeypatch.setenv("AUDIT_GO", NOBODY)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert audit.main() == 2

    said = capsys.readouterr()
    assert "Not everything was checked" in said.err
    for name in ("requirements/runner.txt", "requirements/webhook.txt", "tools/go.mod"):
        assert f"{name}: NOT CHECKED" in said.out
    assert "no known vulnerabilities" not in said.out


def test_an_incomplete_check_hides_no_vulnerability(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, osv: tuple[str, list[Any]]
) -> None:
    """Both are no success; what is known is printed either way."""
    address, answers = osv

    def one(asked: Any) -> object:  # noqa: ANN401 -- any JSON
        return {"results": [{"vulns": [{"id": "X-1"}]}, *[{}] * (len(asked["queries"]) - 1)]}

    answers += [(200, one)] * 20
    monkeypatch.setenv("AUDIT_OSV", address)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert audit.main() != 0
