"""A damaged repository is remembered until what met the damage has proved that it is over."""

from pathlib import Path

import pytest

from runner.maintenance import wholeness
from runner.process.log import Log
from runner.process.signals import Stop
from runner.session.session import Session
from runner.state import model
from runner.state.store import Store
from runner.steps import damage
from runner.steps.outcome import Failure, Status
from tests.runner.config.workload import configured


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A session of a workload whose repository is whole, as far as is known."""
    config = configured({"BACKUP_STATE_DIR": str(tmp_path)})
    return Session(config, model.new(1.0, ""), Store(tmp_path), Log(), Stop())


def met(session: Session, by: str, message: str = "hash mismatch") -> None:
    """Let a command meet damage."""
    wholeness.note(session, Status.FAILURE, Failure.REPOSITORY, message, by)


def test_a_torn_lock_is_no_damage(session: Session) -> None:
    met(session, "backup", f"a lock is torn; run {damage.UNLOCK}")

    assert session.state.repository.damage is None


@pytest.mark.parametrize(
    ("met_by", "proof", "over"),
    [
        (("check",), "check", True),
        (("check",), "verify", False),
        (("verify",), "check", False),
        (("verify",), "verify", True),
        (("verify", "backup"), "check", False),
    ],
)
def test_damage_is_cleared_when_the_failed_task_succeeds(
    session: Session, met_by: tuple[str, ...], proof: str, over: bool
) -> None:
    """A check looks at no data: it proves nothing of what a drill met, whatever met it since."""
    for each in met_by:
        met(session, each)

    wholeness.proved(session, proof)

    assert (session.state.repository.damage is None) is over
