"""docs/reference/ lists all of the public surface: nothing that the code has is missing there."""

import re

import pytest

from contract import names
from tests.blocks import PROJECT
from tools import docs_tables
from tools.reference import command_line, log_messages, words

_LOGS = re.compile(
    r"\b_?log\.line\(|\b(?:_LOG|DECISIONS)\.(?:log|debug|info|warning|error|exception)\("
)


def _page(name: str) -> str:
    return (PROJECT / f"docs/reference/{name}.md").read_text("utf-8")


@pytest.mark.parametrize("program", log_messages.PROGRAMS)
def test_every_call_that_logs_is_found(program: str) -> None:
    for package in log_messages.PROGRAMS[program]:
        for path in (PROJECT / package).rglob("*.py"):
            written = len(_LOGS.findall(path.read_text("utf-8")))
            assert log_messages.calls(path) >= written, path


def test_a_message_is_listed_with_its_fields_and_levels() -> None:
    listed = {each.text: each for each in log_messages.messages("webhook")}

    assert set(listed["admission"].fields) == {
        "uid", "namespace", "pod", "reason", "defaulted", "restore", "why",
    }  # fmt: skip
    assert listed["certificates"].levels == ("info", "warning")
    run = next(each for each in log_messages.messages("runner") if each.text.startswith("backup {"))
    assert {"status", "class", "snapshot", "exit_code"} <= set(run.fields)
    assert run.levels == ("info", "warning", "error")


def test_messages_that_programs_search_for_are_listed() -> None:
    page = _page("log-messages")
    for message in (names.STATUS_MESSAGE, names.STARTED_MESSAGE, names.WAITING_MESSAGE):
        assert f"| `{message}` |" in page


@pytest.mark.parametrize("program", command_line.PROGRAMS)
def test_each_option_that_help_shows_is_listed(program: str) -> None:
    page = _page("cli")
    common = {"--help", "--namespace", "--context", "--kubeconfig"}
    for name, (_, parser) in command_line.commands(program).items():
        section = page.partition(f"\n### {program} {name}\n")[2].partition("\n### ")[0]
        usage = parser.format_usage()
        assert set(re.findall(r"(?<![\w-])--[a-z][-a-z]*", usage)) - common <= set(
            re.findall(r"--[a-z][-a-z]*", section)
        ), name


def test_each_exit_status_that_help_names_is_listed() -> None:
    page = _page("exit-statuses")
    for program in command_line.PROGRAMS:
        for name, (_, parser) in command_line.commands(program).items():
            if "exit status: 0" in " ".join(parser.format_help().lower().split()):
                assert f"| `{program} {name}" in page


def test_each_word_has_a_meaning() -> None:
    for group, (_, kind) in words.GROUPS.items():
        rows = list(words.rows(group))
        assert [row[0] for row in rows] == [f"`{each.value}`" for each in kind]
        assert all(len(meaning) > 10 for _, meaning in rows)


def test_each_generated_table_is_in_a_page() -> None:
    text = "".join(docs_tables.pages().values())
    made = [*words.GROUPS, "exit statuses", "annotations", "live settings"]
    made += [f"log messages of {each}" for each in log_messages.PROGRAMS]
    made += [f"commands of {each}" for each in command_line.PROGRAMS]
    made += [f"metrics of {each}" for each in ("sidecars", "the maintenance job", "the webhook")]
    assert [each for each in made if text.count(f"<!-- table: {each} -->") != 1] == []
