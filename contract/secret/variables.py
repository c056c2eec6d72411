"""Every variable of the Secret without an annotation, and its meaning. Pure.

The documentation's table and what `kubectl backup doctor` takes for a typo come from here. Which
other variables restic, rclone and database clients get is in contract/secret/allowlist.py.
"""

from dataclasses import dataclass

from contract.annotations import settings

_RESTIC = "Repository"
_WHAT = "What is backed up and how"
_TOLD = "Notifications and metrics"
_NETWORK = "CAs and proxies"
_COPY = "Second copy"
_MIRROR = "Mirror instead of snapshots"
_DUMP = "How dumps log in"
_TIMES = "Timeouts"
_UNKNOWN_SERVER = "the pod itself"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable; ``default`` is for people."""

    name: str
    meaning: str
    group: str
    default: str = ""


ALL = (
    Variable("RESTIC_REPOSITORY", "Address of the repository, as restic writes it. Or "
    "`RESTIC_REPOSITORY_FILE`.", _RESTIC),
    Variable("RESTIC_REPOSITORY_FILE", "A file that contains the address.", _RESTIC),
    Variable("RESTIC_PASSWORD", "Its password. Without it no restore is possible.", _RESTIC),
    Variable("RESTIC_PASSWORD_FILE", "A file that contains the password.", _RESTIC),
    Variable("RESTIC_PASSWORD_COMMAND", "A command in the sidecar that prints the password.",
             _RESTIC),
    Variable("RESTIC_REST_USERNAME", "User of a REST server, if the address has none.",
             _RESTIC),
    Variable("RESTIC_REST_PASSWORD", "Password of a REST server, with any characters; in the "
    "address, `/`, `#`, `?`, `%` and so on must be percent-encoded.", _RESTIC),
    Variable("AWS_ACCESS_KEY_ID", "For S3. All variables of restic's backends are passed: see "
             "[which program gets what](#which-program-gets-what).", _RESTIC),
    Variable("AWS_SECRET_ACCESS_KEY", "As above.", _RESTIC),
    Variable("AWS_DEFAULT_REGION", "As above.", _RESTIC),
    Variable("SFTP_KEY", "For an `sftp:` repository: the private key, as text or as a path in the "
             "sidecar, without a passphrase.", _RESTIC),
    Variable("SFTP_KNOWN_HOSTS", "Host keys of its server, as lines of OpenSSH's known_hosts or "
    "as a path. Without them no backup is made: an unknown server is never trusted.", _RESTIC),
    Variable("BACKUP_INIT", "`never`: no repository is ever created.", _RESTIC),
    Variable("RESTIC_RETENTION_POLICIES_ENABLED", "`false`: no forget, prune and check in the "
    "sidecars; a central job does them. Drills still run.", _RESTIC, "`true`"),
    Variable("BACKUP_FLOOR_WITHIN", "Minimum age before retention may remove a snapshot, such as "
    "`14d`; the chart's `retention.floorWithin` applies if it is longer. In the Secret of the "
    "maintenance job: for all workloads.", _RESTIC,
             "none; `7d` for the maintenance job"),
    Variable("BACKUP_FLOOR_LAST", "Minimum number of latest snapshots to keep; the chart's "
    "`retention.floorLast` applies if it is higher.", _RESTIC,
             "none; `3` for the maintenance job"),
    Variable("BACKUP_SHRINK_GRACE", "Grace period before a shorter retention from a patched pod "
    "or from a record in a shared repository takes effect, such as `14d`; the chart's "
    "`retention.graceDays` applies if it is longer.", _RESTIC, "`7d`"),
    Variable("BACKUP_MAINTENANCE_KEY", "Only for the maintenance job: a long secret that "
    "authenticates the job's state in the repository. Default: derived from all credentials of "
    "its Secret.", _RESTIC),
    Variable("RESTIC_CACHE_DIR", "Directory of restic's cache; if it is not writable, the cache "
    "stays in the state volume.", _RESTIC),
    Variable("RESTIC_HOSTNAME", "The host in restic's snapshots, as `backup.name`; StatefulSets "
    "add the ordinal, DaemonSets the node.", _WHAT,
             "the workload's name"),
    Variable("RESTIC_SOURCE", "Folders in the sidecar, separated by spaces, instead of all "
    "volumes.",
             _WHAT),
    Variable("RESTIC_ADDITIONAL_BACKUP_PARAMETERS", "Additional options of `restic backup`, see "
    "below.",
             _WHAT),
    Variable("RESTIC_OPTIONS", "Options of every restic command, see below.", _WHAT),
    Variable("RESTIC_BACKUP_COMMAND", "A command instead of `restic backup`. It succeeds if it "
    "exits with 0 and leaves a new snapshot with files in this repository.", _WHAT),
    Variable("PRE_HOOK", "A command before each backup, unless `backup.pre` is set.", _WHAT),
    Variable("POST_HOOK", "A command after each backup, unless `backup.post` is set.", _WHAT),
    Variable("BACKUP_ENV_PASS", "Names of other keys of the Secret, separated by spaces or commas, "
             "that your commands (`PRE_HOOK`, `backup.pre`, `backup.dump` …) or programs need as "
             "variables. See [which program gets what](#which-program-gets-what).", _WHAT),
    Variable("DEBUG", "`true`: log each command and its output.", _WHAT, "`false`"),
    Variable("NTFY_ENABLED", "`true`: send notifications about failures and recoveries to ntfy.",
             _TOLD, "`false`"),
    Variable("NTFY_SERVER", "Address of the server, such as `https://ntfy.example.com`.", _TOLD),
    Variable("NTFY_TOPIC", "The topic.", _TOLD),
    Variable("NTFY_TITLE", "The title; may contain shell commands such as `$(hostname)`.", _TOLD),
    Variable("NTFY_CREDS", "`-u user:password`, `user:password` or a token.", _TOLD),
    Variable("NTFY_PRIO", "`1` to `5`.", _TOLD, "`4`"),
    Variable("NTFY_TAG", "Tags, separated by commas.", _TOLD),
    Variable("NOTIFY_URLS", "Other receivers of notifications: Apprise addresses such as "
    "`mailto://…`, `tgram://…` or `discord://…`, separated by spaces or newlines.", _TOLD),
    Variable("PING_URL", "A dead man's switch: a check of healthchecks or a push monitor of "
    "Uptime Kuma, which alerts if no ping arrives.", _TOLD),
    Variable("PUSHGATEWAY_ENABLED", "`true`: push metrics to a Pushgateway.", _TOLD, "`false`"),
    Variable("PUSHGATEWAY_URL", "Its address.", _TOLD),
    Variable("BACKUP_CACERT", "Additional CA certificates, as text (PEM) or as the path of a file "
    "in the sidecar: for the repository, notifications, pings and metrics.", _NETWORK),
    Variable("RESTIC_CACERT", "A file of CA certificates that restic trusts instead of the "
    "system's; notifications, pings and metrics trust them in addition to the system's.", _NETWORK),
    Variable("SSL_CERT_FILE", "As above, for all programs. Or `SSL_CERT_DIR`.", _NETWORK),
    Variable("HTTPS_PROXY", "The proxy for `https://` addresses: "
    "`http://[user:password@]host:port`."
             " The lower-case name counts if the upper-case one is not set.", _NETWORK),
    Variable("HTTP_PROXY", "The proxy for `http://` addresses.", _NETWORK),
    Variable("ALL_PROXY", "The proxy for both, if they are not set.", _NETWORK),
    Variable("NO_PROXY", "Destinations reached without a proxy: hosts, domains, addresses and "
    "networks, separated by commas, optionally with `:port`; `*` is all.", _NETWORK),
    Variable("COPY_RESTIC_REPOSITORY", "A second repository: new snapshots of this workload are "
             "copied to it after each backup, and retention is applied there too.", _COPY),
    Variable("COPY_RESTIC_PASSWORD", "Its password.", _COPY, "the first's"),
    Variable("COPY_AWS_ACCESS_KEY_ID", "Like all other variables of its backend, prefixed with "
    "`COPY_`.", _COPY, "the first's"),
    Variable("COPY_AWS_SECRET_ACCESS_KEY", "As above.", _COPY, "the first's"),
    Variable("BUP_DST", "Destination of the mirror: `remote:path`, or an absolute path.", _MIRROR),
    Variable("BUP_SRC", "One folder in the sidecar instead of all volumes.", _MIRROR),
    Variable("rclone.conf", "rclone's configuration; or `RCLONE_CONFIG_…` variables.", _MIRROR),
    Variable("PGHOST", "PostgreSQL's address.", _DUMP, _UNKNOWN_SERVER),
    Variable("PGPORT", "Its port.", _DUMP, "`5432`"),
    Variable("PGUSER", "The user.", _DUMP, "`postgres`"),
    Variable("PGPASSWORD", "The password. Other `PG…` variables are passed to the client too, "
             "except `PGSYSCONFDIR` and `PGLOCALEDIR`.", _DUMP),
    Variable("PGSSLMODE", "`disable`, `allow`, `prefer`, `require`, `verify-ca` or `verify-full`.",
             _DUMP, "`prefer`; with `PGSSLROOTCERT`, `verify-ca` for the pod itself and "
             "`verify-full` elsewhere"),
    Variable("PGSSLROOTCERT", "CA of the server's certificate: its text, the name of a key of the "
    "Secret, or a file in the sidecar; `system` for public CAs.",
             _DUMP),
    Variable("PGSSLCERT", "Client certificate, in the same forms.", _DUMP),
    Variable("PGSSLKEY", "Key of the client certificate, in the same forms.", _DUMP),
    Variable("PGSSLCRL", "Revoked certificates, in the same forms.", _DUMP),
    Variable("PGDATABASE", "One database.", _DUMP, "all of them"),
    Variable("MYSQL_HOST", "MariaDB's or MySQL's address.", _DUMP, _UNKNOWN_SERVER),
    Variable("MYSQL_TCP_PORT", "Its port.", _DUMP, "`3306`"),
    Variable("MYSQL_USER", "The user.", _DUMP, "`root`"),
    Variable("MYSQL_PWD", "The password.", _DUMP),
    Variable("MYSQL_DATABASE", "One database.", _DUMP, "all of them"),
    Variable("MYSQL_SSL_MODE", "`disabled`, `preferred`, `required`, or `verify` (also "
             "`verify_ca`, `verify_identity`; each checks CA and name).", _DUMP,
             "`preferred` for the pod itself, `verify` with `MYSQL_SSL_CA`, otherwise the "
             "client's default (MariaDB 11.8 verifies)"),
    Variable("MYSQL_SSL_CA", "CA of the server's certificate: its text, the name of a key of the "
    "Secret, or a file in the sidecar.", _DUMP, "public CAs"),
    Variable("MYSQL_SSL_CERT", "Client certificate, in the same forms.", _DUMP),
    Variable("MYSQL_SSL_KEY", "Key of the client certificate, in the same forms.", _DUMP),
    Variable("REDISCLI_HOST", "Redis' address.", _DUMP, _UNKNOWN_SERVER),
    Variable("REDISCLI_PORT", "Its port.", _DUMP, "`6379`"),
    Variable("REDISCLI_USER", "The user.", _DUMP),
    Variable("REDISCLI_AUTH", "The password.", _DUMP),
    Variable("REDISCLI_TLS", "`disabled`, `preferred` (TLS if the port has it, not verified), "
             "`required` (verified on another host) or `verify`.", _DUMP,
             "`preferred` for the pod itself, `verify` with `REDISCLI_CACERT`, otherwise "
             "`disabled`"),
    Variable("REDISCLI_CACERT", "CA of the server's certificate: its text, the name of a key of "
    "the Secret, or a file in the sidecar.", _DUMP, "public CAs"),
    Variable("REDISCLI_CERT", "Client certificate, in the same forms.", _DUMP),
    Variable("REDISCLI_KEY", "Key of the client certificate, in the same forms.", _DUMP),
    Variable("REDISCLI_SNI", "Server name for TLS (SNI).", _DUMP),
    Variable("BACKUP_HOOK_SECONDS", "Limit for a command of `backup.pre` or `backup.post`.", _TIMES,
             "`1800`"),
    Variable("BACKUP_OPEN_TIMEOUT_SECONDS", "Time after which an unresponsive repository is a "
    "failure.", _TIMES, "`120`"),
    Variable("BACKUP_LOCK_PATIENCE_SECONDS", "How long to wait for another process's lock in the "
    "repository.",
             _TIMES, "`120`"),
    Variable("BACKUP_CATCH_UP_SECONDS", "Time within which a missed run, or the first run, starts.",
             _TIMES, "`900`"),
    Variable("BACKUP_WAIT_SECONDS", "How long a manually started command waits for a run in "
    "progress; `--wait-timeout` overrides it.", _TIMES, "`900`"),
    Variable("BACKUP_RESTORE_SECONDS", "How long the init container of `backup.restore` tries "
    "before it exits and Kubernetes restarts it with the current Secret.",
             _TIMES, "`60`"),
    Variable("BACKUP_INIT_SPREAD_SECONDS", "Period over which pods that would create the same "
    "repository are spread.", _TIMES, "`60`"),
    Variable("BACKUP_INIT_SETTLE_SECONDS", "Time from its creation until it is checked again; "
    "longer if creating it took more than 2 s.", _TIMES, "`10`"),
)  # fmt: skip
NAMES = frozenset(each.name for each in ALL)

_OF_BACKENDS = (
    "AWS_SESSION_TOKEN", "AZURE_ACCOUNT_KEY", "AZURE_ACCOUNT_NAME", "AZURE_ACCOUNT_SAS",
    "B2_ACCOUNT_ID", "B2_ACCOUNT_KEY", "OS_APPLICATION_CREDENTIAL_SECRET", "OS_AUTH_TOKEN",
    "OS_PASSWORD", "ST_KEY",
)  # fmt: skip


def _may_be_in_files() -> frozenset[str]:
    ours = {name for name in NAMES if name.isidentifier()}
    ours |= {each.variable for each in settings.ALL if each.variable}
    ours |= {name for each in _OF_BACKENDS for name in (each, f"COPY_{each}")}
    return frozenset(name for name in ours if "RESTIC_" not in name)


IN_FILES = _may_be_in_files()
"""Variables that may stand in a file, which ``…_FILE`` names. Of any other name, ``…_FILE`` is a
variable of its own: restic's (`RESTIC_PASSWORD_FILE`), rclone's (`RCLONE_SFTP_KEY_FILE`), that of a
client (`MYSQL_TEST_LOGIN_FILE`) or a library (`SSL_CERT_FILE`)."""
