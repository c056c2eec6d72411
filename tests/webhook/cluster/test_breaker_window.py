"""Attempts that lie too far apart, or back, prove nothing."""

from webhook.admission.pod_spec import Owner
from webhook.cluster.circuit_breaker import WINDOW, Breaker
from webhook.cluster.evidence import Evidence

WEB = Owner("prod", "apps/ReplicaSet", "u-1")


def test_attempts_count_for_a_minute() -> None:
    evidence = Evidence()
    breaker = Breaker(evidence)
    breaker.listen(True)
    for number in range(3):
        breaker.attempt(WEB, f"request {number}", 100.0 + number)
    evidence.refused(WEB.namespace, WEB.uid, 101.0)

    assert not breaker.is_open(WEB, 103.0 + WINDOW)
    for number in range(3, 6):
        breaker.attempt(WEB, f"request {number}", 200.0)
    assert not breaker.is_open(WEB, 203.0), "the refusal was of earlier ones"
    evidence.refused(WEB.namespace, WEB.uid, 201.0)
    assert breaker.is_open(WEB, 203.0)
