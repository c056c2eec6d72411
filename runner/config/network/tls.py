"""TLS modes of connections to database servers. Pure."""

import ipaddress
from collections.abc import Mapping
from enum import StrEnum


class Mode(StrEnum):
    """Requirements on a connection, in MySQL's terms."""

    DISABLED = "disabled"
    PREFERRED = "preferred"
    REQUIRED = "required"
    VERIFY = "verify"


FILES = {
    "postgres": ("PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGSSLCRL"),
    "mysql": ("MYSQL_SSL_CA", "MYSQL_SSL_CERT", "MYSQL_SSL_KEY"),
    "redis": ("REDISCLI_CACERT", "REDISCLI_CERT", "REDISCLI_KEY"),
}
"""Variables with the path of a file, its text, or the key of the Secret that has the text."""
_PEM = "-----BEGIN "
_ALSO = {
    "true": Mode.REQUIRED, "yes": Mode.REQUIRED, "on": Mode.REQUIRED, "1": Mode.REQUIRED,
    "require": Mode.REQUIRED, "false": Mode.DISABLED, "no": Mode.DISABLED, "off": Mode.DISABLED,
    "0": Mode.DISABLED, "disable": Mode.DISABLED, "prefer": Mode.PREFERRED,
    "verify_ca": Mode.VERIFY, "verify_identity": Mode.VERIFY, "verify_full": Mode.VERIFY,
}  # fmt: skip


def mode(key: str, text: str) -> Mode | None:
    """Return the mode that a variable names; None if it is empty. Raises ValueError."""
    word = text.strip().lower().replace("-", "_")
    if not word:
        return None
    if word in _ALSO:
        return _ALSO[word]
    try:
        return Mode(word)
    except ValueError:
        choice = ", ".join(Mode)
        raise ValueError(f"{key}: {text.strip()!r} is not a TLS mode; write {choice}") from None


def is_loopback(host: str) -> bool:
    """Whether a host is the pod itself, where nobody can intercept."""
    if host.lower() in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_text(value: str) -> bool:
    """Whether a value is a certificate or a key itself, and no file's name."""
    return _PEM in value


def placeholder(key: str) -> str:
    """Return a placeholder for the path of a file that exists only while a client runs."""
    return f"<file of {key}>"


def from_keys(variables: Mapping[str, str]) -> Mapping[str, str]:
    """Return the variables with the text of other keys where one of FILES names such a key."""
    keys = (key for each in FILES.values() for key in each if key in variables)
    named = {key: variables[key].strip() for key in keys}
    texts = {key: variables[name] for key, name in named.items() if name in variables}
    return {**variables, **texts}
