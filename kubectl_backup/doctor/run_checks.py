"""The last links of the chain: schedule, last run, retention, drill, notifications. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from contract.secret import plaintext
from contract.text import counted
from kubectl_backup.doctor.findings import Facts, Finding, hint, ok, problem, unknown
from kubectl_backup.output import formats
from kubectl_backup.workload import log_status

_DRILL_LATE = 21 * 86400.0  # seconds; drills are weekly
REMEDIES = {
    "auth": "put the right credentials and password into the Secret; the runner retries at once",
    "network": "check the repository's server, and this cluster's NetworkPolicies and DNS",
    "locked": "wait for the run in progress; if there is none: kubectl backup unlock",
    "source": "check the volume; if it shrank on purpose: kubectl backup accept",
    "space": "free space at the repository, or keep less (backup.keep-*)",
    "memory": "raise backup.memory-limit",
    "dump": "grant what the message names, or name one database; see docs/databases.md",
    "config": "correct what the message names; the runner retries at once",
    "repository": "the repository is damaged: repair it as the message says, then back up again",
}
"""What to do about a failure, by its class."""


def examine(facts: Facts) -> Iterator[Finding]:
    """Yield findings on a sidecar's runs, maintenance tasks and notifications."""
    if why := facts.untold.get("known"):
        yield unknown("last run", why)
    known = facts.known
    if known is None:
        return
    if known.get("paused"):
        remedy = "kubectl backup resume; or the Secret's BACKUP_PAUSED"
        yield problem("schedule", "backups are paused", remedy)
    elif not known.get("next") and log_status.is_known(known):
        line = f"no run is scheduled (schedule {known.get('schedule')})"
        yield problem("schedule", line, "change backup.schedule or BACKUP_SCHEDULE")
    yield _last(known, facts.now)
    due = formats.moment(known.get("next"))
    if due and facts.now - due > 3600 and not known.get("running_since"):
        line = f"the run due {formats.age(due, facts.now)} did not start"
        yield problem("schedule", line, "see kubectl backup logs; the node's clock may be wrong")
    if known.get("held"):
        yield problem("retention", "suspended: a volume lost files", REMEDIES["source"])
    for each in known.get("problems") or ():
        if plaintext.WHY in each:  # it works, and may be on purpose
            yield hint("settings", formats.plain(each))
        else:
            yield problem("settings", formats.plain(each), "correct it in the Secret or annotation")
    yield from _tasks(known.get("tasks") or {}, facts.now)
    yield _notifications(known)


def _last(known: Mapping[str, Any], now: float) -> Finding:
    last = known.get("last") or {}
    status = last.get("status")
    when = formats.age(formats.moment(last.get("ended")), now)
    success = formats.moment(known.get("last_success"))
    if status is None and success:
        line = f"none yet in this pod; the last good backup was {formats.age(success, now)}"
        return hint("last run", line, "kubectl backup now --wait")
    if status is None and not log_status.is_known(known):
        line = "unknown: the sidecar could not read the repository yet"
        return hint("last run", line, "kubectl backup logs; kubectl backup now --wait")
    if status is None:
        return hint("last run", "none yet", "kubectl backup now --wait")
    if status == "success":
        return ok("last run", f"success, {when}: {formats.plain(last.get('message', ''))}")
    kind = str(last.get("failure") or "")
    line = (
        f"{status}{f' ({kind})' if kind else ''}, {when}: {formats.plain(last.get('message', ''))}"
    )
    remedy = REMEDIES.get(kind, "see kubectl backup logs")
    make = hint if status in {"interrupted", "skipped"} else problem
    return make("last run", line, remedy)


def _tasks(tasks: Mapping[str, Any], now: float) -> Iterator[Finding]:
    for name, task in tasks.items():
        if task.get("status") in {"failure", "warning"}:
            what = "drill" if name == "verify" else name
            line = f"{task['status']}: {formats.plain(task.get('message', ''))}"
            yield problem(what, line, "see kubectl backup logs; kubectl backup drill tries again")
    verify = tasks.get("verify") or {}
    success = formats.moment(verify.get("last_success"))
    if verify.get("status") in {"failure", "warning"}:
        return
    if success is None and not log_status.is_known(verify):
        line = "unknown: this pod is new, and earlier pods did not record it"
        yield hint("drill", line, "kubectl backup drill")
    elif success is None:
        yield hint("drill", "no test restore yet", "kubectl backup drill")
    elif now - success > _DRILL_LATE:
        line = f"the last good test restore was {formats.age(success, now)}"
        yield hint("drill", line, "kubectl backup drill")
    else:
        yield ok("drill", f"last good test restore {formats.age(success, now)}")


def _notifications(known: Mapping[str, Any]) -> Finding:
    count = known.get("notify_failures") or 0
    if not known.get("receivers"):
        remedy = "set NTFY_…, PING_URL, NOTIFY_URLS or PUSHGATEWAY_… in the Secret"
        return hint("notifications", "none are sent", remedy)
    if count:
        line = f"{counted(count, 'message was', 'messages were')} not delivered"
        return problem("notifications", line, "kubectl backup logs names the receiver")
    return ok("notifications", f"sent to {', '.join(map(str, known['receivers']))}")
