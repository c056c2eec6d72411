"""Failure classes by words of restic, rclone and servers, for generic exit codes. Pure."""

import re

from runner.steps import damage
from runner.steps.outcome import Failure

# Of the storage, not of how often or how much it may be asked.
_QUOTA = re.compile(r"quota ?exceeded(?! for (quota|service))|EQUOTA", re.IGNORECASE)
_ACCOUNT = re.compile(r"account\b.{0,60}\bcapacity", re.IGNORECASE)
_RATE = re.compile(r"rate ?limit|too many requests|SlowDown|quota metric", re.IGNORECASE)

_BY_WORDS = {
    Failure.SPACE: """
        no space left
        file too large
        remaining disk space
        disk quota exceeded
        disk is full
        disk full
        not enough space
        not enough free space
        not enough disk space
        insufficient storage
        insufficient space
        insufficient_space
        insufficient_quota
        507 Insufficient
        response (507)
        StorageFull
        minimum free drive threshold
        storage cap exceeded
        storage_cap_exceeded
        cap_exceeded: storage
        StorageQuotaExceeded
        storage quota has been exceeded
        storage limit
        StorageLimitExceeded
        storage_limit_exceeded
        quotaLimitReached
        over quota
        exceeds quota
        quota has been reached
        quota reached
        AccountCapacity
        exceeds its capacity
        exceed maximum size of repository
        413 Request Entity Too Large
        413 Content Too Large
        413: Upload exceeds
        no free volumes
        no writable volumes
        ENOSPC
        EDQUOT
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

_PHRASES = {
    failure: tuple(phrase.strip().lower() for phrase in phrases.strip().splitlines())
    for failure, phrases in _BY_WORDS.items()
}


def meaning(text: str) -> Failure | None:
    """Return the failure class of a text; None if no pattern matches."""
    said = text.lower()
    if (_QUOTA.search(text) and not _RATE.search(text)) or _ACCOUNT.search(text):
        return Failure.SPACE
    for failure, phrases in _PHRASES.items():
        if failure == Failure.AUTH and damage.first(text.splitlines()):
            return Failure.REPOSITORY
        if any(phrase in said for phrase in phrases):
            return failure
    return None
