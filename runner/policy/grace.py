"""Grace period for shorter retention, to give people time to notice. Pure.

What takes no snapshot from anybody, such as a policy that keeps more, takes effect immediately.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contract.annotations import settings
from runner.policy import keep_policy
from runner.policy.keep_policy import COUNTS, EVERYTHING, Policy

_KEYS = {each.key: each for each in (*COUNTS, settings.KEEP_WITHIN, settings.KEEP_ARCHIVES)}


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of one workload's retention.

    ``keeps`` is the policy in effect, None while that is unknown and everything is kept.
    ``asked`` keeps less and was first seen at ``since`` (epoch seconds); None: nothing waits.
    """

    keeps: Policy | None = None
    asked: Policy | None = None
    since: float = 0


UNKNOWN = Known()


@dataclass(frozen=True, slots=True)
class Judged:
    """The policy that counts now, and what is to be remembered."""

    keeps: Policy
    known: Known


def judge(known: Known, asked: Policy, now: float, seconds: float) -> Judged:
    """Return the policy that counts at ``now`` (epoch seconds).

    A shrink waits for ``seconds`` since it was first seen; one that shrinks further waits again.
    """
    keeps = EVERYTHING if known.keeps is None else known.keeps
    if seconds <= 0 or keep_policy.covers(asked, keeps):
        return Judged(asked, Known(asked))
    goes_on = (
        known.asked is not None and keep_policy.covers(asked, known.asked) and known.since <= now
    )
    since = known.since if goes_on else now
    if now - since >= seconds:
        return Judged(asked, Known(asked))
    return Judged(keep_policy.most(keeps, asked), Known(known.keeps, asked, since))


def says(known: Known, seconds: float) -> str:
    """Return a description of the pending shrink, without the remedy; "" if there is none."""
    if known.asked is None:
        return ""
    at = datetime.fromtimestamp(known.since + seconds, UTC)
    keeps = keep_policy.shown(EVERYTHING if known.keeps is None else known.keeps)
    return (
        f"retention shrinks from {keeps} to {keep_policy.shown(known.asked)} on "
        f"{at:%Y-%m-%d %H:%M} UTC; until then, what either policy keeps is kept"
    )


def read(value: Any) -> Known:  # noqa: ANN401 -- whatever a state holds
    """Return what a state remembers; raise ValueError or TypeError if it is not one."""
    if not isinstance(value, Mapping):
        raise TypeError("not a JSON object")
    keeps, asked = _policy(value.get("keeps")), _policy(value.get("asked"))
    return (
        Known(keeps, asked, float(value.get("since", "none")))
        if asked is not None
        else Known(keeps)
    )


def _policy(value: Any) -> Policy | None:  # noqa: ANN401 -- whatever a state holds
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise TypeError("no policy")
    for key, text in value.items():
        if key not in _KEYS or not isinstance(text, str):
            raise ValueError(f"{key!r} is not a policy field")
        _KEYS[key].parse(text)
    return dict(value)
