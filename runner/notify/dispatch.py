"""Delivers notifications and metrics of a run; logs and counts failures.

What servers answer is foreign text: it is masked before it is logged.
"""

from runner.config.notifiers import Ntfy
from runner.notify import digest, messages, metrics
from runner.notify.messages import Message
from runner.session.executor import Executor
from runner.session.session import Session
from runner.state.model import Last
from runner.steps.outcome import Status
from runner.steps.step import Step

_NTFY = "ntfy"
_PINGED = {Status.SUCCESS.value, Status.WARNING.value, Status.FAILURE.value}


def deliver(session: Session, now: float) -> None:
    """Send message and metrics; neither can change the result, each is tried."""
    config, state = session.config, session.state
    if not config.receivers:
        return
    keys = {service.key for service in config.receivers.services}
    keys |= {_NTFY} if config.receivers.ntfy else set()
    notified = state.reports.notified
    state.reports.notified = {key: news for key, news in notified.items() if key in keys}
    waiting = {key for key in keys if messages.worth_telling(state, key, now)}
    if state.runs.last and waiting:
        for key in _tell(session, _news(session, state.runs.last), waiting):
            messages.told(state, key, now)
    if digest.is_due(config, state, now):
        text = digest.text(config, state, now)
        if _tell(session, Message("info", digest.title(config), text), keys):
            digest.begin_anew(state, now)
    if config.receivers.pings and state.runs.last and state.runs.last.status in _PINGED:
        last = state.runs.last
        good = last.status != Status.FAILURE
        seconds = last.ended - last.started
        url = config.receivers.pings.ended(good=good, message=last.message, seconds=seconds)
        _ping(session, url, last.message)
    push(session)


def _news(session: Session, last: Last) -> Message:
    return messages.news(session.config, last, maintains=session.maintains)


def _tell(session: Session, message: Message, receivers: set[str]) -> list[str]:
    """Send a message to these receivers; return those that accepted it. Log the others."""
    from runner.notify import transport  # noqa: PLC0415 -- network modules stay out while restic works

    config, named = session.config, session.config.receivers
    wrong: dict[str, str] = {}
    labels = {_NTFY: _NTFY, **{each.key: each.label for each in named.services}}
    if named.ntfy and _NTFY in receivers:
        body = messages.ntfy(named.ntfy, message, _title(session, named.ntfy))
        authorization = messages.credentials(named.ntfy.credentials)
        wrong[_NTFY] = transport.notify(named.ntfy.server, body, authorization, config.network)
    if services := [each for each in named.services if each.key in receivers]:
        urls = [each.url for each in services]
        answers = _through_apprise(session, urls, message)
        wrong |= {each.key: answer for each, answer in zip(services, answers, strict=True)}
    for key in filter(wrong.get, wrong):
        session.state.reports.notify_failures += 1
        why = config.mask(wrong[key])
        line = f"{labels[key]}: the message was not delivered: {why}"
        session.log.line("warning", line)
    return [key for key in wrong if not wrong[key]]


def _through_apprise(session: Session, urls: list[str], message: Message) -> list[str]:
    from runner.notify import transport  # noqa: PLC0415 -- network modules stay out while restic works

    config = session.config
    try:
        folder = f"{config.paths.state}/tmp"  # noqa: S108 -- in the state volume, ours alone
        variables = transport.variables_for_requests(config.network, folder)
    except OSError as error:
        return [f"own CAs: {error.filename}: {error.strerror}"] * len(urls)
    return transport.tell(urls, message.title, message.text, message.kind, variables)


def began(session: Session) -> None:
    """Tell the dead-man's switch that a run begins; a dead one delays it by seconds."""
    if session.config.receivers.pings and (url := session.config.receivers.pings.started()):
        _ping(session, url, "")


def _ping(session: Session, url: str, message: str) -> None:
    from runner.notify import transport  # noqa: PLC0415 -- network modules stay out while restic works

    if wrong := transport.ping(url, message, session.config.network):
        session.state.reports.notify_failures += 1
        why = session.config.mask(wrong)
        session.log.line("warning", f"PING_URL: the ping was not delivered: {why}")


def push(session: Session, *, quick: bool = False) -> None:
    """Send all metrics to the Pushgateway, if one is set; ``quick``: or give up in seconds."""
    config, state = session.config, session.state
    if not config.receivers.pushgateway:
        return
    from runner.notify import transport  # noqa: PLC0415 -- network modules stay out while restic works

    url = config.receivers.pushgateway + metrics.group(config)
    told = metrics.of_maintenance if session.maintains else metrics.metrics
    if wrong := transport.push(url, told(config, state), config.network, quick=quick):
        state.reports.notify_failures += 1
        why = config.mask(wrong)
        session.log.line("warning", f"Pushgateway: metrics were not delivered: {why}")


def _title(session: Session, ntfy: Ntfy) -> str:
    """Return NTFY_TITLE with the results of its shell substitutions, which it always could have."""
    if not {"$", "`"} & set(ntfy.title):
        return ntfy.title
    step = Step("title", ("sh", "-c", f'printf %s "{ntfy.title}"'), hook=True)
    done = Executor(session.config, session.log, session.stop).execute(step, with_secret=False)
    return ntfy.title if done.code else done.text.strip()
