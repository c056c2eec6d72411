"""Every contract of pyproject.toml breaks where an import violates it, and no other one does."""

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.blocks import PROJECT

_LINTER = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]
NAMES = {contract["id"]: contract["name"] for contract in _LINTER["contracts"]}
PLANTED = {
    # By the contract: the module that gets an import, and what it imports.
    "programs": ("kubectl_backup/output/planted.py", "runner.steps"),
    "certificates": ("runner/process/planted.py", "certs.probe"),
    "kube": ("kubectl_backup/output/planted.py", "kube.errors"),
    "runner": ("runner/notify/planted.py", "runner.mirror"),
    "webhook": ("webhook/coverage/planted.py", "webhook.lint"),
    "plugin": ("kubectl_backup/commands/planted.py", "kubectl_backup.doctor"),
    "contract": ("contract/text.py", "contract.version"),
    "cycles": ("certs/authority.py", "certs.keeper"),
    "pure": ("webhook/admission/planted.py", "time"),
    "processes": ("webhook/server/planted.py", "subprocess"),
    "kernel": ("runner/state/planted.py", "ctypes"),
    "cluster": ("webhook/server/planted.py", "kubernetes"),
    "terminal": ("kubectl_backup/commands/planted.py", "rich"),
    "server": ("webhook/coverage/planted.py", "fastapi"),
    "network": ("runner/state/planted.py", "socket"),
}
NEW_MODULES = {
    # Contracts that name every module of a package: one that none of their layers holds.
    "runner": "runner/planted.py",
    "webhook": "webhook/planted.py",
    "plugin": "kubectl_backup/planted.py",
    "contract": "contract/planted.py",
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what the contracts cover."""
    copy = tmp_path_factory.mktemp("tree")
    shutil.copy(PROJECT / "pyproject.toml", copy)
    for package in _LINTER["root_packages"]:
        shutil.copytree(
            PROJECT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    return copy


@contextmanager
def _planted(path: Path, line: str) -> Iterator[None]:
    before = path.read_text() if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n")
    try:
        yield
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)


def _broken(tree: Path) -> set[str]:
    """Return the names of the contracts that `make lint` would call broken."""
    ended = subprocess.run(
        ["lint-imports", "--no-logo", "--no-cache"],
        cwd=tree, capture_output=True, text=True, check=False, timeout=60,
        env={"PATH": f"{Path(sys.executable).parent}", "COLUMNS": "200"},
    )  # fmt: skip
    verdicts = [line for line in ended.stdout.splitlines() if line.endswith(("KEPT", "BROKEN"))]
    assert len(verdicts) == len(NAMES), ended.stdout + ended.stderr
    broken = {line.removesuffix(" BROKEN") for line in verdicts if line.endswith(" BROKEN")}
    assert ended.returncode == bool(broken)
    return broken


def test_an_untouched_copy_breaks_no_contract(tree: Path) -> None:
    assert _broken(tree) == set()


def test_each_contract_has_a_planted_violation() -> None:
    assert PLANTED.keys() == NAMES.keys()


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_import_breaks_exactly_its_contract(tree: Path, contract: str) -> None:
    module, imported = PLANTED[contract]
    with _planted(tree / module, f"import {imported}"):
        assert _broken(tree) == {NAMES[contract]}


@pytest.mark.parametrize("contract", NEW_MODULES)
def test_a_new_module_needs_a_layer(tree: Path, contract: str) -> None:
    with _planted(tree / NEW_MODULES[contract], '"""Is in no layer."""'):
        assert _broken(tree) == {NAMES[contract]}
