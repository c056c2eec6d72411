"""Recognizes restic's messages about a damaged repository, and names the repair. Pure.

Not said of what may be the way to the repository: an answer that broke off and is asked for again.
"""

import re
import shlex
from collections.abc import Iterable

from runner.config.redaction.mask import heard

_RETRIED = "retrying after"
_NETWORK = re.compile(r"dial tcp|connection (reset|refused)|i/o timeout|no such host|TLS handshake")
_SNAPSHOT = re.compile(r"failed to load snapshot|<snapshot/", re.IGNORECASE)
_INDEX = re.compile(
    r"is not known|not found in repository|repair index|<index/|index is damaged"
    r"|pack [0-9a-f]{8,}: does not exist|blob .* not found",
    re.IGNORECASE,
)
_HEAD = re.compile(r"<(key|config)/|config or key|config file", re.IGNORECASE)
_PACK = re.compile(r"\bpack ([0-9a-f]{64})", re.IGNORECASE)
_MISSING = re.compile(
    r"<data/[0-9a-f]+>.*(no such file or directory|does not exist|not found|not exist\b)",
    re.IGNORECASE,
)
_DAMAGED = re.compile(
    r"repository (could be|is|index is) damaged|repository contains errors"
    r"|tree [0-9a-f]{8,} (is not known|could not be loaded)|not found in repository"
    r"|ciphertext verification failed|invalid data returned|hash mismatch|unexpected hash"
    r"|wrong hash|hash does not match|hashes? (do|does) not match|wrong data returned"
    r"|(config or key|key) [0-9a-f]+ is damaged|config file has zero size"
    r"|pack [0-9a-f]{8,}: (does not exist|unexpected file size)|pack [0-9a-f]{8,}:? contains"
    r"|invalid (index|pack header|header length|type \d+ in)|blob [0-9a-f<>/ ]+ not found"
    r"|(<\w+/[0-9a-f]*>|ReadFull|LoadRaw|ReadAt|decrypt|unpack)"
    r".*(unexpected EOF|file is too short|is too short|range cannot be satisfied"
    r"|Requested Range Not Satisfiable)",
    re.IGNORECASE,
)
_CHECK = "`backup-runner restic check` shows whether anything is left"
_REPAIR_SNAPSHOTS = "`backup-runner restic repair snapshots --forget`"
RUNBOOK = "see docs/runbooks.md#damaged-repository"


def is_damage(line: str) -> bool:
    """Whether a line says that the repository itself is damaged."""
    line = heard(line)
    if _RETRIED in line or _NETWORK.search(line):
        return False
    missing = _MISSING.search(line) and "bucket" not in line
    return bool(_DAMAGED.search(line) or missing)


def first(lines: Iterable[str]) -> str:
    """Return the first line that says so; "" if none does."""
    return next((line for line in lines if is_damage(line)), "")


def cure(lines: Iterable[str]) -> str:
    """Return the repair of the damage in these lines, as commands for a backup container."""
    text = "\n".join(heard(line) for line in lines if is_damage(line) or "lock file" in line)
    if "lock file" in text or "<lock/" in text:
        return f"when nothing uses the repository, run {UNLOCK}"
    if _HEAD.search(text):
        return f"bring its files `config` and `keys/*` back from a copy; {RUNBOOK}"
    packs = sorted(set(_PACK.findall(text)))
    if _SNAPSHOT.search(text):
        steps = "remove or bring back the snapshot's file in the repository's folder `snapshots`"
    elif _INDEX.search(text) or _MISSING.search(text):
        steps = f"run `backup-runner restic repair index`, then {_REPAIR_SNAPSHOTS}"
    elif packs:
        named = shlex.join(packs[:3])
        steps = f"run `backup-runner restic repair packs {named}`, then {_REPAIR_SNAPSHOTS}"
    else:
        steps = (
            "run `backup-runner restic repair index`, `backup-runner restic repair packs` with "
            f"the packs that it names, then {_REPAIR_SNAPSHOTS}"
        )
    return f"{steps}; {_CHECK}; {RUNBOOK}"


UNLOCK = "`backup-runner restic unlock --remove-all`"
