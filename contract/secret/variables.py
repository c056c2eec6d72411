"""Every variable of the Secret that is no setting with an annotation, and what it means. Pure.

The documentation's table and what `kubectl backup doctor` takes for a typo come from here. Which
other variables restic, rclone and database clients get is in contract/secret/allowlist.py.
"""

from dataclasses import dataclass

from contract.annotations import settings

_RESTIC = "Repository"
_WHAT = "What is backed up, and how"
_TOLD = "Who is told"
_NETWORK = "Own authorities and proxies"
_COPY = "A second copy elsewhere"
_MIRROR = "Mirror instead of snapshots"
_DUMP = "How dumps log in"
_TIMES = "How long things may take"
_UNKNOWN_SERVER = "the pod itself"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable; ``default`` is for people."""

    name: str
    meaning: str
    group: str
    default: str = ""


ALL = (
    Variable("RESTIC_REPOSITORY", "Where the repository is, as restic writes it. Or "
             "`RESTIC_REPOSITORY_FILE`.", _RESTIC),
    Variable("RESTIC_REPOSITORY_FILE", "A file that says so.", _RESTIC),
    Variable("RESTIC_PASSWORD", "Its password. Without it nobody can restore anything.", _RESTIC),
    Variable("RESTIC_PASSWORD_FILE", "A file that holds it.", _RESTIC),
    Variable("RESTIC_PASSWORD_COMMAND", "A command in the sidecar that prints it.", _RESTIC),
    Variable("RESTIC_REST_USERNAME", "The user at a REST server, where the address names none.",
             _RESTIC),
    Variable("RESTIC_REST_PASSWORD", "The password there, with any character; in the address, `/`, "
             "`#`, `?`, `%` and so on must be percent-encoded.", _RESTIC),
    Variable("AWS_ACCESS_KEY_ID", "For S3. All variables of restic's backends are passed: see "
             "[which program gets what](#which-program-gets-what).", _RESTIC),
    Variable("AWS_SECRET_ACCESS_KEY", "The same.", _RESTIC),
    Variable("AWS_DEFAULT_REGION", "The same.", _RESTIC),
    Variable("SFTP_KEY", "For an `sftp:` repository: the private key, as text or as a path in the "
             "sidecar, without a passphrase.", _RESTIC),
    Variable("SFTP_KNOWN_HOSTS", "The keys of its server, as lines of OpenSSH's known_hosts or as "
             "a path. Without them there is no backup: no server is believed unseen.", _RESTIC),
    Variable("BACKUP_INIT", "`never`: no repository is ever created.", _RESTIC),
    Variable("RESTIC_RETENTION_POLICIES_ENABLED", "`false`: no forget, prune and check here; a "
             "central job does them. Drills are held all the same.", _RESTIC, "`true`"),
    Variable("BACKUP_FLOOR_WITHIN", "Every snapshot younger than this is kept, such as `14d`, "
             "whatever else says less; the chart's `retention.floorWithin` counts where it is "
             "longer. In the Secret of the maintenance job: for all workloads.", _RESTIC,
             "none; `7d` for the maintenance job"),
    Variable("BACKUP_FLOOR_LAST", "At least so many of the latest snapshots are kept; the chart's "
             "`retention.floorLast` counts where it is higher.", _RESTIC,
             "none; `3` for the maintenance job"),
    Variable("BACKUP_SHRINK_GRACE", "How long retention waits that keeps less because of a patched "
             "pod or a record in a shared repository, such as `14d`; the chart's "
             "`retention.graceDays` counts where it is longer.", _RESTIC, "`7d`"),
    Variable("BACKUP_MAINTENANCE_KEY", "Of the maintenance job alone: any long secret, by which it "
             "knows its own notes in the repository again. Without it they depend on all "
             "credentials of its Secret.", _RESTIC),
    Variable("RESTIC_CACHE_DIR", "Where restic's cache is; where it cannot be written, the cache "
             "stays in the state volume.", _RESTIC),
    Variable("RESTIC_HOSTNAME", "The host in restic's snapshots, as `backup.name`; replicas of a "
             "StatefulSet add their number, pods of a DaemonSet their node.", _WHAT,
             "the workload's name"),
    Variable("RESTIC_SOURCE", "Folders in the sidecar, parted by spaces, in place of all volumes.",
             _WHAT),
    Variable("RESTIC_ADDITIONAL_BACKUP_PARAMETERS", "More options of `restic backup`, see below.",
             _WHAT),
    Variable("RESTIC_OPTIONS", "Options that every restic command gets, see below.", _WHAT),
    Variable("RESTIC_BACKUP_COMMAND", "A command in place of `restic backup`. It succeeds when it "
             "exits with 0 and leaves a new snapshot with a file in this repository.", _WHAT),
    Variable("PRE_HOOK", "A command before each backup, where there is no `backup.pre`.", _WHAT),
    Variable("POST_HOOK", "A command after each backup, where there is no `backup.post`.", _WHAT),
    Variable("BACKUP_ENV_PASS", "Names of other keys of the Secret, separated by blanks or commas, "
             "that your commands (`PRE_HOOK`, `backup.pre`, `backup.dump` …) or programs need as "
             "variables. See [which program gets what](#which-program-gets-what).", _WHAT),
    Variable("DEBUG", "`true`: the log names each command and what it said.", _WHAT, "`false`"),
    Variable("NTFY_ENABLED", "`true`: messages of failures and recoveries to ntfy.", _TOLD,
             "`false`"),
    Variable("NTFY_SERVER", "Such as `https://ntfy.example.com`.", _TOLD),
    Variable("NTFY_TOPIC", "The topic.", _TOLD),
    Variable("NTFY_TITLE", "The title; it may hold shell commands, as in `$(hostname)`.", _TOLD),
    Variable("NTFY_CREDS", "`-u user:password`, `user:password` or a token.", _TOLD),
    Variable("NTFY_PRIO", "`1` to `5`.", _TOLD, "`4`"),
    Variable("NTFY_TAG", "Tags, parted by commas.", _TOLD),
    Variable("NOTIFY_URLS", "Where else messages go: addresses as Apprise writes them, such as "
             "`mailto://…`, `tgram://…` or `discord://…`, parted by spaces or new lines.", _TOLD),
    Variable("PING_URL", "A check of healthchecks, or a push monitor of Uptime Kuma: it raises the "
             "alarm where nothing comes.", _TOLD),
    Variable("PUSHGATEWAY_ENABLED", "`true`: metrics go to a Pushgateway.", _TOLD, "`false`"),
    Variable("PUSHGATEWAY_URL", "Its address.", _TOLD),
    Variable("BACKUP_CACERT", "Certificates of own authorities, as text (PEM) or as the path of a "
             "file in the sidecar. They are trusted beside the system's: for the repository, "
             "messages, pings and metrics.", _NETWORK),
    Variable("RESTIC_CACERT", "A file of certificates that restic trusts in place of the "
             "system's; messages, pings and metrics trust them beside the system's.", _NETWORK),
    Variable("SSL_CERT_FILE", "The same for all programs. Or `SSL_CERT_DIR`.", _NETWORK),
    Variable("HTTPS_PROXY", "The proxy for `https://` addresses: `http://[user:password@]host:port`."
             " Names in lower case count too, where there is none in upper case.", _NETWORK),
    Variable("HTTP_PROXY", "The proxy for `http://` addresses.", _NETWORK),
    Variable("ALL_PROXY", "The proxy for both, where they have none of their own.", _NETWORK),
    Variable("NO_PROXY", "What is reached without: hosts, domains, addresses and networks, "
             "separated by commas, each with `:port` if wanted; `*` is all.", _NETWORK),
    Variable("COPY_RESTIC_REPOSITORY", "A second repository: new snapshots of this workload are "
             "copied to it after each backup, and retention is applied there too.", _COPY),
    Variable("COPY_RESTIC_PASSWORD", "Its password.", _COPY, "the first's"),
    Variable("COPY_AWS_ACCESS_KEY_ID", "As whatever else its backend needs, with `COPY_` before "
             "it.", _COPY, "the first's"),
    Variable("COPY_AWS_SECRET_ACCESS_KEY", "The same.", _COPY, "the first's"),
    Variable("BUP_DST", "Where the mirror is: `remote:path`, or an absolute path.", _MIRROR),
    Variable("BUP_SRC", "One folder in the sidecar in place of all volumes.", _MIRROR),
    Variable("rclone.conf", "rclone's configuration; or `RCLONE_CONFIG_…` variables.", _MIRROR),
    Variable("PGHOST", "PostgreSQL's address.", _DUMP, _UNKNOWN_SERVER),
    Variable("PGPORT", "Its port.", _DUMP, "`5432`"),
    Variable("PGUSER", "The user.", _DUMP, "`postgres`"),
    Variable("PGPASSWORD", "The password. Other `PG…` variables are passed to the client too, "
             "except `PGSYSCONFDIR` and `PGLOCALEDIR`.", _DUMP),
    Variable("PGSSLMODE", "`disable`, `allow`, `prefer`, `require`, `verify-ca` or `verify-full`.",
             _DUMP, "`prefer`; with `PGSSLROOTCERT`, `verify-ca` for the pod itself and "
             "`verify-full` elsewhere"),
    Variable("PGSSLROOTCERT", "Authority of the server's certificate: its text, the name of the "
             "Secret's key that holds it, or a file in the sidecar; `system` for public ones.",
             _DUMP),
    Variable("PGSSLCERT", "Certificate of the user, given in the same ways.", _DUMP),
    Variable("PGSSLKEY", "Its key, given in the same ways.", _DUMP),
    Variable("PGSSLCRL", "Revoked certificates, given in the same ways.", _DUMP),
    Variable("PGDATABASE", "One database.", _DUMP, "all of them"),
    Variable("MYSQL_HOST", "MariaDB's or MySQL's address.", _DUMP, _UNKNOWN_SERVER),
    Variable("MYSQL_TCP_PORT", "Its port.", _DUMP, "`3306`"),
    Variable("MYSQL_USER", "The user.", _DUMP, "`root`"),
    Variable("MYSQL_PWD", "The password.", _DUMP),
    Variable("MYSQL_DATABASE", "One database.", _DUMP, "all of them"),
    Variable("MYSQL_SSL_MODE", "`disabled`, `preferred`, `required`, or `verify` (also "
             "`verify_ca`, `verify_identity`; each checks authority and name).", _DUMP,
             "`preferred` for the pod itself, `verify` with `MYSQL_SSL_CA`, else what the "
             "client does: that of MariaDB 11.8 verifies"),
    Variable("MYSQL_SSL_CA", "Authority of the server's certificate: its text, the name of the "
             "Secret's key that holds it, or a file in the sidecar.", _DUMP, "public ones"),
    Variable("MYSQL_SSL_CERT", "Certificate of the user, given in the same ways.", _DUMP),
    Variable("MYSQL_SSL_KEY", "Its key, given in the same ways.", _DUMP),
    Variable("REDISCLI_HOST", "Redis' address.", _DUMP, _UNKNOWN_SERVER),
    Variable("REDISCLI_PORT", "Its port.", _DUMP, "`6379`"),
    Variable("REDISCLI_USER", "The user.", _DUMP),
    Variable("REDISCLI_AUTH", "The password.", _DUMP),
    Variable("REDISCLI_TLS", "`disabled`, `preferred` (what the port has, not verified), "
             "`required` (verified on another host) or `verify`.", _DUMP,
             "`preferred` for the pod itself, `verify` with `REDISCLI_CACERT`, else `disabled`"),
    Variable("REDISCLI_CACERT", "Authority of the server's certificate: its text, the name of "
             "the Secret's key that holds it, or a file in the sidecar.", _DUMP, "public ones"),
    Variable("REDISCLI_CERT", "Certificate of the user, given in the same ways.", _DUMP),
    Variable("REDISCLI_KEY", "Its key, given in the same ways.", _DUMP),
    Variable("REDISCLI_SNI", "The name that TLS asks for.", _DUMP),
    Variable("BACKUP_HOOK_SECONDS", "A command of `backup.pre` or `backup.post`.", _TIMES,
             "`1800`"),
    Variable("BACKUP_OPEN_TIMEOUT_SECONDS", "Until a repository that does not answer is a "
             "failure.", _TIMES, "`120`"),
    Variable("BACKUP_LOCK_PATIENCE_SECONDS", "Waiting for another's lock in the repository.",
             _TIMES, "`120`"),
    Variable("BACKUP_CATCH_UP_SECONDS", "Within which a missed run, and a first one, starts.",
             _TIMES, "`900`"),
    Variable("BACKUP_WAIT_SECONDS", "How long a command that a person starts waits for a run in "
             "progress; its option `--wait-timeout` counts before it.", _TIMES, "`900`"),
    Variable("BACKUP_RESTORE_SECONDS", "How long the init container of `backup.restore` tries "
             "before it ends and Kubernetes starts it again, with the Secret as it is then.",
             _TIMES, "`60`"),
    Variable("BACKUP_INIT_SPREAD_SECONDS", "Over which those spread that want to create the same "
             "repository.", _TIMES, "`60`"),
    Variable("BACKUP_INIT_SETTLE_SECONDS", "From its creation until it is looked at again; "
             "longer where creating it took more than 2 s.", _TIMES, "`10`"),
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
