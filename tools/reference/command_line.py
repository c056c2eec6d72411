"""The command lines of the three programs, read from their parsers.

argparse words its help differently from one Python to the next, so nothing of it is copied.
"""

import argparse
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from kubectl_backup import cli
from runner.cli import parser as runner_parser
from webhook import cli as webhook_cli

_STATUS = re.compile(r"exit status([^:.]*): (.*)", re.IGNORECASE)
_CODE = re.compile(
    r"(?<![\w-])--?[a-z][-a-z]*\b|\b(?:BACKUP|COPY|KEEP)_[A-Z_]+\b|\bbackup\.[-a-z]+\b"
)
_EVERYWHERE = {"help", "version", "command"}
_AS_KUBECTL = {"namespace", "context", "kubeconfig"}  # of each command of the plugin


def _webhook() -> argparse.ArgumentParser:
    with _without_defaults_of_this_machine():
        return webhook_cli._parser()  # noqa: SLF001 -- it is public as `--help`


@contextmanager
def _without_defaults_of_this_machine() -> Iterator[None]:
    before = {key: os.environ.pop(key) for key in list(os.environ) if "BACKUP_WEBHOOK_" in key}
    try:
        yield
    finally:
        os.environ.update(before)


PROGRAMS: Mapping[str, Callable[[], argparse.ArgumentParser]] = {
    "backup-runner": runner_parser.parser,
    "backup-webhook": _webhook,
    "kubectl backup": cli.parser,
}


def commands(program: str) -> dict[str, tuple[str, argparse.ArgumentParser]]:
    """Return the summary and the parser of each command, by name."""
    found = {}
    for action in PROGRAMS[program]()._actions:  # noqa: SLF001 -- argparse offers nothing else
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 -- as above
            summaries = {each.dest: each.help or "" for each in action._choices_actions}  # noqa: SLF001 -- as above
            found |= {
                name: (summaries[name], parser)
                for name, parser in action.choices.items()
                if name in summaries  # a hidden alias has no summary
            }
    return found


def section(program: str) -> str:
    """Return a heading, the usage, the description and a table of options for each command."""
    parts = []
    for name, (_, parser) in commands(program).items():
        mine = [each for each in _arguments(parser) if each.help is not argparse.SUPPRESS]
        if program.startswith("kubectl"):
            mine = [each for each in mine if each.dest not in _AS_KUBECTL]
        parts += [f"### {program} {name}\n", f"`{_usage(program, name, mine)}`\n"]
        parts.append(f"{_marked(' '.join((parser.description or '').split()))}\n")
        if mine:
            rows = [f"| `{_name(each)}` | {_meaning(each)} |\n" for each in mine]
            parts.append("".join(["| argument | meaning |\n| --- | --- |\n", *rows]))
    return "\n" + "\n".join(parts) + "\n"


def exit_statuses() -> Iterator[tuple[str, ...]]:
    """Yield each command whose help names exit statuses, and what it says of them."""
    for program in PROGRAMS:
        for name, (_, parser) in commands(program).items():
            for each in f"{parser.description or ''}\n\n{parser.epilog or ''}".split("\n\n"):
                if said := _STATUS.search(" ".join(each.split())):
                    told = said[2].partition(" Waits for")[0].rstrip(".")
                    yield f"`{program} {name}{said[1].removeprefix(' with')}`", _marked(told)


def _arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [each for each in parser._actions if each.dest not in _EVERYWHERE]  # noqa: SLF001 -- as above


def _usage(program: str, name: str, arguments: list[argparse.Action]) -> str:
    words = [program, name]
    for each in sorted(arguments, key=lambda action: not action.option_strings):
        word = _name(each).rpartition(", ")[2]
        if not each.option_strings and each.nargs == argparse.REMAINDER:
            word = f"[{word} ...]"
        elif not each.required or each.nargs == "?":
            word = f"[{word}]"
        words.append(word)
    return " ".join(words)


def _name(action: argparse.Action) -> str:
    shown = action.metavar if isinstance(action.metavar, str) else ""
    if not shown and action.choices:
        shown = "{" + ",".join(filter(None, map(str, action.choices))) + "}"
    if not action.option_strings:
        return shown or action.dest
    takes = "" if action.nargs == 0 else f" {shown or action.dest.upper()}"
    return ", ".join(action.option_strings) + takes


def _meaning(action: argparse.Action) -> str:
    return _marked(" ".join((action.help or "").split())).replace("|", "\\|")


def _marked(text: str) -> str:
    """Return text with options and names as code, and nothing that Markdown takes for markup."""
    parts = text.split("`")
    plain = [_CODE.sub(r"`\g<0>`", each).replace("<", "&lt;") for each in parts[::2]]
    code = [f"`{each}`" for each in parts[1::2]]
    mixed = [each for pair in zip(plain, [*code, ""], strict=False) for each in pair]
    return "".join(mixed).replace("_...", "\\_...").replace("*", "\\*")
