"""The links that belong to a workload: annotation, sidecar, Secret, repository, runs. Pure."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from shlex import quote

from contract import exit_codes, names
from contract.annotations import settings
from contract.secret import passwords, required_keys, variables
from contract.text import counted
from kubectl_backup.doctor import cluster_checks, run_checks
from kubectl_backup.doctor.findings import Facts, Finding, hint, ok, problem, unknown
from kubectl_backup.output import formats
from kubectl_backup.workload import injection, stalls, target

_REQUIRED = (("repository", required_keys.REPOSITORY), ("password", required_keys.PASSWORD))
_KNOWN_KEYS = (
    *(each.name for each in variables.ALL),
    *(each.variable for each in settings.ALL if each.variable),
)
_CODES = {
    exit_codes.NO_REPOSITORY: (
        "it does not exist yet",
        "the first run creates it: kubectl backup now",
    ),
    exit_codes.LOCKED: ("it is locked", run_checks.REMEDIES["locked"]),
    exit_codes.WRONG_PASSWORD: (
        "the password is wrong",
        "put the password of the repository into the Secret",
    ),
    exit_codes.TIMED_OUT: ("it does not answer within a minute", run_checks.REMEDIES["network"]),
}


def examine(facts: Facts) -> Iterator[Finding]:
    """Yield a finding for each link of the chain in its order; the first problem is the cause."""
    yield from cluster_checks.of_the_cluster(facts)
    if not facts.workload:
        return
    yield from _annotation(facts)
    if facts.pod is None:
        return
    if target.sidecar(facts.pod) is None:
        if target.wants(facts.pod):
            yield _injection(facts.pod)
    else:
        yield ok("injection", f"pod {facts.pod['metadata']['name']} has its sidecar")
        yield from _sidecar(facts, facts.pod)
    yield from _others(facts)
    yield from _secret(facts)
    yield from _repository(facts)
    yield from run_checks.examine(facts)
    if target.sidecar(facts.pod) is not None:
        yield _password(facts)


def _annotation(facts: Facts) -> Iterator[Finding]:
    subject, key = "annotation", settings.ENABLED.annotation
    template = ((facts.template or {}).get("spec") or {}).get("template") or {}
    given = (template.get("metadata") or {}).get("annotations") or {}
    given = {**given, **(target.annotations(facts.pod) if facts.pod else {})}
    if key not in given:
        outer = ((facts.template or {}).get("metadata") or {}).get("annotations") or {}
        where = f"{facts.workload} has the annotation {key}, its pod template does not"
        line = where if key in outer else f"its pods have no annotation {key}"
        yield problem(subject, line, f'set {key}: "true" in spec.template.metadata.annotations')
        return
    try:
        asked = settings.enabled(given)
    except ValueError as error:
        yield problem(subject, formats.plain(error), f'set {key}: "true"')
        return
    if not asked:
        yield problem(subject, f"{key} turns backups off", f'set {key}: "true"')
        return
    wrong = (*settings.resolve(given, {}, {}).problems, *settings.unknown(given))
    for each in wrong:
        yield problem(subject, formats.plain(each), "correct it on the pod template")
    if facts.pod is None:
        line = f"{facts.workload} has no pod"
        yield problem("pod", line, "scale it up, or see its events with kubectl describe")
    elif not wrong:
        yield ok(subject, f'{key}: "true"')


def _injection(pod: target.Pod) -> Finding:
    name, reason = pod["metadata"]["name"], injection.reason(pod)
    if reason == injection.UNSEEN:
        line = (f"the webhook never saw pod {name}: the pod is older than the label or the chart, "
                "or the webhook was down")  # fmt: skip
        return problem("injection", line, "recreate it: kubectl backup reinject")
    return problem("injection", f"pod {name} has no sidecar: {reason}", injection.meaning(reason))


def _sidecar(facts: Facts, pod: target.Pod) -> Iterator[Finding]:
    status = target.sidecar_status(pod)
    ended = ((status.get("lastState") or {}).get("terminated") or {}).get("reason")
    if stall := _stall(facts, pod):
        yield _stalled(stall, stall.line(facts.now))
    elif ended == "OOMKilled":
        yield problem("sidecar", "it ran out of memory (OOMKilled)", run_checks.REMEDIES["memory"])
    elif (status.get("restartCount") or 0) >= 3:
        line = f"it was restarted {status['restartCount']} times"
        look = f"kubectl -n {quote(facts.namespace)} logs {quote(pod['metadata']['name'])}"
        yield problem("sidecar", line, f"{look} -c {names.CONTAINER} --previous")
    else:
        yield ok("sidecar", "it runs")


def _others(facts: Facts) -> Iterator[Finding]:
    """Yield why other pods of the workload do not run, such as those of a rollout."""
    for pod in facts.pods[1:]:
        stall = _stall(facts, pod) if target.lasting(pod) and target.sidecar(pod) else None
        if stall is not None:
            yield _stalled(stall, f"pod {pod['metadata']['name']}: {stall.line(facts.now)}")


def _stall(facts: Facts, pod: target.Pod) -> stalls.Stall | None:
    meta = pod["metadata"]
    warning = facts.warnings.get(str(meta.get("uid")), "")
    return stalls.find(pod, facts.said.get(str(meta["name"])), warning)


def _stalled(stall: stalls.Stall, line: str) -> Finding:
    make = hint if stall.status == stalls.RESTORING else problem
    return make(stall.subject, line, formats.plain(stall.remedy))


def _secret(facts: Facts) -> Iterator[Finding]:
    if why := facts.untold.get("keys"):
        yield unknown("Secret", why)
        return
    if not _is_name(facts.secret):
        key = settings.SECRET.annotation
        yield problem("Secret", f"{key} is not a name of a Secret", f"correct or remove {key}")
        return
    create = (f"kubectl -n {quote(facts.namespace)} create secret generic {quote(facts.secret)} "
              "--from-literal=RESTIC_REPOSITORY=… --from-literal=RESTIC_PASSWORD=…")  # fmt: skip
    if not facts.keys:
        yield problem("Secret", f"Secret {facts.secret} does not exist, or is empty", create)
        return
    yield from _keys(facts, facts.keys)


def _keys(facts: Facts, keys: Mapping[str, bool]) -> Iterator[Finding]:
    for what, accepted in _REQUIRED:
        if any(keys.get(key) for key in accepted):
            continue
        if any(key in keys for key in accepted):
            yield problem("Secret", f"{accepted[0]} is empty", f"set its value in {facts.secret}")
            return
        near = get_close_matches(accepted[0], keys, n=1, cutoff=0.8)
        also = f"; did you mean {near[0]}?" if near else ""
        if mirrors(facts.pod):
            continue
        yield problem("Secret", f"{facts.secret} has no {what}: {accepted[0]} is missing{also}",
                      f"add the key {accepted[0]} to it")  # fmt: skip
        return
    for key in keys:
        near = get_close_matches(key, _KNOWN_KEYS, n=1, cutoff=0.88)
        if key not in _KNOWN_KEYS and near and near[0] not in keys:
            yield hint("Secret", f"the key {key} is unknown", f"did you mean {near[0]}?")
    for key in facts.newlines:
        yield problem("Secret", f"{key} {passwords.NEWLINE}", passwords.REMEDY)
    named = counted(len(keys), "key")
    yield ok("Secret", f"{facts.secret} has repository and password: {named}")


def mirrors(pod: target.Pod | None) -> bool:
    """Whether a pod keeps a mirror, which has neither repository nor password."""
    return bool(pod) and target.annotations(pod or {}).get("backup.engine") == "rclone"


def _repository(facts: Facts) -> Iterator[Finding]:
    if why := facts.untold.get("repository"):
        yield unknown("repository", why)
    if facts.repository is None:
        return
    code, said = facts.repository.code, formats.plain(facts.repository.said)
    if code == 0:
        yield ok("repository", "it opens with this password")
    elif code in _CODES:
        line, remedy = _CODES[code]
        had = bool((facts.known or {}).get("last_success"))
        if code == exit_codes.NO_REPOSITORY and not had:
            yield hint("repository", line, remedy)
        elif code == exit_codes.NO_REPOSITORY:
            yield problem("repository", "it no longer exists: there were backups before",
                          "check RESTIC_REPOSITORY; restore the repository")  # fmt: skip
        else:
            yield problem("repository", line, remedy)
    else:
        remedy = "check credentials, address and network"
        yield problem("repository", f"it does not open: {said or f'status {code}'}", remedy)


def _is_name(secret: str) -> bool:
    """Whether the annotation, which becomes part of a command, is a valid name of a Secret."""
    try:
        return settings.SECRET.parse(secret) == secret
    except ValueError:
        return False


def _password(facts: Facts) -> Finding:
    named = facts.secret if _is_name(facts.secret) else "NAME"
    show = (f"kubectl -n {quote(facts.namespace)} get secret {quote(named)} "
            "-o jsonpath='{.data.RESTIC_PASSWORD}' | base64 -d")  # fmt: skip
    line = "keep the repository's password outside this cluster: no restore works without it"
    return hint("password", line, f"this shows it: {show}")
