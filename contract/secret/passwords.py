"""Invisible characters around a repository's password. Pure."""

KEYS = ("RESTIC_PASSWORD", "COPY_RESTIC_PASSWORD")
"""The variables of the Secret that are passwords of repositories."""

NEWLINE = "ends with a newline, as `echo … | base64` makes it"
REMEDY = "write the value without it, as `printf %s … | base64` does"


def ends_with_newline(value: str) -> bool:
    """Whether a value ends with the newline that is no part of it."""
    return value.endswith("\n") and bool(value.strip("\r\n"))


def odd(value: str) -> str:
    """Return what is unusual about a password as it is used, "" if nothing; it may be intended."""
    if value.startswith("\ufeff"):
        return "starts with a byte order mark"
    if value[:1].isspace():
        return "starts with a space"
    return "ends with a space or another newline" if value[-1:].isspace() else ""


def without_newline(value: str) -> str:
    """Return a value without the one newline that may follow it, ``\\n`` or ``\\r\\n``."""
    return value.removesuffix("\n").removesuffix("\r") if value.endswith("\n") else value
