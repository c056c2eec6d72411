"""What real restic does at the bound on files of the sidecar's own."""

import os
import shutil
from pathlib import Path
from random import SystemRandom

import pytest

from runner.config.model import Config
from runner.maintenance.verify import sample
from runner.maintenance.verify.sample import Chosen, File, Sample
from runner.process.environment import cache
from runner.process.log import Log
from runner.process.signals import Stop
from runner.restic import commands, queries
from runner.session.executor import Executor
from runner.steps.outcome import Failure, Status
from runner.steps.result import Completed
from runner.steps.step import Step
from tests.runner.config.workload import configured

MIB = 1 << 20
FILES = 2000


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A workload with a repository, and a volume of one large and many small files."""
    monkeypatch.setattr(cache, "_found", {})
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "large").write_bytes(os.urandom(3 * MIB))
    for number in range(FILES):
        (tmp_path / "data" / f"small{number}").write_bytes(os.urandom(9))
    made = configured(
        {"BACKUP_STATE_DIR": str(tmp_path / "state")},
        {"RESTIC_REPOSITORY": str(tmp_path / "repository"), "RESTIC_PASSWORD": "correct horse"},
    )
    assert _restic(made, "init").code == 0
    return made


def _restic(config: Config, *words: str, largest: int = 1 << 30) -> Completed:
    return _done(config, Step(words[0], ("restic", *words), largest=largest))


def _done(config: Config, step: Step) -> Completed:
    return Executor(config, Log(), Stop()).execute(step)


def test_a_file_beyond_the_bound_is_a_space_failure_and_nothing_is_lost(
    config: Config, tmp_path: Path
) -> None:
    """A pack in scratch; the index in the cache, without which restic does; a file of a drill."""
    backup = ("backup", "--json", *commands.mine(config, each_tag=True), str(tmp_path / "data"))
    large, names = tmp_path / "data" / "large", tmp_path / "names"
    names.write_text(f"{large}\n")
    cached = tmp_path / "state" / "cache"

    bounded = _restic(config, *backup, largest=MIB)
    whole = _restic(config, *backup)
    shutil.rmtree(cached)
    listed = _restic(config, "ls", "latest", "--json", largest=48 << 10)
    drilled = _done(
        config, queries.restore(config, "latest", f"{tmp_path}/drill", str(names), 0, MIB)
    )

    said = "file too large; no file of the sidecar may exceed 1Gi"
    assert (bounded.code, bounded.failure) == (1, Failure.SPACE)
    assert bounded.said.endswith(said)
    assert whole.code == 0
    assert "file too large" in cache.why_not(str(cached))
    assert listed.code == 0
    assert sum("small" in str(each.get("path")) for each in listed.messages) == FILES
    assert Path(f"{tmp_path}/drill{large}").stat().st_size <= MIB
    chosen = Chosen((File(str(large), 3 * MIB, None),), ())
    judged = sample.judged(Sample(SystemRandom()), chosen, drilled, ())
    assert (judged.status, judged.failure) == (Status.FAILURE, Failure.SPACE)
    assert str(large) in judged.message
    assert _restic(config, "check", "--json").code == 0
