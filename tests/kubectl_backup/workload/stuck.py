"""Pods whose sidecar does not run, in every state that the kubelet has for them."""

from dataclasses import dataclass, field

from tests.kubectl_backup.pods import Json, pod

STARTED = "2026-09-21T13:21:20Z"  # 12 minutes before NOW
LATER = "2026-09-21T13:28:20Z"  # 5 minutes before NOW
ENDED = "2026-09-21T13:31:20Z"  # 2 minutes before NOW
WRONG = "the repository cannot be read: wrong password or no key found"
AGAIN = "; tried again in 40 s, until then the pod does not start"
RESTORE = "waiting for backup-restore"


@dataclass(frozen=True)
class Stuck:
    """A pod, and what must be said of it. ``log`` is the restore's, None where nobody may read it.

    ``events`` are what the API server has of the pod.
    """

    pod: Json
    subject: str
    reason: str
    text: str
    remedy: str
    span: str = "for 12m"
    next_try: str = ""
    log: list[Json] | None = None
    events: list[str] = field(default_factory=list)
    status: str = "not running"


def waiting(reason: str, message: str = "") -> Json:
    """Return the state of a container that waits."""
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def ended(code: int = 1, message: str = "", reason: str = "Error") -> Json:
    """Return the state of a container that has ended."""
    said = {"message": message} if message else {}
    return {"terminated": {"exitCode": code, "reason": reason, "finishedAt": ENDED, **said}}


RUNS: Json = {"running": {"startedAt": STARTED}}
INITIALIZING = waiting("PodInitializing")
BACK_OFF = waiting("CrashLoopBackOff", "back-off 2m40s restarting failed container=x pod=y")


def of(
    *states: tuple[str, Json] | tuple[str, Json, Json],
    always: tuple[str, ...] = (),
    sidecar: Json | None = None,
    **status: object,
) -> Json:
    """Return a pod with these init containers (name, state, last state) before its sidecar."""
    made = pod(state=sidecar or INITIALIZING)
    given = [
        {"name": name, "state": state, "restartCount": 4 if rest else 0,
         **({"lastState": rest[0]} if rest else {})}
        for name, state, *rest in states
    ]  # fmt: skip
    made["status"] |= {"phase": "Pending", "startTime": STARTED, **status}
    made["status"]["initContainerStatuses"][:0] = given
    made["spec"]["initContainers"] = [
        *({"name": each[0], **({"restartPolicy": "Always"} if each[0] in always else {})}
          for each in states),
        *made["spec"]["initContainers"],
    ]  # fmt: skip
    return made


def restoring(state: Json, *last: Json) -> Json:
    """Return a pod that waits in `backup-restore`."""
    return of(("backup-restore", state, *last))  # type: ignore[arg-type]


def error(message: str, **fields: object) -> Json:
    """Return a line of the restore's log."""
    return {"time": ENDED, "level": "error", "message": message, **fields}


def info(message: str) -> Json:
    """Return a line of the restore's log that is no error."""
    return {"time": ENDED, "level": "info", "message": message}


def _unready(made: Json) -> Json:
    """Return the pod with its first sidecar not started as its probe has it."""
    made["status"]["initContainerStatuses"][0]["started"] = False
    return made


def unscheduled(reason: str, message: str) -> Json:
    """Return a pod without a node."""
    made = of(phase="Pending", sidecar={"none": {}}, conditions=[
        {"type": "PodScheduled", "status": "False", "reason": reason, "message": message,
         "lastTransitionTime": LATER},
    ])  # fmt: skip
    made["status"] |= {"initContainerStatuses": []}
    del made["status"]["startTime"], made["spec"]["nodeName"]
    return made


def evicted(kind: str, of_whom: str) -> Json:
    """Return a pod that its node has ended."""
    made = pod(kind=kind, of=of_whom)
    made["status"] = {
        "phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory.",
        "startTime": STARTED,
    }  # fmt: skip
    return made


def _by_class(failure: str, message: str, remedy: str) -> dict[str, Stuck]:
    """Return a restore that fails so, as its log says it, and as its last end alone does."""
    fields = {"failure": failure, "next": "2026-09-21T13:34:00Z"}
    text = f"{RESTORE} ({failure}): {message}"
    return {
        f"{failure}: {message}": Stuck(
            restoring(RUNS), "restore", failure, text, remedy, next_try="next try in 40s",
            log=[info("nothing in data yet: asking the repository for a backup"),
                 error(message + AGAIN, **fields)],
        ),
        f"{failure} without a right to logs: {message}": Stuck(
            restoring(BACK_OFF, ended(message=message)), "restore", failure, text, remedy,
            next_try="next try in 40s",
        ),
    }  # fmt: skip


OLDER = "there is no snapshot of 2001-01-01T00:00:00Z or before of wiki (ns=prod)"
STUCK: dict[str, Stuck] = {
    **_by_class("auth", WRONG, "put the right password and credentials into the Secret"),
    **_by_class("auth", "the repository cannot be read: Access Denied.", "credentials"),
    **_by_class("network", "the repository cannot be read: dial tcp 10.0.0.1:443: connect: "
                "connection refused", "NetworkPolicies"),
    **_by_class("network", "the repository cannot be read: lookup minio: no such host", "DNS"),
    **_by_class("config", "RESTIC_REPOSITORY is not set: put it into the Secret", "add the key"),
    **_by_class("config", f"{OLDER}; the oldest is snapshot 4f8a1c2e", "backup.restore-as-of"),
    **_by_class("config", "more than one workload has snapshots of wiki: a; b",
                "backup.restore-from: NAMESPACE/HOST"),
    **_by_class("config", "the restore cannot be understood: 'x': write a time; the pod does not "
                "start", "correct the annotation backup.restore"),
    **_by_class("config", "only backup.engine restic restores by itself: copy a mirror back by "
                "hand", "remove backup.restore"),
    **_by_class("locked", "the repository cannot be read: repository is already locked by PID 7",
                "kubectl backup unlock"),
    **_by_class("space", "/backup/data/x cannot be restored: write: no space left on device",
                "larger volume"),
    **_by_class("source", "/backup/data: there is no snapshot of wiki (ns=prod) with files of it, "
                "and one is required", "backup.restore: if-empty"),
    **_by_class("source", "/backup/data/.backup-restore: Permission denied", "backup.run-as"),
    **_by_class("source", "/backup/data/.backup-restore: Read-only file system", "writable mount"),
    **_by_class("source", "/backup/data: Input/output error", "check the volume"),
    **_by_class("memory", "restoring failed: out of memory", "backup.memory-limit"),
    **_by_class("repository", "restoring failed: id 5 does not exist in index", "damaged"),
    **_by_class("internal", "internal error: KeyError('x')",
                "kubectl -n prod logs wiki-5f8b9c-abcde -c backup-restore"),
    "an older sidecar's log, without fields": Stuck(
        restoring(RUNS), "restore", "auth", f"{RESTORE} (auth): {WRONG}", "password",
        next_try="next try now", log=[error(WRONG + AGAIN)]),
    "a class that this plugin does not know": Stuck(
        restoring(RUNS), "restore", "tape", f"{RESTORE} (tape): the tape is torn",
        "kubectl -n prod logs wiki-5f8b9c-abcde -c backup-restore",
        log=[error("the tape is torn", failure="tape", next=None)]),
    "a restore that tries again after a failure": Stuck(
        restoring(RUNS), "restore", "auth", f"{RESTORE} (auth): {WRONG}", "password",
        next_try="next try now",
        log=[error(WRONG + AGAIN, failure="auth", next=ENDED),
             info("nothing in data yet: asking the repository for a backup")]),
    "a restore whose last end was the log's": Stuck(
        restoring(BACK_OFF, ended(message='d", "x": 1}\n{"time": "2026-09-21T13:31:20Z", "level": '
                                  f'"error", "message": "{WRONG}", "failure": "auth"}}')),
        "restore", "auth", f"{RESTORE} (auth): {WRONG}", "password", next_try="next try in 40s"),
    "a restore that was killed for memory": Stuck(
        restoring(BACK_OFF, ended(137, "", "OOMKilled")), "restore", "memory",
        f"{RESTORE} (memory): it ran out of memory (OOMKilled)", "backup.memory-limit",
        next_try="next try in 40s", log=[info("/backup/data: restoring from snapshot 4f8a1c2e")]),
    "a restore that was killed without a word": Stuck(
        restoring(BACK_OFF, ended(137)), "restore", "internal",
        "it ended without a message: Error, exit status 137", "logs wiki-5f8b9c-abcde",
        next_try="next try in 40s", log=[info("/backup/data: restoring from snapshot 4f8a1c2e")]),
    "a restore that has just started again": Stuck(
        restoring(RUNS, ended(message=WRONG)), "restore", "auth", f"{RESTORE} (auth): {WRONG}",
        "password", log=[info("nothing in data yet: asking the repository for a backup")]),
    "a restore that is at work after a failure": Stuck(
        restoring(RUNS, ended(message=WRONG)), "restore", "restoring",
        f"{RESTORE}: /backup/data: restoring from snapshot 4f8a1c2e", "restored",
        log=[info("/backup/data: restoring from snapshot 4f8a1c2e")], status="restoring"),
    "a restore between two ends": Stuck(
        restoring(ended(message=WRONG)), "restore", "auth", f"{RESTORE} (auth): {WRONG}",
        "password"),
    "a restore at work": Stuck(
        restoring(RUNS), "restore", "restoring",
        f"{RESTORE}: /backup/data: restoring from snapshot 4f8a1c2e", "restored",
        log=[error(WRONG + AGAIN, failure="auth", next=ENDED),
             info("/backup/data: restoring from snapshot 4f8a1c2e")], status="restoring"),
    "a restore of which nothing may be read": Stuck(
        restoring(RUNS), "restore", "restoring", f"{RESTORE}: reading the repository", "restored",
        status="restoring"),
    "another pod restores": Stuck(
        restoring(RUNS), "restore", "another_pod",
        f"{RESTORE}: /backup/data: waiting for the pod that restores it", "restored",
        log=[info("/backup/data: waiting for the pod that restores it")], status="restoring"),
    "the restore's image": Stuck(
        restoring(waiting("ImagePullBackOff", "Back-off pulling image x")), "restore",
        "ImagePullBackOff", f"{RESTORE}: ImagePullBackOff: Back-off pulling image x",
        "backup.image-pull-secrets"),
    "the sidecar's image": Stuck(
        of(sidecar=waiting("ErrImagePull", "manifest unknown")), "sidecar", "ErrImagePull",
        "the sidecar does not run: ErrImagePull: manifest unknown", "registry"),
    "the sidecar's user": Stuck(
        of(sidecar=waiting("CreateContainerConfigError", "container has runAsNonRoot and image "
                           "will run as root")), "sidecar", "CreateContainerConfigError",
        "container has runAsNonRoot", "backup.run-as"),
    "the sidecar's mounts": Stuck(
        of(sidecar=waiting("CreateContainerError", "failed to prepare subPath")), "sidecar",
        "CreateContainerError", "failed to prepare subPath", "describe pod wiki-5f8b9c-abcde"),
    "the sidecar ends again and again": Stuck(
        of(("first", ended(0)), sidecar=BACK_OFF), "sidecar", "CrashLoopBackOff",
        "the sidecar does not run: CrashLoopBackOff", "-c backup", "for 2m"),
    "the sidecar was killed": Stuck(
        of(sidecar=ended(137, "", "OOMKilled")), "sidecar", "OOMKilled",
        "the sidecar does not run: OOMKilled, exit status 137", "backup.memory-limit"),
    "an init container of the app fails": Stuck(
        of(("migrate", BACK_OFF, ended(2, "no such table"))), "pod", "CrashLoopBackOff",
        "waiting for init container migrate of the app: CrashLoopBackOff: Error, exit status 2: no "
        "such table; restarted 4 times", "logs wiki-5f8b9c-abcde -c migrate --previous",
        next_try="next try in 40s"),
    "an init container of the app runs on": Stuck(
        of(("first", ended(0)), ("wait-for-db", RUNS)), "pod", "Running",
        "waiting for init container wait-for-db of the app: it is still running",
        "logs wiki-5f8b9c-abcde -c wait-for-db", "for 2m"),
    "a sidecar of the app is not ready": Stuck(
        of(("proxy", waiting("ImagePullBackOff")), always=("proxy",)), "pod", "ImagePullBackOff",
        "waiting for init container proxy of the app: ImagePullBackOff", "registry"),
    "a sidecar of the app whose probe fails": Stuck(
        _unready(of(("proxy", RUNS), always=("proxy",))), "pod", "Running",
        "waiting for init container proxy of the app: it has not passed its startup probe",
        "logs wiki-5f8b9c-abcde -c proxy"),
    "no node has room": Stuck(
        unscheduled("Unschedulable", "0/3 nodes are available: 3 Insufficient memory."), "pod",
        "Unschedulable", "the pod has no node: Unschedulable: 0/3 nodes", "lower the pod's",
        "for 5m"),
    "no claim": Stuck(
        unscheduled("Unschedulable", 'persistentvolumeclaim "data" not found'), "pod",
        "Unschedulable", 'persistentvolumeclaim "data" not found', "describe pvc", "for 5m"),
    "a scheduling gate": Stuck(
        unscheduled("SchedulingGated", "Scheduling is blocked"), "pod", "SchedulingGated",
        "SchedulingGated", "describe pod", "for 5m"),
    "a volume that cannot be mounted": Stuck(
        of(), "pod", "VolumesNotMounted",
        'the pod\'s containers are not created yet: MountVolume.SetUp failed for volume "x"',
        "create what the message names",
        events=['MountVolume.SetUp failed for volume "x" : secret "y" not found']),
    "a volume on another node": Stuck(
        of(), "pod", "VolumesNotMounted", "Multi-Attach error", "delete its pod there",
        events=['Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) wiki-a']),
    "nothing is created yet": Stuck(
        of(sidecar=waiting("ContainerCreating")), "pod", "ContainerCreating",
        "not created yet on node node1", "describe pod"),
    "evicted": Stuck(
        evicted("ReplicaSet", ""), "pod", "Evicted",
        "the pod has ended: Evicted: The node was low on resource: memory.", "create the pod"),
}  # fmt: skip
