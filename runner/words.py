"""What restic, rclone and servers say where an exit code says only "failed". Pure."""

from runner.outcome import Failure

_BY_WORDS = {
    Failure.SPACE: """
        no space left
        remaining disk space
        disk quota exceeded
        insufficient storage
        QuotaExceeded
        """,
    Failure.MEMORY: """
        out of memory
        cannot allocate memory
        failed to reserve page summary memory
        """,
    Failure.AUTH: """
        AccessDenied
        Access Denied
        InvalidAccessKeyId
        access key id you provided does not exist
        SignatureDoesNotMatch
        signature we calculated does not match
        unauthorized
        forbidden
        permission denied
        wrong password
        no key found
        unable to authenticate
        authentication failed
        invalid credentials
        credentials are empty
        no credentials found
        """,
    Failure.CONFIG: """
        NoSuchBucket
        bucket does not exist
        didn't find section in config file
        didn't find backend called
        specified bucket is not valid
        unknown flag
        unknown command
        invalid argument
        not a directory
        invalid backend
        parsing repository location failed
        please specify repository
        empty password
        resolving password failed
        mutually exclusive
        knownhosts:
        known_hosts_file
        failed to parse private key
        failed to read private key
        unable to parse
        config file already exists
        read-only file system
        """,
    Failure.SOURCE: """
        source directories/files do not exist
        target directories/files do not exist
        """,
    Failure.NETWORK: """
        connection refused
        connection reset
        no such host
        i/o timeout
        deadline exceeded
        network is unreachable
        no route to host
        dial tcp
        TLS handshake
        x509
        server misbehaving
        unexpected EOF
        broken pipe
        500 Internal Server Error
        502 Bad Gateway
        503 Service Unavailable
        504 Gateway Timeout
        """,
}


def meaning(text: str) -> Failure | None:
    """Return the class that words in a text stand for; None where they say nothing."""
    said = text.lower()
    for failure, phrases in _BY_WORDS.items():
        if any(phrase.strip().lower() in said for phrase in phrases.strip().splitlines()):
            return failure
    return None
