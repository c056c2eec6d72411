"""The rules of `lint`: ids that stay, and findings that say which rule they are of."""

import re
from pathlib import Path

import pytest
import yaml

from tests.blocks import PROJECT
from tests.webhook.admitting import Json
from tests.webhook.commands import run, template_of, workload
from tests.webhook.lint.lint_files import Lint
from webhook.lint.rules import ABOUT, Rule

Output = pytest.CaptureFixture[str]
# What has been published: an id keeps its meaning, and a new rule takes the next number.
PUBLISHED = {
    "FIELD_TYPE": 1, "UNREADABLE": 2, "NO_TEMPLATE": 3, "NO_BACKUP": 4, "UNKNOWN_SETTING": 5,
    "INVALID_VALUE": 6, "VOLUME": 7, "EXCLUDE": 8, "USER": 9, "RESOURCES": 10, "ADMISSION": 11,
    "MISPLACED": 12, "LABEL": 13, "WITHOUT_ENABLED": 14, "UNDECIDED": 15, "NAMESPACE": 16,
    "KEYS_ELSEWHERE": 17, "KEY_MISSING": 18, "KEY_REFUSED": 19, "INVISIBLE": 20, "PLAIN_TEXT": 21,
    "VARIABLE_INVALID": 22, "VARIABLE": 23, "DECIDED_ELSEWHERE": 24, "SHARED_CLAIM": 25,
    "ROLLING_UPDATE": 26, "AUTOSCALER": 27, "VERTICAL_AUTOSCALER": 28, "EGRESS": 29,
    "FAILURE_POLICY": 30, "ENDING_POD": 31, "RESTORE": 32, "RESTORE_UNASKED": 33,
    "RESTORE_FLEETING": 34, "RESTORE_PINNED": 35, "RESTORE_SEVERAL": 36, "RESTORE_COMMAND": 37,
    "DISRUPTION_BUDGET": 38, "MESH": 39, "NFS_ROOT": 40, "ONE_POD": 41, "RESTORE_IMPOSSIBLE": 42,
}  # fmt: skip


def test_no_id_changes_its_meaning() -> None:
    assert {rule.name: rule.value for rule in Rule} == {
        name: f"BW{number:03}" for name, number in PUBLISHED.items()
    }


def test_each_rule_has_a_title_a_reason_and_a_remedy() -> None:
    assert list(ABOUT) == list(Rule)
    assert len({about.title for about in ABOUT.values()}) == len(Rule)
    for about in ABOUT.values():
        assert not about.title.endswith(".")
        assert about.why.endswith((".", "?"))
        assert about.remedy.endswith(".")


def test_the_page_has_a_section_for_each_rule() -> None:
    page = (PROJECT / "docs/lint.md").read_text()

    assert re.findall(r"^## (BW\d{3}): (.+)$", page, re.MULTILINE) == [
        (rule, about.title) for rule, about in ABOUT.items()
    ]


WARNINGS: tuple[tuple[Json, Json, Rule], ...] = (
    ({"backup.scheduel": "@daily"}, {}, Rule.UNKNOWN_SETTING),
    ({"backup.schedule": "hourly"}, {}, Rule.INVALID_VALUE),
    ({"backup.exclude": "cache/, tmp/"}, {}, Rule.EXCLUDE),
    ({"backup.exclude": "/srv/tmp/x"}, {}, Rule.EXCLUDE),
    ({"backup.volumes": "pages,gone"}, {}, Rule.VOLUME),
    ({"backup.memory-request": "1Gi"}, {}, Rule.RESOURCES),
    ({"backup.memory-limit": "1"}, {}, Rule.RESOURCES),
    ({}, {"securityContext": {"runAsNonRoot": True}}, Rule.USER),
    ({}, {"shareProcessNamespace": True}, Rule.USER),
    ({"backup.engine": "rclone", "backup.restore": "required"}, {}, Rule.RESTORE_IMPOSSIBLE),
)


@pytest.mark.parametrize(("annotations", "spec", "rule"), WARNINGS, ids=str)
def test_each_warning_of_the_webhook_is_of_its_rule(
    lint: Lint, pod: Json, annotations: Json, spec: Json, rule: Rule
) -> None:
    pod["metadata"]["annotations"] |= annotations
    pod["spec"] |= spec

    told = lint(workload("Deployment", pod)).told("warning")

    assert rule in {each["rule"] for each in told}
    assert Rule.ADMISSION not in {each["rule"] for each in told}


@pytest.mark.parametrize("given", ["BW005", "bw005", " BW005 , BW016,", "BW016,BW005"])
def test_what_an_ignored_rule_finds_is_left_out_and_does_not_count(
    capsys: Output, tmp_path: Path, pod: Json, given: str
) -> None:
    pod["metadata"]["annotations"]["backup.scheduel"] = "@daily"
    file = tmp_path / "wiki.yaml"
    file.write_text(yaml.safe_dump(workload("Deployment", pod)))
    assert run(capsys, "lint", str(file)).status == 1

    for form in ("text", "json", "sarif", "github"):
        ran = run(capsys, "lint", str(file), "--ignore", given, "--output", form)

        assert (ran.status, ran.err) == (0, "")
        assert "scheduel" not in ran.out
        assert "BW017" in ran.out


def test_an_error_that_is_ignored_does_not_count(capsys: Output, tmp_path: Path, pod: Json) -> None:
    template_of(manifest := workload("Deployment", pod))["spec"]["volumes"] = []
    file = tmp_path / "wiki.yaml"
    file.write_text(yaml.safe_dump(manifest))

    assert run(capsys, "lint", str(file)).status == 1
    assert run(capsys, "lint", str(file), "--ignore", "BW004,BW007").status == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [("BW99", "'BW99' is no rule; did you mean BW"), ("BW005,x", "'X' is no rule; docs/lint.md"),
     ("005", "'005' is no rule; did you mean BW005?")],
)  # fmt: skip
def test_a_rule_that_does_not_exist_is_an_error_of_usage(
    capsys: Output, given: str, said: str
) -> None:
    ran = run(capsys, "lint", "-f", "x.yaml", "--ignore", given)

    assert ran.status == 2
    assert said in ran.err


def test_the_hook_of_pre_commit_checks_the_files_that_it_is_given(
    capsys: Output, tmp_path: Path, pod: Json
) -> None:
    (hook,) = yaml.safe_load((PROJECT / ".pre-commit-hooks.yaml").read_text())
    program, *words = hook["entry"].split()
    service, wiki = tmp_path / "service.yaml", tmp_path / "wiki.yaml"
    service.write_text("apiVersion: v1\nkind: Service\n")
    wiki.write_text(yaml.safe_dump(workload("Deployment", pod)))

    assert program == "backup-webhook"
    assert run(capsys, *words, str(service)).status == 0
    assert run(capsys, *words, str(service), str(wiki)).status == 0
    pod["metadata"]["annotations"]["backup.scheduel"] = "@daily"
    wiki.write_text(yaml.safe_dump(workload("Deployment", pod)))
    assert run(capsys, *words, str(service), str(wiki)).status == 1


def test_files_are_named_with_the_option_or_without(
    capsys: Output, tmp_path: Path, pod: Json
) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    for file in (one, two):
        file.write_text(yaml.safe_dump(workload("Deployment", pod)))

    ran = run(capsys, "lint", "-f", str(one), str(two))

    assert "2 pods" in ran.out
    none = run(capsys, "lint")
    assert (none.status, none.out) == (2, "")
    assert "name a file with -f/--filename, or - for standard input" in none.err
