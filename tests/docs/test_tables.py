"""The tables of docs/ say what the code says."""

import ast
import re

import pytest

from contract import names
from contract.annotations import settings
from contract.secret import variables
from tests.blocks import PROJECT
from tools import docs_tables

_LIKE_A_VARIABLE = re.compile(
    r"(AWS|BACKUP|BUP|COPY|KEEP|MYSQL|NOTIFY|NTFY|PG|PING|POST|PRE|PUSHGATEWAY|REDISCLI|RESTIC)"
    r"_?[A-Z][A-Z_]*[A-Z]|DEBUG"
)
# Set by the webhook, by us for restic and rclone, or only handed on to a second repository.
_OURS = {
    *(text for key, text in vars(names).items() if key.startswith("ENV_")),
    *("BACKUP_COUNT_SECONDS", "BACKUP_LOG_FORMAT", "BACKUP_POLL_SECONDS", "BACKUP_TERMINATION_LOG"),
    *("BACKUP_CHECK_SUBSETS", "BACKUP_MAINTENANCE_SECONDS"),  # values of the chart
    *(f"BACKUP_RESTORE{each}_SECONDS" for each in ("_PAUSE", "_STALE")),
    *("AWS_REGION", "AWS_SESSION_TOKEN", "PGCONNECT_TIMEOUT", "PG_VERSION", "RESTIC_PROGRESS_FPS"),
}


def test_tables_match_their_sources() -> None:
    """Else: `make reference`."""
    for page, text in docs_tables.pages().items():
        assert page.read_text("utf-8") == text, page.name


def test_every_setting_is_listed_and_has_a_meaning() -> None:
    table = docs_tables.table("annotations")
    assert [row.split("`")[1] for row in table.splitlines()[2:]] == [
        each.annotation for each in settings.ALL
    ]
    assert not [row for row in table.splitlines() if row.endswith("|  |")]


def test_every_variable_that_the_runner_reads_is_listed() -> None:
    known = variables.NAMES | {each.variable for each in settings.ALL} | _OURS
    for path in (PROJECT / "runner").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and _LIKE_A_VARIABLE.fullmatch(text):
                assert text in known, path.name


def test_every_group_of_variables_has_a_table() -> None:
    text = (PROJECT / "docs/reference/variables.md").read_text("utf-8")
    for group in {each.group for each in variables.ALL}:
        assert f"<!-- table: {group} -->" in text


def test_an_unknown_table_is_detected() -> None:
    with pytest.raises(KeyError, match="of nothing"):
        docs_tables.table("of nothing")
