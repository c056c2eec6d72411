"""The rows of `status`, each from a pod and the status of its sidecar. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from contract import units
from kubectl_backup.output import formats
from kubectl_backup.output.table import Cell, Column, Line, Table
from kubectl_backup.workload import log_status, stalls, target
from kubectl_backup.workload.log_status import Known
from kubectl_backup.workload.stalls import NOT_RUNNING, RESTORING, Stall

_LATE = 3600.0  # seconds after which a run that was due is missed
_OFTEN = 3  # restarts of a sidecar
_GOOD = {"success", "no run yet"}
_BAD = {"failure", "not injected", "limits too low", NOT_RUNNING, "unknown"}
UNKNOWN = "unknown yet"
"""The status of a new pod until its sidecar has read the repository."""


@dataclass(frozen=True, slots=True)
class Row:
    """The backups of one pod, or the ``pods`` of a workload without any.

    Times are epoch seconds. ``reason`` is one word for scripts, "" if all is well: a failure class,
    a word of Cover or Reason, or the kubelet's reason, ``since`` when it holds. ``protected``: the
    pod has a sidecar.
    """

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
    protected: bool = True
    reason: str = ""
    since: float | None = None
    next_try: float | None = None
    remedy: str = ""
    pods: int = 1
    last_success_known: bool = True


def row(
    pod: target.Pod, known: Known | None, trouble: str, now: float, stall: Stall | None = None
) -> Row:
    """Return the row of a pod with a sidecar. ``known`` is None if its status cannot be read:
    ``stall`` or ``trouble`` says why."""
    stall = stalls.find(pod) if known is None and stall is None else stall
    meta = pod["metadata"]
    place = (meta.get("namespace", ""), str(target.owner(pod)), meta["name"])
    if stall is not None:
        return Row(
            *place, stall.status, problems=[f"{stall.line(now)}; {formats.plain(stall.remedy)}"],
            reason=stall.reason, since=stall.since, next_try=stall.next_try,
            remedy=formats.plain(stall.remedy),
        )  # fmt: skip
    if known is None:
        return Row(*place, "unknown", problems=[formats.plain(trouble)], reason="unknown")
    last = known.get("last") or {}
    verify = log_status.tasks(known).get("verify") or {}
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
        reason=str(last.get("failure") or ""),
        last_success_known=log_status.is_known(known),
    )


def _status(known: Known, last: Known) -> str:
    if known.get("running_since"):
        return "running"
    if known.get("paused"):
        return "paused"
    if last.get("status"):
        return str(last["status"])
    if not log_status.is_known(known):
        return UNKNOWN
    return "no run yet" if known.get("last_success") else "never run"


def _drill(verify: Known, now: float) -> str:
    success = formats.moment(verify.get("last_success"))
    if verify.get("status") in {"failure", "warning"}:
        return "failed"
    if success:
        return f"ok {units.span(now - success)}"
    return "never" if log_status.is_known(verify) else "unknown"


def _problems(pod: target.Pod, known: Known, last: Known, now: float) -> Iterator[str]:
    if known.get("missing"):
        yield f"{known['missing']} is missing in the Secret"
    if last.get("status") not in {None, "success"}:
        kind = f" ({last['failure']})" if last.get("failure") else ""
        yield f"last run {last['status']}{kind}: {last.get('message', '')}"
    due = formats.moment(known.get("next"))
    if due and now - due > _LATE and not known.get("paused") and not known.get("running_since"):
        yield f"the run due {formats.age(due, now)} did not start"
    if known.get("held"):
        yield "retention is suspended: a volume lost files; `kubectl backup accept` if on purpose"
    for name, task in log_status.tasks(known).items():
        if task.get("status") in {"failure", "warning"}:
            yield f"{name} {task['status']}: {task.get('message', '')}"
    yield from map(str, known.get("problems") or ())
    restarts = target.sidecar_status(pod).get("restartCount") or 0
    if restarts >= _OFTEN:
        yield f"the sidecar was restarted {restarts} times: check backup.memory-limit"


HEADER = (
    Column("NAMESPACE"), Column("WORKLOAD"), Column("POD", 7), Column("STATUS"),
    Column("LAST SUCCESS"), Column("NEXT RUN", 3), Column("SNAPSHOTS", 5, right=True),
    Column("SIZE", 4, right=True), Column("DRILL", 2), Column("HOST", 8), Column("SCHEDULE", 9),
)  # fmt: skip
_WIDE = {"HOST", "SCHEDULE", "POD"}


def table(found: Sequence[Row], now: float, *, namespaces: bool, wide: bool) -> Table:
    """Return the table of these rows; ``namespaces``: with a column for them."""
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
        cells = _cells(each, now) if each.host else _unasked(_cells(each, now))
        lines.append(Line(tuple(cells[i] for i in kept), tuple(each.problems), colour(each)))
    return Table(header, lines, "PROBLEMS")


def _cells(each: Row, now: float) -> tuple[Cell, ...]:
    snapshots = "-" if each.snapshots is None else str(each.snapshots)
    last = formats.age(each.last_success, now) if each.last_success_known else UNKNOWN
    drill = "red" if each.drill == "failed" else ""
    return (
        Cell(each.namespace), Cell(each.workload), Cell(each.pod), Cell(each.status, colour(each)),
        Cell(last), Cell(formats.ahead(each.next, now)), Cell(snapshots),
        Cell(formats.size(each.size)), Cell(each.drill, drill), Cell(each.host),
        Cell(each.schedule),
    )  # fmt: skip


def _unasked(cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """Return the cells of a row without a status, whose last success is unknown."""
    unknown = {"LAST SUCCESS", "DRILL"}
    pairs = zip(HEADER, cells, strict=True)
    return tuple(Cell("-") if column.title in unknown else cell for column, cell in pairs)


def colour(each: Row) -> str:
    """Return the colour of a row's status: red if it has no good backup."""
    if each.status in _BAD:
        return "red"
    if each.status in _GOOD:
        return "yellow" if each.problems else "green"
    if each.status == RESTORING or (each.status == "running" and not each.problems):
        return ""
    return "yellow"


def rank(each: Row) -> tuple[int, str, str, str]:
    """Return the sort key of a row: the worst first, then by name."""
    order = {"red": 0, "yellow": 2, "": 3, "green": 4}[colour(each)]
    return (order if each.protected or not order else 1, each.namespace, each.workload, each.pod)


def as_json(found: Sequence[Row]) -> list[dict[str, Any]]:
    """Return rows for scripts, times in RFC 3339."""
    times = ("last_success", "next", "since", "next_try")
    return [
        {**asdict(each), **{key: formats.rfc3339(getattr(each, key)) for key in times}}
        for each in found
    ]
