"""A decision that takes too long is given up, and its pod is admitted as it is."""

import json
import re
import signal
import threading
import time

import pytest

from tests.webhook.admitting import OPTIONS, Json
from tests.webhook.server.http_calls import review, verdict
from webhook.admission.model import NamespaceContext
from webhook.admission.pod_spec import Owner
from webhook.server import app, deadline


class _Busy:
    """A view of the cluster that never comes to an end, by Python or by a regular expression."""

    def __init__(self, how: str) -> None:
        self._how = how

    def namespace_context(self, name: str, owner: Owner) -> NamespaceContext:
        del name, owner
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if self._how == "pattern":
                re.match("(a*)*b", "a" * 28)
        return NamespaceContext()

    def has_seen(self, namespace: str) -> bool:
        """Everything is known."""
        return bool(namespace)

    def injected(self, owner: Owner, request: str) -> None:
        raise AssertionError(owner, request)


@pytest.mark.parametrize("how", ["loop", "pattern"])
def test_an_endless_decision_is_interrupted(asked: Json, how: str) -> None:
    began = time.monotonic()

    response = verdict(review(app.create(OPTIONS, view=_Busy(how)), asked))

    assert response["auditAnnotations"] == {"reason": "deadline"}
    assert "patch" not in response
    assert "0.25 s" in json.dumps(response["warnings"])
    assert time.monotonic() - began < 30


def test_the_next_decision_is_not_affected(asked: Json) -> None:
    application = app.create(OPTIONS, view=_Busy("loop"))
    review(application, asked)

    assert verdict(review(app.create(OPTIONS), asked))["auditAnnotations"] == {"reason": "injected"}
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_decision_in_time_is_not_interrupted() -> None:
    before = signal.getsignal(signal.SIGALRM)

    with deadline.within(0.01):
        pass

    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_no_error_handler_catches_the_deadline() -> None:
    def stubborn() -> None:
        while True:
            try:
                time.sleep(0.001)
            except Exception:  # noqa: BLE001, S112 -- that it is not caught is the point
                continue

    with pytest.raises(deadline.DeadlineError), deadline.within(0.05):
        stubborn()


def test_other_threads_have_no_limit_and_do_not_fail() -> None:
    seen: list[bool] = []

    def work() -> None:
        with deadline.within(0.001):
            seen.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]
