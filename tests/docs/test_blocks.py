"""Every command that README and docs/ show is run by a test."""

import ast
import re
from functools import cache

from tests.blocks import ELSEWHERE, PROJECT, Block, fenced, pages, wanted

_OTHER_LANGUAGES = {"", "yaml", "json", "mermaid", "promql", "ini"}  # no commands
_COMMANDS = re.compile(
    r"^(\$ |# |(sudo|make|kubectl|helm|restic|rclone|backup-\w+|curl|pip|git|psql|flux|argocd)\b)",
    re.MULTILINE,
)


@cache
def _claims() -> frozenset[tuple[str, ...]]:
    """Return the arguments of every call of `blocks` in the tests' sources."""
    found = set()
    for path in (PROJECT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "blocks":
                found.add(tuple(str(ast.literal_eval(argument)) for argument in node.args))
    return frozenset(found)


def _commands() -> list[Block]:
    return [each for page in pages() for each in fenced(page) if each.language == "sh"]


def test_every_command_block_is_run_by_a_test() -> None:
    claimed = {each for claim in _claims() for each in wanted(*claim)}

    left = set(_commands()) - claimed

    assert {each for each in left if each.text not in ELSEWHERE} == set()
    assert {each.text for each in left} == set(ELSEWHERE)


def test_every_test_of_commands_finds_some() -> None:
    for claim in _claims():
        assert wanted(*claim), claim


def test_no_test_discards_the_blocks_it_requests() -> None:
    """By the name `_`."""
    for path in (PROJECT / "tests").rglob("*.py"):
        for line in path.read_text("utf-8").splitlines():
            names = re.match(r"^ *([\w(), ]+) = blocks\(", line)
            assert not (names and re.search(r"\b_", names[1])), f"{path}: {line}"


def test_a_heading_above_commands_is_unique() -> None:
    """Else a test would run those of two."""
    for page in pages():
        text = f"\n{(PROJECT / page).read_text('utf-8')}"
        for heading in {each.heading for each in fenced(page) if each.language == "sh"}:
            assert text.count(f"\n{heading}\n") == 1, f"{page}: {heading}"


def test_blocks_of_other_languages_contain_no_commands() -> None:
    for page in pages():
        for each in fenced(page):
            if each.language != "sh":
                assert each.language in _OTHER_LANGUAGES, f"{page}: say sh"
                assert not _COMMANDS.search(each.text), each
