"""The rules of `lint`: their ids, which stay for ever, and what docs/lint.md says of each."""

from argparse import ArgumentTypeError
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum


class Rule(StrEnum):
    """The id of a rule; a new one takes the next number, and none is used again."""

    FIELD_TYPE = "BW001"
    UNREADABLE = "BW002"
    NO_TEMPLATE = "BW003"
    NO_BACKUP = "BW004"
    UNKNOWN_SETTING = "BW005"
    INVALID_VALUE = "BW006"
    VOLUME = "BW007"
    EXCLUDE = "BW008"
    USER = "BW009"
    RESOURCES = "BW010"
    ADMISSION = "BW011"
    MISPLACED = "BW012"
    LABEL = "BW013"
    WITHOUT_ENABLED = "BW014"
    UNDECIDED = "BW015"
    NAMESPACE = "BW016"
    KEYS_ELSEWHERE = "BW017"
    KEY_MISSING = "BW018"
    KEY_REFUSED = "BW019"
    INVISIBLE = "BW020"
    PLAIN_TEXT = "BW021"
    VARIABLE_INVALID = "BW022"
    VARIABLE = "BW023"
    DECIDED_ELSEWHERE = "BW024"
    SHARED_CLAIM = "BW025"
    ROLLING_UPDATE = "BW026"
    AUTOSCALER = "BW027"
    VERTICAL_AUTOSCALER = "BW028"
    EGRESS = "BW029"
    FAILURE_POLICY = "BW030"
    ENDING_POD = "BW031"
    RESTORE = "BW032"
    RESTORE_UNASKED = "BW033"
    RESTORE_FLEETING = "BW034"
    RESTORE_PINNED = "BW035"
    RESTORE_SEVERAL = "BW036"
    RESTORE_COMMAND = "BW037"
    DISRUPTION_BUDGET = "BW038"
    MESH = "BW039"
    NFS_ROOT = "BW040"
    ONE_POD = "BW041"
    RESTORE_IMPOSSIBLE = "BW042"


@dataclass(frozen=True, slots=True)
class About:
    """What a rule is about, why it matters, and what to do."""

    title: str
    why: str
    remedy: str


ABOUT: Mapping[Rule, About] = {
    Rule.FIELD_TYPE: About(
        "A field of the wrong type",
        "Kubernetes refuses the object, often because of a placeholder or a missing quote: "
        "`${CPU}` is no quantity, `version: 1.10` is no text.",
        "Write what the message says; render placeholders first.",
    ),
    Rule.UNREADABLE: About(
        "An object that cannot be understood",
        "Its structure is not that of its kind, so that findings may be missing.",
        "Correct the object, and report a bug if Kubernetes accepts it.",
    ),
    Rule.NO_TEMPLATE: About(
        "Containers that are no pod template",
        "An operator or workflow controller makes pods of them in a way of its own. The webhook "
        "sees those pods; these files do not show them.",
        "Look at the pods with `backup-webhook coverage`.",
    ),
    Rule.NO_BACKUP: About(
        "A pod that asks for a backup and gets none",
        "The webhook would admit the pod without a sidecar, for the reason in the message.",
        "Do what the message says, or remove `backup.enabled`.",
    ),
    Rule.UNKNOWN_SETTING: About(
        "A setting that does not exist",
        "A mistyped annotation has no effect, and nothing else says so.",
        "Write the name that is proposed; `docs/configuration.md` has all of them.",
    ),
    Rule.INVALID_VALUE: About(
        "An annotation with an invalid value",
        "The value is ignored, and the one that the message names is used.",
        "Correct the value.",
    ),
    Rule.VOLUME: About(
        "A volume that is not backed up",
        "It is named in `backup.volumes` or claimed, but there are no files to read.",
        "Correct `backup.volumes`, or mount the volume.",
    ),
    Rule.EXCLUDE: About(
        "An exclude pattern without effect",
        "It can match nothing that is backed up, or takes back what no pattern excludes.",
        "Write paths as the message shows, one pattern a line.",
    ),
    Rule.USER: About(
        "The user that reads the volumes",
        "No user can be told from the containers, or they differ, or an app of the same user "
        "could read the sidecar's processes. A backup then may lack files.",
        "Set `backup.run-as` to the user that owns the files.",
    ),
    Rule.RESOURCES: About(
        "Resources of the sidecar",
        "A request above the limit is lowered; less memory than backups need stops them.",
        "Correct `backup.memory-limit`, `backup.cpu-limit` or the requests.",
    ),
    Rule.ADMISSION: About(
        "Another warning of the webhook",
        "kubectl would show it when the pod is created.",
        "Do what the message says.",
    ),
    Rule.MISPLACED: About(
        "An annotation on the workload",
        "Annotations of a Deployment do not reach its pods.",
        "Move it to the pod template.",
    ),
    Rule.LABEL: About(
        "A label in the place of the annotation",
        "`backup.enabled` is a label of namespaces and an annotation of pods.",
        "Write it as an annotation of the pod template.",
    ),
    Rule.WITHOUT_ENABLED: About(
        "Settings without backup.enabled",
        "They have no effect by themselves.",
        'Add `backup.enabled: "true"` to the same annotations.',
    ),
    Rule.UNDECIDED: About(
        "A pod with claims that says nothing",
        "Its volumes would not be backed up.",
        'Write `backup.enabled: "true"`, or `"false"` to opt out.',
    ),
    Rule.NAMESPACE: About(
        "The namespace's label",
        "The API server asks the webhook in namespaces with `backup.enabled=true` alone.",
        "Label the namespace with the command in the message.",
    ),
    Rule.KEYS_ELSEWHERE: About(
        "A Secret that is not in the files",
        "Without it in the pod's namespace there is no backup.",
        "Check that something creates it, or pass its file too.",
    ),
    Rule.KEY_MISSING: About(
        "A Secret without a required key", "There is no backup without it.", "Add the key."
    ),
    Rule.KEY_REFUSED: About(
        "A key of the Secret that cannot be used",
        "Its name or value is none that a program can be given.",
        "Do what the message says.",
    ),
    Rule.INVISIBLE: About(
        "Invisible characters of a password",
        "A newline or space belongs to the password for some programs and not for others.",
        "Create the Secret without it, such as by `--from-literal`.",
    ),
    Rule.PLAIN_TEXT: About(
        "Credentials without encryption",
        "Whoever is between the pod and the server can read them.",
        "Use an address with TLS.",
    ),
    Rule.VARIABLE_INVALID: About(
        "An invalid value in the Secret",
        "It is ignored, and the one that the message names is used.",
        "Correct or remove it; the value itself is never shown.",
    ),
    Rule.VARIABLE: About(
        "A variable that no program gets",
        "Only variables that are known to be harmless are passed on.",
        "Remove it, or see `docs/reference/variables.md`.",
    ),
    Rule.DECIDED_ELSEWHERE: About(
        "A value that the Secret decides",
        "These files do not show which schedule, host or volumes will be used.",
        "Nothing, if that is intended.",
    ),
    Rule.SHARED_CLAIM: About(
        "Several pods that share a claim",
        "Each would back up the same data.",
        "Back it up from one pod, or name the volumes of each pod itself.",
    ),
    Rule.ROLLING_UPDATE: About(
        "A rolling update of a claim for one node",
        "The new pod waits for a volume that the old one holds.",
        "Write `strategy: {type: Recreate}`.",
    ),
    Rule.AUTOSCALER: About(
        "An autoscaler that counts the sidecar",
        "A running backup changes the use of the whole pod.",
        "Use a metric of type ContainerResource with the app's container.",
    ),
    Rule.VERTICAL_AUTOSCALER: About(
        "An autoscaler that resizes the sidecar",
        "It sees an idle sidecar most of the time and gives it less than backups need.",
        'Write a container policy for `backup` with `mode: "Off"`.',
    ),
    Rule.EGRESS: About(
        "A policy that limits egress",
        "A backup has to reach DNS, its repository and whoever gets its messages and metrics.",
        "Allow them in a NetworkPolicy.",
    ),
    Rule.FAILURE_POLICY: About(
        "A failure policy that counts the sidecar's exit codes",
        "A rule without `containerName` is about all containers.",
        "Write the app's container in `onExitCodes.containerName`.",
    ),
    Rule.ENDING_POD: About(
        "A pod that may end before its first backup",
        "Pods of Jobs end with their work, and a backup that is due later is not made.",
        'Write `backup.on-exit: "true"`.',
    ),
    Rule.RESTORE: About(
        "What is restored before the pod starts",
        "`backup.restore` is set, so that empty volumes are filled.",
        "Nothing, if that is intended.",
    ),
    Rule.RESTORE_UNASKED: About(
        "Settings of a restore that nothing asks for",
        "They have no effect without `backup.enabled` and `backup.restore`.",
        "Write these, or remove the setting.",
    ),
    Rule.RESTORE_FLEETING: About(
        "A restore into a volume that is always new",
        "Each start of a pod waits for a restore.",
        "Remove the volume from `backup.volumes`.",
    ),
    Rule.RESTORE_PINNED: About(
        "A restore of one moment or host in a template",
        "Later pods with an empty volume get old files too.",
        "Remove the setting when the restore is done.",
    ),
    Rule.RESTORE_SEVERAL: About(
        "A restore into several pods",
        "They share a claim, or would all get the files of one host.",
        "Restore one pod at a time.",
    ),
    Rule.RESTORE_COMMAND: About(
        "A command that the restore does not run",
        "The init container can write to the volumes, so it runs no command of the Secret "
        "unless the pod permits it.",
        "Replace the command by a value, or permit it in `backup.restore-commands`.",
    ),
    Rule.DISRUPTION_BUDGET: About(
        "A disruption budget that allows no eviction",
        "`kubectl backup reinject` evicts pods to give them a sidecar, and a node cannot be "
        "drained.",
        "Allow one pod to be unavailable, or restart the workload yourself.",
    ),
    Rule.MESH: About(
        "A restore in a service mesh",
        "With the mesh's CNI plugin, init containers have no network until the mesh's own "
        "container runs, so that `backup-restore` cannot reach the repository.",
        "Exclude the repository's port or address from the redirection, or run the mesh's "
        "container as a native sidecar.",
    ),
    Rule.NFS_ROOT: About(
        "Files on NFS that root may not read",
        "Servers with root_squash treat root as nobody.",
        "Set `backup.run-as` to the user that owns the files.",
    ),
    Rule.ONE_POD: About(
        "A claim for one pod alone",
        "With ReadWriteOncePod, no second pod can mount the volume: not another replica, and not "
        "the next pod of a rolling update.",
        "Run one pod, with `strategy: {type: Recreate}`.",
    ),
    Rule.RESTORE_IMPOSSIBLE: About(
        "A restore that cannot be made",
        "`backup.restore` asks for it, and nothing could fill the volumes before the pod starts. "
        "With the chart's `policies.restore`, Kubernetes refuses the pod.",
        "Do what the message says, or restore with `kubectl backup restore`.",
    ),
}  # fmt: skip


def parse(text: str) -> frozenset[Rule]:
    """Return the rules of a list such as ``BW016,BW017``; raise ArgumentTypeError."""
    chosen = [word.strip().upper() for word in text.split(",") if word.strip()]
    for word in chosen:
        if word not in list(Rule):
            close = get_close_matches(word, list(Rule), 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ArgumentTypeError(f"{word!r} is no rule{hint}; docs/lint.md has all of them")
    return frozenset(map(Rule, chosen))
