"""Whatever files are called and restic says, what the runner writes steers no terminal."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from contract import names
from contract.snapshots import read
from runner.cli import parser
from runner.config.notifiers import Ntfy
from runner.databases import dump_snapshots
from runner.databases.load import sql
from runner.notify import digest, messages
from runner.process.log import Log
from runner.restic.repository import newline
from runner.session import status
from runner.state.model import Task
from runner.state.store import Store
from runner.steps.outcome import Failure
from tests.planted import FORGED, TEXT, steering
from tests.runner.config.workload import NTFY, changed, configured
from tests.runner.notify.test_metrics import FAILED, NOW, STATE

PLANTED_LAST = replace(FAILED, message=TEXT)


@pytest.mark.parametrize("text", [True, False])
def test_a_log_line_is_one_line_without_control_characters(
    capsys: pytest.CaptureFixture[str], text: bool
) -> None:
    Log(text=text).line("warning", TEXT, file=TEXT, names=[TEXT], ü="größer 漢字")

    out = capsys.readouterr().out
    assert (steering(out), out.count("\n")) == ([], 1)
    assert "größer 漢字" in out
    if not text:
        line = json.loads(out)
        assert line["message"] == line["file"] == line["names"][0] == TEXT


@pytest.mark.parametrize("as_json", [True, False])
def test_a_status_has_no_control_characters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    config = configured({"BACKUP_STATE_DIR": str(tmp_path)})
    tasks = {"check": Task(status="failure", message=TEXT)}
    state = changed(STATE, last=PLANTED_LAST, tasks=tasks, notes=[TEXT], task=TEXT)
    Store(tmp_path).save(changed(state, last=replace(FAILED, message=TEXT.replace("\udcff", ""))))

    status.show(config, as_json=as_json)

    assert steering(capsys.readouterr().out) == []


def test_messages_have_no_control_characters_and_no_forged_line() -> None:
    config = configured({names.ENV_HOST: TEXT, names.ENV_NAMESPACE: TEXT}, NTFY)
    assert isinstance(config.receivers.ntfy, Ntfy)

    for maintains in (True, False):
        message = messages.news(config, PLANTED_LAST, maintains=maintains)
        sent = messages.ntfy(config.receivers.ntfy, message, "")
        titled = messages.ntfy(config.receivers.ntfy, message, TEXT)
        for line in (message.title, sent["title"], titled["title"]):
            assert steering(line, kept="") == []
        assert steering(message.text) == steering(sent["message"]) == []
        first, *rest = message.text.splitlines()
        assert FORGED in first
        assert [line.partition(":")[0] for line in rest] == ["Next"]


def test_a_digest_has_no_control_characters() -> None:
    config = configured({names.ENV_HOST: TEXT})
    state = changed(STATE, tasks={TEXT: Task(status=TEXT)})

    assert steering(digest.title(config), kept="") == []
    assert steering(digest.text(config, state, NOW)) == []


@pytest.mark.parametrize("words", [[TEXT], ["run", TEXT], ["restore", "--at"], ["load", TEXT]])
def test_errors_about_arguments_have_no_control_characters(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    with pytest.raises(SystemExit):
        parser.parser().parse_args(words)

    assert steering(capsys.readouterr().err) == []


def test_the_cause_of_a_failed_dump_is_one_line() -> None:
    """As its own process says it, and as it is read again."""
    from contract.text import printable  # noqa: PLC0415 -- what dump and fill write it by

    line = printable(dump_snapshots.trouble_line(Failure.DUMP, TEXT))

    assert steering(line, kept="") == []


@pytest.mark.parametrize("name", ["$(id)", "`id`", "a; id", "a'b", "a b"])
def test_commands_to_paste_quote_names(name: str) -> None:
    config = configured({names.ENV_NAMESPACE: name, names.ENV_SECRET_DIR: f"/x/{name}"})
    next_step = messages.news(config, FAILED, maintains=True).text.partition("Next: ")[2]
    assert name in shlex.split(next_step)

    snapshot = {"id": "4f8a" * 16, "time": "2026-01-01T00:00:00Z", "tags": ["dump=postgres"],
                "hostname": "x", "paths": ["/x"]}  # fmt: skip
    (line,) = sql.offered([read(snapshot)], None, name)
    assert shlex.split(line.partition("load it: ")[2])[-1] == name

    problem = str(newline._only_with(config, "RESTIC_PASSWORD"))
    command = problem.partition("`")[2]
    assert f"/x/{name}/RESTIC_PASSWORD" in shlex.split(command[: command.rindex("` in container")])
