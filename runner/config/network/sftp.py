"""Repositories at `sftp:` addresses, which rclone reaches for restic. Pure.

restic itself starts OpenSSH's `ssh` for them. The image does not have it, and it refuses users
without an entry in /etc/passwd (most pods' users) and keys that a group may read (files of a
Secret). rclone speaks SFTP itself. The files on the server are the same.
"""

import posixpath
import re
from collections.abc import Mapping

from contract.annotations.settings import Problem
from contract.secret import required_keys

KEY, KNOWN_HOSTS = "SFTP_KEY", "SFTP_KNOWN_HOSTS"
_REPOSITORY = required_keys.REPOSITORY[0]
_NOT_SET = f" {required_keys.NOT_SET}"  # ends what stands instead of a path that is missing
_ADDRESS = re.compile(
    r"sftp:(?://(?:(?P<user>[^@/]*)@)?(?P<host>\[[^]]+\]|[^:/\[\]]+)(?::(?P<port>[0-9]{1,5}))?"
    r"/(?P<path>.*)|(?:(?P<scp_user>[^:/]*)@)?(?P<scp_host>\[[^]]+\]|[^:/\[\]@]+):(?P<scp_path>.*))",
    re.DOTALL,
)
_HOSTS = re.compile(r"RCLONE_CONFIG_BACKUP(COPY)?SFTP_KNOWN_HOSTS_FILE")
_OWN_SSH = re.compile(r"\bsftp\.(command|args)=")


def read(
    given: Mapping[str, str], variables: Mapping[str, str], *, copy: bool = False
) -> Mapping[str, str]:
    """Return restic's environment with an `sftp:` repository as a remote of rclone's.

    ``given`` is restic's environment, ``variables`` are the Secret's; ``copy``: of the second
    repository, whose own key and hosts win. Where the Secret says how restic is to start its own
    ssh, or the address is none, all stays as it is.
    """
    match = _ADDRESS.fullmatch(given.get(_REPOSITORY, "").strip())
    asked = " ".join(text for key, text in variables.items() if key.startswith("RESTIC_"))
    if match is None or _OWN_SSH.search(asked):
        return given
    found = {key.removeprefix("scp_"): text for key, text in match.groupdict().items() if text}
    path = posixpath.normpath(found.get("path", "~"))
    if path.startswith("~"):  # restic says what is wrong with it
        return given
    key, hosts = (_own(variables, name, copy=copy) for name in (KEY, KNOWN_HOSTS))
    remote = {
        "TYPE": "sftp",
        "HOST": found["host"].strip("[]"),
        "PORT": found.get("port", ""),
        "USER": found.get("user", ""),
        ("KEY_PEM" if _is_text(key) else "KEY_FILE"): _one_line(key),
        # Without one, rclone would trust any server.
        "KNOWN_HOSTS_FILE": hosts or f"{'COPY_' if copy else ''}{KNOWN_HOSTS}{_NOT_SET}",
        "KEY_USE_AGENT": "false",
        # Servers for files alone run no commands, and restic proves its files itself.
        "SHELL_TYPE": "none",
        "DISABLE_HASHCHECK": "true",
        "SET_MODTIME": "false",
        "ENCODING": "None",  # a repository lies where its address says, letter by letter
    }
    name = "backupcopysftp" if copy else "backupsftp"
    named = {f"RCLONE_CONFIG_{name.upper()}_{key}": text for key, text in remote.items() if text}
    return {**given, **named, _REPOSITORY: f"rclone:{name}:{re.sub('^//', '/', path)}"}


def missing(environment: Mapping[str, str]) -> str:
    """Return what the Secret lacks for the `sftp:` repository of an environment; "" if nothing."""
    prefix = "RCLONE_CONFIG_BACKUPSFTP_"
    if f"{prefix}TYPE" not in environment:
        return ""
    if not {f"{prefix}KEY_PEM", f"{prefix}KEY_FILE"} & environment.keys():
        return KEY
    return KNOWN_HOSTS if environment[f"{prefix}KNOWN_HOSTS_FILE"].endswith(_NOT_SET) else ""


def texts(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return the variables with known hosts, for which rclone needs the path of a file."""
    return {
        key: text.strip() + "\n"
        for key, text in environment.items()
        if _HOSTS.fullmatch(key) and not text.startswith("/") and not text.endswith(_NOT_SET)
    }


def problems(variables: Mapping[str, str]) -> list[Problem]:
    """Return the visible problems of the key."""
    key = variables.get(KEY, "").strip()
    if _is_text(key) and "PRIVATE KEY" not in key:
        return [Problem("Secret variable", KEY, "", "is not a private key", "")]
    if key and not _is_text(key) and not key.startswith("/"):
        why = "is neither a private key (-----BEGIN …) nor the path of one"
        return [Problem("Secret variable", KEY, "", why, "")]
    return []


def _own(variables: Mapping[str, str], name: str, *, copy: bool) -> str:
    own = variables.get(f"COPY_{name}", "").strip() if copy else ""
    return own or variables.get(name, "").strip()


def _is_text(key: str) -> bool:
    return "-----BEGIN" in key


def _one_line(key: str) -> str:
    """Return a key as rclone reads it from a variable: line ends are written out."""
    if not _is_text(key):
        return key
    lines = key.replace("\\n", "\n").replace("\r", "").splitlines()
    return "".join(f"{line}\\n" for line in lines)
