"""Which texts of the Secret must never be shown."""

import re
from collections.abc import Mapping

# Secret variables whose values may be shown; every other value is masked wherever it turns up.
_HARMLESS = re.compile(
    r"BACKUP_.*|KEEP_.*|DEBUG|RESTIC_SOURCE|RESTIC_HOST(NAME)?|RESTIC_CACHE_DIR|RESTIC_REPOSITORY"
    r"|RESTIC_RETENTION_POLICIES_ENABLED|RESTIC_COMPRESSION|NTFY_(ENABLED|PRIO|TAG|TITLE|SERVER)"
    r"|PUSHGATEWAY_ENABLED|.*_REGION|PATH|HOME|PWD|SHLVL|LANG|LC_.*|TERM|HOSTNAME|KUBERNETES_.*"
)
_ANY = re.compile(r".*")
_CREDENTIAL = re.compile(r".*(PASS|SECRET|KEY|TOKEN|CRED|AUTH|ACCOUNT).*")
_USERINFO = re.compile(r"://([^/@\s]+)@")
_SHORTEST_MASKED = 4  # characters; masking less would blank out half of every message


def texts(variables: Mapping[str, str], *, all_secret: bool) -> tuple[str, ...]:
    """Return the texts that no log, message or metric may show, the longest first.

    ``all_secret``: the variables are a Secret's; else only those named like credentials count.
    """
    suspects = _ANY if all_secret else _CREDENTIAL
    found: set[str] = set()
    for key, value in variables.items():
        found.update(match[1].partition(":")[2] for match in _USERINFO.finditer(value))
        if suspects.fullmatch(key) and not _HARMLESS.fullmatch(key) and "://" not in value:
            found.update((value.strip(), *value.splitlines(), *re.split(r"[\s:]+", value)))
    return tuple(sorted((v for v in found if len(v) >= _SHORTEST_MASKED), key=len, reverse=True))
