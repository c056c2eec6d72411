"""Brings a run's news to those who wait for it; what goes wrong there is logged and counted."""

from runner import report
from runner.outcome import Status
from runner.receivers import Ntfy
from runner.restic import Door
from runner.session import Session
from runner.steps import Step

_NTFY = "ntfy"
_PINGED = {Status.SUCCESS.value, Status.WARNING.value, Status.FAILURE.value}


def deliver(session: Session, now: float) -> None:
    """Send message and metrics; neither can change the result, each is tried."""
    config, state = session.config, session.state
    if not (config.ntfy or config.services or config.pings or config.pushgateway):
        return
    from runner import send  # noqa: PLC0415 -- network modules stay out while restic works

    keys = {_NTFY, *(service.key for service in config.services)}
    state.notified = {key: news for key, news in state.notified.items() if key in keys}
    if config.ntfy and state.last and report.worth_telling(state, _NTFY, now):
        message = report.ntfy(config, state.last, _title(session, config.ntfy))
        authorization = report.credentials(config.ntfy.credentials)
        wrong = send.notify(config.ntfy.server, message, authorization)
        _note(session, _NTFY, "ntfy", wrong, now)
    waiting = [s for s in config.services if report.worth_telling(state, s.key, now)]
    if state.last and waiting:
        title, text = report.message(config, state.last)
        answers = send.tell([s.url for s in waiting], title, text, state.last.status)
        for service, wrong in zip(waiting, answers, strict=True):
            _note(session, service.key, service.label, wrong, now)
    if config.pings and state.last and state.last.status in _PINGED:
        last = state.last
        good = last.status != Status.FAILURE
        seconds = last.ended - last.started
        url = config.pings.ended(good=good, message=last.message, seconds=seconds)
        _ping(session, url, last.message)
    push(session)


def _note(session: Session, receiver: str, label: str, wrong: str, now: float) -> None:
    """Remember that a receiver knows, or count and log what went wrong: it is told next time."""
    if not wrong:
        report.told(session.state, receiver, now)
        return
    session.state.notify_failures += 1
    session.log.line("warning", f"{label}: the message was not delivered: {wrong}")


def began(session: Session) -> None:
    """Tell the dead-man's switch that a run begins; a dead one delays it by seconds."""
    if session.config.pings and (url := session.config.pings.started()):
        _ping(session, url, "")


def _ping(session: Session, url: str, message: str) -> None:
    from runner import send  # noqa: PLC0415 -- network modules stay out while restic works

    if wrong := send.ping(url, message):
        session.state.notify_failures += 1
        session.log.line("warning", f"PING_URL: the ping was not delivered: {wrong}")


def push(session: Session) -> None:
    """Send all metrics to the Pushgateway, if one is set."""
    config, state = session.config, session.state
    if not config.pushgateway:
        return
    from runner import send  # noqa: PLC0415 -- network modules stay out while restic works

    url = config.pushgateway + report.group(config)
    if wrong := send.push(url, report.metrics(config, state)):
        state.notify_failures += 1
        session.log.line("warning", f"Pushgateway: metrics were not delivered: {wrong}")


def _title(session: Session, ntfy: Ntfy) -> str:
    """Return NTFY_TITLE; where it holds shell substitutions, as it always could, their result."""
    if not {"$", "`"} & set(ntfy.title):
        return ntfy.title
    step = Step("title", ("sh", "-c", f'printf %s "{ntfy.title}"'), hook=True)
    done = Door(session.config, session.log, session.stop).execute(step, with_secret=False)
    return ntfy.title if done.code else done.text.strip()
