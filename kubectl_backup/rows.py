"""From a pod and what its sidecar says to one row of `status`. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from contract import names
from contract.names import Reason
from kubectl_backup import formats, target
from kubectl_backup.table import Cell, Column, Line

Known = Mapping[str, Any]
"""What `backup-runner status --json` says."""

_LATE = 3600.0  # seconds after which a run that was due is missed
_OFTEN = 3  # restarts of a sidecar
_GOOD, _BAD = {"success"}, {"failure", "not injected", "not running", "unknown"}
PASSING = {
    Reason.IMAGE_UNAVAILABLE: "the image could not be pulled on some node",
    Reason.QUOTA: "quota or limits of the namespace left no room",
    Reason.REFUSED_ELSEWHERE: "a policy refused pods with the sidecar",
    Reason.DEADLINE: "the API server's request came too slowly",
    Reason.INTERNAL_ERROR: "a fault of the webhook",
}
"""Reasons for which a pod has no sidecar that may be gone when it is created anew."""
_LASTING = {
    Reason.INVALID_VALUE: 'backup.enabled says neither yes nor no: write "true"',
    Reason.NO_VOLUMES: "no container mounts a persistent volume claim: see backup.volumes",
    Reason.NAME_CONFLICT: "the pod has a container or volume with a name of ours: rename it",
    Reason.WINDOWS: "Windows pods are not backed up",
    Reason.TOO_COMPLEX: "the pod is too large for the webhook: its log says in what",
    Reason.PROOF_FAILED: "a fault of the webhook: please report it",
    Reason.EXCLUDED_NAMESPACE: "the chart excludes this namespace",
}
UNSEEN = "webhook_not_asked"
"""No reason of the webhook's: it never saw the pod."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one pod's backups; times are seconds since the epoch."""

    namespace: str
    workload: str
    pod: str
    status: str
    host: str = ""
    last_success: float | None = None
    next: float | None = None
    snapshots: int | None = None
    size: int | None = None
    drill: str = "-"
    schedule: str = ""
    message: str = ""
    problems: list[str] = field(default_factory=list)


def row(pod: target.Pod, known: Known | None, trouble: str, now: float) -> Row:
    """Return the row of a pod. ``known`` is None where its sidecar could not be asked: ``trouble``
    says why."""
    meta = pod["metadata"]
    place = (meta.get("namespace", ""), str(target.owner(pod)), meta["name"])
    if target.sidecar(pod) is None:
        return Row(*place, "not injected", problems=[uninjected(pod)])
    if known is None:
        stopped = _not_running(pod)
        status = "not running" if stopped else "unknown"
        return Row(*place, status, problems=[formats.plain(stopped or trouble)])
    last = known.get("last") or {}
    verify = (known.get("chores") or {}).get("verify") or {}
    return Row(
        *place,
        status=_status(known, last),
        host=str(known.get("host", "")),
        last_success=formats.moment(known.get("last_success")),
        next=None if known.get("paused") else formats.moment(known.get("next")),
        snapshots=known.get("snapshots"),
        size=last.get("source_bytes") or None,
        drill=_drill(verify, now),
        schedule=str(known.get("schedule", "")),
        message=formats.plain(last.get("message", "")),
        problems=[formats.plain(each) for each in _problems(pod, known, last, now)],
    )


def reason(pod: target.Pod) -> str:
    """Return why a pod has no sidecar, in the webhook's word; UNSEEN where it says nothing."""
    try:
        return str(json.loads(target.annotations(pod)[names.STATUS_ANNOTATION])["reason"])
    except (KeyError, TypeError, ValueError):
        return UNSEEN


def uninjected(pod: target.Pod) -> str:
    """Return why a pod has no sidecar, and the next step."""
    word = reason(pod)
    if word == UNSEEN:
        return (
            "never seen by the webhook: it was away, or the namespace had no label "
            "backup.enabled=true when the pod was created; `kubectl backup doctor` finds out"
        )
    return f"{word}: {meaning(word)}"


def meaning(word: str) -> str:
    """Return what a reason of the webhook's means, and the next step."""
    known = {str(key): text for key, text in {**PASSING, **_LASTING}.items()}
    again = "; `kubectl backup heal` tries again" if word in set(map(str, PASSING)) else ""
    return f"{known.get(word, 'see the README')}{again}"


def _not_running(pod: target.Pod) -> str:
    state = target.sidecar_status(pod).get("state") or {}
    if "running" in state:
        return ""
    what = state.get("waiting") or state.get("terminated") or {}
    phase = (pod.get("status") or {}).get("phase", "Unknown")
    why = what.get("reason") or f"the pod is {phase}"
    return f"the sidecar does not run: {why}; see `kubectl describe pod {pod['metadata']['name']}`"


def _status(known: Known, last: Known) -> str:
    if known.get("running_since"):
        return "running"
    if known.get("paused"):
        return "paused"
    return str(last.get("status") or "never run")


def _drill(verify: Known, now: float) -> str:
    success = formats.moment(verify.get("last_success"))
    if verify.get("status") in {"failure", "warning"}:
        return "failed"
    return f"ok {formats.span(now - success)}" if success else "never"


def _problems(pod: target.Pod, known: Known, last: Known, now: float) -> Iterator[str]:
    if known.get("missing"):
        yield f"{known['missing']} is missing in the Secret"
    if last.get("status") not in {None, "success"}:
        kind = f" ({last['failure']})" if last.get("failure") else ""
        yield f"last run {last['status']}{kind}: {last.get('message', '')}"
    due = formats.moment(known.get("next"))
    if due and now - due > _LATE and not known.get("paused") and not known.get("running_since"):
        yield f"the run that was due {formats.age(due, now)} did not come"
    if known.get("held"):
        yield "retention is held: a volume lost its files; `kubectl backup accept` if it was meant"
    for name, chore in (known.get("chores") or {}).items():
        if chore.get("status") in {"failure", "warning"}:
            yield f"{name} {chore['status']}: {chore.get('message', '')}"
    yield from map(str, known.get("problems") or ())
    restarts = target.sidecar_status(pod).get("restartCount") or 0
    if restarts >= _OFTEN:
        yield f"the sidecar was restarted {restarts} times: see backup.memory-limit"


HEADER = (
    Column("NAMESPACE"), Column("WORKLOAD"), Column("POD", 7), Column("STATUS"),
    Column("LAST SUCCESS"), Column("NEXT RUN", 3), Column("SNAPSHOTS", 5, right=True),
    Column("SIZE", 4, right=True), Column("DRILL", 2), Column("HOST", 8), Column("SCHEDULE", 9),
)  # fmt: skip
_WIDE = {"HOST", "SCHEDULE", "POD"}


def table(
    found: Sequence[Row], now: float, *, namespaces: bool, wide: bool
) -> tuple[list[Column], list[Line]]:
    """Return a table's columns and lines; ``namespaces``: with a column for them."""
    workloads = [(each.namespace, each.workload) for each in found]
    hidden = set() if wide else set(_WIDE)
    if len(set(workloads)) < len(workloads):
        hidden.discard("POD")
    if not namespaces:
        hidden.add("NAMESPACE")
    kept = [index for index, column in enumerate(HEADER) if column.title not in hidden]
    header = [
        replace(HEADER[index], rank=0)
        if HEADER[index].title == "POD" and not wide
        else HEADER[index]
        for index in kept
    ]
    lines = []
    for each in found:
        cells = _cells(each, now)
        lines.append(Line(tuple(cells[i] for i in kept), tuple(each.problems), colour(each)))
    return header, lines


def _cells(each: Row, now: float) -> tuple[Cell, ...]:
    snapshots = "-" if each.snapshots is None else str(each.snapshots)
    last = "never" if each.last_success is None else formats.age(each.last_success, now)
    drill = "red" if each.drill == "failed" else ""
    return (
        Cell(each.namespace), Cell(each.workload), Cell(each.pod), Cell(each.status, colour(each)),
        Cell(last), Cell(formats.ahead(each.next, now)), Cell(snapshots),
        Cell(formats.size(each.size)), Cell(each.drill, drill), Cell(each.host),
        Cell(each.schedule),
    )  # fmt: skip


def colour(each: Row) -> str:
    """Return the colour of a row's status: red where there is no good backup."""
    if each.status in _BAD:
        return "red"
    if each.status in _GOOD:
        return "yellow" if each.problems else "green"
    return "" if each.status == "running" and not each.problems else "yellow"


def as_json(found: Sequence[Row]) -> list[dict[str, Any]]:
    """Return rows for scripts, times in RFC 3339."""
    times = ("last_success", "next")
    return [
        {**asdict(each), **{key: formats.rfc3339(getattr(each, key)) for key in times}}
        for each in found
    ]
