"""What a new state cannot know and the repository does: the last backup, and what it held."""

from runner import history, mirror, remotes
from runner.conversation import Ended
from runner.outcome import Outcome
from runner.restic import Door
from runner.session import Session


def recall(session: Session) -> Outcome | None:
    """Ask the repository, until it has answered once; return how a run ends that it keeps waiting.

    Where it answers with an error, the backup itself meets and names it.
    """
    config, state = session.config, session.state
    if state.derived or session.limit or config.missing:
        return None
    # A tick asks before there is an attempt; what an attempt has prepared is only compared.
    if unwritable := remotes.prepare(config):
        return unwritable
    door = Door(config, session.log, session.stop)
    if config.mirrors:
        made = door.follow(mirror.last_success(config))
        state.derived = True
    else:
        try:
            latest, state.derived = door.follow(history.last_snapshot(config))
        except Ended as ended:
            return ended.outcome
        made = latest.made if latest else None
        state.usual = latest.held if latest else None
    if made is not None:
        state.last_success = made.timestamp()
    return None
