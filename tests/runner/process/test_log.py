"""One line an event, as JSON or text."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from runner.process.log import Log


def written(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what is on standard output; nothing may be on standard error."""
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_a_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    """With time, level, message and fields."""
    Log().line("warning", "a\nb", count=3, names=["x"], none=None)

    out = written(capsys)
    line = json.loads(out)
    time = datetime.fromisoformat(line.pop("time"))
    assert line == {
        "level": "warning", "message": "a\nb", "count": 3, "names": ["x"], "none": None,
    }  # fmt: skip
    assert out.count("\n") == 1
    assert timedelta(0) <= datetime.now(UTC) - time < timedelta(seconds=60)
    assert '"time": "20' in out
    assert 'Z"' in out


def test_text_format_has_the_same_content(capsys: pytest.CaptureFixture[str]) -> None:
    """Time, level, message, fields."""
    Log(text=True).line("info", "done", files=3, seconds=1.5)

    _, _, rest = written(capsys).partition(" ")
    assert rest == "info done files=3 seconds=1.5\n"


def test_non_ascii_characters_are_written_unescaped(capsys: pytest.CaptureFixture[str]) -> None:
    """Folders have names in every language."""
    Log().line("info", "Käse 日本 🎉")

    assert "Käse 日本 🎉" in written(capsys)


def test_invalid_utf_8_in_file_names_can_be_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """Names on disk need not be UTF-8."""
    Log().line("info", "b\udcfcro")

    assert "b\\udcfcro" in written(capsys)


def test_a_run_continues_without_a_reader_of_its_log() -> None:
    """`kubectl exec` lost its connection."""
    script = (
        "import sys; from runner.process.log import Log\n"
        "input()\n"
        "for number in range(3): Log().line('info', 'x' * 100_000)\n"
        "sys.stderr.write('went on')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate("go\n", timeout=30)

    assert (err, process.returncode) == ("went on", 0)


def test_a_file_name_cannot_control_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """As text; as JSON it is escaped, and says what it is."""
    name = "a\x1b]0;owned\x07\x1b[2J"

    Log(text=True).line("warning", f"{name} is odd", paths=[name], one=name)
    Log().line("warning", name)

    text, as_json = capsys.readouterr().out.splitlines()
    assert "a?]0;owned??[2J is odd" in text
    assert "\x1b" not in text + as_json
    assert json.loads(as_json)["message"] == name
