"""Exit codes of the programs. Pure.

restic's are those of its documentation. The runner's own pass through `kubectl exec` to the plugin.
"""

OK = 0
PARTIAL = 3
"""restic: there is a snapshot, and some of the source could not be read."""
NO_REPOSITORY = 10
"""restic: there is no repository at this address."""
LOCKED = 11
"""restic: another process holds a lock in the repository."""
WRONG_PASSWORD = 12
"""restic: the repository is there, and no key of it fits the password."""

TRY_AGAIN = 75
"""runner: nothing was done, try again later; as in sysexits.h."""
TIMED_OUT = 124
"""coreutils timeout: the command took too long and was stopped."""
NOT_STARTED = 127
"""shell: the command was not found, or could not be started."""
SIGNALLED = 128
"""shell: the lowest code of a command ended by a signal; the signal's number is added."""
INTERRUPTED = SIGNALLED + 2
"""Ended by SIGINT, or before it began."""
BROKEN_PIPE = SIGNALLED + 13
"""Ended by SIGPIPE: the reader closed the output."""

MADE_SNAPSHOT = frozenset({OK, PARTIAL})
"""restic backup: a snapshot was made, whole or in part."""
OPENED = frozenset({OK, PARTIAL, LOCKED})
"""restic: the password opened the repository."""
