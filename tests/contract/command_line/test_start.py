"""What programs say where Python is too old or an extra is not installed: one line."""

import ast
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest

import kubectl_backup.requirements
import runner.requirements
import webhook.requirements
from contract.command_line import start
from tests.blocks import PROJECT

PACKAGES = {
    "kubectl_backup": kubectl_backup.requirements,
    "runner": runner.requirements,
    "webhook": webhook.requirements,
}
PROGRAMS = {
    "kubectl_backup": "kubectl-backup", "runner": "backup-runner", "webhook": "backup-webhook",
}  # fmt: skip
_OLD = """\
import runpy, sys
sys.version_info = ({version}, 1, "final", 0)
sys.argv = ["x", *{words!r}]
runpy.run_module({package!r}, run_name="__main__")
"""
_READ_BY_OLD_ONES = (
    "contract/__init__.py", "contract/version.py",
    "contract/command_line/__init__.py", "contract/command_line/start.py",
    *(f"{package}/{name}.py" for package in PACKAGES
      for name in ("__init__", "__main__", "requirements")),
)  # fmt: skip


@pytest.mark.parametrize("version", ["3, 6", "3, 9", "3, 10"])
@pytest.mark.parametrize("words", [[], ["--version"], ["status"]])
@pytest.mark.parametrize("package", PACKAGES)
def test_an_old_python_is_reported_in_one_line(
    package: str, words: list[str], version: str
) -> None:
    text = _OLD.format(version=version, words=words, package=package)

    done = subprocess.run(
        (sys.executable, "-c", text), cwd=PROJECT, capture_output=True, text=True, check=False
    )

    said = f"{PROGRAMS[package]} needs Python 3.11 or newer; this is Python "
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(said + version.replace(", ", "."))


@pytest.mark.parametrize("file", _READ_BY_OLD_ONES)
def test_modules_that_check_the_version_are_parsed_by_old_pythons(file: str) -> None:
    ast.parse((PROJECT / file).read_text(), feature_version=(3, 7))


def test_the_oldest_python_is_that_of_the_wheel_and_the_makefile() -> None:
    """And that of the README."""
    oldest = ".".join(map(str, start.OLDEST))
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]

    assert project["requires-python"] == f">={oldest}"
    assert f"Python {oldest} or newer" in (PROJECT / "README.md").read_text()
    assert f"sys.version_info < {start.OLDEST}" in (PROJECT / "Makefile").read_text()


@pytest.mark.parametrize("package", ["kubectl_backup", "webhook"])
def test_every_package_of_an_extra_is_checked(package: str) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    module = PACKAGES[package]
    wanted = [*project["dependencies"], *project["optional-dependencies"][module.EXTRA]]
    names = {each.partition(">=")[0].partition("[")[0].lower() for each in wanted}

    looked_for = {
        name.lower().replace("_", "-")
        for each in module.MODULES
        for name in metadata.packages_distributions()[each]
    }

    assert looked_for == names


@pytest.mark.parametrize("missing", [("json", "no_such_module"), ("no_such_module", "none_either")])
def test_a_missing_extra_is_named(
    missing: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        start.check("program", "some", missing)

    assert capsys.readouterr() == ("", "")
    said = str(ended.value.code)
    assert "no_such_module" in said
    assert ("none_either" in said, "json" in said) == ("none_either" in missing, False)
    assert said.endswith("pip install 'backup-webhook[some]'")


def test_nothing_is_printed_where_all_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    start.check("program", "some", ("json", "sys"))

    assert capsys.readouterr() == ("", "")
