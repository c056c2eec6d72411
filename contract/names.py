"""Names that the webhook writes and the runner reads: environment, paths, objects, reasons."""

import re
from enum import StrEnum

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""Valid names of variables; other keys of the Secret are only files."""

CONTAINER = "backup"
"""Name of the injected container."""

RESTORE_CONTAINER = "backup-restore"
"""Name of the injected init container that fills empty volumes."""

PATH = "/opt/backup/bin:/usr/bin:/bin"
"""PATH of our containers: neither the Secret nor an image decides what runs."""

RUNNER = "/opt/backup/bin/backup-runner"

RESTORE_COMMAND = (RUNNER, "populate")
"""The command of the init container."""

STAGING = ".backup-restore"
"""Folder on a volume that is being restored; neither backed up nor counted as content."""

STATUS_FILE = "status.json"
"""In the state folder: the current output of `backup-runner status --json`."""

HANDOVER_FILE = "handover.json"
"""In the state folder: what the init container read of the repository, for the sidecar."""

STATUS_MESSAGE, STATUS_FIELD = "status", "known"
"""Message of the status line in the log, and its field with the output of `backup-runner status
--json`.
"""

STARTED_MESSAGE = "backup started"
"""Message of the log line at the start of a run."""

WAITING_MESSAGE = "waiting for a run in progress"
"""Message of a command that waits for its turn; the field ``pid`` is the command's."""

SUPERVISOR_FILE = "supervisor"
"""In the state folder: the process that SIGUSR1 asks for a backup; 1 unless pods share theirs."""

COMMAND = "/opt/backup/bin/backup-supervise"
"""The command of the injected container; absolute, so PATH does not matter."""

OLD_COMMAND = "backup-supervise"
"""The command of containers injected by older versions."""

SECRET_PREFIX = "BACKUP_SECRET_"  # noqa: S105 -- the name of variables
"""Prefix of the variables that envFrom makes of the Secret's keys: with it, no loader, shell,
interpreter or program reads any key.
"""

ENABLED_LABEL = "backup.enabled"
"""Label of a namespace: ``true`` opts it in."""

PULL_SECRETS_ANNOTATION = "backup.image-pull-secrets"
"""Annotation of a namespace: its pull Secrets for the sidecar's image, separated by commas."""

# Annotations and the label that we write. Everything else under "backup." belongs to users.
STATUS_ANNOTATION = "backup.status"
INJECTED_LABEL = "backup.injected"
SAFE_TO_EVICT_ANNOTATION = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"

# Volumes of the injected container.
STATE_VOLUME = "backup-state"
SECRET_VOLUME = "backup-secret"  # noqa: S105 -- the name of a volume
POD_VOLUME = "backup-pod"
NO_TOKEN_VOLUME = "backup-no-token"  # noqa: S105 -- the name of a volume
OWN_VOLUMES = (STATE_VOLUME, SECRET_VOLUME, POD_VOLUME, NO_TOKEN_VOLUME)

# Where they are mounted.
VOLUMES_DIR = "/backup"
STATE_DIR = "/var/lib/backup"
SECRET_DIR = "/etc/backup/secret"  # noqa: S105 -- a path
POD_DIR = "/etc/backup/pod"
ANNOTATIONS_FILE = f"{POD_DIR}/annotations"
TOKEN_DIR = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 -- a path

# Environment of the injected container.
ENV_VOLUMES_DIR = "BACKUP_VOLUMES_DIR"
ENV_STATE_DIR = "BACKUP_STATE_DIR"
ENV_SECRET_DIR = "BACKUP_SECRET_DIR"  # noqa: S105 -- the name of a variable
ENV_ANNOTATIONS_FILE = "BACKUP_ANNOTATIONS_FILE"
ENV_NAMESPACE = "BACKUP_NAMESPACE"
ENV_POD = "BACKUP_POD"
ENV_POD_INDEX = "BACKUP_POD_INDEX"
ENV_NODE = "BACKUP_NODE"
ENV_HOST = "BACKUP_HOST"
ENV_HOST_GIVEN = "BACKUP_HOST_GIVEN"
"""``true`` if the annotation backup.name set the host, so the Secret does not."""
ENV_KIND = "BACKUP_KIND"
ENV_WORKLOAD = "BACKUP_WORKLOAD"
ENV_CLUSTER = "BACKUP_CLUSTER"
ENV_DEFAULTS = "BACKUP_DEFAULTS"
ENV_ADMITTED = "BACKUP_ADMITTED"
"""JSON object of the retention annotations at admission; a patched pod does not change them."""
ENV_VOLUMES = "BACKUP_VOLUMES"
"""JSON list of folders below BACKUP_VOLUMES_DIR, as backup.volumes named them at admission."""
ENV_PRE = "BACKUP_PRE"
ENV_POST = "BACKUP_POST"
"""JSON lists of words, as backup.pre and backup.post were at admission."""
ENV_ENGINE = "BACKUP_ENGINE"
"""``rclone`` where backup.engine chose the mirror at admission; otherwise restic."""
ENV_DUMP = "BACKUP_DUMP"
"""JSON list of dumps, as backup.dump was at admission: each a list of its name and, if it is a
command, its words."""
ENV_RESTORE = "BACKUP_RESTORE"
ENV_RESTORE_AS_OF = "BACKUP_RESTORE_AS_OF"
ENV_RESTORE_FROM = "BACKUP_RESTORE_FROM"
"""backup.restore, -as-of and -from as they were at admission; only in the init container."""
ENV_RESTORE_COMMANDS = "BACKUP_RESTORE_COMMANDS"
"""backup.restore-commands as it was at admission: names of variables, separated by spaces. The init
container always has it, so that the Secret cannot set it."""
ENV_GRACE = "BACKUP_GRACE_SECONDS"
"""The pod's terminationGracePeriodSeconds, where they are not GRACE_SECONDS."""
GRACE_SECONDS = 30


class Reason(StrEnum):
    """Why a pod was or was not injected. Stable: metric label, audit annotation, documentation."""

    INJECTED = "injected"
    """The pod has a sidecar."""
    ALREADY_INJECTED = "already_injected"
    """The pod had our sidecar before this review; it is backed up."""
    NOT_ENABLED = "not_enabled"
    """The annotation ``backup.enabled`` is missing or ``false``, and nothing turns backups on by
    default."""
    NO_VOLUMES = "no_volumes"
    """No container mounts a persistent volume claim as files."""
    INVALID_VALUE = "invalid_value"
    """``backup.enabled`` is neither yes nor no: write ``"true"``."""
    INVALID_POD = "invalid_pod"
    """A field of the pod is not of the type that Kubernetes gives it; the message names it."""
    NAME_CONFLICT = "name_conflict"
    """The pod has its own container or volume with one of our names: rename it."""
    WINDOWS = "windows"
    """The pod runs on Windows, where the sidecar does not run."""
    MIRROR_POD = "mirror_pod"
    """The pod is static, and no webhook can change it: run it as a Deployment."""
    EXCLUDED_NAMESPACE = "excluded_namespace"
    """The webhook never injects into this namespace."""
    NOT_A_POD_CREATE = "not_a_pod_create"
    """The review is not about the creation of a pod."""
    PROOF_FAILED = "proof_failed"
    """A bug: the patch would have changed more than it may. Please report it."""
    INTERNAL_ERROR = "internal_error"
    """A bug in the webhook. Please report it."""
    IMAGE_UNAVAILABLE = "image_unavailable"
    """A node on which the pod may run cannot pull or run the sidecar's image."""
    QUOTA = "quota"
    """LimitRanges, ResourceQuotas or the pod's own limits leave less than 64Mi of memory."""
    REFUSED_ELSEWHERE = "refused_elsewhere"
    """Another policy refuses pods with the sidecar; the workload gets none for an hour."""
    SIDECAR_BROKEN = "sidecar_broken"
    """In a pod of the workload the sidecar did not run; the workload gets none for an hour."""
    DEADLINE = "deadline"
    """The API server's request arrived too slowly, or the decision took longer than 250 ms."""
    TOO_COMPLEX = "too_complex"
    """The pod exceeds 500 containers, 10,000 volumes or volume mounts, 20,000 environment
    variables, or 256 Ki characters of annotations, labels or volume paths."""
